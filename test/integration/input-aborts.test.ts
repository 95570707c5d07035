/**
 * Writes that are aborted, reset away or cut off with their connection while the array holds them up, beside others
 * that come in on the same connection. Each block tells its LBA and its command, so that memory used again too early
 * would show: as a block of another place, of parts, or as a MISCOMPARE of WRITE AND VERIFY. Seed printed.
 */
import t from 'tap';
import { seededRandom } from '../../target/base/random.js';
import { startArray } from '../../target/index.js';
import * as iscsi from '../../wire/iscsi/bhs.js';
import { Host, LUN0, type Received } from '../unit/iscsi-target/host.js';

t.setTimeout(120_000);
const SEED = Number(process.env.LUNARRAY_SEED ?? 21);
const BLOCKS = 32_768;
const ROUNDS = 24;
const HOSTS = 4;
const WRITES = 32;
const SIZES = [1, 2, 8, 31, 32, 33, 40, 64, 100, 128, 129, 512];
const CODES = { write: 0x8a, writeAndVerify: 0x8e, verify: 0x8f, read: 0x88 };
const { Opcode, TaskFunction } = iscsi;

/** Every 16 bytes: the block's LBA and the number of the command. */
function dataOf(lba: number, blocks: number, command: number): Buffer {
  const data = Buffer.alloc(blocks * 512);
  for (let at = 0; at < data.length; at += 16) {
    data.writeUInt32BE(lba + (at >> 9), at);
    data.writeUInt32BE(command, at + 4);
  }
  return data;
}

function cdbOf(opcode: number, lba: number, blocks: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = opcode;
  if (opcode === CODES.writeAndVerify || opcode === CODES.verify) cdb[1] = 0x02;
  cdb.writeBigUInt64BE(BigInt(lba), 2);
  cdb.writeUInt32BE(blocks, 10);
  return cdb;
}

t.test(`seed ${SEED}`, async (t) => {
  const array = await startArray({
    config: { cache: '16M', ldevs: [{ id: '00:00', capacity: '16M' }] },
    faults: [
      { ldev: 0, op: 'write', delayMs: 6, every: 3 },
      { ldev: 0, op: 'any', delayMs: 1, every: 4 },
    ],
    polling: 0,
  });
  t.teardown(() => array.stop());
  const random = seededRandom(SEED);
  const url = new URL(array.luns[0]!.url);
  const target = decodeURIComponent(url.pathname.split('/')[1]!);
  const hosts: Host[] = [];
  const pending = new Map<Host, Map<number, Buffer>>();
  const counts = { good: 0, miscompares: 0, ended: 0 };
  /** By LBA: the commands that may have written it. */
  const allowed = Array.from({ length: BLOCKS }, () => new Set([0]));
  let commands = 0;

  function receive(host: Host, { opcode, bhs, data }: Received): void {
    const own = pending.get(host)!;
    if (opcode === Opcode.r2t) {
      const { initiatorTaskTag, targetTransferTag, bufferOffset, desiredLength } = iscsi.decodeR2t(bhs);
      const whole = own.get(initiatorTaskTag);
      if (whole === undefined) return;
      const piece = [3000, 8192, 20_000, 65_536, 262_144][random.below(5)]!;
      for (let at = 0, sn = 0; at < desiredLength; at += piece, sn++) {
        const offset = bufferOffset + at;
        const length = Math.min(piece, desiredLength - at);
        host.dataOut(
          {
            initiatorTaskTag,
            targetTransferTag,
            final: at + length === desiredLength,
            dataSn: sn,
            bufferOffset: offset,
          },
          whole.subarray(offset, offset + length),
        );
      }
    } else if (opcode === Opcode.scsiResponse) {
      const response = iscsi.decodeScsiResponse(bhs);
      host.expStatSn = iscsi.nextSerial(response.statSn);
      own.delete(response.initiatorTaskTag);
      if (response.status === 0) counts.good++;
      else if (response.status === 2 && (data[4]! & 0x0f) === 0x0e) counts.miscompares++;
      else counts.ended++;
    }
  }

  async function login(index: number, over: Partial<iscsi.LoginRequest> = {}): Promise<Host> {
    const host = await Host.connect(Number(url.port));
    const keys = {
      InitiatorName: `iqn.2026-01.org.example:host${index}`,
      TargetName: target,
      InitialR2T: index % 2 === 0 ? 'No' : 'Yes',
      DataDigest: index === 3 ? 'CRC32C' : 'None',
    };
    await host.login(keys, over);
    pending.set(host, new Map());
    void (async () => {
      for (;;) {
        const received = await host.next();
        if (received === null) return;
        receive(host, received);
      }
    })();
    return host;
  }

  function write(host: Host, base: number): void {
    const blocks = SIZES[random.below(SIZES.length)]!;
    // Each host has its own quarter, so that what WRITE AND VERIFY reads back is what it wrote.
    const lba = base + random.below(BLOCKS / HOSTS - blocks);
    const opcode = random.below(3) === 0 ? CODES.writeAndVerify : CODES.write;
    const command = ++commands;
    const data = dataOf(lba, blocks, command);
    for (let block = lba; block < lba + blocks; block++) allowed[block]!.add(command);
    const immediate = random.below(2) === 0 ? Math.min(data.length, 65_536) : 0;
    const { initiatorTaskTag } = host.scsi(
      { write: true, expectedDataTransferLength: data.length, cdb: cdbOf(opcode, lba, blocks) },
      data.subarray(0, immediate),
    );
    pending.get(host)!.set(initiatorTaskTag, data);
  }

  function manage(host: Host, fn: number): void {
    const tags = [...pending.get(host)!.keys()];
    const tag = tags[random.below(Math.max(1, tags.length))] ?? iscsi.RESERVED_TAG;
    if (fn === TaskFunction.abortTask) pending.get(host)!.delete(tag);
    else for (const each of pending.values()) if (fn === TaskFunction.logicalUnitReset) each.clear();
    if (fn === TaskFunction.abortTaskSet) pending.get(host)!.clear();
    host.send(iscsi.encodeTaskManagementRequest, {
      immediate: true,
      fn,
      lun: LUN0,
      initiatorTaskTag: host.tag++,
      referencedTaskTag: fn === TaskFunction.abortTask ? tag : iscsi.RESERVED_TAG,
      cmdSn: host.cmdSn,
      expStatSn: host.expStatSn,
      refCmdSn: 0,
      expDataSn: 0,
    });
  }

  /** Ends a connection in one of three ways; the last two are session and connection reinstatement. */
  async function replace(index: number): Promise<Host> {
    const old = hosts[index]!;
    const way = random.below(3);
    if (way === 0) old.destroy();
    const over = way === 2 ? { tsih: old.tsih, cmdSn: old.cmdSn } : {};
    const fresh = await login(index, over);
    if (way === 2) {
      fresh.cmdSn = old.cmdSn;
      fresh.tag = old.tag;
    }
    old.destroy();
    pending.delete(old);
    return fresh;
  }

  async function check(): Promise<string[]> {
    const wrong: string[] = [];
    const reader = await Host.connect(Number(url.port));
    await reader.login({ InitiatorName: 'iqn.2026-01.org.example:reader', TargetName: target });
    for (let lba = 0; lba < BLOCKS; ) {
      reader.scsi({ read: true, expectedDataTransferLength: 2048 * 512, cdb: cdbOf(CODES.read, lba, 2048) });
      const parts: Buffer[] = [];
      let status = -1;
      while (status < 0) {
        const received = await reader.next();
        if (received === null) throw new Error('connection closed');
        if (received.opcode === Opcode.scsiResponse) status = iscsi.decodeScsiResponse(received.bhs).status;
        else {
          parts.push(received.data);
          if ((received.bhs[1]! & 1) !== 0) status = received.bhs[3]!;
        }
      }
      // A unit attention, after a reset or at first.
      if (status !== 0) continue;
      const got = Buffer.concat(parts);
      for (let block = 0; block < 2048; block++, lba++) {
        const found = got.subarray(block * 512, block * 512 + 512);
        const command = found.readUInt32BE(4);
        const expected = command === 0 ? Buffer.alloc(512) : dataOf(lba, 1, command);
        if (!allowed[lba]!.has(command) || !found.equals(expected)) wrong.push(`LBA ${lba}: command ${command}`);
      }
    }
    reader.destroy();
    return wrong;
  }

  for (let index = 0; index < HOSTS; index++) hosts.push(await login(index));
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < WRITES; i++) {
      for (const [index, host] of hosts.entries()) {
        write(host, (index * BLOCKS) / HOSTS);
        if (random.below(6) === 0) manage(host, TaskFunction.abortTask);
        if (random.below(40) === 0) manage(host, TaskFunction.abortTaskSet);
        if (random.below(150) === 0) manage(host, TaskFunction.logicalUnitReset);
      }
      if (random.below(4) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(6)));
      if (random.below(12) === 0) {
        const index = random.below(HOSTS);
        hosts[index] = await replace(index);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
    for (let index = 0; index < HOSTS; index++) hosts[index] = await replace(index);
    const wrong = await check();
    if (wrong.length > 0) t.fail(`round ${round}: ${wrong.length} blocks, ${wrong.slice(0, 5).join('; ')}`);
  }
  for (const host of hosts) host.destroy();
  t.comment(JSON.stringify(counts));
  t.equal(counts.miscompares, 0);
  t.ok(counts.good > 500, 'most were carried out');
});
