import t from 'tap';
import { CommandWindow } from '../../../target/ports/iscsi/command-window.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { INITIATOR, openBench, TARGET } from './fixture.js';

t.test('arithmetic over the wrap', async (t) => {
  const window = new CommandWindow(0xfffffffe, 4);
  t.equal(window.maxCmdSn, 1);
  t.same(
    [0xfffffffd, 0xfffffffe, 0, 1, 2].map((sn) => window.includes(sn)),
    [false, true, true, true, false],
  );
  for (let i = 0; i < 3; i++) window.advance();
  t.equal(window.expCmdSn, 1);
  t.equal(window.outstanding, 3);
  window.complete();
  t.equal(window.maxCmdSn, 2);
  t.equal(window.outstanding, 2);
});

t.test('MaxCmdSN moves when commands end, not when they arrive', async (t) => {
  const { login, channel, port } = await openBench(t, { limits: { queueDepth: 3 } });
  const host = await login();
  channel.run = () => {};
  for (let i = 0; i < 3; i++) host.scsi();
  t.match(iscsi.decodeTextResponse((await host.ping()).bhs), { expCmdSn: 4, maxCmdSn: 3 });
  t.match(port.sessions(), [{ commandsOutstanding: 3 }]);
  host.scsi();
  await host.ping();
  t.equal(channel.tasks.length, 3, 'the fourth is beyond the window');
  t.equal(port.stats().commandsIgnored, 1);
  channel.tasks[1]!.good();
  t.match(await host.scsiResponse(), { expCmdSn: 4, maxCmdSn: 4 });
  host.scsi({ cmdSn: 4 });
  await host.ping();
  t.equal(channel.tasks.length, 4);
});

t.test('delivered in CmdSN order, immediate ones at once', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  host.scsi({ cmdSn: 3, initiatorTaskTag: 3 });
  host.scsi({ cmdSn: 2, initiatorTaskTag: 2 });
  host.scsi({ immediate: true, initiatorTaskTag: 9 });
  t.match(await host.scsiResponse(), { initiatorTaskTag: 9, expCmdSn: 1 });
  host.scsi({ cmdSn: 1, initiatorTaskTag: 1 });
  for (const tag of [1, 2, 3]) t.match(await host.scsiResponse(), { initiatorTaskTag: tag });
  t.same(
    channel.tasks.map((task) => task.tag),
    [9, 1, 2, 3],
  );
});

t.test('unsolicited data for a command whose turn has not come', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login({ InitialR2T: 'No' });
  const written: string[] = [];
  channel.run = (task) => {
    if (task.expectedDataOut === 0) return task.good();
    task.onDataOut = () => {
      written.push(Buffer.concat(task.dataOut).toString());
      task.good();
    };
    task.owner.fetchDataOut(task, 8);
  };
  host.scsi(
    { cmdSn: 2, write: true, final: false, expectedDataTransferLength: 8, initiatorTaskTag: 2 },
    Buffer.from('abcd'),
  );
  host.dataOut({ initiatorTaskTag: 2, bufferOffset: 4 }, Buffer.from('efgh'));
  host.scsi({ cmdSn: 1, initiatorTaskTag: 1 });
  t.match(await host.scsiResponse(), { initiatorTaskTag: 1 });
  t.match(await host.scsiResponse(), { initiatorTaskTag: 2, maxCmdSn: 130 });
  t.same(written, ['abcdefgh']);
});

t.test('duplicates and old ones are dropped without an answer', async (t) => {
  const { login, channel, port } = await openBench(t);
  const host = await login();
  host.scsi({ cmdSn: 1 });
  await host.scsiResponse();
  host.scsi({ cmdSn: 1 });
  host.scsi({ cmdSn: 3 });
  host.scsi({ cmdSn: 3 });
  host.scsi({ cmdSn: 0x80000000 });
  await host.ping();
  t.equal(channel.tasks.length, 1);
  t.equal(port.stats().commandsIgnored, 3);
});

t.test('a rejected command has had its turn', async (t) => {
  const { login } = await openBench(t);
  const host = await login();
  host.scsi({ final: false });
  t.match(await host.reject(), { expCmdSn: 1 });
  host.scsi();
  t.match(await host.scsiResponse(), { expCmdSn: 3, maxCmdSn: 130 });
});

t.test('too many immediate commands', async (t) => {
  const { login, channel } = await openBench(t, { limits: { immediateCommands: 2 } });
  const host = await login();
  channel.run = () => {};
  for (let i = 0; i < 3; i++) host.scsi({ immediate: true });
  t.match(await host.reject(), { reason: iscsi.RejectReason.tooManyImmediateCommands });
  channel.tasks[0]!.good();
  await host.scsiResponse();
  host.scsi({ immediate: true });
  await host.ping();
  t.equal(channel.tasks.length, 3);
});

t.test('a smaller window when memory for unsolicited data is spoken for', async (t) => {
  const { login, port, connect } = await openBench(t, {
    limits: { unsolicitedBytes: 12 * 65536, queueDepth: 8, immediateCommands: 2 },
  });
  await login();
  for (let i = 0; i < 2; i++) {
    const host = await connect();
    await host.login(
      { InitiatorName: `iqn.2026-01.org.example:${i}`, TargetName: port.sessions()[0]!.target },
      { isid: Buffer.from([0x80, 0, 0, 0, 0, i]) },
    );
  }
  t.same(
    port.sessions().map((session) => session.queueDepth),
    [8, 4, 4],
  );
});

t.test('StatSN goes up by one with each status', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  const seen: number[] = [];
  channel.run = (task) => (task.expectedDataIn > 0 ? task.data([Buffer.alloc(512)], 512) : task.good());
  for (const read of [true, false, true]) {
    host.scsi({ read, expectedDataTransferLength: read ? 512 : 0 });
    const { bhs } = (await host.next())!;
    seen.push(iscsi.statSnOf(bhs));
  }
  t.same(
    seen.map((sn) => sn - seen[0]!),
    [0, 1, 2],
  );
});

t.test('CmdSN and StatSN over 2^32, in order and out of it', async (t) => {
  const { connect, port } = await openBench(t);
  const host = await connect();
  host.cmdSn = 0xfffffffd;
  host.expStatSn = 0xfffffffe;
  await host.login({ InitiatorName: INITIATOR, TargetName: TARGET });
  t.equal(host.expStatSn, 0xffffffff);
  const order = [0xfffffffd, 1, 0, 0xffffffff, 0xfffffffe, 2];
  const sent = order.map((cmdSn) => host.scsi({ cmdSn }));
  const inTurn = [0, 4, 3, 2, 1, 5].map((i) => sent[i]!.initiatorTaskTag);
  for (const [i, initiatorTaskTag] of inTurn.entries()) {
    const response = await host.scsiResponse();
    t.match(response, { initiatorTaskTag, statSn: (0xffffffff + i) >>> 0 });
  }
  host.cmdSn = 3;
  const { bhs } = await host.ping();
  t.equal(iscsi.expCmdSnOf(bhs), 3);
  t.equal(iscsi.maxCmdSnOf(bhs), 3 + 127);
  t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
});
