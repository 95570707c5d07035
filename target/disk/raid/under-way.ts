/**
 * What a whole group is writing, kept in shared memory while it does. A stripe left half written has checks that do not
 * go with its data: were a drive missing at the next start, what it held could not be worked out, of blocks that nobody
 * was writing too (the write hole). After the death of the process, which loses nothing of shared memory, what was
 * under way is written again instead, on the drives that are there. Nothing here is synced, and it has a file of its own
 * so that syncs of the stripe map do not bring all of it to the disk each time. So after a loss of power, told
 * by the kernel's boot id, it means nothing: then the checks of all stripes that may have been being written
 * are made anew from their data (suspects.ts).
 *
 *     page 0   boot id (36 bytes, ASCII), at 64 `unlogged` (u8), at 65 `unsettled` (u8)
 *     page 1   128 records of 32 bytes: state (u8, 1: live; the commit), at 4 first cell (u32), at 8 descriptors (u32,
 *              bytes), at 12 data (u32, bytes), at 16 CRC-32C of bytes 4 to 15 and the descriptors (u32)
 *     from 2   cells of 16 KiB; the writes of a record (write-records.ts) stand in cells one after the other
 *
 * Records stand by themselves, out of reach of what hosts write.
 */
import { native } from '../../../native/index.js';
import type { PersistentMemory } from '../types.js';
import { bytesOfWrites, type LoggedWrite, putWrites, takeWrites } from './write-records.js';

const PAGE = 4096;
const RECORD = 32;
const RECORDS = PAGE / RECORD;
const CELL = 16384;
const CELLS_AT = 2 * PAGE;
const BOOT_ID_BYTES = 36;
const UNLOGGED_AT = 64;
const UNSETTLED_AT = 65;

/** Bytes of memory for this much under way at a time. */
export function underWayBytes(bytes: number): number {
  return CELLS_AT + Math.ceil(bytes / CELL) * CELL;
}

/** A write under way: its record, or that it has none. */
export type Handle = number;
const UNLOGGED: Handle = -1;

export class UnderWay {
  /** What the last process left, by its handle, to be written again and ended. */
  readonly left: Map<Handle, readonly LoggedWrite[]>;
  /** The last process died, and all that was not consistent then is in `left`. */
  complete: boolean;
  /** By record: the cells that it takes up. */
  readonly #cells: { readonly first: number; readonly count: number }[] = [];
  readonly #free: Handle[] = [];
  /** Records whose data goes when they end. */
  readonly #wiped = new Set<Handle>();
  /** By cell. */
  readonly #taken: Uint8Array;
  #next = 0;
  #unlogged = 0;
  #closed = false;

  /** @param memory of `underWayBytes` */
  constructor(
    private readonly memory: PersistentMemory,
    bootId: string,
  ) {
    const { buffer } = memory;
    this.#taken = new Uint8Array((buffer.length - CELLS_AT) / CELL);
    const kept = bootId !== '' && buffer.toString('latin1', 0, BOOT_ID_BYTES) === bootIdField(bootId);
    const left = new Map<Handle, readonly LoggedWrite[]>();
    let whole = true;
    for (let handle = RECORDS - 1; handle >= 0; handle--) {
      const writes = kept && this.#isLive(handle) ? this.#read(handle) : null;
      if (writes === null) {
        whole &&= !this.#isLive(handle);
        this.#free.push(handle);
      } else left.set(handle, writes);
    }
    this.left = left;
    this.complete = kept && whole && buffer[UNLOGGED_AT] === 0 && buffer[UNSETTLED_AT] === 0;
  }

  /** Leaves out what cannot have been under way: the memory is of another time, or another group. Before `open`. */
  leaveOut(impossible: (write: LoggedWrite) => boolean): void {
    for (const [handle, writes] of this.left) {
      if (!writes.some(impossible)) continue;
      this.end(handle);
      this.left.delete(handle);
      this.complete = false;
    }
  }

  /** Begins this process's own use. @param unsettled stripes are to be checked, which will take time */
  open(unsettled: boolean, bootId: string): void {
    this.unsettled = unsettled;
    this.#flag(UNLOGGED_AT, false);
    for (const handle of this.#free) if (this.#isLive(handle)) this.#state(handle, 0);
    // What an unfinished store leaves is no boot id.
    this.memory.buffer.write(bootIdField(bootId), 0, 'latin1');
    this.memory.commit(0, BOOT_ID_BYTES);
  }

  /** Stripes are known to be inconsistent beside what is under way. */
  set unsettled(is: boolean) {
    this.#flag(UNSETTLED_AT, is);
  }

  /** Before the first of them is done. Where there is no room it is noted that something was under way. */
  begin(writes: readonly LoggedWrite[]): Handle {
    const { descriptors, data } = bytesOfWrites(writes);
    const count = Math.ceil((descriptors + data) / CELL);
    const first = this.#free.length === 0 ? -1 : this.#room(count);
    if (first < 0) {
      this.#unlogged++;
      this.#flag(UNLOGGED_AT, true);
      return UNLOGGED;
    }
    const handle = this.#free.pop()!;
    this.#take(handle, first, count);
    const { buffer } = this.memory;
    const at = CELLS_AT + first * CELL;
    putWrites(writes, buffer.subarray(at, at + descriptors + data));
    this.memory.commit(at, descriptors + data);
    const record = this.#recordAt(handle);
    buffer.writeUInt32LE(first, record + 4);
    buffer.writeUInt32LE(descriptors, record + 8);
    buffer.writeUInt32LE(data, record + 12);
    buffer.writeUInt32LE(this.#crc(record, at, descriptors), record + 16);
    this.memory.commit(record + 4, RECORD - 4);
    this.#state(handle, 1);
    return handle;
  }

  /** All of them are done on every drive that a start would take to be good. */
  end(handle: Handle): void {
    if (this.#closed) return;
    if (handle === UNLOGGED) {
      this.#unlogged--;
      if (this.#unlogged === 0) this.#flag(UNLOGGED_AT, false);
      return;
    }
    this.#state(handle, 0);
    const { first, count } = this.#cells[handle]!;
    if (this.#wiped.delete(handle)) this.#zero(first, count);
    this.#taken.fill(0, first, first + count);
    this.#free.push(handle);
  }

  /** Nothing of what has been under way is left, once what is under way has ended. */
  wipe(): void {
    for (let cell = 0; cell < this.#taken.length; cell++) if (this.#taken[cell] === 0) this.#zero(cell, 1);
    for (let handle = 0; handle < RECORDS; handle++) if (this.#isLive(handle)) this.#wiped.add(handle);
  }

  #zero(first: number, count: number): void {
    const at = CELLS_AT + first * CELL;
    this.memory.buffer.fill(0, at, at + count * CELL);
    this.memory.commit(at, count * CELL);
  }

  /** Brings what `wipe` did to the disk. */
  sync(done: (error: Error | null) => void): void {
    this.memory.sync(done);
  }

  /** The memory is somebody else's from now on. */
  close(): void {
    this.#closed = true;
    this.memory.close();
  }

  #isLive(handle: Handle): boolean {
    return this.memory.buffer[this.#recordAt(handle)] === 1;
  }

  #state(handle: Handle, state: 0 | 1): void {
    const at = this.#recordAt(handle);
    this.memory.buffer[at] = state;
    this.memory.commit(at, 1);
  }

  #flag(at: number, is: boolean): void {
    const value = is ? 1 : 0;
    if (this.memory.buffer[at] === value) return;
    this.memory.buffer[at] = value;
    this.memory.commit(at, 1);
  }

  /** Null: damaged. */
  #read(handle: Handle): readonly LoggedWrite[] | null {
    const { buffer } = this.memory;
    const record = this.#recordAt(handle);
    const [first, descriptors, data] = [4, 8, 12].map((field) => buffer.readUInt32LE(record + field)) as [
      number,
      number,
      number,
    ];
    const count = Math.ceil((descriptors + data) / CELL);
    if (first + count > this.#taken.length) return null;
    const at = CELLS_AT + first * CELL;
    if (this.#crc(record, at, descriptors) !== buffer.readUInt32LE(record + 16)) return null;
    this.#take(handle, first, count);
    return takeWrites(buffer.subarray(at, at + descriptors + data), descriptors);
  }

  #crc(record: number, at: number, descriptors: number): number {
    const { buffer } = this.memory;
    return native.crc32c(
      buffer.subarray(record + 4, record + 16),
      native.crc32c(buffer.subarray(at, at + descriptors)),
    );
  }

  #take(handle: Handle, first: number, count: number): void {
    this.#taken.fill(1, first, first + count);
    this.#cells[handle] = { first, count };
    this.#next = first + count;
  }

  /** The first of so many free cells, from where the last was found on; -1: there are not so many together. */
  #room(count: number): number {
    for (const [from, end] of [
      [this.#next, this.#taken.length],
      [0, this.#taken.length],
    ] as const) {
      let run = 0;
      for (let cell = from; cell < end; cell++) {
        run = this.#taken[cell] === 0 ? run + 1 : 0;
        if (run === count) return cell - count + 1;
      }
    }
    return -1;
  }

  #recordAt(handle: Handle): number {
    return PAGE + handle * RECORD;
  }
}

function bootIdField(bootId: string): string {
  return bootId.padEnd(BOOT_ID_BYTES).slice(0, BOOT_ID_BYTES);
}
