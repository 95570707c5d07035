import t from 'tap';
import { CommandTable, defineCommand, Reservation } from '../../../target/scsi/command-table.js';
import { dispatchWithoutUnit } from '../../../target/scsi/dispatch.js';
import { blockCommands } from '../../../target/scsi/handlers/block/index.js';
import { Task, TaskAttribute } from '../../../target/scsi/task.js';
import { capacityDataHasChanged, powerOnOccurred } from '../../../wire/scsi/sense.js';
import { cdb, inCdb, pattern, Status, TestUnit, testNexus } from '../scsi-block/harness.js';

/** Like REQUEST SENSE: runs with an attention pending, answers where there is no logical unit. */
const patient = defineCommand({
  name: 'PATIENT',
  opcode: 0x03,
  usage: [0x03, 0x01, 0, 0, 0xff, 0],
  conflict: 'inquire',
  reservation: Reservation.free,
  passesAttention: true,
  run: (_unit, task) => task.good(),
  withoutUnit: (task) => task.data([Buffer.from('none')], 4),
});
const commands = [...blockCommands, patient];
const UNKNOWN = Buffer.from([0xd0, 0, 0, 0, 0, 0]);

t.test('unit attention, then reservation, then everything else (SAM-6 5.3.3)', async (t) => {
  const lu = new TestUnit({ commands, readOnly: true });
  const write = cdb(0x2a, 5000, 1, 0x20);
  lu.unit.attentions.establish(testNexus.id, powerOnOccurred());
  lu.reserved = true;
  lu.unit.stopped = true;
  t.match(lu.run(write, pattern(512)).sense, { name: 'power-on' });
  t.equal(lu.run(write, pattern(512)).status, Status.reservationConflict);
  lu.reserved = false;
  t.match(lu.run(write, pattern(512)).sense, inCdb(1, 7));
  write[1] = 0;
  t.match(lu.run(write, pattern(512)).sense, { name: 'initializing-command-required' });
  lu.unit.stopped = false;
  t.match(lu.run(write, pattern(512)).sense, { name: 'lba-out-of-range' });
  write.writeUInt32BE(0, 2);
  t.match(lu.run(write, pattern(512)).sense, { name: 'write-protected' });
});

t.test('each unit attention is told once, also to an unknown command', async (t) => {
  const lu = new TestUnit({ commands });
  lu.unit.attentions.establish(testNexus.id, powerOnOccurred());
  lu.unit.attentions.establish(testNexus.id, capacityDataHasChanged());
  t.match(lu.run(UNKNOWN).sense, { name: 'power-on' });
  t.match(lu.run(cdb(0x28, 0, 1)).sense, { name: 'capacity-changed' });
  t.equal(lu.run(cdb(0x28, 0, 1)).status, Status.good);
});

t.test('some commands leave unit attentions pending', async (t) => {
  const lu = new TestUnit({ commands });
  lu.unit.attentions.establish(testNexus.id, powerOnOccurred());
  t.equal(lu.run(Buffer.from([0x03, 0, 0, 0, 18, 0])).status, Status.good);
  t.ok(lu.unit.attentions.pending(testNexus.id));
});

t.test('attentions of another nexus do not disturb', async (t) => {
  const lu = new TestUnit();
  lu.unit.attentions.establish(testNexus.id + 1, powerOnOccurred());
  t.equal(lu.run(cdb(0x28, 0, 1)).status, Status.good);
});

t.test('unknown commands', async (t) => {
  const lu = new TestUnit();
  t.match(lu.run(UNKNOWN).sense, { name: 'invalid-opcode', asc: 0x2000 });
  const action = Buffer.alloc(16);
  action[0] = 0x9e;
  t.match(lu.run(action).sense, inCdb(1, 4));
});

t.test('the format of sense follows D_SENSE', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(UNKNOWN).task.descriptorSense, false);
  lu.modes.descriptorSense = true;
  t.equal(lu.run(UNKNOWN).task.descriptorSense, true);
});

t.test('LUNs without a logical unit', async (t) => {
  const table = new CommandTable(commands);
  const send = (...bytes: number[]) => {
    const owner = { fetchDataOut() {}, respond() {} };
    const padded = Buffer.concat([Buffer.from(bytes), Buffer.alloc(16 - bytes.length)]);
    const task = new Task(owner, testNexus, Buffer.alloc(8), padded, 1, TaskAttribute.simple, 0, 0);
    dispatchWithoutUnit(table, task);
    return task;
  };
  t.equal(Buffer.concat(send(0x03, 0, 0, 0, 4).dataIn).toString(), 'none');
  t.match(send(0x03, 2).sense, inCdb(1, 1));
  t.match(send(0x28).sense, { name: 'lun-not-supported', asc: 0x2500 });
  t.match(send(0xd0).sense, { name: 'lun-not-supported' });
});
