import fs from 'node:fs';
import { dirname } from 'node:path';
import { type NativeFunctions, native } from '../../native/index.js';
import { driveError } from './failures.js';
import { defaultFileIo, type FileIo } from './file-io.js';
import { syncFolder } from './persistent-memory.js';
import { totalBytes } from './total-bytes.js';
import type { DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite } from './types.js';

export interface FileDriveOptions {
  readonly functions?: NativeFunctions;
  readonly io?: FileIo;
  /** Past the page cache of the machine (O_DIRECT). */
  readonly direct?: boolean;
}

/** Direct I/O was asked for where it cannot be. */
export class DirectError extends Error {
  override readonly name = 'DirectError';
}

/** From half of so many refusals in a row on, the page cache is asked for one read in so many. */
const MAX_REFUSALS = 16;
const ASK_EVERY = 16;

/**
 * A drive kept in a sparse file of exactly its length.
 *
 * A file that is missing, has another length or cannot be opened makes a drive whose every operation fails
 * with that error (`failure`), so that the array can run on without it. A failed sync makes the drive fail
 * all later ones: the kernel forgets the pages it could not write and would report the next sync as good.
 */
export class FileDrive implements DriveIo {
  #fd: number;
  #running = 0;
  #closing = false;
  #syncFailure: DriveError | null = null;
  /** Reads that the page cache had nothing for; each one that it had halves them. */
  #refusals = 0;
  #unasked = 0;

  /**
   * @param path its folder exists
   * @param name used in messages
   * @param bytes multiple of 512
   * @param mode `create` makes the file if there is none; `existing` never does
   * @throws DirectError
   */
  static open(
    path: string,
    name: string,
    bytes: number,
    mode: 'create' | 'existing' = 'create',
    { functions = native, io = defaultFileIo(functions), direct = false }: FileDriveOptions = {},
  ): FileDrive {
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % 512 !== 0) {
      throw new RangeError(`drive ${name} of ${bytes} bytes: not a multiple of 512`);
    }
    let fd = -1;
    try {
      fd = openFile(path, bytes, mode);
      if (direct) fd = openedDirect(fd, path, name, functions, io);
      const size = fs.fstatSync(fd).size;
      if (size === bytes) return new FileDrive(name, bytes, fd, null, functions, io, direct);
      fs.closeSync(fd);
      const message = `${name}: ${path} has ${size} bytes instead of ${bytes}`;
      return new FileDrive(name, bytes, -1, { kind: 'wrong-length', message }, functions, io);
    } catch (error) {
      if (error instanceof DirectError) throw error;
      return new FileDrive(name, bytes, -1, driveError(name, error as NodeJS.ErrnoException), functions, io);
    }
  }

  private constructor(
    readonly name: string,
    readonly bytes: number,
    fd: number,
    /** Why nothing works; null when the drive is good. */
    readonly failure: DriveError | null,
    private readonly functions: NativeFunctions,
    private readonly io: FileIo,
    private readonly direct = false,
  ) {
    this.#fd = fd;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    if (this.#fd < 0 || this.direct || !this.#worthAsking()) return false;
    try {
      const had = this.functions.readNow(this.#fd, offset, buffers) === totalBytes(buffers);
      this.#refusals = had ? this.#refusals >> 1 : Math.min(this.#refusals + 1, MAX_REFUSALS);
      return had;
    } catch {
      // The same read in the thread pool meets the same error and can report it.
      return false;
    }
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    if (!this.#begin(done)) return;
    const wanted = totalBytes(buffers);
    this.io.read(this.#fd, offset, buffers, (error, bytes) => {
      if (error !== null) this.#end(done, driveError(this.name, error));
      else if (bytes === wanted) this.#end(done, null);
      else this.#end(done, { kind: 'wrong-length', message: `${this.name}: file ends at ${offset + bytes}` });
    });
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.writeMany([{ offset, buffers }], done);
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    if (!this.#begin(done)) return;
    const offsets = writes.map((write) => write.offset);
    const lists = writes.map((write) => write.buffers);
    this.io.writeMany(this.#fd, offsets, lists, (error) => {
      this.#end(done, error && driveError(this.name, error));
    });
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    if (!this.#begin(done)) return;
    this.io.punchHole(this.#fd, offset, bytes, (error) => {
      this.#end(done, error && driveError(this.name, error));
    });
  }

  /** A drive that cannot tell calls everything allocated: nobody then takes data for absent. */
  extents(offset: number, bytes: number, limit = Number.POSITIVE_INFINITY): readonly DriveExtent[] {
    const unknown = [{ offset, bytes, allocated: true }];
    if (this.#fd < 0) return unknown;
    const end = offset + bytes;
    const found: DriveExtent[] = [];
    try {
      for (let at = offset; at < end && found.length < limit; ) {
        const data = this.functions.seekData(this.#fd, at, end);
        const dataStart = data < 0 ? end : Math.min(data, end);
        if (dataStart > at) found.push({ offset: at, bytes: dataStart - at, allocated: false });
        if (dataStart === end || found.length >= limit) break;
        const hole = this.functions.seekHole(this.#fd, dataStart, end);
        at = hole < 0 ? end : Math.min(hole, end);
        found.push({ offset: dataStart, bytes: at - dataStart, allocated: true });
      }
      return found;
    } catch {
      return unknown;
    }
  }

  sync(done: DriveDone): void {
    if (!this.#begin(done)) return;
    this.io.sync(this.#fd, (error) => {
      if (error) this.#syncFailure ??= driveError(this.name, error);
      this.#end(done, this.#syncFailure);
    });
  }

  /** Closes the file once what was begun has ended. Operations begun later fail. */
  close(): void {
    this.#closing = true;
    if (this.#running === 0 && this.#fd >= 0) {
      fs.closeSync(this.#fd);
      this.#fd = -1;
    }
  }

  /**
   * A page cache that mostly refuses is asked only now and then: the ring starts many reads with one
   * notification of the device, the question starts each by itself. The pool has no such advantage.
   */
  #worthAsking(): boolean {
    if (this.io.kind === 'threads' || this.#refusals < MAX_REFUSALS / 2) return true;
    return ++this.#unasked % ASK_EVERY === 0;
  }

  /** False, and `done` will hear why, when the drive cannot work. */
  #begin(done: DriveDone): boolean {
    if (this.#fd >= 0 && !this.#closing) {
      this.#running++;
      return true;
    }
    const failure = this.failure ?? { kind: 'io-error', message: `${this.name}: closed` };
    setImmediate(done, failure);
    return false;
  }

  #end(done: DriveDone, error: DriveError | null): void {
    this.#running--;
    if (this.#closing) this.close();
    done(error);
  }
}

/** A new file gets its length and its name on the disk at once; one of length 0 was being created. */
function openFile(path: string, bytes: number, mode: 'create' | 'existing'): number {
  const { O_RDWR, O_CREAT } = fs.constants;
  const fd = fs.openSync(path, mode === 'create' ? O_RDWR | O_CREAT : O_RDWR, 0o600);
  try {
    if (mode === 'create' && fs.fstatSync(fd).size === 0) {
      fs.ftruncateSync(fd, bytes);
      fs.fsyncSync(fd);
      syncFolder(dirname(path));
    }
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/**
 * Opens the file anew, for direct I/O; closes `fd`. The ring brings memory into line; the pool cannot.
 * Larger sectors than those of drives would need a read and a write for each piece, and are not taken.
 * @throws DirectError
 */
function openedDirect(fd: number, path: string, name: string, functions: NativeFunctions, io: FileIo): number {
  fs.closeSync(fd);
  if (io.kind !== 'uring' || functions.tryDirect === null) {
    throw new DirectError(`drive ${name}: direct I/O needs io_uring, which is not used here`);
  }
  let direct = -1;
  try {
    direct = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_DIRECT);
    functions.tryDirect(direct);
    return direct;
  } catch (error) {
    if (direct >= 0) fs.closeSync(direct);
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    throw new DirectError(`drive ${name}: the file system of ${path} does not take direct I/O in sectors of 512 bytes`);
  }
}
