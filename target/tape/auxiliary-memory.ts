/**
 * The medium auxiliary memory of a virtual tape: attributes that hosts have written, in sectors 1 to 7 of its LDEV.
 *
 *   0–7 `LUNATMAM` · 8–11 bytes of attributes · 12–15 CRC-32C of them · 16– attributes, as WRITE ATTRIBUTE has them
 *
 * All zeros: nothing has been written. The sectors share a slot of the cache, so that they change as a whole.
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
const HEAD_BYTES = 16;
/** For attributes, with their heads. */
export const MEMORY_BYTES = SECTORS * SECTOR_BYTES - HEAD_BYTES;

export type AttributesDone = (problem: Problem | null, attributes: readonly Attribute[]) => void;

export class AuxiliaryMemory {
  constructor(private readonly storage: () => TapeStorage) {}

  /** Those that there are, ascending. */
  read(io: Io, done: AttributesDone): void {
    this.storage().top.read(io, AT, SECTORS, (failure, views, release) => {
      const attributes = failure === null ? decode(Buffer.concat(views)) : null;
      release();
      done(failure ?? (attributes === null ? auxiliaryMemoryReadError() : null), attributes ?? []);
    });
  }

  /** Adds and replaces attributes; one without bytes goes. What cannot be read any more begins anew. */
  change(io: Io, changes: readonly Attribute[], done: Done): void {
    this.read(io, (problem, before) => {
      if (problem !== null && !isDamage(problem)) {
        done(problem);
        return;
      }
      const all = new Map([...before, ...changes].map((one) => [one.id, one]));
      const left = [...all.values()].filter(({ value }) => value.length > 0).sort((a, b) => a.id - b.id);
      this.storage().top.write({ ...io, fua: true }, AT, SECTORS, [encode(left)], done);
    });
  }
}

function encode(attributes: readonly Attribute[]): Buffer {
  const data = Buffer.alloc(SECTORS * SECTOR_BYTES);
  const body = encodeAttributes(attributes);
  MAGIC.copy(data);
  data.writeUInt32BE(body.length, 8);
  data.writeUInt32BE(native.crc32c(body), 12);
  body.copy(data, HEAD_BYTES);
  return data;
}

/** Null: they are damaged. */
function decode(data: Buffer): Attribute[] | null {
  if (native.isZero(data)) return [];
  const body = data.subarray(HEAD_BYTES, HEAD_BYTES + Math.min(data.readUInt32BE(8), MEMORY_BYTES));
  const sound = data.subarray(0, MAGIC.length).equals(MAGIC) && data.readUInt32BE(12) === native.crc32c(body);
  return sound ? decodeAttributes(body) : null;
}
