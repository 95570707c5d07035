/** FORMAT UNIT with FMTPINFO and PROTECTION FIELD USAGE; a format that does not come to its end. */
import t from 'tap';
import { CommandTable } from '../../../target/scsi/command-table.js';
import { blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { primaryCommands } from '../../../target/scsi/handlers/primary/index.js';
import type { IoFailure } from '../../../target/volumes/block-layer.js';
import type { FormatRecord, Ldev } from '../../../target/volumes/model.js';
import type { ProtectionType } from '../../../wire/scsi/protection.js';
import { cdb, inCdb, Status, TestUnit } from './harness.js';

const FMTDATA = 0x10;
const LONGLIST = 0x20;
const format = (info: number, flags = 0) => Buffer.from([0x04, (info << 6) | flags, 0, 0, 0, 0]);
const list = (usage: number, flags = 0) => Buffer.from([usage, flags, 0, 0]);
const inList = (byte: number, bit: number) => ({ name: 'invalid-field-in-list', field: { inCdb: false, byte, bit } });
const capacity = Buffer.from([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]);

/** A logical unit whose format is kept here; its blocks stay in the same place. */
class Formatted extends TestUnit implements FormatRecord {
  protection: ProtectionType = 0;
  unformatted = false;
  failBegin: IoFailure | null = null;

  constructor() {
    super({ commands: [...primaryCommands, ...blockCommandsOf({ thin: true })] });
    const fields = {
      formatting: { value: this },
      protection: { get: () => this.protection },
      unformatted: { get: () => this.unformatted },
    };
    this.unit.ldev = Object.create(this.unit.ldev, fields) as Ldev;
    this.unit.commandsOf = (ldev) => new CommandTable([...primaryCommands, ...blockCommandsOf(ldev)]);
  }

  begin(protection: ProtectionType): IoFailure | null {
    if (this.failBegin === null && protection !== this.protection) this.unformatted = true;
    return this.failBegin;
  }

  end(protection: ProtectionType): IoFailure | null {
    this.unformatted = false;
    this.protection = protection;
    return null;
  }
}

t.test('which type, by FMTPINFO and PROTECTION FIELD USAGE; READ CAPACITY(16) tells it', async (t) => {
  for (const [info, usage, type] of [
    [0, null, 0],
    [0, 0, 0],
    [2, 0, 1],
    [3, 0, 2],
    [3, 1, 3],
  ] as const) {
    const lu = new Formatted();
    const result = usage === null ? lu.run(format(info)) : lu.run(format(info, FMTDATA), list(usage));
    t.equal(result.status, Status.good);
    t.equal(lu.protection, type, `FMTPINFO ${info}, usage ${usage}`);
    t.equal(lu.run(capacity).data[12], type === 0 ? 0 : ((type - 1) << 1) | 1, 'P_TYPE and PROT_EN');
    t.equal(lu.run(capacity).data[13], 0, 'P_I_EXPONENT');
    t.equal(lu.unit.commands.row(0x7f, 0x09) !== null, type === 2, 'READ(32)');
    t.equal(lu.unit.commands.row(0x7f, 0x0e) !== null, type !== 0, 'ORWRITE(32)');
    t.equal(lu.layer.calls.includes('flush 0+0'), type !== 0, 'on the medium before blocks change places');
  }
});

t.test('refusals', async (t) => {
  const lu = new Formatted();
  t.match(lu.run(format(1)).sense, inCdb(1, 7));
  for (const [info, usage] of [
    [0, 1],
    [2, 1],
    [3, 2],
    [3, 7],
  ] as const) {
    t.match(lu.run(format(info, FMTDATA), list(usage)).sense, inList(0, 2), `${info}, ${usage}`);
  }
  const interval = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]);
  t.match(lu.run(format(2, FMTDATA | LONGLIST), interval).sense, inList(3, 0), 'PROTECTION INTERVAL EXPONENT');
  for (const info of [2, 3]) t.match(lu.run(format(info)).sense, inCdb(1, 7), `${info} without a list`);
  const fixed = new TestUnit({ commands: [...blockCommandsOf({ thin: true })] });
  t.match(fixed.run(format(2, FMTDATA), list(0)).sense, inCdb(1, 7));
  lu.failBegin = { kind: 'no-space', cause: 'test' };
  t.match(lu.run(format(2, FMTDATA), list(0)).sense, { name: 'no-space' });
  t.match(lu.run(format(2, FMTDATA), list(0, 0x02)).sense, { name: 'no-space' }, 'told with IMMED too');
  t.same(lu.layer.calls, []);
  t.equal(lu.run(cdb(0x28, 0, 1)).status, Status.good);
});

t.test('one that fails or is aborted leaves the medium corrupted until another one ends', async (t) => {
  const lu = new Formatted();
  lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.match(lu.run(format(2, FMTDATA), list(0)).sense, { name: 'hardware-error' });
  const corrupted = { key: 3, asc: 0x3100 };
  t.match(lu.run(cdb(0x28, 0, 1)).sense, corrupted);
  t.match(lu.run(Buffer.alloc(6)).sense, corrupted, 'TEST UNIT READY');
  t.equal(lu.run(Buffer.from([0x12, 0, 0, 0, 96, 0])).status, Status.good, 'INQUIRY');
  const task = lu.start(format(2, FMTDATA), list(0));
  task.aborted = true;
  lu.clock.settle();
  t.equal(task.status, Status.taskAborted);
  t.match(lu.run(cdb(0x28, 0, 1)).sense, corrupted);
  t.equal(lu.run(format(0)).status, Status.good);
  t.equal(lu.run(cdb(0x28, 0, 1)).status, Status.good);
  t.equal(lu.protection, 0);
});

t.test('it unmaps whole regions at a time, so that they are given back', async (t) => {
  for (const [protection, blockSize, perRegion] of [
    [0, 512, 65_536],
    [1, 512, 2048 * 31],
    [1, 4096, 2048 * 3],
  ] as const) {
    t.equal(new TestUnit({ protection, blockSize }).unit.eraseStepBlocks % perRegion, 0);
  }
});

t.test('INQUIRY and the extended INQUIRY data tell what can be had', async (t) => {
  const lu = new Formatted();
  t.equal(lu.run(Buffer.from([0x12, 0, 0, 0, 96, 0])).data[5]! & 1, 1, 'PROTECT');
  t.equal(lu.run(Buffer.from([0x12, 1, 0x86, 0, 64, 0])).data[4], 0x3f, 'SPT, GRD_CHK, APP_CHK, REF_CHK');
});

t.test('other hosts are told what has changed', async (t) => {
  const lu = new Formatted();
  const told: string[] = [];
  lu.unit.tell = (condition) => told.push(condition.name);
  const toldOf = (usage: number | null) => {
    told.length = 0;
    if (usage === null) lu.run(format(0, FMTDATA), list(0));
    else lu.run(format(usage === 1 ? 3 : 2, FMTDATA), list(usage));
    return [...told];
  };
  t.same(toldOf(0), ['capacity-changed', 'mode-parameters-changed'], 'type 1');
  t.same(toldOf(1), ['capacity-changed'], 'type 3');
  t.same(toldOf(1), [], 'again');
  t.same(toldOf(null), ['capacity-changed', 'mode-parameters-changed'], 'none');
});
