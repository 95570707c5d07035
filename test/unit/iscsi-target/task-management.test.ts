import t from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { group, openBench } from './fixture.js';
import type { Host } from './host.js';

const { TaskFunction, TaskFunctionResponse } = iscsi;
const lun1 = Buffer.from('0001000000000000', 'hex');

async function manage(host: Host, fn: number, over: Partial<iscsi.TaskManagementRequest> = {}): Promise<number> {
  host.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn,
    lun: Buffer.alloc(8),
    initiatorTaskTag: host.tag++,
    referencedTaskTag: iscsi.RESERVED_TAG,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
    refCmdSn: 0,
    expDataSn: 0,
    ...over,
  });
  const { bhs } = await host.expect(iscsi.Opcode.taskManagementResponse);
  return iscsi.decodeTaskManagementResponse(bhs).response;
}

for (const [fn, name] of [
  [TaskFunction.abortTaskSet, 'abort-task-set'],
  [TaskFunction.clearAca, 'clear-aca'],
  [TaskFunction.clearTaskSet, 'clear-task-set'],
  [TaskFunction.logicalUnitReset, 'logical-unit-reset'],
  [TaskFunction.targetWarmReset, 'target-warm-reset'],
] as const) {
  t.test(`${name} reaches the channel adapter`, async (t) => {
    const { login, channel } = await openBench(t);
    const host = await login();
    t.equal(await manage(host, fn, { lun: lun1 }), TaskFunctionResponse.complete);
    t.same(channel.managed, [{ fn: name, lun: '0001000000000000', tag: null }]);
    for (const [outcome, response] of [
      ['lun-not-found', TaskFunctionResponse.lunDoesNotExist],
      ['not-supported', TaskFunctionResponse.functionNotSupported],
      ['rejected', TaskFunctionResponse.rejected],
    ] as const) {
      channel.outcome = outcome;
      t.equal(await manage(host, fn), response);
    }
  });
}

for (const fn of [0, TaskFunction.queryTask, TaskFunction.queryTaskSet, TaskFunction.itNexusReset, 99]) {
  t.test(`${iscsi.taskFunctionName(fn)} is not supported`, async (t) => {
    const { login, channel } = await openBench(t);
    t.equal(await manage(await login(), fn), TaskFunctionResponse.functionNotSupported);
    t.equal(channel.managed.length, 0);
  });
}

t.test('the functions of RFC 7144, at iSCSIProtocolLevel 2', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login({ iSCSIProtocolLevel: '2' });
  for (const [fn, name] of [
    [TaskFunction.queryTask, 'query-task'],
    [TaskFunction.queryTaskSet, 'query-task-set'],
    [TaskFunction.itNexusReset, 'i-t-nexus-reset'],
    [TaskFunction.queryAsynchronousEvent, 'query-asynchronous-event'],
  ] as const) {
    t.equal(await manage(host, fn, { referencedTaskTag: 77 }), TaskFunctionResponse.complete);
    t.match(channel.managed.pop(), { fn: name, tag: fn === TaskFunction.queryTask ? 77 : null });
    channel.outcome = 'succeeded';
    t.equal(await manage(host, fn), TaskFunctionResponse.succeeded);
    channel.outcome = 'complete';
  }
  channel.manage = (_nexus, _fn, _lun, _tag, done) => done('succeeded', 0x162a09);
  host.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn: TaskFunction.queryAsynchronousEvent,
    lun: Buffer.alloc(8),
    initiatorTaskTag: host.tag++,
    referencedTaskTag: iscsi.RESERVED_TAG,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
    refCmdSn: 0,
    expDataSn: 0,
  });
  const { bhs } = await host.expect(iscsi.Opcode.taskManagementResponse);
  t.equal(bhs.toString('hex', 8, 11), '162a09');
});

t.test('queries find what waits in the session', async (t) => {
  const { login } = await openBench(t);
  const host = await login({ iSCSIProtocolLevel: '2' });
  // Out of order: its turn does not come.
  const { initiatorTaskTag } = host.scsi({ cmdSn: 9 });
  const query = (fn: number, over = {}) => manage(host, fn, { referencedTaskTag: initiatorTaskTag, ...over });
  t.equal(await query(TaskFunction.queryTask), TaskFunctionResponse.succeeded);
  t.equal(await query(TaskFunction.queryTaskSet), TaskFunctionResponse.succeeded);
  t.equal(await query(TaskFunction.queryTask, { lun: lun1 }), TaskFunctionResponse.complete);
  t.equal(await query(TaskFunction.queryTaskSet, { lun: lun1 }), TaskFunctionResponse.complete);
});

t.test('task reassign: not at ErrorRecoveryLevel 0', async (t) => {
  const { login } = await openBench(t);
  t.equal(await manage(await login(), TaskFunction.taskReassign), TaskFunctionResponse.reassignmentNotSupported);
});

t.test('abort task: no response for it, its place is free', async (t) => {
  const { login, channel, port } = await openBench(t);
  const host = await login();
  channel.run = () => {};
  const { initiatorTaskTag } = host.scsi();
  t.equal(await manage(host, TaskFunction.abortTask, { referencedTaskTag: initiatorTaskTag, refCmdSn: 1 }), 0);
  t.same(channel.managed, [{ fn: 'abort-task', lun: '0000000000000000', tag: initiatorTaskTag }]);
  await host.ping();
  t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
  channel.run = (task) => task.good();
  host.scsi({ initiatorTaskTag });
  t.match(await host.scsiResponse(), { status: 0 });
});

t.test('abort task: a task that is over, never was, or is another LUN’s', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  const over = host.scsi();
  await host.scsiResponse();
  const absent = TaskFunctionResponse.taskDoesNotExist;
  t.equal(
    await manage(host, TaskFunction.abortTask, { referencedTaskTag: over.initiatorTaskTag, refCmdSn: 1 }),
    absent,
  );
  t.equal(await manage(host, TaskFunction.abortTask, { referencedTaskTag: 4711, refCmdSn: 0x70000000 }), absent);
  channel.run = () => {};
  const running = host.scsi();
  const request = { referencedTaskTag: running.initiatorTaskTag, refCmdSn: 2, lun: lun1 };
  t.equal(await manage(host, TaskFunction.abortTask, request), absent);
  t.equal(channel.managed.length, 0);
});

t.test('abort task for a command that has not come: its CmdSN counts as received', async (t) => {
  const { login } = await openBench(t);
  const host = await login();
  host.scsi({ cmdSn: 2 });
  const request = { referencedTaskTag: 50, refCmdSn: 1, cmdSn: 3 };
  t.equal(await manage(host, TaskFunction.abortTask, request), TaskFunctionResponse.complete);
  t.match(await host.scsiResponse(), { expCmdSn: 3, maxCmdSn: 130 });
});

t.test('abort task for a command that waits for its turn', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  host.scsi({ cmdSn: 2, initiatorTaskTag: 20 });
  t.equal(await manage(host, TaskFunction.abortTask, { referencedTaskTag: 20, refCmdSn: 2, cmdSn: 3 }), 0);
  host.scsi({ cmdSn: 1, initiatorTaskTag: 10 });
  t.match(await host.scsiResponse(), { initiatorTaskTag: 10 });
  t.match(iscsi.decodeTextResponse((await host.ping()).bhs), { expCmdSn: 3, maxCmdSn: 130 });
  t.same(
    channel.tasks.map((task) => task.tag),
    [10],
  );
});

t.test('abort task for one refused and waiting for the end of its data', async (t) => {
  const { login, port } = await openBench(t);
  const host = await login({ InitialR2T: 'Yes' });
  const { initiatorTaskTag } = host.scsi({ write: true, final: false, expectedDataTransferLength: 512 });
  t.equal(await manage(host, TaskFunction.abortTask, { referencedTaskTag: initiatorTaskTag, refCmdSn: 1 }), 0);
  host.dataOut({ initiatorTaskTag }, Buffer.alloc(512));
  await host.ping();
  t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
  t.equal(port.stats().rejects, 0);
});

t.test('abort task set takes older commands along that wait for their turn', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  host.scsi({ cmdSn: 2, initiatorTaskTag: 20 });
  host.scsi({ cmdSn: 3, initiatorTaskTag: 30, lun: lun1 });
  t.equal(await manage(host, TaskFunction.abortTaskSet, { cmdSn: 4 }), 0);
  host.scsi({ cmdSn: 1, initiatorTaskTag: 10 });
  await host.scsiResponse();
  t.match(await host.scsiResponse(), { initiatorTaskTag: 30 });
  t.same(
    channel.tasks.map((task) => task.tag),
    [10, 30],
  );
});

t.test('in CmdSN order when not immediate', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  const response = manage(host, TaskFunction.abortTaskSet, { immediate: false, cmdSn: 2 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(channel.managed.length, 0);
  channel.run = () => {};
  host.scsi({ cmdSn: 1 });
  t.equal(await response, 0);
  t.equal(channel.managed.length, 1);
});

t.test('target cold reset ends all sessions of the target', async (t) => {
  const { login, connect, port, directory, channel } = await openBench(t);
  const other = group({ id: 2, target: 'iqn.2026-01.org.example:array.other' });
  directory.groups = [group(), other];
  const host = await login();
  const unconcerned = await connect();
  await unconcerned.login({ InitiatorName: 'iqn.2026-01.org.example:b', TargetName: other.target });
  t.equal(await manage(host, TaskFunction.targetColdReset), 0);
  const { bhs } = await host.expect(iscsi.Opcode.asyncMessage);
  t.match(iscsi.decodeAsyncMessage(bhs), { event: iscsi.AsyncEvent.connectionDropped, parameter1: 1 });
  t.equal(await host.next(), null);
  await unconcerned.ping();
  t.equal(port.stats().sessions, 1);
  t.equal(channel.nexuses.size, 1);
});
