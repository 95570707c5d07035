import { PI_BYTES } from '../../../../../wire/scsi/protection.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import { typeOf } from './access.js';

/**
 * One block with its information, again and again. The reference tag of types 1 and 2 counts on from block to block, that
 * of type 3 stays, and so does information that is all ones (SBC-4 5.48).
 * @param first of the repetitions wanted, counted from the block that was sent
 */
export function repeatedBlock(unit: LogicalUnit, block: Buffer, first: number, count: number): Buffer {
  const stride = unit.blockSize + PI_BYTES;
  const bytes = Buffer.alloc(count * stride, block.subarray(0, stride));
  const allOnes = block.subarray(unit.blockSize, stride).every((byte) => byte === 0xff);
  if (typeOf(unit) === 3 || allOnes) return bytes;
  const tagAt = unit.blockSize + 4;
  const tag = block.readUInt32BE(tagAt);
  for (let i = 0; i < count; i++) bytes.writeUInt32BE((tag + first + i) % 2 ** 32, i * stride + tagAt);
  return bytes;
}
