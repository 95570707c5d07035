/** Fault rules of task management, as a host meets them. */
import t, { type Test } from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { FaultRules } from '../../../target/volumes/layers/fault-rules.js';
import type { FaultSpec } from '../../../target/volumes/layers/fault-spec.js';
import { faultFunctions, faultResponses } from '../../../target/volumes/layers/function-faults.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { group, INITIATOR, openBench, TestClock } from './fixture.js';
import { type Host, LUN0 } from './host.js';

const { Opcode, RESERVED_TAG, TaskFunction, TaskFunctionResponse } = iscsi;
const LUN1 = Buffer.from('0001000000000000', 'hex');

async function bench(t: Test, ...specs: FaultSpec[]) {
  const clock = new TestClock();
  const faults = new FaultRules(
    () => true,
    () => {},
    seededRandom(1),
    clock,
  );
  for (const spec of specs) faults.add(spec);
  const opened = await openBench(t, { clock, judgeFunction: (facts) => faults.judgeFunction(facts) });
  opened.directory.groups = [
    group({
      luns: new Map([
        [0, 7],
        [1, 8],
      ]),
    }),
  ];
  const host = await opened.login({ iSCSIProtocolLevel: '2' });
  const managed = () => opened.channel.managed.map(({ fn }) => fn);
  return { ...opened, clock, faults, host, managed };
}

let tag = 0;

function manage(host: Host, fn: number, lun = LUN0): number {
  const { cmdSn, expStatSn } = host;
  const fields = { immediate: true, fn, lun, initiatorTaskTag: 7000 + ++tag, referencedTaskTag: RESERVED_TAG };
  host.send(iscsi.encodeTaskManagementRequest, { ...fields, cmdSn, expStatSn, refCmdSn: 1, expDataSn: 0 });
  return fields.initiatorTaskTag;
}

async function ask(host: Host, fn: number, lun = LUN0): Promise<number> {
  const asked = manage(host, fn, lun);
  const { initiatorTaskTag, response } = iscsi.decodeTaskManagementResponse(
    (await host.expect(Opcode.taskManagementResponse)).bhs,
  );
  if (initiatorTaskTag !== asked) throw new Error(`the response is one to ${initiatorTaskTag}`);
  return response;
}

for (const [response, { code }] of faultResponses) {
  t.test(`response ${response}`, async (t) => {
    const { host, managed, faults } = await bench(t, { function: 'abort-task-set', response, limit: 1 });
    if (code === null) {
      manage(host, TaskFunction.abortTaskSet);
      await host.ping();
      t.equal(host.unread, 0, 'nothing is answered');
    } else t.equal(await ask(host, TaskFunction.abortTaskSet), code);
    t.same(managed(), [], 'nothing is done');
    t.match(faults.list(), [{ hits: 1, fired: 1 }]);
    t.equal(await ask(host, TaskFunction.abortTaskSet), TaskFunctionResponse.complete);
    t.same(managed(), ['abort-task-set']);
    t.match(faults.list(), [{ hits: 2, fired: 1 }]);
  });
}

t.test('each function by its name, and any', async (t) => {
  for (const [name, code] of faultFunctions) {
    if (code === null) continue;
    const { host, faults } = await bench(
      t,
      { function: name, response: 'rejected' },
      { function: 'any', delayMs: 0, probability: 1 },
    );
    t.equal(await ask(host, code), TaskFunctionResponse.rejected, name);
    const other = name === 'clear-aca' ? TaskFunction.clearTaskSet : TaskFunction.clearAca;
    t.equal(await ask(host, other), TaskFunctionResponse.complete);
    t.match(faults.list(), [{ hits: 1 }, { hits: 2 }], name);
  }
});

t.test('by LDEV, initiator and port; a function of the whole target is of no LDEV', async (t) => {
  const response = 'rejected';
  const rules: FaultSpec[] = [
    { function: 'any', ldev: 8, response },
    { function: 'any', initiator: 'iqn.2026-01.org.example:other', response },
    { function: 'any', port: 'CL2-A', response },
  ];
  const { host, faults } = await bench(t, ...rules);
  const { complete, rejected } = TaskFunctionResponse;
  t.equal(await ask(host, TaskFunction.logicalUnitReset, LUN0), complete);
  t.equal(await ask(host, TaskFunction.logicalUnitReset, LUN1), rejected);
  t.equal(await ask(host, TaskFunction.targetWarmReset, LUN1), complete);
  faults.clear();
  faults.add({ function: 'any', initiator: INITIATOR, port: 'CL1-A', response });
  t.equal(await ask(host, TaskFunction.targetWarmReset), rejected);
});

t.test('delays add up; the first response holds', async (t) => {
  const { host, clock, managed } = await bench(
    t,
    { function: 'clear-aca', delayMs: 300 },
    { function: 'any', delayMs: 200, response: 'lun-does-not-exist' },
    { function: 'any', response: 'rejected' },
  );
  const response = ask(host, TaskFunction.clearAca);
  await new Promise((passed) => setTimeout(passed, 10));
  clock.advance(499);
  t.equal(host.unread, 0);
  clock.advance(2);
  t.equal(await response, TaskFunctionResponse.lunDoesNotExist);
  t.same(managed(), []);
});

t.test('what is delayed is forgotten with its connection, and has its place among what is outstanding', async (t) => {
  const { host, clock, managed, login } = await bench(t, { function: 'any', delayMs: 1000 });
  for (let i = 0; i < 32; i++) manage(host, TaskFunction.logicalUnitReset);
  manage(host, TaskFunction.logicalUnitReset);
  t.equal((await host.reject()).reason, iscsi.RejectReason.tooManyImmediateCommands);
  host.destroy();
  await host.closed;
  const other = await login();
  clock.advance(2000);
  await other.ping();
  t.same(managed(), []);
});

t.test('the connection is dropped before it is done, or after', async (t) => {
  for (const [connection, done] of [
    ['drop-before', []],
    ['drop-after', ['logical-unit-reset']],
  ] as const) {
    const { host, managed } = await bench(t, { function: 'logical-unit-reset', connection });
    manage(host, TaskFunction.logicalUnitReset);
    t.equal(await host.next(), null, 'nothing is answered');
    t.same(managed(), done, connection);
  }
});

t.test('the connection stalls', async (t) => {
  for (const connection of ['stall-before', 'stall-after'] as const) {
    const { host, managed, clock } = await bench(t, { function: 'abort-task-set', connection, stallMs: 500 });
    const response = ask(host, TaskFunction.abortTaskSet);
    while (managed().length === 0) await new Promise(setImmediate);
    await new Promise((passed) => setTimeout(passed, 10));
    t.equal(host.unread, 0);
    clock.advance(501);
    t.equal(await response, TaskFunctionResponse.complete, connection);
  }
});
