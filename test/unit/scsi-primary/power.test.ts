/** Power conditions: active and standby_z, by START STOP UNIT and by the timer of the mode page. */
import t from 'tap';
import { decodeSense } from '../../../wire/scsi/sense-codec.js';
import { resultOf } from '../scsi-block/harness.js';
import { type Host, inCdb, inList, Rig } from './rig.js';

const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const condition = (code: number, flags = 0) => [0x1b, 0, 0, 0, (code << 4) | flags, 0];
const [ACTIVE, STANDBY, TIMERS, FORCE_STANDBY] = [1, 3, 7, 11].map((code) => condition(code)) as number[][];
const BY_TIMER = 0x5e02;
const BY_COMMAND = 0x5e04;

function one(options: ConstructorParameters<typeof Rig>[0] = {}) {
  const rig = new Rig(options);
  return { rig, a: rig.host('a') };
}

/** Runs a command without letting time go on. */
const run = (host: Host, cdb: readonly number[], data: Buffer | null = null) =>
  resultOf(host.start(Buffer.from(cdb), data));

/** ASC of REQUEST SENSE. */
const told = (host: Host) => decodeSense(run(host, [0x03, 0, 0, 0, 252, 0]).data)!.asc;

/** The page as MODE SELECT takes it. */
function setTimer(host: Host, tenths: number, { enabled = true, byte = 3, value = 0 } = {}) {
  const page = Buffer.alloc(40);
  page[0] = 0x1a;
  page[1] = 38;
  page[3] = enabled ? 1 : 0;
  page.writeUInt32BE(tenths, 8);
  page[39] = 0x54;
  page[byte]! |= value;
  const list = Buffer.concat([Buffer.alloc(4), page]);
  return run(host, [0x15, 0x10, 0, 0, list.length, 0], list);
}

function transitions(host: Host): number[] {
  const { data } = run(host, [0x4d, 0, 0x5a, 0, 0, 0, 0, 0, 255, 0]);
  const counts = [];
  for (let at = 4; at < data.length; at += 8) counts.push(data.readUInt16BE(at), data.readUInt32BE(at + 4));
  return counts;
}

t.test('what is reported', async (t) => {
  const { a } = one();
  t.same([...run(a, [0x12, 1, 0x8a, 0, 255, 0]).data], [0, 0x8a, 0, 14, 1, ...new Array<number>(13).fill(0)]);
  t.same(transitions(a), [1, 0, 8, 0]);
  t.same(setTimer(a, 5).status, 0);
  t.match(setTimer(a, 5, { byte: 3, value: 0x02 }).sense, inList(4 + 3, 1), 'IDLE_A is not there');
});

t.test('standby by command: the cache goes to the drives; the next access to blocks ends it', async (t) => {
  const { rig, a } = one();
  t.equal(told(a), 0);
  t.equal(run(a, STANDBY!).status, 0);
  t.same(rig.layer.calls, ['flush 0+0']);
  t.equal(told(a), BY_COMMAND);
  t.equal(run(a, [0, 0, 0, 0, 0, 0]).status, 0, 'ready');
  t.equal(told(a), BY_COMMAND);
  t.equal(run(a, READ).status, 0);
  t.equal(told(a), 0);
  t.same(transitions(a), [1, 1, 8, 1]);
});

t.test('a failed flush leaves it active', async (t) => {
  const { rig, a } = one();
  rig.layer.failNext = { kind: 'no-space', cause: 'disk full' };
  t.match(run(a, STANDBY!).sense, { name: 'no-space' });
  t.equal(told(a), 0);
});

t.test('ACTIVE, UNMAP, and a reset end it too', async (t) => {
  const { a } = one();
  const list = Buffer.concat([Buffer.from([0, 6, 0, 0, 0, 0, 0, 0])]);
  for (const end of [
    () => run(a, ACTIVE!),
    () => run(a, [0x42, 0, 0, 0, 0, 0, 0, 0, 8, 0], list),
    () => a.manage('logical-unit-reset'),
  ]) {
    run(a, STANDBY!);
    t.equal(told(a), BY_COMMAND);
    end();
    run(a, [0, 0, 0, 0, 0, 0]);
    t.equal(told(a), 0);
  }
});

t.test('stopped: STANDBY and ACTIVE leave it', async (t) => {
  for (const change of [STANDBY!, ACTIVE!]) {
    const { a } = one();
    run(a, [0x1b, 0, 0, 0, 0, 0]);
    t.match(run(a, READ).sense, { name: 'initializing-command-required' });
    t.equal(run(a, change).status, 0);
    t.equal(run(a, READ).status, 0);
  }
});

t.test('the timer: after that long without access to blocks', async (t) => {
  const { rig, a } = one();
  setTimer(a, 10);
  rig.clock.advance(900);
  t.equal(told(a), 0);
  run(a, READ);
  rig.clock.advance(900);
  t.equal(told(a), 0, 'counted from the read on');
  rig.clock.advance(250);
  t.equal(told(a), BY_TIMER);
  run(a, READ);
  rig.clock.advance(2000);
  t.equal(told(a), BY_TIMER, 'it runs again');
  t.same(transitions(a), [1, 1, 8, 2]);
});

t.test('the timer does not run when it is disabled, zero, or a command has chosen the condition', async (t) => {
  const { rig, a } = one();
  for (const prepare of [
    () => setTimer(a, 10, { enabled: false }),
    () => setTimer(a, 0),
    () => {
      setTimer(a, 10);
      run(a, ACTIVE!);
    },
    () => {
      run(a, STANDBY!);
      run(a, READ);
    },
  ]) {
    prepare();
    rig.clock.advance(10_000);
    t.equal(told(a), 0);
  }
  run(a, TIMERS!);
  rig.clock.advance(1250);
  t.equal(told(a), BY_TIMER);
});

t.test('a timer that finds the drives failing tries again', async (t) => {
  const { rig, a } = one();
  setTimer(a, 10);
  rig.layer.failNext = { kind: 'no-space', cause: 'disk full' };
  rig.clock.advance(1250);
  t.equal(told(a), 0);
  rig.clock.advance(1250);
  t.equal(told(a), BY_TIMER);
});

t.test('a command that comes while the timer flushes keeps it active', async (t) => {
  const { rig, a } = one();
  setTimer(a, 10);
  rig.layer.held = [];
  rig.clock.advance(1100);
  a.start(Buffer.from(READ));
  const flushed = rig.layer.held!;
  rig.layer.held = null;
  for (const end of flushed.reverse()) end();
  t.equal(told(a), 0);
});

t.test('FORCE_STANDBY_0 is as the timer', async (t) => {
  const { a } = one();
  run(a, FORCE_STANDBY!);
  t.equal(told(a), BY_TIMER);
});

t.test('what there is not is refused; of removable logical units it is taken, and does nothing', async (t) => {
  const { a } = one();
  for (const code of [2, 4, 5, 6, 8, 9, 10, 12, 15]) t.match(run(a, condition(code)).sense, inCdb(4, 7), `${code}`);
  t.match(run(a, [0x1b, 0, 0, 1, 0x30, 0]).sense, inCdb(3, 0), 'standby_y');
  const removable = one({ removable: true });
  t.equal(run(removable.a, condition(2)).status, 0);
  t.equal(told(removable.a), 0);
  t.equal(run(removable.a, STANDBY!).status, 0);
  t.equal(told(removable.a), BY_COMMAND);
});

t.test('the array stops: the timer does not keep it', async (t) => {
  const { rig, a } = one();
  setTimer(a, 10);
  rig.unit.stop();
  t.equal(rig.clock.pending, 0);
});
