/**
 * What reads of single sectors may return while writes overlap in time. Every write fills its sectors with its own
 * number, so a sector shows which write it holds, or that it is torn.
 */
import { SECTOR_BYTES } from '../../target/cache/types.js';

export interface LedgerWrite {
  /** 0: zeros, an unmap or the state at the beginning. */
  readonly value: number;
  readonly start: number;
  /** Infinity: not acknowledged. */
  acknowledged: number;
}

/** A write as one of its sectors sees it. */
interface Entry {
  readonly write: LedgerWrite;
  /** Covered by a flush that ended, or FUA. */
  durable: boolean;
}

export class Ledger {
  #time = 0;
  readonly #sectors: Entry[][];

  constructor(count: number) {
    const zero = () => ({ write: { value: 0, start: 0, acknowledged: 0 }, durable: true });
    this.#sectors = Array.from({ length: count }, () => [zero()]);
  }

  get now(): number {
    return ++this.#time;
  }

  begin(sector: number, sectors: number, value: number): LedgerWrite {
    const write: LedgerWrite = { value, start: this.now, acknowledged: Number.POSITIVE_INFINITY };
    for (let at = sector; at < sector + sectors; at++) this.#sectors[at]!.push({ write, durable: false });
    return write;
  }

  acknowledge(write: LedgerWrite): void {
    write.acknowledged = this.now;
  }

  /** A flush of these sectors that began at `start` has ended. */
  flushed(sector: number, sectors: number, start: number): void {
    for (let at = sector; at < sector + sectors; at++) {
      for (const entry of this.#sectors[at]!) if (entry.write.acknowledged < start) entry.durable = true;
    }
  }

  /** An acknowledged write of these sectors had FUA. */
  forced(sector: number, sectors: number, write: LedgerWrite): void {
    for (let at = sector; at < sector + sectors; at++) {
      for (const entry of this.#sectors[at]!) if (entry.write === write) entry.durable = true;
    }
  }

  /** @returns what is wrong with what a read that began at `start` returned, or null */
  check(sector: number, data: Buffer, start: number): string | null {
    for (let at = 0; at < data.length / SECTOR_BYTES; at++) {
      const bytes = data.subarray(at * SECTOR_BYTES, (at + 1) * SECTOR_BYTES);
      const wrong = this.#checkSector(sector + at, bytes, ({ write }) => write.acknowledged < start);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  /**
   * After a kill (`durableOnly` false) or a loss of power, given all sectors: checks them, and takes what is there
   * for what is.
   */
  recover(data: Buffer, durableOnly: boolean): string | null {
    const now = this.now;
    for (let sector = 0; sector < this.#sectors.length; sector++) {
      const bytes = data.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
      const counts = ({ write, durable }: Entry) => (durableOnly ? durable : write.acknowledged < now);
      const wrong = this.#checkSector(sector, bytes, counts);
      if (wrong !== null) return wrong;
      const write = { value: bytes.readUInt32LE(0), start: now, acknowledged: now };
      // What a killed process left may be lost still, when power is: what was durable before stays possible.
      if (durableOnly) this.#sectors[sector] = [{ write, durable: true }];
      else this.#sectors[sector]!.push({ write, durable: false });
    }
    return null;
  }

  /** A value is right unless a later write, begun after its acknowledgement, counts. */
  #checkSector(sector: number, bytes: Buffer, counts: (entry: Entry) => boolean): string | null {
    const value = bytes.readUInt32LE(0);
    for (let at = 4; at < SECTOR_BYTES; at += 4) {
      if (bytes.readUInt32LE(at) !== value)
        return `sector ${sector} is torn: ${value}, ${bytes.readUInt32LE(at)} at ${at}`;
    }
    const entries = this.#sectors[sector]!;
    const superseded = ({ write }: Entry) =>
      entries.some((other) => other.write.start > write.acknowledged && counts(other));
    if (entries.some((entry) => entry.write.value === value && !superseded(entry))) return null;
    const history = entries.map(({ write, durable }) => {
      return `${write.value} [${write.start}, ${write.acknowledged}]${durable ? ' durable' : ''}`;
    });
    return `sector ${sector} holds ${value}; written: ${history.join(', ')}`;
  }
}

/** Sectors filled with a write's number. */
export function stamped(value: number, sectors: number): Buffer {
  const data = Buffer.alloc(sectors * SECTOR_BYTES);
  new Uint32Array(data.buffer, data.byteOffset, data.length / 4).fill(value);
  return data;
}
