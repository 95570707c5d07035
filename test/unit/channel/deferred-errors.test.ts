/** A command that was answered before it had ended (IMMED) fails: a deferred error is due to its nexus (SPC-5 4.4.7). */
import t from 'tap';
import { decodeErrorRecords } from '../../../wire/scsi/error-history.js';
import { capacityDataHasChanged } from '../../../wire/scsi/sense.js';
import { decodeSense } from '../../../wire/scsi/sense-codec.js';
import { pattern } from '../scsi-block/harness.js';
import { Rig } from '../scsi-primary/rig.js';

const READY = [0, 0, 0, 0, 0, 0];
const SENSE = [3, 0, 0, 0, 252, 0];
const DESCRIPTOR_SENSE = [3, 1, 0, 0, 252, 0];
const SYNC = [0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0];
const STOP = [0x1b, 1, 0, 0, 0, 0];
const START = [0x1b, 0, 0, 0, 1, 0];
const FORMAT = [0x04, 0x10, 0, 0, 0, 0];
const FORMAT_LIST = Buffer.from([0, 0x02, 0, 0]);
const PREFETCH = [0x34, 2, 0, 0, 0, 0, 0, 0, 1, 0];
const WRITE = [0x2a, 0, 0, 0, 0, 5, 0, 0, 1, 0];
const RESERVE_OUT_REGISTER = [0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0];

const failure = { kind: 'medium-error', lba: 6, write: true } as const;
const deferred = { name: 'write-error', information: 6, deferred: true };

/** Two hosts; a command of the first one has failed after its status. */
function failed(cdb: readonly number[] = SYNC, list: Buffer | null = null) {
  const rig = new Rig();
  const a = rig.host('a');
  const b = rig.host('b');
  rig.layer.failNext = failure;
  const { status } = a.run(cdb, list);
  return { rig, a, b, status };
}

for (const [name, cdb, list] of [
  ['SYNCHRONIZE CACHE(10)', SYNC, null],
  ['SYNCHRONIZE CACHE(16)', [0x91, 2, ...Array(14).fill(0)], null],
  ['FORMAT UNIT', FORMAT, FORMAT_LIST],
] as const) {
  t.test(`${name}: the next command of the nexus is told, once, and not carried out`, async (t) => {
    const { rig, a, b, status } = failed(cdb, list);
    t.equal(status, 0);
    t.match(b.run(READY), { status: 0 }, 'not another host');
    const before = rig.layer.calls.length;
    t.match(a.run(WRITE, pattern(512)), { status: 2, sense: deferred });
    t.equal(rig.layer.calls.length, before);
    t.match(a.run(WRITE, pattern(512)), { status: 0, sense: null });
  });
}

t.test('START STOP UNIT', async (t) => {
  const { a } = failed(STOP);
  t.match(a.run(START), { status: 2, sense: deferred });
  t.match(a.run(READY).sense, { name: 'initializing-command-required' }, 'it was not started');
  t.equal(a.run(START).status, 0);
});

t.test('PRE-FETCH: nothing is lost, nothing is told', async (t) => {
  const { rig, a } = failed(PREFETCH);
  t.equal(a.run(READY).status, 0);
  t.ok(rig.layer.calls.includes('prefetch 0+1'));
});

t.test('several are told one by one, 16 at most', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  rig.layer.held = [];
  for (let lba = 0; lba < 20; lba++) {
    rig.layer.failNext = { ...failure, lba };
    t.equal(a.run(SYNC).status, 0);
  }
  rig.layer.complete();
  const told = [];
  for (let { sense } = a.run(READY); sense !== null; { sense } = a.run(READY)) told.push(sense.information);
  t.same(told, [...Array(16).keys()]);
});

t.test('REQUEST SENSE gives it in either format, and clears it', async (t) => {
  const fixed = failed().a;
  const first = fixed.run(SENSE);
  t.equal(first.status, 0);
  t.equal(first.data.toString('hex'), 'f10003000000060a000000000c0000000000');
  t.equal(fixed.run(SENSE).data[2], 0);
  t.equal(fixed.run(READY).status, 0);
  const descriptor = failed().a;
  t.equal(descriptor.run(DESCRIPTOR_SENSE).data.toString('hex'), '73030c000000000c000a80000000000000000006');
});

t.test('INQUIRY and REPORT LUNS answer, and leave it', async (t) => {
  const { a } = failed();
  t.equal(a.run([0x12, 0, 0, 0, 96, 0]).status, 0);
  t.equal(a.run([0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]).status, 0);
  t.match(a.run(READY).sense, deferred);
});

t.test('a unit attention comes first; RESERVATION CONFLICT does not take it', async (t) => {
  const { rig, a, b } = failed();
  t.equal(b.run([0x16, 0, 0, 0, 0, 0]).status, 0);
  t.equal(a.run(WRITE, pattern(512)).status, 0x18);
  t.equal(b.run([0x17, 0, 0, 0, 0, 0]).status, 0);
  rig.unit.attentions.establish(a.nexus.id, capacityDataHasChanged());
  t.match(a.run(READY).sense, { name: 'capacity-changed' });
  t.match(a.run(READY).sense, deferred);
});

t.test('PERSISTENT RESERVE OUT that is told has changed nothing', async (t) => {
  const { a } = failed();
  const list = Buffer.alloc(24);
  list[15] = 7;
  t.match(a.run(RESERVE_OUT_REGISTER, list).sense, deferred);
  t.equal(a.run([0x5e, 0, 0, 0, 0, 0, 0, 0, 64, 0]).data.readUInt32BE(4), 0, 'no keys');
});

for (const fn of ['logical-unit-reset', 'target-warm-reset', 'i-t-nexus-reset'] as const) {
  t.test(`${fn} clears it`, async (t) => {
    const { a } = failed();
    a.manage(fn);
    t.equal(a.attentions().length, 1);
    t.equal(a.run(READY).status, 0);
  });
}

t.test('a host that has gone is not told, nor who comes after it', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  rig.layer.held = [];
  rig.layer.failNext = failure;
  t.equal(a.run(SYNC).status, 0);
  a.logout();
  rig.layer.complete();
  t.notOk(rig.unit.deferred.pending, 'nothing is kept for it');
  t.equal(rig.host('a').run(READY).status, 0);
  const late = failed();
  late.a.logout();
  t.notOk(late.rig.unit.deferred.pending);
});

t.test('the error history has it once, under the command that failed', async (t) => {
  const { a } = failed();
  t.match(a.run(WRITE, pattern(512)).sense, deferred);
  const history = (buffer: number) => a.run([0x3c, 0x1c, buffer, 0, 0, 0, 0, 0xff, 0xff, 0]).data;
  history(0x00);
  const { records } = decodeErrorRecords(history(0x10));
  t.match(records, [{ cdb: Buffer.from([...SYNC, ...Array(6).fill(0)]) }]);
  t.equal(decodeSense(records[0]!.sense)?.deferred, false);
});
