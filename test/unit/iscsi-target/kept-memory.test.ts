/** Memory of a port for what is sent and not acknowledged: one limit for all sessions, and who gives back. */
import t, { type Test } from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { KeptMemory } from '../../../target/ports/iscsi/kept-memory.js';
import type { Transmit } from '../../../target/ports/iscsi/transmit.js';
import { type SentData, Unacknowledged } from '../../../target/ports/iscsi/unacknowledged.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type Bench, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import type { Host } from './host.js';

const { Opcode, RejectReason, RESERVED_TAG, SnackType, TaskFunction, TaskFunctionResponse } = iscsi;
const SEED = Number(process.env.LUNARRAY_SEED ?? 4);
const BYTES = 4096;
/** Of a status, in round numbers. */
const STATUS = 256;
const OTHER = 'iqn.2026-01.org.example:other';

async function bench(t: Test, portKeptBytes: number, more = {}): Promise<Bench> {
  const opened = await openBench(t, { limits: { portKeptBytes, ...more }, clock: new TestClock() });
  opened.channel.run = (task) => task.data([Buffer.alloc(BYTES, 7)], BYTES, () => opened.channel.released++);
  return opened;
}

/** @param isid the last byte of it */
async function login({ connect }: Bench, name: string, isid: number, level = '1', tsih = 0): Promise<Host> {
  const host = await connect();
  host.tsih = tsih;
  const keys = { InitiatorName: name, TargetName: TARGET, MaxRecvDataSegmentLength: '4096', ErrorRecoveryLevel: level };
  await host.login(keys, { isid: Buffer.from([0x40, 0, 1, 0x37, 0, isid]) });
  return host;
}

/** A read that is not acknowledged. */
async function read(host: Host): Promise<number> {
  const { initiatorTaskTag } = host.scsi({ read: true, expectedDataTransferLength: BYTES });
  await host.expect(Opcode.scsiDataIn);
  return initiatorTaskTag;
}

function snack(host: Host, initiatorTaskTag: number): void {
  const { expStatSn } = host;
  const fields = { type: SnackType.dataOrR2t, lun: null, targetTransferTag: RESERVED_TAG, begRun: 0, runLength: 1 };
  host.send(iscsi.encodeSnackRequest, { ...fields, initiatorTaskTag, expStatSn });
}

async function gone({ port }: Bench, host: Host): Promise<void> {
  const before = port.stats().connections;
  host.destroy();
  while (port.stats().connections === before) await new Promise(setImmediate);
}

t.test('the initiator that has most gives back, whoever comes last', async (t) => {
  const limit = 6 * BYTES + 10 * STATUS;
  const all = await bench(t, limit);
  const few = await login(all, OTHER, 0);
  const tag = await read(few);
  const many = [await login(all, INITIATOR, 0), await login(all, INITIATOR, 1), await login(all, INITIATOR, 2)];
  const tags: number[] = [];
  for (let i = 0; i < 6; i++) tags.push(await read(many[i % 3]!));
  t.equal(all.channel.released, 1);
  snack(many[0]!, tags[0]!);
  t.equal((await many[0]!.reject()).reason, RejectReason.snackReject, 'its oldest');
  const last = await read(few);
  t.ok(all.channel.released > 1);
  for (const each of [tag, last]) {
    snack(few, each);
    await few.expect(Opcode.scsiDataIn);
  }
  t.ok(all.port.stats().keptBytes <= limit);
});

t.test('what acknowledges nothing, not even statuses, loses its connection when others need the memory', async (t) => {
  const all = await bench(t, 12 * STATUS);
  const other = await login(all, OTHER, 0);
  const host = await login(all, INITIATOR, 0);
  all.channel.run = (task) => task.good();
  for (let i = 0; i < 14; i++) host.scsi({ expStatSn: host.expStatSn });
  await host.closed;
  other.scsi();
  t.match(await other.scsiResponse(), { status: 0 });
  t.match(all.port.stats(), { sessions: 1, keptBytes: STATUS });
});

t.test('of an initiator, what it left behind goes first; answers without data stay', async (t) => {
  const all = await bench(t, 3 * (BYTES + STATUS));
  const left = await login(all, INITIATOR, 0, '2');
  const tag = await read(left);
  all.channel.run = (task) => task.good();
  const { initiatorTaskTag: write } = left.scsi({ write: true, expectedDataTransferLength: 512 }, Buffer.alloc(512));
  await left.expect(Opcode.scsiResponse);
  await gone(all, left);
  all.channel.run = (task) => task.data([Buffer.alloc(BYTES)], BYTES, () => all.channel.released++);
  const host = await login(all, INITIATOR, 1, '2');
  const first = await read(host);
  await read(host);
  t.equal(all.channel.released, 1);
  snack(host, first);
  await host.expect(Opcode.scsiDataIn);
  const again = await login(all, INITIATOR, 0, '2', left.tsih);
  for (const [referencedTaskTag, response] of [
    [write, TaskFunctionResponse.complete],
    [tag, TaskFunctionResponse.taskDoesNotExist],
  ] as const) {
    const fields = { immediate: true, fn: TaskFunction.taskReassign, lun: Buffer.alloc(8), initiatorTaskTag: 77 };
    const { expStatSn } = again;
    const rest = { cmdSn: left.cmdSn, expStatSn, refCmdSn: 1, expDataSn: 0 };
    again.send(iscsi.encodeTaskManagementRequest, { ...fields, referencedTaskTag, ...rest });
    const { bhs } = await again.expect(Opcode.taskManagementResponse);
    t.equal(iscsi.decodeTaskManagementResponse(bhs).response, response);
    if (response === TaskFunctionResponse.complete) await again.expect(Opcode.scsiResponse);
  }
});

t.test('who leaves many sessions waiting ends none of another host', async (t) => {
  const all = await bench(t, 1 << 20, { desertedSessions: 3 });
  const other = await login(all, OTHER, 0, '2');
  await gone(all, other);
  for (let isid = 0; isid < 8; isid++) await gone(all, await login(all, INITIATOR, isid, '2'));
  const waiting = all.port.sessions().map(({ initiator, tsih }) => [initiator, tsih]);
  t.same(waiting, [
    [OTHER, 1],
    [INITIATOR, 8],
    [INITIATOR, 9],
  ]);
});

t.test('data that is given back while it is sent anew is given back once', (t) => {
  const memory = new KeptMemory(1 << 20);
  let held = 0;
  const transmit = { hold: () => held++ } as unknown as Transmit;
  const limits = { keptBytes: 1 << 20, keptStatuses: 8 };
  const kept = new Unacknowledged(transmit, limits, memory, INITIATOR, () => {});
  const data = { task: { tag: 5 }, length: BYTES, collapsed: true, acknowledged: 0, gone: false } as SentData;
  kept.addData(data, 1);
  const [sent] = kept.run(0, 0)!;
  const anew = { ...sent!, data: { ...data } };
  kept.giveBackOldest();
  kept.replace(sent!, anew);
  t.equal(memory.used, STATUS);
  kept.close();
  t.equal(memory.used, 0);
  t.equal(held, 1);
  t.end();
});

t.test(`nothing is forgotten and nothing counted twice, seed ${SEED}`, async (t) => {
  const random = seededRandom(SEED);
  const limit = 10 * (BYTES + STATUS);
  const all = await bench(t, limit, { keptBytes: 5 * BYTES });
  let ran = 0;
  all.channel.run = (task) => {
    ran++;
    task.data([Buffer.alloc(BYTES)], BYTES, () => all.channel.released++);
  };
  const hosts: (Host | null)[] = [null, null, null, null];
  const open = async (index: number, tsih = 0) => {
    hosts[index] = await login(all, index < 2 ? INITIATOR : OTHER, index, '2', tsih);
  };
  for (let step = 0; step < 200; step++) {
    const index = random.below(hosts.length);
    const host = hosts[index];
    const dice = random.below(10);
    if (!host) await open(index);
    else if (dice < 6) {
      await read(host);
      if (random.below(3) === 0) host.expStatSn++;
    } else if (dice < 8) {
      const { bhs } = await host.ping();
      host.expStatSn = iscsi.nextSerial(iscsi.statSnOf(bhs));
    } else {
      const { cmdSn, tsih } = host;
      await gone(all, host);
      hosts[index] = null;
      if (dice === 8) {
        await open(index, tsih);
        hosts[index]!.cmdSn = cmdSn;
      }
    }
    t.ok(all.port.stats().keptBytes <= limit);
    t.ok((ran - all.channel.released) * BYTES <= all.port.stats().keptBytes);
  }
  for (const { tsih } of all.port.sessions()) all.port.dropSession(tsih, null, 'the end');
  for (const host of hosts) host?.destroy();
  while (all.port.stats().connections > 0) await new Promise(setImmediate);
  t.equal(all.port.stats().keptBytes, 0);
  t.equal(all.channel.released, ran);
});
