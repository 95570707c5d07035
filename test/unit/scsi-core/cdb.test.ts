import fc from 'fast-check';
import t from 'tap';
import {
  BEYOND_ANYTHING,
  lba6,
  lba10,
  lba16,
  length6,
  length10,
  length12,
  length16,
  readUint64,
  writeUint64,
} from '../../../wire/scsi/cdb.js';

t.test('fields by CDB size', async (t) => {
  const six = Buffer.from([0x08, 0xff, 0x34, 0x56, 0x00, 0]);
  t.equal(lba6(six), 0x1f3456, 'the top three bits of byte 1 are not part of it');
  t.equal(length6(six), 256);
  six[4] = 1;
  t.equal(length6(six), 1);
  const ten = Buffer.from([0x28, 0, 0xff, 0xfe, 0xfd, 0xfc, 0, 0xfb, 0xfa, 0]);
  t.equal(lba10(ten), 0xfffefdfc);
  t.equal(length10(ten), 0xfbfa);
  t.equal(length12(Buffer.from([0xa8, 0, 0, 0, 0, 0, 0xff, 2, 3, 4, 0, 0])), 0xff020304);
  const sixteen = Buffer.from([0x88, 0, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 1, 0, 0]);
  t.equal(lba16(sixteen), Number.MAX_SAFE_INTEGER - 1);
  t.equal(length16(sixteen), 0x80000001);
});

t.test('64-bit numbers that do not fit read as beyond anything', async (t) => {
  const bytes = Buffer.alloc(8);
  for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    bytes.writeBigUInt64BE(value);
    t.equal(readUint64(bytes, 0), BEYOND_ANYTHING);
  }
});

t.test('64-bit numbers survive the round trip', async (t) => {
  const seed = 20_261_120;
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const bytes = Buffer.alloc(8);
      writeUint64(bytes, value, 0);
      return readUint64(bytes, 0) === value && bytes.readBigUInt64BE() === BigInt(value);
    }),
    { seed },
  );
});
