/** Answers of tape drives, whole and cut short at any byte. */
import t from 'tap';
import { decodeTapeLimits, decodeTapeMode, decodeTapePosition } from '../../../initiator/decode/tape.js';
import { decodeAttributes } from '../../../wire/scsi/attributes.js';
import { blockLimits, longPosition } from '../../../wire/scsi/tape.js';

t.test('positions', async (t) => {
  const position = { number: 2 ** 40, file: 7, beginning: false, endIsNear: true };
  const data = longPosition(position);
  t.same(decodeTapePosition(data), { object: 2 ** 40, file: 7, beginning: false, endIsNear: true });
  for (let bytes = 0; bytes < 24; bytes++) t.equal(decodeTapePosition(data.subarray(0, bytes)), null);
  data[0]! |= 0x04;
  t.equal(decodeTapePosition(data), null, 'the drive does not know');
});

t.test('limits and mode parameters', async (t) => {
  t.same(decodeTapeLimits(blockLimits(8388608, 1)), { most: 8388608, least: 1 });
  t.same(decodeTapeLimits(blockLimits(0, 1)), { most: 0xffffff, least: 1 }, 'no limit');
  t.equal(decodeTapeLimits(Buffer.alloc(5)), null);
  const mode = Buffer.from('1b0090088000000000000200', 'hex');
  t.same(decodeTapeMode(mode), { writeProtected: true, bufferedMode: 1, density: 0x80, blockLength: 512 });
  t.equal(decodeTapeMode(mode.subarray(0, 11)), null);
  mode[3] = 0;
  t.equal(decodeTapeMode(mode), null, 'no block descriptor');
});

t.test('attributes cut short', async (t) => {
  const data = Buffer.from('0806010003414243' + '0809000000', 'hex');
  t.equal(decodeAttributes(data)!.length, 2);
  for (let bytes = 1; bytes < data.length; bytes++) {
    t.equal(decodeAttributes(data.subarray(0, bytes))?.length ?? 0, bytes === 8 ? 1 : 0, `${bytes}`);
  }
});
