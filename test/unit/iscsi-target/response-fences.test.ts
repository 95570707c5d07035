/**
 * Responses of task management that come after all that was sent before on other connections of the session
 * (Response Fence, RFC 7143 4.2.2.3.3).
 */
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type Bench, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import { type Host, LUN0 } from './host.js';

const { Opcode, RESERVED_TAG, TaskFunction, TaskFunctionResponse } = iscsi;

/** Two connections of a session; a status was sent on the second. */
async function pair(t: Test, level: string) {
  const clock = new TestClock();
  const bench = await openBench(t, { clock });
  const first = await bench.login({ MaxConnections: '3', ErrorRecoveryLevel: level, iSCSIProtocolLevel: '2' });
  const second = await join(bench, first, 2);
  second.scsi();
  await second.expect(Opcode.scsiResponse);
  first.cmdSn = second.cmdSn;
  return { bench, clock, first, second, channel: bench.channel };
}

async function join(bench: Bench, first: Host, cid: number): Promise<Host> {
  const host = await bench.connect();
  host.tsih = first.tsih;
  host.cmdSn = first.cmdSn;
  host.tag = 1000 * cid;
  await host.login({ InitiatorName: INITIATOR, TargetName: TARGET }, { cid });
  return host;
}

function manage(host: Host, fn: number): void {
  const { cmdSn, expStatSn } = host;
  const fields = { immediate: true, fn, lun: LUN0, initiatorTaskTag: 7777, referencedTaskTag: RESERVED_TAG };
  host.send(iscsi.encodeTaskManagementRequest, { ...fields, cmdSn, expStatSn, refCmdSn: 1, expDataSn: 0 });
}

/** Answers the ping that asks what has arrived. */
async function answer(host: Host, expStatSn: number): Promise<void> {
  const { targetTransferTag } = iscsi.decodeTextResponse((await host.expect(Opcode.nopIn)).bhs);
  const fields = { immediate: true, lun: LUN0, initiatorTaskTag: RESERVED_TAG, targetTransferTag };
  host.send(iscsi.encodeNopOut, { ...fields, cmdSn: host.cmdSn, expStatSn });
}

async function responseOf(host: Host): Promise<number> {
  return iscsi.decodeTaskManagementResponse((await host.expect(Opcode.taskManagementResponse)).bhs).response;
}

/** Nothing has come by the time that a ping on `other` is answered twice. */
async function silent(t: Test, host: Host, other: Host): Promise<void> {
  for (let i = 0; i < 2; i++) await other.ping();
  t.equal(host.unread, 0);
}

for (const level of ['0', '1', '2']) {
  t.test(`level ${level}: the response waits for what another connection has not acknowledged`, async (t) => {
    const { first, second, channel } = await pair(t, level);
    manage(first, TaskFunction.logicalUnitReset);
    await answer(second, second.expStatSn);
    await silent(t, first, second);
    t.match(channel.managed, [{ fn: 'logical-unit-reset' }], 'it is done already');
    // The answers to the pings have StatSNs, too, but were sent later.
    second.expStatSn++;
    await second.ping();
    t.equal(await responseOf(first), TaskFunctionResponse.complete);
  });
}

t.test('which functions wait', async (t) => {
  const { first, second } = await pair(t, '0');
  for (const fn of [TaskFunction.queryTaskSet, TaskFunction.queryAsynchronousEvent, TaskFunction.queryTask]) {
    manage(first, fn);
    await responseOf(first);
  }
  for (const fn of [
    TaskFunction.abortTaskSet,
    TaskFunction.clearAca,
    TaskFunction.clearTaskSet,
    TaskFunction.targetWarmReset,
    TaskFunction.itNexusReset,
  ]) {
    manage(first, fn);
    await answer(second, second.expStatSn);
    await silent(t, first, second);
    second.expStatSn += 3;
    await second.ping();
    t.equal(await responseOf(first), TaskFunctionResponse.complete, String(fn));
  }
});

t.test('all other connections must have acknowledged', async (t) => {
  const { bench, first, second } = await pair(t, '0');
  const third = await join(bench, first, 3);
  manage(first, TaskFunction.abortTaskSet);
  await answer(third, third.expStatSn);
  await silent(t, first, third);
  await answer(second, second.expStatSn + 1);
  t.equal(await responseOf(first), TaskFunctionResponse.complete);
});

t.test('the wait has an end', async (t) => {
  const { bench, clock, first, second } = await pair(t, '0');
  manage(first, TaskFunction.logicalUnitReset);
  await second.expect(Opcode.nopIn);
  clock.advance(4_900);
  t.equal(first.unread, 0);
  clock.advance(200);
  t.equal(await responseOf(first), TaskFunctionResponse.complete);
  t.ok(bench.lines.some((line) => line.includes('does not acknowledge what was sent')));
});

t.test('a connection that is gone is not waited for', async (t) => {
  const { first, second } = await pair(t, '2');
  manage(first, TaskFunction.logicalUnitReset);
  await second.expect(Opcode.nopIn);
  second.destroy();
  t.equal(await responseOf(first), TaskFunctionResponse.complete);
});

t.test('TARGET COLD RESET ends the session once its response was sent; nothing is left behind', async (t) => {
  const { bench, first, second } = await pair(t, '0');
  manage(first, TaskFunction.targetColdReset);
  await second.expect(Opcode.nopIn);
  t.equal(bench.port.stats().sessions, 1);
  second.destroy();
  await first.closed;
  t.equal(bench.port.stats().sessions, 0);
});

t.test('a session that ends while a response waits', async (t) => {
  const { bench, clock, first, second } = await pair(t, '0');
  manage(first, TaskFunction.logicalUnitReset);
  await second.expect(Opcode.nopIn);
  bench.port.dropSession(first.tsih, null, 'dropped');
  clock.advance(10_000);
  await first.closed;
  t.notOk(bench.lines.some((line) => line.includes('does not acknowledge')));
});

t.test('with one connection nothing is asked', async (t) => {
  const bench = await openBench(t);
  const host = await bench.login();
  host.scsi();
  await host.expect(Opcode.scsiResponse);
  manage(host, TaskFunction.logicalUnitReset);
  t.equal(await responseOf(host), TaskFunctionResponse.complete);
});
