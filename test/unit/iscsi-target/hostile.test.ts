/** What a host may do to hurt itself, others or the array, and must not succeed in. */
import t from 'tap';
import type { Task } from '../../../target/scsi/task.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { encodeText } from '../../../wire/iscsi/text.js';
import { group, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import type { Host } from './host.js';

const { LoginStatus, Opcode, RejectReason, TaskFunction, TaskFunctionResponse } = iscsi;

const write = (host: Host, over: Partial<iscsi.ScsiCommand> = {}, data?: Buffer) =>
  host.scsi({ write: true, expectedDataTransferLength: 4096, ...over }, data);

function manage(host: Host, fn: number, over: Partial<iscsi.TaskManagementRequest> = {}): void {
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
}

async function managed(host: Host): Promise<number> {
  const { bhs } = await host.expect(Opcode.taskManagementResponse);
  return iscsi.decodeTaskManagementResponse(bhs).response;
}

const unsolicited = { InitialR2T: 'No', ImmediateData: 'Yes' };

t.test('a command that waits for its turn fails only when that has come, and once', async (t) => {
  const { login, port } = await openBench(t);
  const host = await login(unsolicited);
  const early = write(host, { final: false, cmdSn: 2 });
  // Its data is wrong: nothing may be said before CmdSN 1 has come.
  host.dataOut({ initiatorTaskTag: early.initiatorTaskTag, bufferOffset: 8 }, Buffer.alloc(4096));
  t.match(await host.reject(), { reason: RejectReason.invalidPduField });
  await host.ping();
  host.scsi({ cmdSn: 1 });
  t.match(await host.scsiResponse(), { status: 0 });
  t.match(await host.scsiResponse(), { initiatorTaskTag: early.initiatorTaskTag, status: 2 });
  const { bhs } = await host.ping();
  t.equal(host.unread, 0);
  t.equal(iscsi.expCmdSnOf(bhs), 3);
  t.equal(iscsi.maxCmdSnOf(bhs), 3 + 127);
  t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
});

t.test('a host group that changes while a host logs in', async (t) => {
  const changes: [string, number, (groups: ReturnType<typeof group>[]) => ReturnType<typeof group>[]][] = [
    ['is removed', LoginStatus.notFound, () => []],
    [
      'admits the host no longer',
      LoginStatus.authorizationFailure,
      ([old]) => [Object.assign(old!, { initiators: [] })],
    ],
    ['asks for CHAP now', LoginStatus.authenticationFailure, ([old]) => [Object.assign(old!, { auth: 'chap' })]],
    ['is another one of the same name', LoginStatus.notFound, () => [group({ id: 2 })]],
  ];
  for (const [what, status, change] of changes) {
    t.test(what, async (t) => {
      const { connect, directory, port } = await openBench(t);
      const host = await connect();
      const keys = { InitiatorName: INITIATOR, TargetName: TARGET };
      t.match(await host.exchange(keys, { csg: 0, nsg: 1 }), { status: 0 });
      directory.groups = change(directory.groups);
      t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status });
      t.equal(port.stats().sessions, 0);
    });
  }
});

t.test(
  'data that was announced and does not come: the connection is dropped, whatever else the host says',
  async (t) => {
    const clock = new TestClock();
    const { login, port, channel, lines } = await openBench(t, { clock, limits: { dataTimeoutMs: 20_000 } });
    channel.run = (task) => task.owner.fetchDataOut(task, task.expectedDataOut);
    const host = await login(unsolicited);
    write(host, { final: false });
    const busy = write(host, { final: false });
    let second = 0;
    for (; second < 60 && port.stats().sessions > 0; second++) {
      host.dataOut(
        { initiatorTaskTag: busy.initiatorTaskTag, final: false, dataSn: second, bufferOffset: second * 4 },
        Buffer.alloc(4),
      );
      await host.ping().catch(() => {});
      clock.advance(1000);
    }
    await host.closed;
    t.equal(second, 21);
    t.ok(lines.some((line) => line.includes('did not come')));
  },
);

t.test('requests that wait for their turn hold little memory', async (t) => {
  for (const type of ['Normal', 'Discovery']) {
    const { connect, port } = await openBench(t);
    const host = await connect();
    const keys = { InitiatorName: INITIATOR, SessionType: type, MaxRecvDataSegmentLength: '262144' };
    await host.login(type === 'Normal' ? { ...keys, TargetName: TARGET } : keys);
    for (let cmdSn = 2; cmdSn < 120; cmdSn++) host.sendText(Buffer.alloc(200_000), { cmdSn });
    await host.closed;
    t.equal(port.stats().sessions, 0, type);
  }
});

t.test('a text request with SendTargets over and over', async (t) => {
  const { login } = await openBench(t);
  const host = await login();
  host.sendText(encodeText(new Array(1000).fill(['SendTargets', ''])));
  t.match(await host.reject(), { reason: RejectReason.protocolError });
  t.ok((await host.text({ SendTargets: '' })).length > 0);
});

t.test('SendTargets of a name in capitals', async (t) => {
  const { login } = await openBench(t);
  t.match(await (await login()).text({ SendTargets: TARGET.toUpperCase() }), [['TargetName', TARGET]]);
});

t.test('a task that is over but whose announced data is awaited can be aborted', async (t) => {
  for (const [fn, over] of [
    [TaskFunction.abortTask, true],
    [TaskFunction.abortTaskSet, true],
    [TaskFunction.logicalUnitReset, true],
    [TaskFunction.targetWarmReset, true],
    [TaskFunction.abortTaskSet, false],
  ] as const) {
    const { login, port } = await openBench(t);
    // Refused at once (over), or by the port itself: unsolicited data with InitialR2T=Yes.
    const host = await login(over ? unsolicited : { InitialR2T: 'Yes' });
    const { initiatorTaskTag, cmdSn } = write(host, { final: false });
    await host.ping();
    manage(host, fn, { referencedTaskTag: initiatorTaskTag, refCmdSn: cmdSn });
    t.equal(await managed(host), TaskFunctionResponse.complete);
    t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
    // What is under way of its data is no error.
    host.dataOut({ initiatorTaskTag }, Buffer.alloc(4096));
    await host.ping();
    t.equal(host.unread, 0);
  }
});

t.test('task management requests without end', async (t) => {
  const { login, channel } = await openBench(t);
  const answers: (() => void)[] = [];
  channel.manage = (_nexus, _fn, _lun, _tag, done) => answers.push(() => done('complete'));
  const host = await login();
  for (let i = 0; i < 100; i++) manage(host, TaskFunction.logicalUnitReset);
  for (let i = 0; i < 68; i++) t.match(await host.reject(), { reason: RejectReason.tooManyImmediateCommands });
  await host.ping();
  t.equal(answers.length, 32);
  for (const answer of answers) answer();
  for (let i = 0; i < 32; i++) t.equal(await managed(host), TaskFunctionResponse.complete);
  manage(host, TaskFunction.logicalUnitReset);
  await host.ping();
  t.equal(answers.length, 33);
});

t.test('the answer to task management goes to the connection it came by', async (t) => {
  const { login, channel, connect, port } = await openBench(t);
  const answers: (() => void)[] = [];
  channel.manage = (_nexus, _fn, _lun, _tag, done) => answers.push(() => done('complete'));
  const first = await login();
  manage(first, TaskFunction.logicalUnitReset);
  await first.ping();
  const second = await connect();
  second.tsih = first.tsih;
  second.cmdSn = first.cmdSn;
  await second.login({ InitiatorName: INITIATOR, TargetName: TARGET });
  for (const answer of answers) answer();
  await second.ping();
  t.equal(second.unread, 0);
  t.equal(port.stats().sessions, 1);
});

t.test('data beyond what a running WRITE takes does not reach it', async (t) => {
  const { login, channel } = await openBench(t);
  const running: Task[] = [];
  channel.run = (task) => {
    task.running = true;
    running.push(task);
  };
  const host = await login(unsolicited);
  // The CDB takes the 512 bytes that came with it, though 1024 are announced.
  const { initiatorTaskTag } = write(host, { final: false, expectedDataTransferLength: 1024 }, Buffer.alloc(512, 1));
  await host.ping();
  const held = running[0]!.dataOut;
  host.dataOut({ initiatorTaskTag, bufferOffset: 512 }, Buffer.alloc(512, 2));
  await host.ping();
  t.equal(held.length, 1);
  t.equal(running[0]!.dataOutLength, 512);
  running[0]!.good();
  t.match(await host.scsiResponse(), { status: 0, residual: 1024 });
});
