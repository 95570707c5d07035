import t from 'tap';
import { cdbLengthOf, commandName, Opcode } from '../../../wire/scsi/opcodes.js';

t.test('names from CDBs', async (t) => {
  t.equal(commandName(Buffer.from([0x28])), 'READ(10)');
  t.equal(commandName(Buffer.from([0x9e, 0x10])), 'READ CAPACITY(16)');
  t.equal(commandName(Buffer.from([0x9e, 0x1f])), 'SERVICE ACTION IN(16)');
  t.equal(commandName(Buffer.from([0xc5, 0])), 'opcode 0xc5');
  t.equal(commandName(Buffer.alloc(0)), 'empty CDB');
  for (const opcode of Object.values(Opcode)) t.notMatch(commandName(Buffer.from([opcode])), /^opcode/);
});

t.test('CDB length by group', async (t) => {
  t.equal(cdbLengthOf(0x12), 6);
  t.equal(cdbLengthOf(0x28), 10);
  t.equal(cdbLengthOf(0x5f), 10);
  t.equal(cdbLengthOf(0x7f), null);
  t.equal(cdbLengthOf(0x9e), 16);
  t.equal(cdbLengthOf(0xa0), 12);
  t.equal(cdbLengthOf(0xc1), null);
});
