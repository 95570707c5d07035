/**
 * The data directory. One array at a time holds it, by the lock of its configuration database.
 *
 * ```
 * DIR/config.db      what administrators set; locked while the array runs (the lock dies with the process)
 * DIR/settings.json  cache size, polling, http: what the first start chose; whether the last stop left nothing in the cache
 * DIR/cache-sides.json      with a duplexed cache: which of its sides hold what was written
 * DIR/array.pid      who runs, for messages only
 * DIR/cache.mem, regions-N.mem, stripes-N.mem, under-way-N.mem   memory that survives
 * DIR/drives/        sparse files
 * DIR/control.sock   control endpoint, mode 0600
 * ```
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../volumes/errors.js';
import { ArrayError, type FailureCode } from './errors.js';

export class DataDirectory {
  readonly path: string;

  private constructor(dir: string) {
    this.path = resolve(dir);
  }

  /** Makes the directory when missing and tries it. Throws ArrayError `data-unusable` or `no-space`. */
  static open(dir: string): DataDirectory {
    const directory = new DataDirectory(dir);
    directory.guard(() => {
      // CHAP secrets and data: for the owner only, unless the directory was there before.
      makeFolder(directory.file('drives'));
      if (!statSync(directory.path).isDirectory()) throw new Error('it is not a directory');
      accessSync(directory.path, constants.R_OK | constants.W_OK | constants.X_OK);
    });
    return directory;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Runs `work`; what it throws about the directory becomes an ArrayError with the way out. */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw dataError(this.path, error);
    }
  }

  /** Throws what `guard` would. */
  fail(error: unknown): never {
    throw dataError(this.path, error);
  }

  /** Notes this process as the owner; call once the lock is held. */
  own(): void {
    this.guard(() => writeFileSync(this.file('array.pid'), `${process.pid}\n`));
  }

  disown(): void {
    rmSync(this.file('array.pid'), { force: true });
  }
}

/** mkdirSync's `recursive` never returns where a folder cannot be made below an existing one, as in /proc. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

/** System codes, and named errors of the disk side, for a full disk or quota. */
const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'no-space']);

const CONFIG_ERRORS: Readonly<Record<string, FailureCode>> = {
  'in-use': 'data-in-use',
  damaged: 'data-unusable',
  'too-new': 'data-unusable',
};

function dataError(path: string, error: unknown): ArrayError {
  if (error instanceof ArrayError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (NO_SPACE.has(code)) {
    return new ArrayError(
      'no-space',
      `the disk under ${path} is full (${message}). Free space there, choose another directory with --data, or a smaller "cache" with --config.`,
      { cause: error },
    );
  }
  if (code === 'in-use') {
    return new ArrayError(
      'data-in-use',
      `another array runs on ${path}${holder(path)}. Stop that one, or choose another directory with --data.`,
      { cause: error },
    );
  }
  if (error instanceof ConfigError)
    return new ArrayError(CONFIG_ERRORS[code] ?? 'bad-config', message, { cause: error });
  return new ArrayError(
    'data-unusable',
    `cannot use the data directory ${path} (${message}). Choose another with --data, or change its permissions.`,
    { cause: error },
  );
}

function holder(path: string): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(join(path, 'array.pid'), 'utf8'), 10)})`;
  } catch {
    return '';
  }
}
