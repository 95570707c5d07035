import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type FileRing, type NativeFunctions, SystemError } from '../../native/index.js';
import type { FileIo, IoError } from './file-io.js';

type RingDone = (error: IoError, bytes: number) => void;

const { EOPNOTSUPP, ENOSYS } = constants.errno;

/** Operations on files through one io_uring. Tokens are places in a table, used again when free. */
export class RingIo implements FileIo {
  readonly kind = 'uring';
  readonly #ring: FileRing;
  readonly #done: (RingDone | null)[] = [];
  /** Keeps the memory that the kernel reads or writes. */
  readonly #kept: unknown[] = [];
  readonly #names: string[] = [];
  readonly #free: number[] = [];

  /**
   * Null: the functions offer none (the twin).
   * @throws SystemError
   */
  static open(functions: NativeFunctions): RingIo | null {
    return functions.openRing === null ? null : new RingIo(functions, functions.openRing);
  }

  private constructor(
    private readonly functions: NativeFunctions,
    open: NonNullable<NativeFunctions['openRing']>,
  ) {
    this.#ring = open((pairs, count) => {
      for (let i = 0; i < count; i++) this.#end(pairs[2 * i]!, pairs[2 * i + 1]!);
    });
  }

  read(fd: number, offset: number, buffers: readonly Uint8Array[], done: RingDone): void {
    this.#ring.read(this.#token('preadv', buffers, done), fd, offset, buffers);
  }

  writeMany(
    fd: number,
    offsets: readonly number[],
    lists: readonly (readonly Uint8Array[])[],
    done: (error: IoError) => void,
  ): void {
    if (lists.length === 0) setImmediate(done, null);
    else this.#ring.writeMany(this.#token('pwritev', lists, done), fd, offsets, lists);
  }

  punchHole(fd: number, offset: number, bytes: number, done: (error: IoError) => void): void {
    const token = this.#token('fallocate', null, (error) => {
      // What the file system cannot do is done by writing zeros.
      if (error !== null && UNSUPPORTED.has(error.code)) this.functions.punchHole(fd, offset, bytes, done);
      else done(error);
    });
    this.#ring.punchHole(token, fd, offset, bytes);
  }

  sync(fd: number, done: (error: IoError) => void): void {
    this.#ring.sync(this.#token('fdatasync', null, done), fd);
  }

  #token(name: string, kept: unknown, done: RingDone): number {
    const token = this.#free.pop() ?? this.#done.length;
    this.#done[token] = done;
    this.#kept[token] = kept;
    this.#names[token] = name;
    return token;
  }

  #end(token: number, result: number): void {
    const done = this.#done[token]!;
    this.#done[token] = null;
    this.#kept[token] = null;
    this.#free.push(token);
    if (result < 0) done(new SystemError(getSystemErrorName(result), this.#names[token]!), 0);
    else done(null, result);
  }
}

const UNSUPPORTED: ReadonlySet<string | undefined> = new Set([-EOPNOTSUPP, -ENOSYS].map(getSystemErrorName));
