/**
 * The files of one capture, written behind the array's back: what is given is queued, a slow disk makes the queue full
 * and then packets are left out and counted, a failing one ends the capture. Nothing here ever waits or throws.
 *
 * FILE.pcapng is the newest. When it is full it becomes FILE.1.pcapng, that one FILE.2.pcapng, and so on; the oldest
 * is overwritten. Another file in the way of that, which is no capture, ends the capture.
 */
import { extname } from 'node:path';
import type { CaptureDisk, CaptureHandle } from './capture-disk.js';

/** What waits for the disk at most, in bytes: of all captures' blocks, one by one. */
const QUEUE_BYTES = 32 * 2 ** 20;
/** Buffers of one system call (IOV_MAX). */
const PARTS = 1024;

export interface FileLimits {
  /** Bytes of one file. */
  readonly maxSize: number;
  /** Files kept, the one being written included. */
  readonly files: number;
}

export class CaptureFile {
  /** Blocks given to `write`, and those of them left out because too much waited for the disk. */
  packets = 0;
  dropped = 0;
  bytes = 0;

  #queue: Buffer[] = [];
  #queued = 0;
  #size: number;
  #writing: Promise<void> | null = null;
  #ended = false;

  private constructor(
    readonly path: string,
    private readonly limits: FileLimits,
    private readonly disk: CaptureDisk,
    private readonly preamble: Buffer,
    private file: CaptureHandle,
    private readonly failed: (error: Error) => void,
  ) {
    this.#size = preamble.length;
  }

  /**
   * Makes the first file.
   * @param preamble begins each file
   * @param failed called once if the capture cannot go on; nothing is written any more
   * @throws the system's error
   */
  static async create(
    path: string,
    limits: FileLimits,
    disk: CaptureDisk,
    preamble: Buffer,
    failed: (error: Error) => void,
  ): Promise<CaptureFile> {
    const file = await disk.create(path);
    try {
      await file.append([preamble]);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new CaptureFile(path, limits, disk, preamble, file, failed);
  }

  /** Takes one packet block, which must not be changed any more. */
  write(block: Buffer): void {
    if (this.#ended) return;
    this.packets++;
    if (this.#queued + block.length > QUEUE_BYTES) {
      this.dropped++;
      return;
    }
    this.#queue.push(block);
    this.#queued += block.length;
    this.#writing ??= this.#drain();
  }

  /** Writes what waits, then `last` if it is not null, and closes the file. */
  async end(last: Buffer | null): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (last !== null) this.#queue.push(last);
    this.#writing ??= this.#drain();
    await this.#writing;
    await this.file.close().catch(() => {});
  }

  async #drain(): Promise<void> {
    // All that one turn of the event loop brings goes to the disk together.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#queue.length > 0) {
        const parts = this.#next();
        if (parts.length === 0) await this.#rotate();
        else await this.#append(parts);
      }
    } catch (error) {
      this.#ended = true;
      this.#queue = [];
      this.#queued = 0;
      await this.file.close().catch(() => {});
      this.failed(error as Error);
    }
    this.#writing = null;
  }

  /** As many blocks of the queue as the file has room for; none: it is full. */
  #next(): Buffer[] {
    let room = this.limits.maxSize - this.#size;
    let count = 0;
    for (const block of this.#queue) {
      // A file of the preamble alone takes any block, or the queue would never end.
      const first = count === 0 && this.#size === this.preamble.length;
      if (count === PARTS || (block.length > room && !first)) break;
      room -= block.length;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #append(parts: readonly Buffer[]): Promise<void> {
    const bytes = parts.reduce((total, part) => total + part.length, 0);
    await this.file.append(parts);
    this.#size += bytes;
    this.#queued = Math.max(0, this.#queued - bytes);
    this.bytes += bytes;
  }

  async #rotate(): Promise<void> {
    await this.file.close();
    for (let number = this.limits.files - 1; number > 0; number--) {
      await this.disk.rename(numbered(this.path, number - 1), numbered(this.path, number));
    }
    this.file = await this.disk.create(this.path);
    await this.file.append([this.preamble]);
    this.#size = this.preamble.length;
  }
}

/** `run.pcapng` and 2 → `run.2.pcapng`; 0 is the file itself. */
export function numbered(path: string, number: number): string {
  if (number === 0) return path;
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}.${number}${extension}`;
}
