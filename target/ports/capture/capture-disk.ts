/** The file system as a capture uses it; tests bring their own, with disks that are full. */
import { constants } from 'node:fs';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { SECTION_MAGIC } from '../../../wire/capture/pcapng.js';

export interface CaptureHandle {
  /** Appends all of it, or throws the system's error. */
  append(parts: readonly Buffer[]): Promise<void>;
  close(): Promise<void>;
}

export interface CaptureDisk {
  /** A new, empty file that only its owner can read. What stands there is replaced if it is a capture. */
  create(path: string): Promise<CaptureHandle>;
  /** Replaces what stands at `to` if both are captures, or else throws. Nothing at `from`: nothing happens. */
  rename(from: string, to: string): Promise<void>;
}

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

export const systemDisk: CaptureDisk = {
  async create(path) {
    await removeCapture(path);
    const file = await open(path, 'wx', 0o600);
    return {
      append: (parts) => appendAll(file, parts),
      close: () => file.close(),
    };
  },
  async rename(from, to) {
    // Somebody has taken it away; what there is to come has a file of its own.
    if (!(await isCapture(from))) return;
    await isCapture(to);
    await rename(from, to);
  },
};

async function removeCapture(path: string): Promise<void> {
  if (await isCapture(path)) await rm(path);
}

/**
 * Whether anything is there. A mistyped name must not cost anybody a file that is something else.
 * @throws it is no capture
 */
async function isCapture(path: string): Promise<boolean> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return false;
  if (!found.isFile() || (found.size > 0 && !(await beginsAsCapture(path)))) {
    throw new Error(`${basename(path)} exists and is no capture file`);
  }
  return true;
}

async function beginsAsCapture(path: string): Promise<boolean> {
  const file = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SECTION_MAGIC.length));
    return bytesRead === SECTION_MAGIC.length && buffer.equals(SECTION_MAGIC);
  } finally {
    await file.close();
  }
}

/** `writev` may take less than all, as on a disk that is just getting full. */
async function appendAll(file: Awaited<ReturnType<typeof open>>, parts: readonly Buffer[]): Promise<void> {
  let left = [...parts];
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left);
    if (bytesWritten === 0) throw new Error('the disk takes nothing');
    const first = left.findIndex((part) => {
      if (part.length > bytesWritten) return true;
      bytesWritten -= part.length;
      return false;
    });
    left = first < 0 ? [] : [left[first]!.subarray(bytesWritten), ...left.slice(first + 1)];
  }
}
