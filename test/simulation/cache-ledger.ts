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
  /** Answered with an error: each of its sectors may hold it or not, and the cache another than the drive. */
  refused: boolean;
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
    const zero = () => ({ write: { value: 0, start: 0, acknowledged: 0, refused: false }, durable: true });
    this.#sectors = Array.from({ length: count }, () => [zero()]);
  }

  get now(): number {
    return ++this.#time;
  }

  begin(sector: number, sectors: number, value: number): LedgerWrite {
    const write = { value, start: this.now, acknowledged: Number.POSITIVE_INFINITY, refused: false };
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

  /** What these sectors hold, if there is but one answer: values by sector. */
  certain(sector: number, sectors: number): number[] | null {
    const values: number[] = [];
    for (let at = sector; at < sector + sectors; at++) {
      const entries = this.#sectors[at]!;
      const acknowledged = ({ write }: Entry) => write.acknowledged < Number.POSITIVE_INFINITY;
      const possible = new Set(entries.filter((e) => !superseded(e, entries, acknowledged)).map((e) => e.write.value));
      if (possible.size !== 1) return null;
      values.push([...possible][0]!);
    }
    return values;
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
    const end = this.now;
    const unended = new Set<LedgerWrite>();
    const start = this.now;
    for (let sector = 0; sector < this.#sectors.length; sector++) {
      const bytes = data.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
      const counts = ({ write, durable }: Entry) => (durableOnly ? durable : write.acknowledged < end);
      const wrong = this.#checkSector(sector, bytes, counts);
      if (wrong !== null) return wrong;
      for (const { write } of this.#sectors[sector]!) {
        if (write.acknowledged === Number.POSITIVE_INFINITY && !write.refused) unended.add(write);
      }
      const write = { value: bytes.readUInt32LE(0), start, acknowledged: start, refused: false };
      // What a killed process left may be lost still, when power is: what was durable before stays possible.
      if (durableOnly) this.#sectors[sector] = [{ write, durable: true }];
      else this.#sectors[sector] = [...this.#remembered(sector), { write, durable: false }];
    }
    // They have happened or not, and what was found tells which.
    for (const write of unended) write.acknowledged = end;
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
    if (entries.some((e) => e.write.value === value && !superseded(e, entries, counts))) return null;
    const history = entries.map(({ write, durable }) => {
      return `${write.value} [${write.start}, ${write.acknowledged}]${durable ? ' durable' : ''}`;
    });
    return `sector ${sector} holds ${value}; written: ${history.join(', ')}`;
  }

  /** Without what something durable came after: that is never seen again. */
  #remembered(sector: number): Entry[] {
    const entries = this.#sectors[sector]!;
    const durable = (entry: Entry) => entry.durable && entry.write.acknowledged < Number.POSITIVE_INFINITY;
    return entries.filter((entry) => !superseded(entry, entries, durable));
  }
}

function superseded({ write }: Entry, entries: readonly Entry[], counts: (entry: Entry) => boolean): boolean {
  return entries.some((other) => other.write.start > write.acknowledged && counts(other));
}

/** Sectors filled with a write's number. */
export function stamped(value: number, sectors: number): Buffer {
  const data = Buffer.alloc(sectors * SECTOR_BYTES);
  new Uint32Array(data.buffer, data.byteOffset, data.length / 4).fill(value);
  return data;
}
