/** Blocks that a CDB addresses, for each place in which the fields stand; nothing for others or short ones. */
import t from 'tap';
import { blockRange } from '../../../wire/scsi/cdb-range.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';

const cases: Record<string, [lba: number, blocks: number] | null> = {
  '0a1f fffe 0000': [0x1ffffe, 256],
  '0800 0005 0300': [5, 3],
  '2800 0000 0800 0001 0000': [0x800, 0x100],
  '4100 0000 0007 0000 0900': [7, 9],
  'a800 0000 0001 0001 0000 0000': [1, 0x10000],
  '8800 0000 0001 0000 0000 0000 0008 0000': [2 ** 32, 8],
  '8900 0000 0000 0000 0009 0000 0002 0000': [9, 2],
  '9c00 0000 0000 0000 0009 0004 0010 0000': [9, 16],
  '9e12 0000 0000 0000 0030 0000 00ff 0000': [0x30, 0],
  '3f00 0000 0007 0000 0900': [7, 1],
  '9f11 0000 0000 0000 0030 0000 0000 0000': [0x30, 1],
  '9f12 0000 0000 0000 0030 0000 0000 0000': null,
  '9e10 0000 0000 0000 0000 0000 0020 0000': null,
  '7f00 0000 0000 0018 0009 0000 0000 0000 0000 0003 0000 0000 0000 0000 0000 0005': [3, 5],
  '7f00 0000 0000 0018 0009 0000 0000 0000': null,
  '7f00 0000 0000 0018 7777 0000 0000 0000 0000 0003 0000 0000 0000 0000 0000 0005': null,
  '7f': null,
  '9e': null,
  '1200 0000 ff00': null,
  '2800 0000': null,
  '': null,
};

t.test('on tapes the same codes address no blocks', async (t) => {
  const read6 = Buffer.from('080000050300', 'hex');
  t.equal(blockRange(read6, DeviceType.sequentialAccess), null);
  t.same(blockRange(read6, DeviceType.directAccess), { lba: 5, blocks: 3 });
});

for (const [text, expected] of Object.entries(cases)) {
  t.test(text, async (t) => {
    const range = blockRange(Buffer.from(text.replaceAll(' ', ''), 'hex'));
    t.same(range, expected && { lba: expected[0], blocks: expected[1] });
  });
}
