/**
 * The medium auxiliary memory of a virtual tape: attributes that hosts have written, in sectors 1 to 7 of its LDEV.
 *
 *   0–1791 first copy · 1792–3583 second copy
 *
 * of these each:
 *
 *   0–7 `LUNATMAM` · 8–11 bytes of attributes · 12–15 CRC-32C of them · 16– attributes, as WRITE ATTRIBUTE has them
 *
 * All zeros: nothing has been written. The first copy is on the medium before the second one is written, and the second one
 * counts where the first one is damaged: a loss of power in the midst of a write costs nothing that was acknowledged.
 */
import { native } from '../../native/index.js';
import { type Attribute, decodeAttributes, encodeAttributes } from '../../wire/scsi/attributes.js';
import { auxiliaryMemoryReadError } from '../../wire/scsi/sense.js';
import type { Io } from '../volumes/block-layer.js';
import { FIRST_SECTOR, SECTOR_BYTES } from './layout.js';
import { type Done, isDamage, type Problem, type TapeStorage } from './object-reader.js';

const MAGIC = Buffer.from('LUNATMAM', 'latin1');
const AT = 1;
const SECTORS = FIRST_SECTOR - AT;
const COPY_BYTES = (SECTORS * SECTOR_BYTES) / 2;
const HEAD_BYTES = 16;
/** For attributes, with their heads. */
export const MEMORY_BYTES = COPY_BYTES - HEAD_BYTES;

export type AttributesDone = (problem: Problem | null, attributes: readonly Attribute[]) => void;

export class AuxiliaryMemory {
  constructor(private readonly storage: () => TapeStorage) {}

  /** Those that there are, ascending. */
  read(io: Io, done: AttributesDone): void {
    this.copies(io, (problem, [first, second]) => {
      const attributes = decode(first) ?? decode(second);
      done(problem ?? (attributes === null ? auxiliaryMemoryReadError() : null), attributes ?? []);
    });
  }

  /** Adds and replaces attributes; one without bytes goes. What cannot be read any more begins anew. */
  change(io: Io, changes: readonly Attribute[], done: Done): void {
    this.copies(io, (problem, [first, second]) => {
      if (problem !== null && !isDamage(problem)) {
        done(problem);
        return;
      }
      const before = decode(first) ?? decode(second) ?? [];
      const all = new Map([...before, ...changes].map((one) => [one.id, one]));
      const left = [...all.values()].filter(({ value }) => value.length > 0).sort((a, b) => a.id - b.id);
      const next = encode(left);
      this.write(io, next, second, (failure) => {
        if (failure === null) this.write(io, next, next, done);
        else done(failure);
      });
    });
  }

  private copies(io: Io, done: (problem: Problem | null, copies: readonly [Buffer, Buffer]) => void): void {
    this.storage().top.read(io, AT, SECTORS, (failure, views, release) => {
      const data = failure === null ? Buffer.concat(views) : Buffer.alloc(SECTORS * SECTOR_BYTES);
      release();
      done(failure, [data.subarray(0, COPY_BYTES), data.subarray(COPY_BYTES)]);
    });
  }

  private write(io: Io, first: Buffer, second: Buffer, done: Done): void {
    this.storage().top.write({ ...io, fua: true }, AT, SECTORS, [first, second], done);
  }
}

function encode(attributes: readonly Attribute[]): Buffer {
  const copy = Buffer.alloc(COPY_BYTES);
  const body = encodeAttributes(attributes);
  MAGIC.copy(copy);
  copy.writeUInt32BE(body.length, 8);
  copy.writeUInt32BE(native.crc32c(body), 12);
  body.copy(copy, HEAD_BYTES);
  return copy;
}

/** Null: the copy is damaged. */
function decode(copy: Buffer): Attribute[] | null {
  if (native.isZero(copy)) return [];
  const body = copy.subarray(HEAD_BYTES, HEAD_BYTES + Math.min(copy.readUInt32BE(8), MEMORY_BYTES));
  const sound = copy.subarray(0, MAGIC.length).equals(MAGIC) && copy.readUInt32BE(12) === native.crc32c(body);
  return sound ? decodeAttributes(body) : null;
}
