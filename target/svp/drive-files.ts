import { rmSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { DirectError, FileDrive } from '../disk/file-drive.js';
import { defaultFileIo, type FileIo } from '../disk/file-io.js';
import type { DataDirectory } from './data-directory.js';
import { ArrayError } from './errors.js';

export interface DriveFiles {
  open(path: string, name: string, bytes: number, mode: 'create' | 'existing'): FileDrive;
  /** Opens an empty file in place of what is there. */
  replace(path: string, name: string, bytes: number): FileDrive;
}

/**
 * The drives of a data directory, those with an id in `direct` past the page cache.
 * @throws ArrayError `usage`: LUNARRAY_IO asks for what there is not; its functions `bad-config`: no direct I/O
 */
export function driveFiles(directory: DataDirectory, direct: readonly string[]): DriveFiles {
  const io = chosenIo();
  const fileOf = (path: string) => (isAbsolute(path) ? path : directory.file(path));
  const open: DriveFiles['open'] = (path, name, bytes, mode) => {
    try {
      return FileDrive.open(fileOf(path), name, bytes, mode, { io, direct: direct.includes(name) });
    } catch (error) {
      if (!(error instanceof DirectError)) throw error;
      throw new ArrayError('bad-config', `${error.message}. Leave "direct" out of its configuration.`);
    }
  };
  return {
    open,
    replace(path, name, bytes) {
      rmSync(fileOf(path), { force: true });
      return open(path, name, bytes, 'create');
    },
  };
}

function chosenIo(): FileIo {
  try {
    return defaultFileIo();
  } catch (error) {
    throw new ArrayError('usage', `drives cannot be read and written: ${(error as Error).message}.`);
  }
}
