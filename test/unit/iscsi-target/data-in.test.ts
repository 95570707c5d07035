import t from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { invalidOperationCode } from '../../../wire/scsi/sense.js';
import { openBench } from './fixture.js';

const bytes = (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => (i * 31) & 0xff));

t.test('status in the only Data-In', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  const data = bytes(4096);
  channel.run = (task) => task.data([data.subarray(0, 1000), data.subarray(1000)], 4096, () => channel.released++);
  const { initiatorTaskTag } = host.scsi({ read: true, expectedDataTransferLength: 4096 });
  const received = await host.expect(iscsi.Opcode.scsiDataIn);
  t.match(iscsi.decodeDataIn(received.bhs), {
    final: true,
    status: 0,
    residualFlags: 0,
    residual: 0,
    initiatorTaskTag,
    dataSn: 0,
    bufferOffset: 0,
    expCmdSn: 2,
    maxCmdSn: 129,
  });
  t.ok(received.data.equals(data));
  t.equal(channel.released, 1, 'the cache has its slots back');
});

for (const digests of ['None', 'CRC32C']) {
  t.test(`split by MaxRecvDataSegmentLength and MaxBurstLength, digests ${digests}`, async (t) => {
    const { login, channel } = await openBench(t);
    const host = await login({
      MaxRecvDataSegmentLength: '512',
      MaxBurstLength: '1024',
      HeaderDigest: digests,
      DataDigest: digests,
    });
    const data = bytes(2500);
    channel.run = (task) => task.data([data.subarray(0, 7), data.subarray(7, 1400), data.subarray(1400)], 2500);
    host.scsi({ read: true, expectedDataTransferLength: 2500 });
    const parts: Buffer[] = [];
    const flags: boolean[] = [];
    for (let sn = 0; sn < 5; sn++) {
      const received = await host.expect(iscsi.Opcode.scsiDataIn);
      const fields = iscsi.decodeDataIn(received.bhs);
      t.equal(fields.dataSn, sn);
      t.equal(fields.bufferOffset, sn * 512);
      t.equal(fields.status, sn === 4 ? 0 : null);
      flags.push(fields.final);
      parts.push(received.data);
    }
    t.same(flags, [false, true, false, true, true], 'F at the end of each burst');
    t.ok(Buffer.concat(parts).equals(data));
  });
}

for (const [name, available, expected, sent, flag, residual] of [
  ['underflow', 100, 512, 100, iscsi.Residual.underflow, 412],
  ['overflow', 512, 100, 100, iscsi.Residual.overflow, 412],
  ['exact', 512, 512, 512, iscsi.Residual.none, 0],
] as const) {
  t.test(name, async (t) => {
    const { login, channel } = await openBench(t);
    const host = await login();
    channel.run = (task) => task.data([bytes(available)], available);
    host.scsi({ read: true, expectedDataTransferLength: expected });
    const received = await host.expect(iscsi.Opcode.scsiDataIn);
    t.match(iscsi.decodeDataIn(received.bhs), { status: 0, residualFlags: flag, residual });
    t.equal(received.data.length, sent);
  });
}

t.test('no room at all: a SCSI Response with overflow', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  channel.run = (task) => task.data([bytes(36)], 36, () => channel.released++);
  host.scsi({ read: true, expectedDataTransferLength: 0 });
  t.match(await host.scsiResponse(), { status: 0, residualFlags: iscsi.Residual.overflow, residual: 36 });
  t.equal(channel.released, 1);
});

t.test('sense, in the format that D_SENSE asks for', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  for (const descriptor of [false, true]) {
    channel.run = (task) => {
      task.descriptorSense = descriptor;
      task.check(invalidOperationCode());
    };
    host.scsi({ read: true, expectedDataTransferLength: 512 });
    const response = await host.scsiResponse();
    t.match(response, { status: 2, residualFlags: iscsi.Residual.underflow, residual: 512 });
    t.equal(response.sense[0], descriptor ? 0x72 : 0x70);
    t.equal(response.sense[descriptor ? 2 : 12], 0x20);
  }
});

t.test('bidirectional: a response of its own with both residuals', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  channel.run = (task) => {
    t.equal(task.expectedDataIn, 600);
    t.equal(task.expectedDataOut, 512);
    t.equal(task.cdb.length, 32, 'extended CDB');
    task.onDataOut = () => task.data([bytes(500)], 500);
    task.owner.fetchDataOut(task, 512);
  };
  const ahs = iscsi.encodeCommandAhs({ extendedCdb: bytes(16), bidirectionalReadLength: 600 });
  host.scsi({ read: true, write: true, expectedDataTransferLength: 512 }, bytes(512), ahs);
  const data = await host.expect(iscsi.Opcode.scsiDataIn);
  t.equal(iscsi.decodeDataIn(data.bhs).status, null);
  t.match(await host.scsiResponse(), {
    residualFlags: iscsi.Residual.readUnderflow,
    residual: 0,
    readResidual: 100,
    expDataSn: 1,
  });
});

t.test('answers that come later share one write', async (t) => {
  const { login, channel, port } = await openBench(t);
  const host = await login();
  const before = port.stats().writes;
  channel.run = () => {};
  for (let i = 0; i < 10; i++) host.scsi({ read: true, expectedDataTransferLength: 512 });
  await host.ping();
  for (const task of channel.tasks) task.data([bytes(512)], 512);
  for (let i = 0; i < 10; i++) await host.expect(iscsi.Opcode.scsiDataIn);
  t.equal(port.stats().writes - before, 2, 'one for the ping, one for ten reads');
});

t.test('slots stay until a slow host has taken the data; commands wait meanwhile', async (t) => {
  const { login, channel } = await openBench(t, { limits: { outputBytes: 1 << 20 } });
  const host = await login({ MaxRecvDataSegmentLength: '262144' });
  const slot = bytes(1 << 20);
  channel.run = (task) => task.data([slot], slot.length, () => channel.released++);
  host.socket.pause();
  const commands = Array.from({ length: 64 }, () =>
    host.frame(iscsi.encodeScsiCommand, host.command({ read: true, expectedDataTransferLength: slot.length })),
  );
  host.socket.write(Buffer.concat(commands));
  while (channel.tasks.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  t.ok(channel.tasks.length < 64, `${channel.tasks.length} of 64 were begun`);
  t.ok(channel.released < channel.tasks.length, 'not all were given back');
  host.socket.resume();
  for (let i = 0; i < 64; i++) {
    for (let part = 0; part < 4; part++) {
      const { bhs, data } = await host.expect(iscsi.Opcode.scsiDataIn);
      const fields = iscsi.decodeDataIn(bhs);
      if (!data.equals(slot.subarray(fields.bufferOffset, fields.bufferOffset + data.length))) t.fail('wrong data');
      if (part === 3) t.equal(fields.status, 0);
    }
  }
  await host.ping();
  t.equal(channel.released, 64);
});
