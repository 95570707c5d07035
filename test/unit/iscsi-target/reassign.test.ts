/** Connection recovery, PDU by PDU (RFC 7143 7.2.3, 11.5, 11.14, ErrorRecoveryLevel 2). */
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type Bench, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import { type Host, LUN0 } from './host.js';

const { LogoutReason, LogoutResponseCode, Opcode, TaskFunctionResponse } = iscsi;
const names = { InitiatorName: INITIATOR, TargetName: TARGET };
const data = Buffer.from(Array.from({ length: 2048 }, (_, index) => index & 0xff));

async function bench(t: Test, keys: Record<string, string> = {}) {
  const clock = new TestClock();
  const opened = await openBench(t, { clock });
  const offer = { ErrorRecoveryLevel: '2', MaxConnections: '2', MaxRecvDataSegmentLength: '512', ...keys };
  const host = await opened.login(offer);
  return { ...opened, bench: opened, clock, host };
}

/** A connection of the session of `old`: in its place, or another one. */
async function join({ connect }: Bench, old: Host, cid = 1): Promise<Host> {
  const host = await connect();
  host.tsih = old.tsih;
  host.cmdSn = old.cmdSn;
  host.tag = 1000;
  await host.login({ ...names, MaxRecvDataSegmentLength: '512' }, { cid });
  return host;
}

async function gone({ port }: Bench, host: Host): Promise<void> {
  const before = port.stats().connections;
  host.destroy();
  while (port.stats().connections === before) await new Promise(setImmediate);
}

async function reassign(host: Host, referencedTaskTag: number, expDataSn = 0): Promise<number> {
  host.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn: iscsi.TaskFunction.taskReassign,
    lun: LUN0,
    initiatorTaskTag: 7777,
    referencedTaskTag,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
    refCmdSn: 1,
    expDataSn,
  });
  const { bhs } = await host.expect(Opcode.taskManagementResponse);
  return iscsi.decodeTaskManagementResponse(bhs).response;
}

t.test('keys: what is retained, and one R2T at a time', async (t) => {
  const { host } = await bench(t, { DefaultTime2Retain: '60', MaxOutstandingR2T: '8' });
  t.equal(host.answers.get('DefaultTime2Retain'), '20');
  t.equal(host.answers.get('MaxOutstandingR2T'), '1');
});

t.test('a command that ends while nobody is there gives its data and status to who takes it up', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  channel.run = () => {};
  const { initiatorTaskTag } = host.scsi({ read: true, expectedDataTransferLength: 2048 });
  await host.ping();
  await gone(all, host);
  t.notOk(channel.tasks[0]!.aborted);
  channel.tasks[0]!.data([data], 2048, () => channel.released++);
  t.equal(channel.released, 0);
  const next = await join(all, host);
  t.equal(await reassign(next, initiatorTaskTag), TaskFunctionResponse.complete);
  for (let sn = 0; sn < 4; sn++) t.equal(iscsi.dataSn((await next.expect(Opcode.scsiDataIn)).bhs), sn);
  t.equal(channel.tasks.length, 1, 'it ran once');
});

t.test('an answer that was sent and not acknowledged is given again, from ExpDataSN on', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  channel.run = (task) => task.data([data], 2048, () => channel.released++);
  const { initiatorTaskTag } = host.scsi({ read: true, expectedDataTransferLength: 2048 });
  for (let sn = 0; sn < 4; sn++) await host.expect(Opcode.scsiDataIn);
  await gone(all, host);
  t.equal(channel.released, 0);
  const next = await join(all, host);
  t.equal(await reassign(next, initiatorTaskTag, 2), TaskFunctionResponse.complete);
  for (let sn = 2; sn < 4; sn++) {
    const { bhs } = await next.expect(Opcode.scsiDataIn);
    t.match(iscsi.decodeDataIn(bhs), { dataSn: sn, status: sn === 3 ? 0 : null });
  }
  next.expStatSn += 2;
  await next.ping();
  t.equal(channel.released, 1);
  t.equal(await reassign(next, initiatorTaskTag), TaskFunctionResponse.taskDoesNotExist);
});

t.test('a write goes on with an R2T for what is missing', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, 1024);
  };
  const { initiatorTaskTag } = host.scsi({ write: true, expectedDataTransferLength: 1024 });
  const { targetTransferTag } = await host.r2t();
  host.dataOut({ initiatorTaskTag, targetTransferTag, final: false }, data.subarray(0, 512));
  await host.ping();
  await gone(all, host);
  const next = await join(all, host);
  t.equal(await reassign(next, initiatorTaskTag), TaskFunctionResponse.complete);
  const r2t = await next.r2t();
  t.match(r2t, { bufferOffset: 512, desiredLength: 512, r2tSn: 1 });
  const rest = { initiatorTaskTag, targetTransferTag: r2t.targetTransferTag, bufferOffset: 512 };
  next.dataOut(rest, data.subarray(512, 1024));
  t.match(await next.scsiResponse(), { status: 0, initiatorTaskTag });
  t.same(Buffer.concat(channel.tasks[0]!.dataOut), data.subarray(0, 1024));
});

t.test('a command that waited for its turn is forgotten: it comes again', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  host.scsi({ cmdSn: 2, initiatorTaskTag: 5 });
  await host.ping();
  await gone(all, host);
  host.cmdSn = 1;
  const next = await join(all, host);
  t.equal(await reassign(next, 5), TaskFunctionResponse.taskDoesNotExist);
  next.scsi({ cmdSn: 1 });
  next.scsi({ cmdSn: 2, initiatorTaskTag: 5 });
  await next.scsiResponse();
  t.match(await next.scsiResponse(), { initiatorTaskTag: 5, status: 0 });
  t.equal(channel.tasks.length, 2);
});

t.test('Time2Retain passes: the session ends with its tasks', async (t) => {
  const { host, bench: all, channel, clock, port } = await bench(t);
  channel.run = () => {};
  host.scsi();
  await host.ping();
  await gone(all, host);
  clock.advance(21_000);
  t.match(port.sessions(), [{ connections: 0 }], 'Time2Wait is 2');
  clock.advance(2_000);
  t.equal(port.stats().sessions, 0);
  t.ok(channel.tasks[0]!.aborted);
  t.equal(channel.nexuses.size, 0);
});

t.test('Time2Retain passes while other connections are there: its tasks end, the session goes on', async (t) => {
  const { host, bench: all, channel, clock, port } = await bench(t);
  const other = await join(all, host, 2);
  channel.run = () => {};
  const { initiatorTaskTag } = host.scsi();
  await host.ping();
  await gone(all, host);
  t.notOk(channel.tasks[0]!.aborted);
  clock.advance(5_000);
  await other.ping();
  clock.advance(18_000);
  t.ok(channel.tasks[0]!.aborted);
  t.match(port.sessions(), [{ connections: 1 }]);
  await other.expect(Opcode.nopIn);
  t.equal(await reassign(other, initiatorTaskTag), TaskFunctionResponse.taskDoesNotExist);
});

t.test('logout "remove the connection for recovery", and the tasks go over', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  const other = await join(all, host, 2);
  channel.run = () => {};
  const { initiatorTaskTag } = host.scsi();
  await host.ping();
  t.equal(await reassign(other, initiatorTaskTag), TaskFunctionResponse.taskStillAllegiant);
  for (const [cid, response] of [
    [9, LogoutResponseCode.cidNotFound],
    [1, LogoutResponseCode.closed],
    [1, LogoutResponseCode.closed],
  ] as const) {
    const reason = LogoutReason.removeConnectionForRecovery;
    const fields = { immediate: true, reason, initiatorTaskTag: 98, cid, cmdSn: 2, expStatSn: other.expStatSn };
    other.send(iscsi.encodeLogoutRequest, fields);
    const { bhs } = await other.expect(Opcode.logoutResponse);
    t.equal(iscsi.decodeLogoutResponse(bhs).response, response, `CID ${cid}`);
  }
  await host.closed;
  t.equal(await reassign(other, initiatorTaskTag), TaskFunctionResponse.complete);
  channel.tasks[0]!.good();
  t.match(await other.scsiResponse(), { initiatorTaskTag, status: 0 });
});

t.test('a login with the CID of a connection that is still there takes its place; its tasks wait', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  channel.run = () => {};
  const { initiatorTaskTag } = host.scsi();
  await host.ping();
  const next = await join(all, host);
  await host.closed;
  t.notOk(channel.tasks[0]!.aborted);
  t.equal(await reassign(next, initiatorTaskTag), TaskFunctionResponse.complete);
});

t.test('a task that is aborted while nobody is there is not answered', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  const other = await join(all, host, 2);
  channel.run = () => {};
  const { initiatorTaskTag } = host.scsi();
  await host.ping();
  await gone(all, host);
  channel.tasks[0]!.good();
  other.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn: iscsi.TaskFunction.abortTask,
    lun: LUN0,
    initiatorTaskTag: 78,
    referencedTaskTag: initiatorTaskTag,
    cmdSn: 2,
    expStatSn: 1,
    refCmdSn: 1,
    expDataSn: 0,
  });
  const { bhs } = await other.expect(Opcode.taskManagementResponse);
  t.equal(iscsi.decodeTaskManagementResponse(bhs).response, TaskFunctionResponse.complete);
  t.equal(await reassign(other, initiatorTaskTag), TaskFunctionResponse.taskDoesNotExist);
});

t.test('below ErrorRecoveryLevel 2 there is no reassignment', async (t) => {
  const { host } = await bench(t, { ErrorRecoveryLevel: '1' });
  t.equal(host.answers.get('DefaultTime2Retain'), undefined);
  t.equal(await reassign(host, 1), TaskFunctionResponse.reassignmentNotSupported);
});

t.test('a session without connections ends with its host group, and with a new login of its host', async (t) => {
  const { host, bench: all, login, port, channel } = await bench(t);
  await gone(all, host);
  t.match(port.sessions(), [{ connections: 0 }]);
  t.ok(port.dropSession(host.tsih, null, 'dropped'));
  t.equal(port.stats().sessions, 0);
  const again = await login({ ErrorRecoveryLevel: '2' });
  await gone(all, again);
  await login();
  t.equal(port.stats().sessions, 1);
  t.equal(channel.nexuses.size, 1);
});

t.test('sessions without connections have an end: the oldest goes', async (t) => {
  const all = await openBench(t, { clock: new TestClock(), limits: { desertedSessions: 2 } });
  for (let i = 0; i < 4; i++) {
    const host = await all.connect();
    const isid = Buffer.from([0x40, 0, 1, 0x37, 0, i]);
    await host.login({ ...names, ErrorRecoveryLevel: '2' }, { isid });
    await gone(all, host);
  }
  t.same(
    all.port.sessions().map(({ tsih }) => tsih),
    [3, 4],
  );
  t.equal(all.channel.nexuses.size, 2);
});

t.test('connections that break again and again are not all waited for', async (t) => {
  const { host, bench: all, channel, port } = await bench(t);
  channel.run = () => {};
  host.scsi();
  await host.ping();
  let last = host;
  for (let i = 0; i < 17; i++) {
    await gone(all, last);
    last = await join(all, host);
  }
  t.ok(channel.tasks[0]!.aborted, 'the wait for the first has ended');
  t.match(port.sessions(), [{ connections: 1 }]);
});
