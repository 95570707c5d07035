import t from 'tap';
import { cdbLengthOf } from '../../../wire/scsi/opcodes.js';

t.test('CDB length by group', async (t) => {
  t.equal(cdbLengthOf(0x12), 6);
  t.equal(cdbLengthOf(0x28), 10);
  t.equal(cdbLengthOf(0x5f), 10);
  t.equal(cdbLengthOf(0x7f), null);
  t.equal(cdbLengthOf(0x9e), 16);
  t.equal(cdbLengthOf(0xa0), 12);
  t.equal(cdbLengthOf(0xc1), null);
});
