/** Several connections of one session (RFC 7143 4.2.2, 6.3.4, 11.14), PDU by PDU. */
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type Bench, INITIATOR, openBench, TARGET } from './fixture.js';
import type { Host } from './host.js';

const { LogoutReason, LoginStatus, Opcode, RejectReason } = iscsi;
const names = { InitiatorName: INITIATOR, TargetName: TARGET };

/** One more connection of the session of `first`. */
async function join(bench: Bench, first: Host, cid: number, keys: Record<string, string> = {}): Promise<Host> {
  const host = await bench.connect();
  host.tsih = first.tsih;
  host.cmdSn = first.cmdSn;
  await host.login({ ...names, ...keys }, { cid });
  host.tag = 1000 * cid;
  return host;
}

async function pair(t: Test) {
  const bench = await openBench(t);
  const first = await bench.login({ MaxConnections: '2' });
  const second = await join(bench, first, 2);
  return { ...bench, first, second, bench };
}

const logout = (reason: number, cid: number) => ({
  immediate: true,
  reason,
  initiatorTaskTag: 99,
  cid,
  cmdSn: 1,
  expStatSn: 1,
});

t.test('as many as were agreed, in one nexus', async (t) => {
  const { port, channel, first, bench } = await pair(t);
  t.equal(first.answers.get('MaxConnections'), '2');
  t.match(port.sessions(), [{ connections: 2, maxConnections: 2 }]);
  t.equal(channel.nexuses.size, 1);
  const third = await bench.connect();
  third.tsih = first.tsih;
  t.equal((await third.exchange(names, { csg: 1, nsg: 3, cid: 3 })).status, LoginStatus.tooManyConnections);
});

t.test('each has StatSNs of its own, all have one sequence of CmdSNs', async (t) => {
  const { first, second } = await pair(t);
  first.scsi({ cmdSn: 1 });
  const one = await first.scsiResponse();
  second.scsi({ cmdSn: 2 });
  const two = await second.scsiResponse();
  t.equal(one.expCmdSn, 2);
  t.equal(two.expCmdSn, 3);
  t.equal(one.statSn, two.statSn, 'both logins said the same ExpStatSN');
});

t.test('commands are carried out in the order of their CmdSNs, whichever connection they come on', async (t) => {
  const { first, second, channel } = await pair(t);
  second.scsi({ cmdSn: 2 });
  second.scsi({ cmdSn: 4 });
  await second.ping();
  t.equal(channel.tasks.length, 0);
  first.scsi({ cmdSn: 1 });
  first.scsi({ cmdSn: 3 });
  for (const host of [first, first, second, second]) await host.scsiResponse();
  t.same(
    channel.tasks.map(({ tag }) => tag),
    [100, 1000 * 2, 101, 1000 * 2 + 1],
  );
});

t.test('data goes where the command went', async (t) => {
  const { first, second, channel } = await pair(t);
  channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, 512);
  };
  const { initiatorTaskTag } = first.scsi({ cmdSn: 1, write: true, expectedDataTransferLength: 512 });
  const { targetTransferTag } = await first.r2t();
  second.dataOut({ initiatorTaskTag, targetTransferTag }, Buffer.alloc(512));
  t.equal((await second.reject()).reason, RejectReason.protocolError);
  first.dataOut({ initiatorTaskTag, targetTransferTag }, Buffer.alloc(512));
  t.match(await first.scsiResponse(), { status: 0 });
});

t.test('task management reaches tasks of other connections', async (t) => {
  const { first, second, channel } = await pair(t);
  channel.run = () => {};
  const { initiatorTaskTag } = first.scsi({ cmdSn: 1 });
  await first.ping();
  second.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn: iscsi.TaskFunction.abortTask,
    lun: Buffer.alloc(8),
    initiatorTaskTag: 77,
    referencedTaskTag: initiatorTaskTag,
    cmdSn: 2,
    expStatSn: 1,
    refCmdSn: 1,
    expDataSn: 0,
  });
  const { bhs } = await second.expect(Opcode.taskManagementResponse);
  t.equal(iscsi.decodeTaskManagementResponse(bhs).response, iscsi.TaskFunctionResponse.complete);
  t.ok(channel.tasks[0]!.aborted);
});

t.test('logout of one connection: its tasks end, the session goes on', async (t) => {
  const { first, second, channel, port, bench } = await pair(t);
  channel.run = () => {};
  first.scsi({ cmdSn: 1 });
  second.scsi({ cmdSn: 2 });
  await second.ping();
  first.send(iscsi.encodeLogoutRequest, logout(LogoutReason.closeConnection, 1));
  await first.expect(Opcode.logoutResponse);
  await first.closed;
  t.match(channel.tasks, [{ aborted: true }, { aborted: false }]);
  t.match(port.sessions(), [{ connections: 1 }]);
  second.cmdSn = 3;
  await join(bench, second, 1);
  t.match(port.sessions(), [{ connections: 2 }], 'the CID is free again');
});

t.test('a connection is logged out by another', async (t) => {
  const { first, second, port } = await pair(t);
  second.send(iscsi.encodeLogoutRequest, logout(LogoutReason.closeConnection, 1));
  const { bhs } = await second.expect(Opcode.logoutResponse);
  t.equal(iscsi.decodeLogoutResponse(bhs).response, iscsi.LogoutResponseCode.closed);
  await first.closed;
  t.match(port.sessions(), [{ connections: 1 }]);
});

t.test('logout of the session ends all connections', async (t) => {
  const { first, second, port } = await pair(t);
  first.send(iscsi.encodeLogoutRequest, logout(LogoutReason.closeSession, 0));
  await first.expect(Opcode.logoutResponse);
  await Promise.all([first.closed, second.closed]);
  t.equal(port.stats().sessions, 0);
});

t.test('with ErrorRecoveryLevel 0 the session ends with any connection that breaks', async (t) => {
  const { first, second, port } = await pair(t);
  first.destroy();
  await second.closed;
  t.equal(port.stats().sessions, 0);
});

t.test('a connection in place of its own (same CID): the others stay', async (t) => {
  const { first, second, channel, port, bench } = await pair(t);
  channel.run = () => {};
  first.scsi({ cmdSn: 1 });
  second.scsi({ cmdSn: 2 });
  await second.ping();
  second.cmdSn = 3;
  await join(bench, second, 1);
  await first.closed;
  t.match(channel.tasks, [{ aborted: true }, { aborted: false }]);
  t.match(port.sessions(), [{ connections: 2 }]);
});

t.test('keys of the leading connection on another: confirmed if they come to what is in force', async (t) => {
  const { first, bench } = await pair(t);
  const host = await bench.connect();
  host.tsih = first.tsih;
  const over = { csg: 1, nsg: 3, cid: 2 };
  const { keys } = await host.exchange(
    { ...names, MaxConnections: '9', MaxBurstLength: '512', DataDigest: 'CRC32C' },
    over,
  );
  t.equal(keys.get('MaxConnections'), '2');
  t.equal(keys.get('MaxBurstLength'), 'Reject');
  t.equal(keys.get('DataDigest'), 'CRC32C');
});

t.test('a session that is dropped tells all its connections', async (t) => {
  const { first, second, port } = await pair(t);
  port.dropSession(first.tsih, null, 'dropped');
  for (const [host, cid] of [
    [first, 1],
    [second, 2],
  ] as const) {
    const message = iscsi.decodeAsyncMessage((await host.expect(Opcode.asyncMessage)).bhs);
    t.match(message, { event: iscsi.AsyncEvent.connectionDropped, parameter1: cid });
    await host.closed;
  }
});
