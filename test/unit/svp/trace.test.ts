/** Traces: what is told of a command, which are shown, and readers that are slow or gone. */
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { Waits } from '../../../target/base/waits.js';
import type { TaskObserver } from '../../../target/channel/channel-adapter.js';
import { traceLine } from '../../../target/cli/trace-format.js';
import { streamCommands } from '../../../target/scsi/handlers/stream/index.js';
import type { LogicalUnit } from '../../../target/scsi/logical-unit.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { Task, TaskAttribute } from '../../../target/scsi/task.js';
import { matcher, type TraceFilter } from '../../../target/svp/trace/filter.js';
import { LineStream } from '../../../target/svp/trace/line-stream.js';
import { type TraceRecord, traceRecord } from '../../../target/svp/trace/record.js';
import { Tracer } from '../../../target/svp/trace/tracer.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { StreamOpcode } from '../../../wire/scsi/opcodes.js';
import { lbaOutOfRange } from '../../../wire/scsi/sense.js';

const owner = { fetchDataOut() {}, respond() {} };
const nexus = { initiatorName: 'iqn.2026-11.example:a', port: { name: 'CL1-A' } } as unknown as Nexus;
const unit = { ldev: { id: 0x11a } } as unknown as LogicalUnit;
const READ = Buffer.from('28000000080000000800', 'hex');

function task(clock: SimulatedClock, cdb: Buffer = READ, on: LogicalUnit | null = unit): Task {
  const made = new Task(owner, nexus, Buffer.alloc(8), cdb, 1, TaskAttribute.simple, 0, 0);
  made.unit = on;
  made.waits = new Waits(clock);
  made.startedAt = clock.now();
  return made;
}

const record = (over: Partial<TraceRecord>): TraceRecord => ({
  ...traceRecord(task(new SimulatedClock()), 0, 0),
  ...over,
});

t.test('the parts of the latency', async (t) => {
  const clock = new SimulatedClock();
  clock.advance(1000);
  const one = task(clock);
  clock.advance(3);
  one.dispatchedAt = clock.now();
  one.waits!.begin('host');
  clock.advance(5);
  one.waits!.end('host');
  one.waits!.begin('drives');
  clock.advance(1);
  one.waits!.begin('drives');
  clock.advance(7);
  one.waits!.end('drives');
  one.waits!.end('drives');
  clock.advance(2);
  const told = traceRecord(one, clock.now() - one.startedAt, clock.wall());
  t.match(told, { latency: 18e6, queue: 3e6, host: 5e6, drives: 8e6, cache: 2e6 });
  t.equal(told.time, Date.UTC(2024, 0, 1) + 1000);
  t.match(told, { port: 'CL1-A', initiator: 'iqn.2026-11.example:a', lun: 0, ldev: '01:1A' });
  t.match(told, { command: 'READ(10)', cdb: READ.toString('hex'), lba: 2048, blocks: 8, status: 'GOOD', sense: null });
});

t.test("a tape's commands have their own names, and no blocks", async (t) => {
  const drive = { ldev: { id: 1 }, deviceType: DeviceType.sequentialAccess } as unknown as LogicalUnit;
  const load = task(new SimulatedClock(), Buffer.from([0x1b, 0, 0, 0, 1, 0]), drive);
  load.command = streamCommands.find(({ opcode }) => opcode === StreamOpcode.loadUnload)!;
  t.match(traceRecord(load, 0, 0), { command: 'LOAD UNLOAD', lba: null, blocks: null });
  const write = task(new SimulatedClock(), Buffer.from([0x0a, 0, 0, 2, 0, 0]), drive);
  t.match(traceRecord(write, 0, 0), { command: 'WRITE(6)', lba: null, blocks: null });
});

t.test('a command that never ran was in the queue all the time; one without a logical unit never', async (t) => {
  const clock = new SimulatedClock();
  clock.advance(1);
  t.match(traceRecord(task(clock), 5e6, 0), { queue: 5e6, cache: 0 });
  t.match(traceRecord(task(clock, READ, null), 5e6, 0), { queue: 0, cache: 5e6, ldev: null });
});

t.test('how it ended', async (t) => {
  const refused = task(new SimulatedClock());
  refused.check(lbaOutOfRange(2048));
  t.match(traceRecord(refused, 0, 0), { status: 'CHECK CONDITION', sense: /LOGICAL BLOCK ADDRESS OUT OF RANGE.*2048/ });
  const aborted = task(new SimulatedClock());
  aborted.aborted = true;
  t.match(traceRecord(aborted, 0, 0), { status: null, sense: null });
  aborted.abortAnswered = true;
  t.match(traceRecord(aborted, 0, 0), { status: 'TASK ABORTED' });
  t.match(traceRecord(task(new SimulatedClock(), Buffer.from('c500', 'hex')), 0, 0), {
    command: 'opcode 0xc5',
    lba: null,
  });
});

t.test('filters', async (t) => {
  const one = record({ latency: 2e6, command: 'WRITE SAME(16)', cdb: '93000000', status: 'BUSY' });
  const cases: [TraceFilter, boolean][] = [
    [{}, true],
    [{ ldev: '01:1A' }, true],
    [{ ldev: '01:1B' }, false],
    [{ initiator: 'IQN.2026-11.Example:A' }, true],
    [{ initiator: 'iqn.2026-11.example' }, false],
    [{ opcodes: ['93'] }, true],
    [{ opcodes: ['0x93'] }, true],
    [{ opcodes: ['93h'] }, true],
    [{ opcodes: ['read', 'write same'] }, true],
    [{ opcodes: ['Write Same(16)'] }, true],
    [{ opcodes: ['WRITE'] }, false],
    [{ opcodes: ['93/1'] }, false],
    [{ opcodes: ['any'] }, true],
    [{ opcodes: [] }, false],
    [{ minLatency: 2e6 }, true],
    [{ minLatency: 2e6 + 1 }, false],
    [{ status: 'busy' }, true],
    [{ status: 'good' }, false],
    [{ status: 'failed' }, true],
    [{ status: 'aborted' }, false],
    [{ ldev: '01:1A', status: 'good' }, false],
  ];
  for (const [filter, expected] of cases) t.equal(matcher(filter)(one), expected, JSON.stringify(filter));
  const action = record({ command: 'GET LBA STATUS(16)', cdb: '9e120000000000000000000000000000' });
  t.ok(matcher({ opcodes: ['9e/12'] })(action));
  t.notOk(matcher({ opcodes: ['9e/10'] })(action));
  t.throws(() => matcher({ opcodes: ['READ', 'RAED'] }), { code: 'command-unknown', message: /"RAED".*READ\(10\)/ });
  t.ok(matcher({ status: 'aborted' })(record({ status: null })));
  t.ok(matcher({ status: 'failed' })(record({ status: null })));
  t.notOk(matcher({ status: 'failed' })(record({ status: 'CONDITION MET' })));
  t.ok(matcher({ status: 'check-condition' })(record({ status: 'CHECK CONDITION' })));
});

t.test('lines for people', async (t) => {
  const time = new Date(2026, 10, 21, 18, 6, 27).getTime() + 123.456;
  const base = record({ time, latency: 41_000, queue: 0, cache: 41_000 });
  const start = /^18:06:27\.12345\d CL1-A iqn\.2026-11\.example:a LUN 0 01:1A READ\(10\) LBA 2048 blocks 8: /;
  t.match(traceLine(base), start);
  t.match(traceLine(base), /: GOOD, 0\.041 ms \(cache 0\.041\)$/);
  const slow = { ...base, latency: 9e6, queue: 1e6, host: 2e6, cache: 3e6, drives: 3e6 };
  t.match(traceLine(slow), /: GOOD, 9\.000 ms \(queue 1\.000, host 2\.000, cache 3\.000, drives 3\.000\)$/);
  const failed = { ...base, status: 'CHECK CONDITION', sense: 'MEDIUM ERROR: UNRECOVERED READ ERROR' };
  t.match(traceLine(failed), /: CHECK CONDITION, MEDIUM ERROR: UNRECOVERED READ ERROR, 0\.041 ms/);
  const none = { ...base, lun: null, ldev: null, lba: null, blocks: null, status: null, latency: 0, cache: 0 };
  t.match(traceLine(none), / LUN \? no LDEV READ\(10\): aborted, 0\.000 ms$/);
});

t.test('a slow reader loses lines and is told how many', async (t) => {
  let ended = 0;
  const stream = new LineStream(() => {
    ended++;
  });
  const line = 'x'.repeat(1023);
  for (let count = 0; count < 3000; count++) stream.offer(line);
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(stream.readableLength <= 2 ** 20 + 1024, `${stream.readableLength} characters wait`);
  const first = String(stream.read()).split('\n').length - 1;
  stream.offer('next');
  stream.finish();
  stream.offer('too late');
  stream.finish();
  const rest: string[] = [];
  for await (const chunk of stream) rest.push(String(chunk));
  t.same(rest.join('').split('\n'), [JSON.stringify({ lost: 3000 - first }), 'next', '']);
  t.equal(ended, 1);
});

t.test('adapters are observed while there is a reader, and no longer', async (t) => {
  const clock = new SimulatedClock();
  const adapters: { observer: TaskObserver | null }[] = [{ observer: null }, { observer: null }];
  const tracer = new Tracer(() => adapters, clock);
  const all = tracer.open({});
  const some = tracer.open({ opcodes: ['WRITE'] });
  t.ok(adapters.every(({ observer }) => observer === tracer));
  tracer.ended(task(clock), clock.now());
  some.destroy();
  t.equal(adapters[0]!.observer, tracer, 'one is left');
  tracer.ended(task(clock), clock.now());
  all.finish();
  const lines: string[] = [];
  for await (const chunk of all) lines.push(...String(chunk).trim().split('\n'));
  t.same(
    lines.map((line) => JSON.parse(line).command ?? line),
    ['{"lost":0}', 'READ(10)', 'READ(10)'],
  );
  t.same(
    adapters.map(({ observer }) => observer),
    [null, null],
  );
  for (let count = 0; count < 8; count++) tracer.open({});
  t.throws(() => tracer.open({}), { code: 'trace-limit' });
  tracer.close();
});
