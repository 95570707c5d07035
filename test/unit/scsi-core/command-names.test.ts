import t from 'tap';
import { commandName, commandNames, differsByDeviceType } from '../../../wire/scsi/command-names.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { Opcode, StreamOpcode } from '../../../wire/scsi/opcodes.js';

const { directAccess, sequentialAccess, wellKnown } = DeviceType;
const name = (bytes: readonly number[], deviceType?: number) => commandName(Buffer.from(bytes), deviceType);

t.test('names from CDBs', async (t) => {
  t.equal(name([0x28]), 'READ(10)');
  t.equal(name([0x9e, 0x10]), 'READ CAPACITY(16)');
  t.equal(name([0x9e, 0x1f]), 'SERVICE ACTION IN(16)');
  t.equal(name([0xa3, 0x0b]), 'REPORT ALIASES');
  t.equal(name([0xc5, 0]), 'opcode 0xc5');
  t.equal(name([]), 'empty CDB');
  for (const opcode of Object.values(Opcode)) t.notMatch(name([opcode]), /^opcode/);
});

t.test('one code, two commands', async (t) => {
  const cases: [opcode: number, disk: string, tape: string][] = [
    [0x1b, 'START STOP UNIT', 'LOAD UNLOAD'],
    [0x34, 'PRE-FETCH(10)', 'READ POSITION'],
    [0x91, 'SYNCHRONIZE CACHE(16)', 'SPACE(16)'],
    [0x04, 'FORMAT UNIT', 'FORMAT MEDIUM'],
    [0x08, 'READ(6)', 'READ(6)'],
    [0x12, 'INQUIRY', 'INQUIRY'],
    [0x28, 'READ(10)', 'opcode 0x28'],
    [0x11, 'opcode 0x11', 'SPACE(6)'],
  ];
  for (const [opcode, disk, tape] of cases) {
    t.equal(name([opcode], directAccess), disk);
    t.equal(name([opcode], sequentialAccess), tape);
  }
  for (const opcode of Object.values(StreamOpcode)) t.notMatch(name([opcode], sequentialAccess), /^opcode/);
});

t.test('of a device type that is not known, or has no names of its own', async (t) => {
  for (const deviceType of [undefined, wellKnown]) {
    t.equal(name([0x1b], deviceType), 'START STOP UNIT');
    t.equal(name([0x11], deviceType), 'SPACE(6)');
    t.equal(name([0xa0], deviceType), 'REPORT LUNS');
  }
});

t.test('whether the device type makes a difference', async (t) => {
  for (const opcode of [0x04, 0x1b, 0x34, 0x91, 0x93]) t.ok(differsByDeviceType(opcode), `${opcode}`);
  for (const opcode of [0x00, 0x08, 0x12, 0x28, 0x11, 0x88, 0xc5]) t.notOk(differsByDeviceType(opcode), `${opcode}`);
});

t.test('the list has all of them', async (t) => {
  const names = commandNames();
  for (const one of ['INQUIRY', 'READ(32)', 'SANITIZE: OVERWRITE', 'LOAD UNLOAD', 'REPORT ALIASES']) {
    t.ok(names.includes(one), one);
  }
});
