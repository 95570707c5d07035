/** What a capture of real connections holds: every byte of both directions, in order, as TCP would have sent it. */
import type { Test } from 'tap';
import t from 'tap';
import { systemClock } from '../../../target/base/clock.js';
import { Capture, type CaptureOptions } from '../../../target/ports/capture/capture.js';
import type { CaptureDisk } from '../../../target/ports/capture/capture-disk.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { encodeNopOut, Opcode, RESERVED_TAG, TaskFunction } from '../../../wire/iscsi/bhs.js';
import { ACK, type CaptureContent, FIN, readCapture, SYN, streamOf, type TcpPacket } from '../../support/pcapng.js';
import { type Bench, INITIATOR, openBench, TARGET } from './fixture.js';
import { LUN0 } from './host.js';

const IN = 1;
const OUT = 2;

class MemoryDisk implements CaptureDisk {
  readonly parts: Buffer[] = [];
  async create() {
    return {
      append: async (parts: readonly Buffer[]) => {
        this.parts.push(...parts);
      },
      close: async () => {},
    };
  }
  async rename() {}
}

/** Captures what happens in `run`. */
async function captured(
  { port }: Bench,
  over: Partial<CaptureOptions>,
  run: () => Promise<void>,
): Promise<CaptureContent> {
  const disk = new MemoryDisk();
  const options = { path: 'x', maxSize: 1e9, files: 1, port: null, initiator: null, ...over };
  const parts = { clock: systemClock, disk, ports: ['CL0-Z', 'CL1-A'], application: 'test' };
  const capture = await Capture.start('capture-1', options, parts, (_capture, error) => {
    throw error;
  });
  port.startCapture(capture);
  await run();
  port.stopCapture(capture);
  await capture.stop();
  return readCapture(Buffer.concat(disk.parts));
}

/** A host whose bytes are recorded on its own side. */
async function recorded(bench: Bench, keys: Record<string, string> = {}) {
  const host = await bench.connect();
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  const write = host.socket.write.bind(host.socket);
  host.socket.write = ((bytes: Buffer) => {
    sent.push(Buffer.from(bytes));
    return write(bytes);
  }) as typeof host.socket.write;
  host.socket.on('data', (chunk) => received.push(Buffer.from(chunk)));
  await host.login({ InitiatorName: INITIATOR, TargetName: TARGET, ...keys });
  return { host, sent: () => Buffer.concat(sent), received: () => Buffer.concat(received) };
}

/** Until the port has seen the end of a connection. */
async function emptied({ port }: Bench): Promise<void> {
  while (port.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve));
}

function readCdb(lba: number, blocks: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = 0x28;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(blocks, 7);
  return cdb;
}

/** Of the packets that PDUs begin with. */
const comments = (packets: readonly TcpPacket[], direction: number) =>
  packets
    .filter((one) => one.direction === direction && one.comment !== null)
    .map((one) => one.comment)
    .filter((comment) => !comment!.endsWith(' (continued)'));

for (const digests of ['None', 'CRC32C']) {
  t.test(`both directions byte by byte, digests ${digests}`, async (t: Test) => {
    const bench = await openBench(t);
    const data = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index & 0xff));
    bench.channel.run = (task) => {
      if (task.expectedDataIn > 0) task.data([data.subarray(0, 100_000), data.subarray(100_000)], data.length);
      else task.good();
    };
    let wire: Awaited<ReturnType<typeof recorded>> | null = null;
    const { packets, interfaces, statistics } = await captured(bench, {}, async () => {
      const keys = { HeaderDigest: digests, DataDigest: digests, MaxRecvDataSegmentLength: '131072' };
      wire = await recorded(bench, keys);
      const { host } = wire;
      const write = Buffer.alloc(16);
      write[0] = 0x2a;
      host.scsi({ write: true, expectedDataTransferLength: 60_001, cdb: write }, data.subarray(0, 60_001));
      await host.scsiResponse();
      host.scsi({ read: true, expectedDataTransferLength: data.length, cdb: readCdb(2048, 586) });
      for (let pdus = 0; pdus < 3; pdus++) await host.expect(Opcode.scsiDataIn);
      await host.ping(Buffer.from('ping'));
      host.socket.end();
      await emptied(bench);
    });
    const { sent, received } = wire!;
    t.ok(streamOf(packets, IN).equals(sent()), 'all that the host sent');
    t.ok(streamOf(packets, OUT).equals(received()), 'all that the array sent');
    t.same(interfaces, ['CL0-Z', 'CL1-A']);
    t.ok(packets.every((one) => one.interface === 1));
    t.same(statistics, { received: packets.length, dropped: 0 });
    t.same(
      packets.slice(0, 3).map((one) => [one.direction, one.flags]),
      [
        [IN, SYN],
        [OUT, SYN | ACK],
        [IN, ACK],
      ],
    );
    t.same(
      packets.slice(-3).map((one) => [one.direction, one.flags]),
      [
        [IN, FIN | ACK],
        [OUT, FIN | ACK],
        [IN, ACK],
      ],
      'the host closed it',
    );
    const what = 'READ(10) LUN 0 LDEV 00:00 LBA 2048 blocks 586 ITT 0x00000065';
    t.ok(
      packets.every(({ payload, comment }) => payload.length === 0 || comment !== null),
      'all have one',
    );
    t.same(comments(packets, IN), [
      'login request ITT 0x00000007',
      'SCSI command: WRITE(10) LUN 0 LDEV 00:00 LBA 0 blocks 0 ITT 0x00000064',
      `SCSI command: ${what}`,
      'NOP out ITT 0x00000066',
    ]);
    t.same(comments(packets, OUT), [
      'login response: success ITT 0x00000007',
      'SCSI response: WRITE(10) LUN 0 LDEV 00:00 LBA 0 blocks 0 ITT 0x00000064: GOOD',
      `SCSI data in: ${what}`,
      `SCSI data in: ${what}`,
      `SCSI data in: ${what}: GOOD`,
      'NOP in ITT 0x00000066',
    ]);
  });
}

t.test('times go forward and are those of the wall clock', async (t) => {
  const bench = await openBench(t);
  const before = BigInt(Date.now() - 1) * 1_000_000n;
  const { packets } = await captured(bench, {}, async () => {
    await (await bench.login()).ping();
  });
  const times = packets.map((one) => one.time);
  t.same(times, [...times].sort());
  t.ok(times[0]! >= before && times.at(-1)! <= BigInt(Date.now() + 1) * 1_000_000n);
});

t.test('begun in the middle of a connection: whole PDUs, after a handshake', async (t) => {
  const bench = await openBench(t);
  const host = await bench.login();
  await host.ping();
  // A PDU has begun and goes on while the capture starts: it is not in it.
  const fields = {
    immediate: true,
    lun: LUN0,
    initiatorTaskTag: 1,
    targetTransferTag: RESERVED_TAG,
    cmdSn: 1,
    expStatSn: 1,
  };
  const ping = host.frame(encodeNopOut, fields, Buffer.alloc(64, 1));
  const { counters } = bench.port;
  const before = counters.bytesIn;
  host.socket.write(ping.subarray(0, 60));
  while (counters.bytesIn < before + 60) await new Promise((resolve) => setImmediate(resolve));
  const { packets } = await captured(bench, {}, async () => {
    host.socket.write(ping.subarray(60));
    await host.expect(Opcode.nopIn);
    host.scsi();
    await host.scsiResponse();
  });
  t.equal(packets[0]!.flags, SYN);
  t.same(comments(packets, IN), ['SCSI command: TEST UNIT READY LUN 0 LDEV 00:00 ITT 0x00000065']);
  t.same(comments(packets, OUT), [
    'NOP in ITT 0x00000001',
    'SCSI response: TEST UNIT READY LUN 0 LDEV 00:00 ITT 0x00000065: GOOD',
  ]);
});

t.test('after it was stopped, nothing', async (t) => {
  const bench = await openBench(t);
  const host = await bench.login();
  const { packets } = await captured(bench, {}, async () => {});
  t.same(packets, []);
  await host.ping();
});

t.test('only one initiator, from the first byte of its login', async (t) => {
  const bench = await openBench(t);
  const other = `${INITIATOR}.other`;
  const earlier = await bench.login({ InitiatorName: `${INITIATOR}.third` });
  const { packets } = await captured(bench, { initiator: other }, async () => {
    const unnamed = await bench.connect();
    unnamed.socket.end(Buffer.alloc(20));
    const mine = await bench.login();
    const theirs = await bench.login({ InitiatorName: other.toUpperCase() });
    for (const host of [mine, theirs, earlier]) await host.ping();
  });
  t.equal(packets.filter((one) => one.flags === SYN).length, 1);
  t.match(streamOf(packets, IN).toString('latin1'), new RegExp(`InitiatorName=${other}`, 'i'));
  t.equal(comments(packets, IN).length, 2);
});

t.test('a refused login of that initiator is in it', async (t) => {
  const bench = await openBench(t);
  const { packets } = await captured(bench, { initiator: INITIATOR }, async () => {
    const host = await bench.connect();
    await host.exchange({ InitiatorName: INITIATOR, TargetName: 'iqn.none' }, { csg: 1, nsg: 3 });
    await host.closed;
    await emptied(bench);
  });
  t.same(comments(packets, OUT), ['login response: not found ITT 0x00000007']);
  t.same(packets.at(-3)!.direction, OUT, 'the array closed it');
});

t.test('another port', async (t) => {
  const bench = await openBench(t);
  const { packets } = await captured(bench, { port: 'CL2-A' }, async () => {
    await (await bench.login()).ping();
  });
  t.same(packets, []);
});

t.test('task management names the command it is about; a Reject its reason', async (t) => {
  const bench = await openBench(t);
  bench.channel.run = () => {};
  const { packets } = await captured(bench, {}, async () => {
    const host = await bench.login();
    const { initiatorTaskTag } = host.scsi({ read: true, expectedDataTransferLength: 512, cdb: readCdb(7, 1) });
    const request = {
      immediate: true,
      lun: LUN0,
      cmdSn: host.cmdSn,
      expStatSn: host.expStatSn,
      refCmdSn: 1,
      expDataSn: 0,
    };
    host.send(iscsi.encodeTaskManagementRequest, {
      ...request,
      fn: TaskFunction.abortTask,
      initiatorTaskTag: 1,
      referencedTaskTag: initiatorTaskTag,
    });
    await host.expect(Opcode.taskManagementResponse);
    host.send(iscsi.encodeTaskManagementRequest, {
      ...request,
      fn: TaskFunction.logicalUnitReset,
      initiatorTaskTag: 2,
      referencedTaskTag: RESERVED_TAG,
    });
    await host.expect(Opcode.taskManagementResponse);
    host.scsi({ write: false, final: false, lun: Buffer.from('c101000000000000', 'hex') });
    await host.reject();
  });
  t.same(comments(packets, IN).slice(2), [
    'task management request: abort task of READ(10) LUN 0 LDEV 00:00 LBA 7 blocks 1 ITT 0x00000064',
    'task management request: logical unit reset LUN 0 LDEV 00:00',
    'SCSI command: TEST UNIT READY LUN c101000000000000 ITT 0x00000065',
  ]);
  t.equal(comments(packets, OUT).at(-1), 'reject: invalid PDU field');
});

t.test('commands of tapes have their own names, and no blocks', async (t) => {
  const bench = await openBench(t);
  bench.directory.tapes.add(0);
  const { packets } = await captured(bench, {}, async () => {
    const host = await bench.login();
    for (const opcode of [0x08, 0x1b, 0x91]) {
      host.scsi({ cdb: Buffer.concat([Buffer.from([opcode]), Buffer.alloc(15, 1)]) });
      await host.scsiResponse();
    }
  });
  t.same(comments(packets, IN).slice(1), [
    'SCSI command: READ(6) LUN 0 LDEV 00:00 ITT 0x00000064',
    'SCSI command: LOAD UNLOAD LUN 0 LDEV 00:00 ITT 0x00000065',
    'SCSI command: SPACE(16) LUN 0 LDEV 00:00 ITT 0x00000066',
  ]);
});

t.test('a flood of commands that never end does not add up', async (t) => {
  const bench = await openBench(t, { limits: { queueDepth: 4096 } });
  bench.channel.run = () => {};
  const { packets } = await captured(bench, {}, async () => {
    const host = await bench.login();
    for (let command = 0; command < 1100; command++) host.scsi();
    await host.ping();
    for (const task of bench.channel.tasks) task.good();
    for (let command = 0; command < 1100; command++) await host.scsiResponse();
  });
  const answers = comments(packets, OUT).filter((one) => one!.startsWith('SCSI response'));
  t.equal(answers.length, 1100);
  t.equal(answers.filter((one) => one!.includes('unknown command')).length, 1100 - 1024);
});
