/** SNACK Requests, PDU by PDU (RFC 7143 11.16): what is sent again, and what is refused. */
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { openBench } from './fixture.js';
import type { Host } from './host.js';

const { Opcode, RejectReason, RESERVED_TAG, SnackType } = iscsi;
const BYTES = 4096;
const data = Buffer.from(Array.from({ length: BYTES }, (_, index) => index & 0xff));

/** A read of eight Data-In of 512 bytes in sequences of 2048; status is in the last. */
async function reader(t: Test, keys: Record<string, string> = {}, limits = {}) {
  const bench = await openBench(t, { limits });
  const host = await bench.login({
    ErrorRecoveryLevel: '1',
    MaxRecvDataSegmentLength: '512',
    MaxBurstLength: '2048',
    ...keys,
  });
  bench.channel.run = (task) => task.data([data], BYTES, () => bench.channel.released++);
  return { ...bench, host };
}

async function read(host: Host): Promise<{ tag: number; pdus: Buffer[] }> {
  const { initiatorTaskTag } = host.scsi({ read: true, expectedDataTransferLength: BYTES });
  const pdus: Buffer[] = [];
  while (pdus.length < 8) pdus.push(whole(await host.expect(Opcode.scsiDataIn)));
  return { tag: initiatorTaskTag, pdus };
}

/** All of a PDU but ExpCmdSN and MaxCmdSN, which are those of now. */
const whole = ({ bhs, data }: { bhs: Buffer; data: Buffer }) => Buffer.concat([Buffer.from(bhs).fill(0, 28, 36), data]);

function snack(host: Host, over: Partial<iscsi.SnackRequest>): void {
  host.send(iscsi.encodeSnackRequest, {
    type: SnackType.dataOrR2t,
    lun: null,
    initiatorTaskTag: RESERVED_TAG,
    targetTransferTag: RESERVED_TAG,
    expStatSn: host.expStatSn,
    begRun: 0,
    runLength: 0,
    ...over,
  });
}

t.test('Data SNACK: exact replicas of a run, of all, and of the last with its status', async (t) => {
  const { host } = await reader(t);
  const { tag, pdus } = await read(host);
  for (const [begRun, runLength, from, to] of [
    [2, 3, 2, 5],
    [0, 0, 0, 8],
    [7, 1, 7, 8],
    [6, 0, 6, 8],
  ] as const) {
    snack(host, { initiatorTaskTag: tag, begRun, runLength });
    for (let sn = from; sn < to; sn++) t.same(whole(await host.expect(Opcode.scsiDataIn)), pdus[sn], `DataSN ${sn}`);
  }
});

t.test('Status SNACK: a status in a Data-In, and one by itself', async (t) => {
  const { host, channel } = await reader(t);
  const { pdus } = await read(host);
  channel.run = (task) => task.good();
  host.scsi();
  const response = await host.expect(Opcode.scsiResponse);
  snack(host, { type: SnackType.status, begRun: host.expStatSn, runLength: 2 });
  t.same(whole(await host.expect(Opcode.scsiDataIn)), pdus[7]);
  t.same((await host.expect(Opcode.scsiResponse)).bhs, response.bhs);
  snack(host, { type: SnackType.status });
  await host.expect(Opcode.scsiDataIn);
  await host.expect(Opcode.scsiResponse);
});

t.test('the data stays until ExpStatSN acknowledges the status', async (t) => {
  const { host, channel } = await reader(t);
  await read(host);
  await host.ping();
  t.equal(channel.released, 0);
  host.expStatSn++;
  await host.ping();
  t.equal(channel.released, 1);
  snack(host, { type: SnackType.status, begRun: host.expStatSn - 1, runLength: 1 });
  t.equal((await host.reject()).reason, RejectReason.protocolError, 'acknowledged: not to be asked for');
});

t.test('an ExpStatSN that was never sent acknowledges nothing', async (t) => {
  const { host, channel } = await reader(t);
  await read(host);
  host.expStatSn += 1000;
  await host.ping();
  t.equal(channel.released, 0);
});

t.test('A bit and DataACK: what is acknowledged is not sent again', async (t) => {
  const { host } = await reader(t);
  const { tag, pdus } = await read(host);
  const asks = pdus.map((pdu) => iscsi.decodeDataIn(pdu).acknowledge);
  t.same(asks, [false, false, false, true, false, false, false, false], 'at the end of each sequence but the last');
  const { targetTransferTag } = iscsi.decodeDataIn(pdus[3]!);
  snack(host, { type: SnackType.dataAck, targetTransferTag, begRun: 4 });
  snack(host, { initiatorTaskTag: tag, begRun: 3, runLength: 1 });
  t.equal((await host.reject()).reason, RejectReason.protocolError);
  snack(host, { initiatorTaskTag: tag, begRun: 4, runLength: 1 });
  t.same(whole(await host.expect(Opcode.scsiDataIn)), pdus[4]);
  snack(host, { type: SnackType.dataAck, targetTransferTag, begRun: 9 });
  t.equal((await host.reject()).reason, RejectReason.invalidDataAck);
});

t.test('R-Data SNACK: what is not acknowledged, cut anew, and a response with the SNACK Tag', async (t) => {
  const { host } = await reader(t);
  const { tag, pdus } = await read(host);
  await host.text({ MaxRecvDataSegmentLength: '1024' });
  const { targetTransferTag } = iscsi.decodeDataIn(pdus[3]!);
  snack(host, { type: SnackType.dataAck, targetTransferTag, begRun: 4 });
  snack(host, { type: SnackType.rData, initiatorTaskTag: tag, targetTransferTag: 0x77 });
  for (const [dataSn, bufferOffset] of [
    [4, 2048],
    [5, 3072],
  ] as const) {
    const pdu = await host.expect(Opcode.scsiDataIn);
    t.match(iscsi.decodeDataIn(pdu.bhs), { dataSn, bufferOffset, status: null });
    t.same(pdu.data, data.subarray(bufferOffset, bufferOffset + 1024));
  }
  const { bhs } = await host.expect(Opcode.scsiResponse);
  const { statSn } = iscsi.decodeDataIn(pdus[7]!);
  t.match(iscsi.decodeScsiResponse(bhs), { status: 0, statSn, expDataSn: 6 });
  t.equal(bhs.readUInt32BE(20), 0x77);
});

t.test('refusals', async (t) => {
  const { host, channel } = await reader(t);
  const { tag } = await read(host);
  for (const [name, over, reason] of [
    ['a task that never was', { initiatorTaskTag: 9999 }, RejectReason.protocolError],
    ['data beyond the end', { initiatorTaskTag: tag, begRun: 8, runLength: 1 }, RejectReason.protocolError],
    ['more than there is', { initiatorTaskTag: tag, begRun: 7, runLength: 2 }, RejectReason.protocolError],
    ['a status not sent', { type: SnackType.status, begRun: 9999, runLength: 1 }, RejectReason.protocolError],
    ['R-Data of no task', { type: SnackType.rData, initiatorTaskTag: 9999 }, RejectReason.protocolError],
    ['an unknown type', { type: 9 }, RejectReason.invalidPduField],
  ] as const) {
    snack(host, over);
    t.equal((await host.reject()).reason, reason, name);
  }
  channel.run = () => {};
  const write = host.scsi({ write: true, expectedDataTransferLength: 512 });
  snack(host, { initiatorTaskTag: write.initiatorTaskTag });
  t.equal((await host.reject()).reason, RejectReason.protocolError, 'an R2T that was not sent');
});

t.test('R2T SNACK', async (t) => {
  const { host, channel } = await reader(t);
  channel.run = (task) => task.owner.fetchDataOut(task, 1024);
  const { initiatorTaskTag } = host.scsi({ write: true, expectedDataTransferLength: 1024 });
  const r2t = await host.expect(Opcode.r2t);
  snack(host, { initiatorTaskTag, begRun: 0, runLength: 1 });
  t.same((await host.expect(Opcode.r2t)).bhs, r2t.bhs);
});

t.test('more data than is kept: the oldest cannot be had again', async (t) => {
  const { host, channel } = await reader(t, {}, { keptBytes: BYTES });
  const first = await read(host);
  t.equal(channel.released, 0);
  const second = await read(host);
  t.equal(channel.released, 1);
  snack(host, { initiatorTaskTag: first.tag, begRun: 0, runLength: 1 });
  t.equal((await host.reject()).reason, RejectReason.snackReject);
  snack(host, { type: SnackType.status, begRun: host.expStatSn, runLength: 1 });
  t.match(iscsi.decodeScsiResponse((await host.expect(Opcode.scsiResponse)).bhs), { status: 0, expDataSn: 8 });
  snack(host, { initiatorTaskTag: second.tag, begRun: 0, runLength: 1 });
  await host.expect(Opcode.scsiDataIn);
});

t.test('who acknowledges nothing loses the connection', async (t) => {
  const { host, port } = await reader(t, {}, { keptStatuses: 8 });
  for (let i = 0; i < 12; i++) host.scsi({ expStatSn: host.expStatSn });
  await host.closed;
  t.equal(port.stats().sessions, 0);
});

t.test('what is kept is given back with the session', async (t) => {
  const { host, channel, port } = await reader(t);
  await read(host);
  host.destroy();
  await host.closed;
  while (port.stats().connections > 0) await new Promise(setImmediate);
  t.equal(channel.released, 1);
});

t.test('with ErrorRecoveryLevel 0 a SNACK is a protocol error', async (t) => {
  const { login } = await openBench(t);
  const host = await login();
  snack(host, {});
  t.equal((await host.reject()).reason, RejectReason.protocolError);
  await host.ping();
});
