/** Fault rules of commands, with a port that only notes what is asked of it. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { execute, prepare } from '../../../target/scsi/dispatch.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { Status, Task, TaskAttribute, type TaskOwner } from '../../../target/scsi/task.js';
import type { ActiveFault } from '../../../target/volumes/layers/active-fault.js';
import { FaultRules } from '../../../target/volumes/layers/fault-rules.js';
import type { FaultSpec } from '../../../target/volumes/layers/fault-spec.js';
import { TestUnit, testNexus } from '../scsi-block/harness.js';

const nexus = { ...testNexus, port: { name: 'CL1-A' } } as Nexus;
const WRITE = Buffer.from('2a000000000500000100000000000000', 'hex');
const UNKNOWN = Buffer.from('c5000000000000000000000000000000', 'hex');

function stage(...specs: FaultSpec[]) {
  const test = new TestUnit();
  const rules = new FaultRules(
    () => true,
    () => {},
    seededRandom(1),
    test.clock,
  );
  for (const spec of specs) rules.add(spec);
  const ldev = test.unit.ldev as { commandFaults?: readonly ActiveFault[] };
  ldev.commandFaults = rules.ofCommands(0x1a);
  const asked: string[] = [];
  /** What a dropped connection does to its tasks: ends them, unless another one may take them over. */
  let aborts = true;
  const owner: TaskOwner = {
    fetchDataOut(task, bytes) {
      task.dataOut.push(Buffer.alloc(bytes, 0x77));
      task.dataOutLength = bytes;
      task.dataOutArrived();
    },
    respond: () => asked.push('respond'),
    dropped: () => asked.push('dropped'),
    drop(task) {
      asked.push('drop');
      if (aborts) task.aborted = true;
    },
    stall: (_task, ms) => asked.push(`stall ${ms}`),
    respondCorrupted: (_task, digest) => asked.push(`corrupt ${digest}`),
  };
  const run = (cdb = WRITE, delegated = false): Task => {
    const task = new Task(owner, nexus, Buffer.alloc(8), cdb, 1, TaskAttribute.simple, 512, 0);
    task.delegated = delegated;
    task.onFinish = () => (task.aborted ? task.owner.dropped!(task) : task.owner.respond(task));
    prepare(test.unit, task);
    execute(test.unit, task);
    return task;
  };
  const written = () => test.layer.view(5, 1)[0] === 0x77;
  return { ...test, test, asked, rules, run, written, survive: () => (aborts = false) };
}

t.test('drop before: not carried out, unless the task lives on', async (t) => {
  const gone = stage({ command: 'any', connection: 'drop-before' });
  t.equal(gone.run().status, Status.taskAborted);
  t.same(gone.asked, ['drop', 'dropped']);
  t.notOk(gone.written());
  const alive = stage({ command: 'any', connection: 'drop-before' });
  alive.survive();
  t.equal(alive.run().status, Status.good);
  t.same(alive.asked, ['drop', 'respond']);
  t.ok(alive.written());
});

t.test('drop after, stall after, wrong digests: carried out, then its answer', async (t) => {
  const cases = [
    ['drop-after', ['drop', 'respond']],
    ['stall-after', ['stall null', 'respond']],
    ['corrupt-header-digest', ['corrupt header']],
    ['corrupt-data-digest', ['corrupt data']],
  ] as const;
  for (const [connection, expected] of cases) {
    const { run, written, asked } = stage({ command: 'WRITE', connection });
    run();
    t.ok(written(), connection);
    t.same(asked, expected);
  }
});

t.test('stall before: carried out after its time; without an end, when it is aborted never', async (t) => {
  const timed = stage({ command: 'WRITE', connection: 'stall-before', stallMs: 100 });
  timed.run();
  timed.test.clock.advance(99);
  t.notOk(timed.written());
  timed.test.clock.advance(1);
  t.ok(timed.written());
  t.same(timed.asked, ['stall 100', 'respond']);
  const endless = stage({ command: 'WRITE', connection: 'stall-before' });
  const task = endless.run();
  t.equal(endless.test.clock.pending, 0);
  task.aborted = true;
  task.onAbort!();
  t.ok(task.finished);
  t.notOk(endless.written());
});

t.test('an abort ends a delay, and its timer', async (t) => {
  const { run, test, written } = stage({ command: 'WRITE', delayMs: 50, effect: 'busy' });
  const task = run();
  task.aborted = true;
  task.onAbort!();
  t.equal(task.status, Status.taskAborted);
  t.equal(test.clock.pending, 0);
  t.notOk(written());
});

t.test('rules add up: delays, the first failure, the first fault of the connection', async (t) => {
  const { run, test, asked, rules } = stage(
    { command: 'any', delayMs: 10 },
    { command: '2a', delayMs: 20, effect: 'task-set-full' },
    { command: 'WRITE(10)', effect: 'busy', connection: 'drop-after' },
    { command: 'any', connection: 'stall-after' },
    { command: 'READ', effect: 'busy' },
  );
  const task = run();
  test.clock.advance(29);
  t.notOk(task.finished);
  test.clock.advance(1);
  t.equal(task.status, Status.taskSetFull);
  t.same(asked, ['drop', 'respond']);
  t.same(
    rules.list().map(({ hits }) => hits),
    [1, 1, 1, 1, 0],
  );
});

t.test('commands that nobody knows; none of the copy manager', async (t) => {
  const { run, written } = stage({ command: 'c5h', effect: 'busy' }, { command: 'WRITE', effect: 'busy' });
  t.equal(run(UNKNOWN).status, Status.busy);
  t.equal(run(WRITE, true).status, Status.good);
  t.ok(written());
});

t.test('a bounded rule covers commands whose blocks it touches', async (t) => {
  for (const [lba, blocks, status] of [
    [4, 1, Status.good],
    [5, 1, Status.busy],
    [0, 6, Status.busy],
    [6, 9, Status.good],
  ] as const) {
    const { run } = stage({ command: 'any', lba, blocks, effect: 'busy' });
    t.equal(run().status, status, `${lba} + ${blocks}`);
    t.equal(run(Buffer.alloc(16)).status, Status.checkCondition, 'no blocks, not covered (and not known here)');
  }
});

t.test('RECOVERED ERROR: the command is done, and says so', async (t) => {
  for (const effect of ['recovered-error', '1/17/01']) {
    const { run, written } = stage({ command: 'any', effect });
    const task = run();
    t.equal(task.status, Status.checkCondition);
    t.match(task.sense, { key: 1 });
    t.ok(written());
  }
  const { rules } = stage();
  t.throws(() => rules.add({ op: 'write', effect: 'recovered-error' }), {
    code: 'bad-fault',
    message: /name a command/,
  });
});
