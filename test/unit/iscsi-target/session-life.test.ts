import t from 'tap';
import { satisfies } from '../../../target/ports/iscsi/security.js';
import { Status } from '../../../target/scsi/task.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { group, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';

const names = { InitiatorName: INITIATOR, TargetName: TARGET };

const logout = (reason: number, cid = 1) => ({
  immediate: true,
  reason,
  initiatorTaskTag: 99,
  cid,
  cmdSn: 1,
  expStatSn: 1,
});

for (const [name, reason, cid] of [
  ['session', iscsi.LogoutReason.closeSession, 0],
  ['connection', iscsi.LogoutReason.closeConnection, 1],
] as const) {
  t.test(`logout: close the ${name}`, async (t) => {
    const { login, port, channel } = await openBench(t);
    const host = await login();
    channel.run = () => {};
    host.scsi();
    host.send(iscsi.encodeLogoutRequest, logout(reason, cid));
    const { bhs } = await host.expect(iscsi.Opcode.logoutResponse);
    t.match(iscsi.decodeLogoutResponse(bhs), { response: 0, initiatorTaskTag: 99, time2Retain: 0 });
    t.equal(await host.next(), null);
    t.match(port.stats(), { sessions: 0 });
    t.ok(channel.tasks[0]!.aborted, 'its task went with it');
    t.equal(channel.nexuses.size, 0);
  });
}

for (const [name, reason, cid, response] of [
  ['unknown CID', iscsi.LogoutReason.closeConnection, 7, iscsi.LogoutResponseCode.cidNotFound],
  ['recovery', iscsi.LogoutReason.removeConnectionForRecovery, 1, iscsi.LogoutResponseCode.recoveryNotSupported],
  ['unknown reason', 9, 1, iscsi.LogoutResponseCode.cleanupFailed],
] as const) {
  t.test(`logout: ${name}`, async (t) => {
    const { login } = await openBench(t);
    const host = await login();
    host.send(iscsi.encodeLogoutRequest, logout(reason, cid));
    const { bhs } = await host.expect(iscsi.Opcode.logoutResponse);
    t.equal(iscsi.decodeLogoutResponse(bhs).response, response);
    await host.ping();
  });
}

t.test('logout in turn with commands before it', async (t) => {
  const { login } = await openBench(t);
  const host = await login();
  host.send(iscsi.encodeLogoutRequest, { ...logout(0), immediate: false, cmdSn: 2 });
  host.scsi({ cmdSn: 1 });
  await host.scsiResponse();
  await host.expect(iscsi.Opcode.logoutResponse);
  await host.closed;
});

t.test('session reinstatement: the same initiator port logs in anew', async (t) => {
  const { login, port, channel } = await openBench(t);
  const old = await login();
  channel.run = () => {};
  old.scsi();
  await old.ping();
  const [nexus] = channel.nexuses;
  const host = await login();
  t.equal(await old.next(), null, 'the old connection is closed');
  t.not([...channel.nexuses][0], nexus, 'another nexus');
  t.ok(channel.tasks[0]!.aborted);
  t.match(port.sessions(), [{ tsih: 2 }]);
  await host.ping();
});

t.test('another ISID is another session', async (t) => {
  const { login, connect, port } = await openBench(t);
  const first = await login();
  const second = await connect();
  await second.login(names, { isid: Buffer.from('400001370001', 'hex') });
  await first.ping();
  await second.ping();
  t.equal(port.stats().sessions, 2);
});

t.test('connection reinstatement: the session stays, its tasks end', async (t) => {
  const { login, connect, port, channel } = await openBench(t);
  const old = await login();
  channel.run = () => {};
  old.scsi();
  await old.ping();
  const [nexus] = channel.nexuses;
  const host = await connect();
  host.tsih = old.tsih;
  host.cmdSn = 2;
  host.tag = 500;
  await host.login(names);
  t.equal(await old.next(), null);
  t.equal([...channel.nexuses][0], nexus, 'the same nexus');
  t.ok(channel.tasks[0]!.aborted);
  t.match(port.sessions(), [{ tsih: old.tsih, commandsOutstanding: 0 }]);
  channel.run = (task) => task.good();
  host.scsi();
  t.match(await host.scsiResponse(), { status: 0, expCmdSn: 3, maxCmdSn: 130 });
});

t.test('connection reinstatement: a command that goes on because another was aborted is not answered', async (t) => {
  const { login, connect, channel } = await openBench(t);
  const old = await login();
  channel.run = (task) => {
    if (channel.tasks.length > 1) return;
    const finish = task.onFinish!;
    task.onFinish = (aborted) => {
      finish(aborted);
      channel.tasks[1]!.good();
    };
  };
  for (let i = 0; i < 3; i++) old.scsi();
  await old.ping();
  const host = await connect();
  host.tsih = old.tsih;
  host.cmdSn = old.cmdSn;
  await host.login(names);
  t.match(channel.tasks, [{ aborted: true }, { aborted: false, finished: true }, { aborted: true }]);
  channel.run = (task) => task.good();
  const { initiatorTaskTag } = host.scsi();
  t.match(await host.scsiResponse(), { initiatorTaskTag, status: 0 });
});

t.test(
  'connection reinstatement: a refused command that is being aborted is not answered on the new one',
  async (t) => {
    const { login, connect, channel } = await openBench(t);
    const old = await login();
    channel.run = (task) => task.owner.fetchDataOut(task, 1024);
    // The abort takes its time.
    channel.abort = (task) => {
      task.aborted = true;
    };
    const { initiatorTaskTag } = old.scsi({ write: true, expectedDataTransferLength: 1024 });
    const r2t = iscsi.decodeR2t((await old.expect(iscsi.Opcode.r2t)).bhs);
    const over = {
      initiatorTaskTag,
      targetTransferTag: r2t.targetTransferTag,
      final: true,
      dataSn: 5,
      bufferOffset: 0,
    };
    old.dataOut(over, Buffer.alloc(1024));
    await old.expect(iscsi.Opcode.reject);
    t.match(channel.managed, [{ fn: 'abort-task' }]);
    const host = await connect();
    host.tsih = old.tsih;
    host.cmdSn = old.cmdSn;
    await host.login(names);
    channel.tasks[0]!.fail(Status.taskAborted);
    await host.ping();
    t.equal(host.unread, 0);
  },
);

t.test('connection reinstatement: what ends later is not answered, and its tag and place are free', async (t) => {
  const { login, connect, channel, port } = await openBench(t);
  const old = await login();
  channel.run = () => {};
  // Carried out below, and aborted by somebody else before.
  channel.abort = () => {};
  const { initiatorTaskTag } = old.scsi();
  await old.ping();
  const host = await connect();
  host.tsih = old.tsih;
  host.cmdSn = old.cmdSn;
  host.tag = initiatorTaskTag;
  await host.login(names);
  t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
  channel.run = (task) => task.good();
  t.equal(host.scsi().initiatorTaskTag, initiatorTaskTag);
  t.match(await host.scsiResponse(), { initiatorTaskTag, status: 0 });
  channel.tasks[0]!.good();
  await host.ping();
  t.equal(host.unread, 0);
});

for (const [why, over, status] of [
  ['another CID: one connection per session', { cid: 2 }, iscsi.LoginStatus.tooManyConnections],
  ['another ISID', { isid: Buffer.alloc(6) }, iscsi.LoginStatus.sessionDoesNotExist],
  ['another TSIH', { tsih: 77 }, iscsi.LoginStatus.sessionDoesNotExist],
] as const) {
  t.test(`login into a session, ${why}`, async (t) => {
    const { login, connect } = await openBench(t);
    const old = await login();
    const host = await connect();
    host.tsih = old.tsih;
    t.equal((await host.exchange(names, { csg: 1, nsg: 3, ...over })).status, status);
    await old.ping();
  });
}

t.test('a silent host is pinged; if it answers it stays', async (t) => {
  const clock = new TestClock();
  const { login } = await openBench(t, { clock });
  const host = await login();
  for (let i = 0; i < 3; i++) {
    clock.advance(16_500);
    const { bhs } = await host.expect(iscsi.Opcode.nopIn);
    const ping = iscsi.decodeTextResponse(bhs);
    t.equal(ping.initiatorTaskTag, iscsi.RESERVED_TAG);
    t.not(ping.targetTransferTag, iscsi.RESERVED_TAG);
    host.send(iscsi.encodeNopOut, {
      immediate: true,
      lun: Buffer.alloc(8),
      initiatorTaskTag: iscsi.RESERVED_TAG,
      targetTransferTag: ping.targetTransferTag,
      cmdSn: 1,
      expStatSn: ping.statSn,
    });
    await host.ping();
  }
  t.equal(host.unread, 0, 'its answers got none');
});

t.test('if it does not, it is dropped', async (t) => {
  const clock = new TestClock();
  const { login, lines, port } = await openBench(t, { clock });
  const host = await login();
  clock.advance(16_500);
  await host.expect(iscsi.Opcode.nopIn);
  clock.advance(16_500);
  t.equal(await host.next(), null);
  t.ok(lines.some((line) => line.includes('does not answer')));
  t.match(port.stats(), { sessions: 0, connectionsDropped: 1 });
});

t.test('an idle discovery session is dropped', async (t) => {
  const clock = new TestClock();
  const { connect } = await openBench(t, { clock });
  const host = await connect();
  await host.login({ InitiatorName: INITIATOR, SessionType: 'Discovery' });
  clock.advance(16_500);
  t.equal(await host.next(), null);
});

t.test('NOP-Out: data comes back, cut to what the host takes', async (t) => {
  const { login } = await openBench(t);
  const host = await login({ MaxRecvDataSegmentLength: '512' });
  t.equal((await host.ping(Buffer.from('abcde'))).data.toString(), 'abcde');
  t.equal((await host.ping(Buffer.alloc(4000, 1))).data.length, 512);
});

t.test('a lost connection takes tasks and nexus along', async (t) => {
  const { login, port, channel } = await openBench(t);
  const host = await login();
  channel.run = () => {};
  host.scsi();
  host.scsi({ read: true, expectedDataTransferLength: 512 });
  await host.ping();
  host.socket.resetAndDestroy();
  while (port.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve));
  t.equal(channel.nexuses.size, 0);
  t.ok(channel.tasks.every((task) => task.aborted));
  t.equal(port.stats().sessions, 0);
});

t.test('half-closed by the host', async (t) => {
  const { login, port, channel } = await openBench(t);
  const host = await login();
  host.socket.end();
  await host.closed;
  t.equal(port.stats().sessions, 0);
  t.equal(channel.nexuses.size, 0);
});

t.test('the host group goes: its sessions are told and ended', async (t) => {
  const { login, directory, port } = await openBench(t);
  const host = await login();
  directory.emit('host-group-removed', directory.groups[0]);
  const { bhs } = await host.expect(iscsi.Opcode.asyncMessage);
  t.match(iscsi.decodeAsyncMessage(bhs), { event: iscsi.AsyncEvent.connectionDropped });
  t.equal(await host.next(), null);
  t.equal(port.stats().sessions, 0);
});

t.test('an initiator that is no longer admitted is put out', async (t) => {
  const { login, directory } = await openBench(t);
  const host = await login();
  const [target] = directory.groups;
  directory.emit('admission-changed', target);
  await host.ping();
  Object.assign(target!, { ...group(), initiators: ['iqn.2026-01.org.example:other'] });
  directory.emit('admission-changed', target);
  await host.expect(iscsi.Opcode.asyncMessage);
  t.equal(await host.next(), null);
});

t.test(
  'a host that has proved less than is asked for by now is asked to log out, and put out after a time',
  async (t) => {
    const clock = new TestClock();
    const { login, directory, port } = await openBench(t, { clock });
    const { logoutRequested, connectionDropped } = iscsi.AsyncEvent;
    const [target] = directory.groups;
    const raise = (auth: string) => {
      Object.assign(target!, { auth });
      directory.emit('admission-changed', target);
    };
    const host = await login();
    const event = async () => iscsi.decodeAsyncMessage((await host.expect(iscsi.Opcode.asyncMessage)).bhs);
    raise('chap');
    t.match(await event(), { event: logoutRequested, parameter3: 10 });
    clock.advance(9_000);
    raise('none');
    clock.advance(2_000);
    await host.ping();
    raise('mutual-chap');
    t.match(await event(), { event: logoutRequested });
    clock.advance(10_000);
    t.match(await event(), { event: connectionDropped });
    t.equal(await host.next(), null);
    t.equal(port.stats().sessions, 0);
  },
);

t.test('which proof is enough', (t) => {
  const methods = ['none', 'chap', 'mutual-chap'] as const;
  for (const [proved, enough] of methods.map((proved, index) => [proved, methods.slice(0, index + 1)] as const)) {
    for (const demanded of methods) {
      t.equal(satisfies(proved, demanded), enough.includes(demanded), `${proved} for ${demanded}`);
    }
  }
  t.end();
});

t.test('a session is dropped: its host is told, and may come back', async (t) => {
  const { login, port, channel } = await openBench(t);
  const host = await login();
  t.notOk(port.dropSession(77, null, 'dropped'));
  t.ok(port.dropSession(host.tsih, null, 'dropped'));
  const { bhs } = await host.expect(iscsi.Opcode.asyncMessage);
  t.match(iscsi.decodeAsyncMessage(bhs), { event: iscsi.AsyncEvent.connectionDropped, parameter1: 1 });
  t.equal(await host.next(), null);
  t.equal(channel.nexuses.size, 0);
  await (await login()).ping();
});

t.test('a host is asked to log out, and dropped when it does not', async (t) => {
  const clock = new TestClock();
  const { login, port } = await openBench(t, { clock });
  const host = await login();
  t.ok(port.dropSession(host.tsih, 5, 'dropped'));
  const { bhs } = await host.expect(iscsi.Opcode.asyncMessage);
  t.match(iscsi.decodeAsyncMessage(bhs), { event: iscsi.AsyncEvent.logoutRequested, parameter3: 5 });
  clock.advance(4_999);
  await host.ping();
  clock.advance(1);
  const dropped = iscsi.decodeAsyncMessage((await host.expect(iscsi.Opcode.asyncMessage)).bhs);
  t.equal(dropped.event, iscsi.AsyncEvent.connectionDropped);
  t.equal(await host.next(), null);
});

t.test('closing the port: hosts are asked to log out, and given time', async (t) => {
  const { login, port, channel } = await openBench(t);
  const polite = await login();
  const closing = port.close(5000);
  const { bhs } = await polite.expect(iscsi.Opcode.asyncMessage);
  t.match(iscsi.decodeAsyncMessage(bhs), { event: iscsi.AsyncEvent.logoutRequested, parameter3: 5 });
  polite.send(iscsi.encodeLogoutRequest, logout(0));
  await polite.expect(iscsi.Opcode.logoutResponse);
  await closing;
  t.equal(channel.nexuses.size, 0);
});

t.test('closing the port: those who do not are put out', async (t) => {
  const { login, connect, port } = await openBench(t);
  const stubborn = await login();
  const half = await connect();
  const closing = port.close(50);
  await half.closed;
  await stubborn.expect(iscsi.Opcode.asyncMessage);
  await closing;
  await stubborn.closed;
  await port.close(0);
});
