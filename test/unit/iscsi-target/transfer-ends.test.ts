/**
 * WRITEs whose data is asked for in many R2Ts and that end in the middle, by all ways there are: no task, no place in
 * the window, no memory for solicited data stays behind, and nothing of them is written.
 */
import t, { type Test } from 'tap';
import { systemClock } from '../../../target/base/clock.js';
import { silentLog } from '../../../target/base/log.js';
import { seededRandom } from '../../../target/base/random.js';
import { IscsiPort } from '../../../target/ports/iscsi/port.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { Rig } from '../scsi-primary/rig.js';
import { FakeDirectory } from './fixture.js';
import { Host, ISID } from './host.js';

const { Opcode, TaskFunction } = iscsi;
const BLOCKS = 128;
const BYTES = BLOCKS * 512;
const TASKS = 12;
const TASK_ABORTED = 0x40;

function writeCdb(lba: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = 0x2a;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(BLOCKS, 7);
  return cdb;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A port with a real channel adapter, whose memory for solicited data is enough for five of the WRITEs. */
async function open(t: Test) {
  const rig = new Rig({ blocks: 4096 });
  const directory = new FakeDirectory();
  directory.groups = [...rig.groups];
  const port = new IscsiPort(rig.ports[0]!, {
    volumes: directory,
    adapter: rig.adapters[0]!,
    allPorts: () => [],
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    limits: { pollingUs: 0, solicitedBytes: 5 * BYTES },
  });
  const address = await port.listen();
  const hosts: Host[] = [];
  t.teardown(async () => {
    for (const host of hosts) host.destroy();
    await port.close(0);
  });
  const keys = (name: string) => ({
    InitiatorName: `iqn.2000-01.test:${name}`,
    TargetName: rig.groups[0]!.target,
    InitialR2T: 'Yes',
    ImmediateData: 'No',
    MaxBurstLength: '8192',
    MaxOutstandingR2T: '4',
  });
  const login = async (name: string, over: { tsih?: number; cmdSn?: number } = {}) => {
    const host = await Host.connect(address.port);
    hosts.push(host);
    Object.assign(host, over);
    await host.login(keys(name), { isid: ISID });
    if (over.tsih === undefined) await ready(host);
    return host;
  };
  return { rig, port, login };
}

/** Takes the unit attentions, with TEST UNIT READY. */
async function ready(host: Host): Promise<void> {
  for (;;) {
    host.scsi();
    if ((await host.scsiResponse()).status === 0) return;
  }
}

/** Answers one R2T with all or half of its data. */
function answer(host: Host, r2t: iscsi.R2t, part: 'all' | 'half' = 'all'): void {
  const bytes = part === 'all' ? r2t.desiredLength : r2t.desiredLength / 2;
  const { initiatorTaskTag, targetTransferTag, bufferOffset } = r2t;
  host.dataOut(
    { initiatorTaskTag, targetTransferTag, bufferOffset, final: part === 'all' },
    Buffer.alloc(bytes, initiatorTaskTag),
  );
}

/** Writes under way, each with some of its data sent; some wait for memory, the last two for another's blocks. */
async function begin(host: Host): Promise<iscsi.ScsiCommand[]> {
  const tasks: iscsi.ScsiCommand[] = [];
  for (let i = 0; i < TASKS; i++) {
    const lba = Math.min(i, TASKS - 3) * BLOCKS;
    tasks.push(host.scsi({ write: true, expectedDataTransferLength: BYTES, cdb: writeCdb(lba) }));
  }
  for (let i = 0; i < 5 * 4; i++) answer(host, await host.r2t(), i % 4 === 3 ? 'half' : 'all');
  await quiet(host);
  return tasks;
}

function manage(host: Host, fn: number, task: iscsi.ScsiCommand): void {
  host.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn,
    lun: Buffer.alloc(8),
    initiatorTaskTag: host.tag++,
    referencedTaskTag: task.initiatorTaskTag,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
    refCmdSn: task.cmdSn,
    expDataSn: 0,
  });
}

/** Reads until a PDU of this opcode; R2Ts on the way are passed over. */
async function skipTo(host: Host, opcode: number): Promise<Buffer> {
  for (;;) {
    const received = await host.next();
    if (received === null) throw new Error('connection closed');
    if (received.opcode === opcode) return received.bhs;
  }
}

/** Everything sent so far has been worked off, and what came of it passed over. */
async function quiet(host: Host): Promise<void> {
  host.send(iscsi.encodeNopOut, {
    immediate: true,
    lun: Buffer.alloc(8),
    initiatorTaskTag: host.tag++,
    targetTransferTag: iscsi.RESERVED_TAG,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
  });
  await skipTo(host, Opcode.nopIn);
}

/** Nothing is left, and the next WRITE works as ever. */
async function clean(t: Test, { rig, port }: Awaited<ReturnType<typeof open>>, host: Host): Promise<void> {
  await until(() => port.stats().solicitedBytes === 0);
  t.equal(rig.adapters[0]!.stats().depth, 0);
  t.match(
    port.sessions(),
    port.sessions().map(() => ({ commandsOutstanding: 0 })),
  );
  t.same(
    rig.layer.calls.filter((call) => call.startsWith('write')),
    [],
  );
  await ready(host);
  const { initiatorTaskTag } = host.scsi({ write: true, expectedDataTransferLength: BYTES, cdb: writeCdb(0) });
  for (let i = 0; i < BYTES / 8192; i++) {
    const r2t = await host.r2t();
    t.match(r2t, { initiatorTaskTag, bufferOffset: i * 8192, r2tSn: i });
    answer(host, r2t);
  }
  t.match(await host.scsiResponse(), { initiatorTaskTag, status: 0, residual: 0 });
  t.equal(port.stats().solicitedBytes, 0);
}

t.test('ABORT TASK of each, in the order of their arrival and the other way round', async (t) => {
  for (const reverse of [false, true]) {
    const bench = await open(t);
    const host = await bench.login('a');
    const tasks = await begin(host);
    for (const task of reverse ? tasks.reverse() : tasks) {
      manage(host, TaskFunction.abortTask, task);
      const bhs = await skipTo(host, Opcode.taskManagementResponse);
      t.equal(iscsi.decodeTaskManagementResponse(bhs).response, 0);
    }
    await clean(t, bench, host);
  }
});

for (const fn of [
  TaskFunction.abortTaskSet,
  TaskFunction.clearTaskSet,
  TaskFunction.logicalUnitReset,
  TaskFunction.targetWarmReset,
] as const) {
  t.test(`${iscsi.taskFunctionName(fn)} by the host itself`, async (t) => {
    const bench = await open(t);
    const host = await bench.login('a');
    const tasks = await begin(host);
    manage(host, fn, tasks[0]!);
    await skipTo(host, Opcode.taskManagementResponse);
    await clean(t, bench, host);
  });
}

for (const fn of [TaskFunction.clearTaskSet, TaskFunction.logicalUnitReset] as const) {
  t.test(`${iscsi.taskFunctionName(fn)} by another host`, async (t) => {
    const bench = await open(t);
    const host = await bench.login('a');
    const tasks = await begin(host);
    const other = await bench.login('b');
    manage(other, fn, tasks[0]!);
    await skipTo(other, Opcode.taskManagementResponse);
    await quiet(host);
    await clean(t, bench, host);
  });
}

t.test('the connection is reset', async (t) => {
  const bench = await open(t);
  const host = await bench.login('a');
  await begin(host);
  host.socket.resetAndDestroy();
  await until(() => bench.port.stats().sessions === 0);
  await clean(t, bench, await bench.login('a'));
});

t.test('the host closes its side', async (t) => {
  const bench = await open(t);
  const host = await bench.login('a');
  await begin(host);
  host.socket.end();
  await host.closed;
  await clean(t, bench, await bench.login('a'));
});

t.test('the host logs in anew', async (t) => {
  const bench = await open(t);
  await begin(await bench.login('a'));
  const host = await bench.login('a');
  t.equal(bench.port.stats().sessions, 1);
  await clean(t, bench, host);
});

t.test('the host reconnects', async (t) => {
  const bench = await open(t);
  const first = await bench.login('a');
  await begin(first);
  const host = await bench.login('a', { tsih: first.tsih, cmdSn: first.cmdSn });
  t.equal(bench.port.stats().sessions, 1);
  await clean(t, bench, host);
});

t.test('the LUN path goes and comes back: TASK ABORTED, once what was asked for has come', async (t) => {
  const bench = await open(t);
  const { rig, port } = bench;
  const host = await bench.login('a');
  const tasks = await begin(host);
  const luns = rig.groups[0]!.luns as Map<number, number>;
  luns.delete(0);
  rig.events.emit('luns-changed', rig.groups[0]);
  luns.set(0, 0);
  rig.events.emit('luns-changed', rig.groups[0]);
  // Those that were never asked for data end at once.
  for (let i = 0; i < TASKS - 5; i++) t.match(await host.scsiResponse(), { status: TASK_ABORTED });
  for (const task of tasks.slice(0, 5)) {
    manage(host, TaskFunction.abortTask, task);
    await skipTo(host, Opcode.taskManagementResponse);
  }
  t.match(port.sessions(), [{ commandsOutstanding: 0 }]);
  await clean(t, bench, host);
});
