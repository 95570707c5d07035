/**
 * What a degraded group is writing, kept in shared memory until it is certain to be on the drives. A stripe that lacks
 * a drive holds that drive's data only in its checks: were it left with some columns new and some old, data that
 * nobody was writing would be lost. So everything that is written goes here first, and an unclean end is made good by
 * writing it again, in order.
 *
 * An entry: 32 bytes (magic, generation, sequence number, descriptors, bytes of data, CRC-32C of all the rest), and the
 * writes (write-records.ts). Its CRC is its commit. Entries stand one after the other
 * from the start of the area; the first that is not of the generation, or not next in sequence, ends the list. The
 * generation is in the map's header page.
 */
import { native } from '../../../native/index.js';
import { SharedSync } from '../shared-sync.js';
import type { DriveDone, PersistentMemory } from '../types.js';
import { bytesOfWrites, DESCRIPTOR, type LoggedWrite, putWrites, takeWrites } from './write-records.js';

const MAGIC = 0x4f444552; // "REDO"
const HEAD = 32;
/** Of the generation, in the header page of the memory. */
const GENERATION_AT = 64;

export class RedoLog {
  #generation: number;
  #sequence = 0;
  #used = 0;
  #wiping = false;
  readonly #sync: SharedSync;

  constructor(
    private readonly memory: PersistentMemory,
    private readonly offset: number,
    /** Of the area. */
    readonly bytes: number,
  ) {
    this.#generation = memory.buffer.readUInt32LE(GENERATION_AT);
    this.#sync = new SharedSync((done) => memory.sync(done));
  }

  /** Entries left by an unclean end, in the order in which they are to be written again. */
  *entries(): Generator<readonly LoggedWrite[]> {
    for (let at = 0, sequence = 0; ; sequence++) {
      const entry = this.#entry(at, sequence);
      if (entry === null) return;
      yield entry.writes;
      at = entry.end;
    }
  }

  /** False: there is no room before a `reset`. Otherwise `done` is called when the entry survives loss of power. */
  append(writes: readonly LoggedWrite[], done: DriveDone): boolean {
    const { descriptors, data } = bytesOfWrites(writes);
    const length = HEAD + descriptors + data;
    if (this.#used + length > this.bytes) return false;
    const entry = this.memory.buffer.subarray(this.offset + this.#used, this.offset + this.#used + length);
    // What stands behind it may be data of hosts, who could have written there what looks like an entry.
    const behind = this.#used + length;
    if (behind + HEAD <= this.bytes) this.memory.buffer.writeUInt32LE(0, this.offset + behind);
    entry.writeUInt32LE(MAGIC, 0);
    entry.writeUInt32LE(this.#generation, 4);
    entry.writeUInt32LE(this.#sequence, 8);
    entry.writeUInt32LE(writes.length, 12);
    entry.writeUInt32LE(data, 16);
    entry.fill(0, 20, HEAD);
    putWrites(writes, entry.subarray(HEAD));
    entry.writeUInt32LE(native.crc32c(entry.subarray(0, 28), native.crc32c(entry.subarray(HEAD))), 28);
    this.memory.commit(this.offset + this.#used, Math.min(length + 4, this.bytes - this.#used));
    this.#used += length;
    this.#sequence++;
    this.#synced(done);
    return true;
  }

  /** Forgets all entries: what they hold is on the drives. `done` is called when that survives loss of power. */
  reset(done: DriveDone): void {
    this.forget();
    this.#synced(done);
  }

  /** As `reset`, where it does no harm if a loss of power brings the entries back: nothing is written any more. */
  forget(): void {
    this.#generation = (this.#generation + 1) >>> 0;
    this.#sequence = 0;
    this.#used = 0;
    this.memory.buffer.writeUInt32LE(this.#generation, GENERATION_AT);
    this.memory.commit(GENERATION_AT, 4);
    if (!this.#wiping) return;
    this.#wiping = false;
    this.memory.buffer.fill(0, this.offset, this.offset + this.bytes);
    this.memory.commit(this.offset, this.bytes);
  }

  /** Nothing of what it has held is left after the next `reset`. */
  wipe(): void {
    this.#wiping = true;
    if (this.#used === 0) this.forget();
  }

  #synced(done: DriveDone): void {
    this.#sync.request((error) => done(error && { kind: 'io-error', message: `redo log: ${error.message}` }));
  }

  #entry(at: number, sequence: number): { readonly writes: LoggedWrite[]; readonly end: number } | null {
    const area = this.memory.buffer.subarray(this.offset, this.offset + this.bytes);
    if (at + HEAD > area.length) return null;
    const head = [0, 4, 8].map((field) => area.readUInt32LE(at + field));
    if (head[0] !== MAGIC || head[1] !== this.#generation || head[2] !== sequence) return null;
    const descriptors = area.readUInt32LE(at + 12) * DESCRIPTOR;
    const end = at + HEAD + descriptors + area.readUInt32LE(at + 16);
    if (end > area.length) return null;
    const crc = native.crc32c(area.subarray(at, at + 28), native.crc32c(area.subarray(at + HEAD, end)));
    if (crc !== area.readUInt32LE(at + 28)) return null;
    return { writes: takeWrites(area.subarray(at + HEAD, end), descriptors), end };
  }
}
