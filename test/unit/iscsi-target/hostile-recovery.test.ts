/** Recovery and several connections, used by hosts that mean no good, or have bad luck. */
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import type { Sense } from '../../../wire/scsi/sense.js';
import { type Bench, group, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import { type Host, LUN0 } from './host.js';

const { LoginStatus, LogoutReason, Opcode, TaskFunction } = iscsi;
const names = { InitiatorName: INITIATOR, TargetName: TARGET };
const level2 = { ErrorRecoveryLevel: '2', MaxConnections: '2' };

t.setTimeout(60_000);

async function join({ connect }: Bench, old: Host, cid: number, keys: Record<string, string> = {}): Promise<Host> {
  const host = await connect();
  host.tsih = old.tsih;
  host.cmdSn = old.cmdSn;
  host.tag = 1000 * (cid + 1);
  await host.login({ ...names, ...keys }, { cid });
  return host;
}

async function gone({ port }: Bench, host: Host): Promise<void> {
  const before = port.stats().connections;
  host.destroy();
  while (port.stats().connections === before) await new Promise(setImmediate);
}

function manage(host: Host, fn: number, more: { cmdSn?: number; referencedTaskTag?: number } = {}): void {
  const { cmdSn, expStatSn } = host;
  const none = { referencedTaskTag: iscsi.RESERVED_TAG, refCmdSn: 1, expDataSn: 0 };
  host.send(iscsi.encodeTaskManagementRequest, {
    ...{ immediate: true, fn, lun: LUN0, initiatorTaskTag: 7777, cmdSn, expStatSn },
    ...none,
    ...more,
  });
}

const settled = (ms: number) => new Promise<'nothing'>((resolve) => setTimeout(() => resolve('nothing'), ms));

t.test('a connection comes back to the oldest of more sessions than may wait for theirs', async (t) => {
  const bench = await openBench(t, { clock: new TestClock(), limits: { desertedSessions: 1 } });
  const first = await bench.login(level2);
  const other = await bench.connect();
  await other.login({ ...names, ...level2 }, { isid: Buffer.from('400001370001', 'hex') });
  await gone(bench, other);
  const again = await join(bench, first, 1);
  again.scsi();
  t.match(await again.scsiResponse(), { status: 0 });
});

t.test('what is kept of pings that are never acknowledged has an end', async (t) => {
  const bench = await openBench(t, { limits: { keptBytes: 1 << 20 } });
  const host = await bench.login({ ErrorRecoveryLevel: '1', MaxRecvDataSegmentLength: '262144' });
  let closed = false;
  void host.closed.then(() => {
    closed = true;
  });
  let pings = 0;
  while (!closed && pings < 20) {
    pings++;
    await host.ping(Buffer.alloc(262_144, 1)).catch(() => {});
  }
  t.ok(closed);
  t.ok(pings < 10, `${pings} pings`);
});

t.test('a session that is given up gives back all memory for solicited data', async (t) => {
  const clock = new TestClock();
  const bench = await openBench(t, { clock, limits: { askAgainTimes: 2, solicitedBytes: 1 << 20 } });
  const host = await bench.login({ ErrorRecoveryLevel: '1', InitialR2T: 'No', FirstBurstLength: '65536' });
  bench.channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, 1 << 20);
  };
  const pass = async (steps: number) => {
    for (let step = 0; step < steps; step++) {
      clock.advance(500);
      await settled(15);
    }
  };
  host.scsi({ write: true, final: true, expectedDataTransferLength: 512 });
  await settled(30);
  await pass(13);
  host.scsi({ write: true, final: false, expectedDataTransferLength: 1 << 20 });
  await settled(50);
  await pass(8);
  t.match(bench.port.stats(), { sessions: 0, solicitedBytes: 0 });
  const other = await bench.login();
  other.scsi({ write: true, expectedDataTransferLength: 262_144 });
  t.type(await Promise.race([other.r2t(), settled(1000)]), 'object', 'another host is asked for its data');
});

t.test('an hour of Time2Wait is not waited', async (t) => {
  const clock = new TestClock();
  const bench = await openBench(t, { clock });
  bench.channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, 65_536);
  };
  const host = await bench.login({ ...level2, DefaultTime2Wait: '3600', DefaultTime2Retain: '3600' });
  host.scsi({ write: true, expectedDataTransferLength: 65_536 });
  await host.r2t();
  await gone(bench, host);
  for (let second = 0; second < 120; second++) clock.advance(1000);
  t.match(bench.port.stats(), { sessions: 0, solicitedBytes: 0 });
  t.ok(bench.channel.tasks[0]!.aborted);
});

t.test('what lost connections of a session keep has an end for all of them together', async (t) => {
  const kept = 65_536;
  const bench = await openBench(t, { clock: new TestClock(), limits: { keptBytes: kept } });
  const first = await bench.login({ ...level2, MaxRecvDataSegmentLength: String(kept) });
  let pinned = 0;
  bench.channel.run = (task) => {
    pinned += kept;
    task.data([Buffer.alloc(kept)], kept, () => {
      pinned -= kept;
    });
  };
  let { cmdSn } = first;
  for (let each = 0; each < 8; each++) {
    const host = await join(bench, first, 10 + each, { MaxRecvDataSegmentLength: String(kept) });
    host.cmdSn = cmdSn;
    host.scsi({ read: true, expectedDataTransferLength: kept });
    cmdSn = host.cmdSn;
    await host.expect(Opcode.scsiDataIn);
    await gone(bench, host);
  }
  t.ok(pinned <= 2 * kept, `${pinned} bytes`);
});

t.test('a connection that still sends when its reads are taken over sends nothing that is not theirs', async (t) => {
  const bench = await openBench(t);
  const segment = { MaxRecvDataSegmentLength: '1048576' };
  const old = await bench.login({ ...level2, ...segment });
  const next = await join(bench, old, 2, segment);
  const bytes = 7 << 20;
  const slot = Buffer.alloc(bytes, 0xaa);
  // Given back, it is another volume's.
  bench.channel.run = (task) => task.data([slot], bytes, () => void slot.fill(0xee));
  old.socket.pause();
  const { initiatorTaskTag } = old.scsi({ read: true, expectedDataTransferLength: bytes });
  await settled(200);
  let foreign = 0;
  old.socket.removeAllListeners('data');
  old.socket.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0xee) foreign++;
  });
  old.socket.pause();
  next.cmdSn = old.cmdSn;
  const reason = LogoutReason.removeConnectionForRecovery;
  const { cmdSn, expStatSn } = next;
  next.send(iscsi.encodeLogoutRequest, { immediate: true, reason, initiatorTaskTag: 55, cid: 1, cmdSn, expStatSn });
  await next.expect(Opcode.logoutResponse);
  next.expStatSn++;
  manage(next, TaskFunction.taskReassign, { referencedTaskTag: initiatorTaskTag });
  await next.expect(Opcode.taskManagementResponse);
  next.expStatSn++;
  while (((await next.expect(Opcode.scsiDataIn)).bhs[1]! & 1) === 0);
  next.expStatSn++;
  await next.ping();
  await settled(50);
  old.socket.resume();
  await settled(300);
  t.equal(foreign, 0);
});

t.test('a reset waits for older commands of another connection, and is about them too', async (t) => {
  const bench = await openBench(t);
  const one = await bench.login(level2);
  const other = await join(bench, one, 2);
  const low = one.cmdSn;
  manage(other, TaskFunction.logicalUnitReset, { cmdSn: low + 1 });
  const response = other.expect(Opcode.taskManagementResponse);
  t.equal(await Promise.race([response, settled(200)]), 'nothing');
  t.same(bench.channel.managed, []);
  one.scsi({ cmdSn: low, write: true, expectedDataTransferLength: 512 }, Buffer.alloc(512));
  await one.scsiResponse();
  await one.ping();
  await one.expect(Opcode.nopIn);
  await response;
  t.equal(bench.channel.tasks.length, 1, 'the command came first');
  t.match(bench.channel.managed, [{ fn: 'logical-unit-reset' }]);
  manage(other, TaskFunction.logicalUnitReset, { cmdSn: low + 9 });
  await other.ping();
  await gone(bench, other);
  for (let sn = low + 1; sn < low + 10; sn++) one.scsi({ cmdSn: sn });
  for (let sn = low + 1; sn < low + 10; sn++) await one.scsiResponse();
  t.equal(bench.channel.managed.length, 1, 'nothing is done for a connection that is gone');
});

t.test('TARGET COLD RESET whose connection has been replaced when it is done', async (t) => {
  const bench = await openBench(t);
  const host = await bench.login(level2);
  let finish: (() => void) | null = null;
  bench.channel.manage = (_nexus, _fn, _lun, _tag, done) => {
    finish = () => done('complete');
  };
  manage(host, TaskFunction.targetColdReset);
  while (finish === null) await new Promise(setImmediate);
  await join(bench, host, 1);
  t.doesNotThrow(finish);
});

/** A bench with CHAP users alice and mallory, and how one of them logs in. */
async function chapBench(t: Test) {
  const bench = await openBench(t);
  bench.directory.groups = [group({ auth: 'chap' })];
  bench.directory.chapUsers = ['alice', 'mallory'].map((name) => {
    return { name, secret: `${name}-secret-12`, role: 'initiator', hostGroups: [] };
  }) as never;
  const login = async (user: string, over: { tsih?: number; cid?: number } = {}, keys = {}) => {
    const host = await bench.connect();
    host.tsih = over.tsih ?? 0;
    await host.exchange({ ...names, AuthMethod: 'CHAP' }, { csg: 0, ...over });
    const asked = await host.exchange({ CHAP_A: '5' }, { csg: 0, ...over });
    const hash = createHash('md5')
      .update(Buffer.from([Number(asked.keys.get('CHAP_I'))]))
      .update(`${user}-secret-12`);
    const challenge = Buffer.from(asked.keys.get('CHAP_C')!.slice(2), 'hex');
    const answer = `0x${hash.update(challenge).digest('hex')}`;
    await host.exchange({ CHAP_N: user, CHAP_R: answer }, { csg: 0, nsg: 1, ...over });
    const { status, tsih } = await host.exchange(keys, { csg: 1, nsg: 3, ...over });
    return { host, status, tsih };
  };
  return { bench, login };
}

t.test('a session is joined only by the CHAP user who opened it', async (t) => {
  const { login } = await chapBench(t);
  const { status, tsih } = await login('alice', {}, level2);
  t.equal(status, 0);
  t.equal((await login('mallory', { tsih, cid: 1 })).status, LoginStatus.authenticationFailure);
  t.equal((await login('alice', { tsih, cid: 2 })).status, 0);
});

t.test('a session is reinstated only by the CHAP user who opened it', async (t) => {
  const { bench, login } = await chapBench(t);
  const first = await login('alice');
  t.equal((await login('mallory')).status, LoginStatus.authenticationFailure);
  await first.host.ping();
  t.equal((await login('alice')).status, 0);
  await first.host.closed;
  t.equal(bench.port.stats().sessions, 1);
  bench.directory.chapUsers.shift();
  t.equal((await login('mallory')).status, 0, 'a user that is not there any more owns nothing');
  t.equal(bench.port.stats().sessions, 1);
});

t.test('a session that nobody had to prove anything for is reinstated by whoever may log in', async (t) => {
  const { bench, login } = await chapBench(t);
  bench.directory.groups = [group()];
  const first = await bench.login();
  bench.directory.groups[0] = Object.assign(bench.directory.groups[0]!, { auth: 'chap' });
  t.equal((await login('alice')).status, 0);
  await first.closed;
});

t.test('sense beside data comes again with another segment length too', async (t) => {
  const bench = await openBench(t);
  bench.channel.run = (task) => {
    task.sense = { name: 'recovered', key: 1, asc: 0x1700 } as Sense;
    task.data([Buffer.alloc(2048, 5)], 2048);
  };
  const old = await bench.login({ ...level2, MaxRecvDataSegmentLength: '512' });
  const { initiatorTaskTag } = old.scsi({ read: true, expectedDataTransferLength: 2048 });
  for (let pdu = 0; pdu < 4; pdu++) await old.expect(Opcode.scsiDataIn);
  const before = await old.scsiResponse();
  await gone(bench, old);
  const next = await join(bench, old, 1, { MaxRecvDataSegmentLength: '1024' });
  manage(next, TaskFunction.taskReassign, { referencedTaskTag: initiatorTaskTag });
  await next.expect(Opcode.taskManagementResponse);
  for (let pdu = 0; pdu < 2; pdu++) await next.expect(Opcode.scsiDataIn);
  const again = await next.scsiResponse();
  t.same(again.sense, before.sense);
  t.ok(again.sense.length > 0);
});
