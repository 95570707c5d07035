/**
 * Which stripes may be inconsistent after an unclean end: a bitmap in shared memory (`stripes-N.mem`). A bit is set,
 * and durable, before the first write in its reach begins, and is cleared some seconds after the last one, when the
 * drives have been synced. So sequential or local writes set few bits, and pay for one sync of the map each.
 *
 * Header (page 0): magic, geometry and CRC-32C. The bitmap follows, then the redo log (redo-log.ts). A bit's byte is its
 * commit; a set bit that should be clear costs a check of its stripes at the next start and nothing else.
 */
import { native } from '../../../native/index.js';
import { SharedSync } from '../shared-sync.js';
import type { DriveDone, PersistentMemory } from '../types.js';
import type { Mask } from './code.js';

export const PAGE = 4096;
const MAGIC = 0x5054534c; // "LSTP"
const VERSION = 1;
const MAX_BITS = 2 ** 18;
/** In the header page: drives that have failed. The redo log's generation is at 64, notes of the scrub from 80 on. */
const FAILED_AT = 72;

export interface MapGeometry {
  readonly stripes: number;
  readonly unit: number;
  readonly drives: number;
}

/** Where things are in the memory, in bytes. */
export function mapLayout({ stripes, unit, drives }: MapGeometry, logged: boolean) {
  const reach = Math.ceil(stripes / MAX_BITS);
  const bits = Math.ceil(stripes / reach);
  const bitmapBytes = Math.ceil(bits / 8 / PAGE) * PAGE;
  // A few full stripes, so that a degraded group need not sync its drives for each.
  const logBytes = logged ? Math.max(4 * unit * drives, Math.min(2 ** 24, 64 * unit * drives)) : 0;
  const logOffset = PAGE + bitmapBytes;
  return { reach, bits, logOffset, logBytes, bytes: logOffset + logBytes };
}

export class StripeMapError extends Error {
  override readonly name = 'StripeMapError';
  readonly code = 'damaged';
}

interface Use {
  /** Writes under way. */
  users: number;
  /** When the last one ended, on a clock of its own that counts ends. */
  ended: number;
  durable: boolean;
}

export class StripeMap {
  readonly #uses = new Map<number, Use>();
  readonly #reach: number;
  readonly #bits: number;
  #ends = 0;
  readonly #sync: SharedSync;

  /** @throws StripeMapError when the memory is of another group, or damaged */
  constructor(
    private readonly memory: PersistentMemory,
    geometry: MapGeometry,
    logged: boolean,
  ) {
    const { reach, bits } = mapLayout(geometry, logged);
    this.#reach = reach;
    this.#bits = bits;
    this.#sync = new SharedSync((done) => memory.sync(done));
    this.#open(geometry);
  }

  /** Bits that were set when the memory was opened, as ranges of stripes. They stay set until `settled`. */
  suspects(stripes: number): { readonly first: number; readonly end: number }[] {
    const found: { first: number; end: number }[] = [];
    for (let bit = 0; bit < this.#bits; bit++) {
      if (bit % 8 === 0 && this.memory.buffer[PAGE + bit / 8] === 0) bit += 7;
      else if (this.#isSet(bit)) {
        found.push({ first: bit * this.#reach, end: Math.min(stripes, (bit + 1) * this.#reach) });
        this.#uses.set(bit, { users: 0, ended: this.#ends, durable: true });
      }
    }
    return found;
  }

  /** Calls back when writes to these stripes may begin; each is ended by `end`, whatever came of it. */
  begin(stripes: Iterable<number>, ready: DriveDone): void {
    const bits = this.#bitsOf(stripes);
    let durable = true;
    for (const bit of bits) {
      let use = this.#uses.get(bit);
      if (use === undefined) {
        use = { users: 0, ended: 0, durable: false };
        this.#uses.set(bit, use);
        this.#store(bit, true);
      }
      use.users++;
      durable &&= use.durable;
    }
    if (durable) {
      ready(null);
      return;
    }
    this.#sync.request((error) => {
      if (error === null) for (const bit of bits) this.#uses.get(bit)!.durable = true;
      ready(error && { kind: 'io-error', message: `stripe map: ${error.message}` });
    });
  }

  end(stripes: Iterable<number>): void {
    this.#ends++;
    for (const bit of this.#bitsOf(stripes)) {
      const use = this.#uses.get(bit)!;
      use.users--;
      use.ended = this.#ends;
    }
  }

  /** Drives that had failed, whatever else is said of them: their content is not of now. */
  get failed(): Mask {
    return this.memory.buffer.readUInt32LE(FAILED_AT);
  }

  /** Takes no space, so it cannot fail. */
  set failed(drives: Mask) {
    this.memory.buffer.writeUInt32LE(drives, FAILED_AT);
    this.memory.commit(FAILED_AT, 4);
  }

  /** Bits set. */
  get count(): number {
    return this.#uses.size;
  }

  /** Now, on the clock that `clear` takes. */
  get moment(): number {
    return this.#ends;
  }

  /** Clears what has not been written to after `moment`; the drives have been synced since then. */
  clear(moment: number): void {
    for (const [bit, { users, ended, durable }] of this.#uses) {
      if (users > 0 || ended > moment || !durable) continue;
      this.#uses.delete(bit);
      this.#store(bit, false);
    }
  }

  #bitsOf(stripes: Iterable<number>): Set<number> {
    const bits = new Set<number>();
    for (const stripe of stripes) bits.add(Math.floor(stripe / this.#reach));
    return bits;
  }

  #isSet(bit: number): boolean {
    return (this.memory.buffer[PAGE + (bit >>> 3)]! & (1 << (bit & 7))) !== 0;
  }

  #store(bit: number, set: boolean): void {
    const at = PAGE + (bit >>> 3);
    if (set) this.memory.buffer[at]! |= 1 << (bit & 7);
    else this.memory.buffer[at]! &= ~(1 << (bit & 7));
    this.memory.commit(at, 1);
  }

  #open({ stripes, unit, drives }: MapGeometry): void {
    const header = Buffer.alloc(32);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(VERSION, 4);
    header.writeDoubleLE(stripes, 8);
    header.writeUInt32LE(unit, 16);
    header.writeUInt32LE(drives, 20);
    header.writeUInt32LE(native.crc32c(header.subarray(0, 28)), 28);
    const found = this.memory.buffer.subarray(0, 32);
    if (native.isZero(found)) {
      header.copy(found);
      this.memory.commit(0, 32);
    } else if (!found.equals(header)) {
      throw new StripeMapError('the stripe map is damaged, or of another parity group');
    }
  }
}
