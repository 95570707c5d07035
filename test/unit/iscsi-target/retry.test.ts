/**
 * Commands with unsolicited data that are sent again, with their CmdSN (RFC 7143 7.2.1): whatever of the first time had
 * come, they are carried out once and with their data, and nothing of them is rejected.
 */
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type Bench, INITIATOR, openBench, TARGET } from './fixture.js';
import { type Host, LUN0 } from './host.js';

const { LogoutReason, Opcode, RejectReason, TaskFunction, TaskFunctionResponse } = iscsi;
const TAG = 500;
const SEGMENT = 512;
const data = Buffer.from(Array.from({ length: 4 * SEGMENT }, (_, index) => (index * 7) & 0xff));

const keys = { ErrorRecoveryLevel: '1', InitialR2T: 'No', FirstBurstLength: '2048', DataDigest: 'CRC32C' };

/** A host whose write of 2048 bytes has 512 as immediate data and the rest in three Data-Outs. */
async function bench(t: Test, level = '1') {
  const opened = await openBench(t);
  opened.channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, data.length);
  };
  const host = await opened.login({
    ...keys,
    ErrorRecoveryLevel: level,
    ...(level === '2' && { MaxConnections: '2' }),
  });
  return { ...opened, bench: opened, host };
}

function command(host: Host, cmdSn: number): iscsi.ScsiCommand {
  const fields = { write: true, final: false, expectedDataTransferLength: data.length };
  return host.command({ ...fields, initiatorTaskTag: TAG, cmdSn });
}

function sendCommand(host: Host, cmdSn: number): void {
  host.send(iscsi.encodeScsiCommand, command(host, cmdSn), data.subarray(0, SEGMENT));
}

function sendData(host: Host, sns: readonly number[] = [0, 1, 2]): void {
  for (const dataSn of sns) {
    const bufferOffset = SEGMENT * (dataSn + 1);
    const part = data.subarray(bufferOffset, bufferOffset + SEGMENT);
    host.dataOut({ initiatorTaskTag: TAG, dataSn, bufferOffset, final: dataSn === 2 }, part);
  }
}

async function good(t: Test, { channel, port }: Bench, host: Host): Promise<void> {
  t.match(await host.scsiResponse(), { status: 0, initiatorTaskTag: TAG });
  t.equal(channel.tasks.length, 1, 'carried out once');
  t.same(Buffer.concat(channel.tasks[0]!.dataOut), data);
  await host.ping();
  t.equal(port.stats().rejects, 0);
}

async function join({ connect }: Bench, old: Host): Promise<Host> {
  const host = await connect();
  host.tsih = old.tsih;
  host.cmdSn = old.cmdSn;
  host.tag = 1000;
  await host.login({ InitiatorName: INITIATOR, TargetName: TARGET, DataDigest: 'CRC32C' }, { cid: 2 });
  return host;
}

t.test('the command was lost, its data was not', async (t) => {
  const { host, bench: all } = await bench(t);
  sendData(host);
  sendCommand(host, 1);
  sendData(host);
  await good(t, all, host);
});

t.test('the immediate data was damaged', async (t) => {
  const { host, bench: all, port } = await bench(t);
  const damaged = host.frame(iscsi.encodeScsiCommand, command(host, 1), data.subarray(0, SEGMENT));
  damaged[60]! ^= 1;
  host.socket.write(damaged);
  sendData(host);
  t.equal((await host.reject()).reason, RejectReason.dataDigestError);
  sendCommand(host, 1);
  sendData(host);
  t.match(await host.scsiResponse(), { status: 0, initiatorTaskTag: TAG });
  t.same(Buffer.concat(all.channel.tasks[0]!.dataOut), data);
  t.equal(port.stats().rejects, 1);
});

for (const arrived of [[], [0], [0, 1], [0, 2], [1], [2], [0, 1, 2]]) {
  t.test(`the command and Data-Out ${arrived.join(', ') || 'none'} had come`, async (t) => {
    const { host, bench: all } = await bench(t);
    sendCommand(host, 1);
    sendData(host, arrived);
    sendCommand(host, 1);
    sendData(host);
    const lost = arrived.includes(2) ? arrived.length < 3 : arrived.length > 0 && arrived[0] !== 0;
    if (lost) {
      const r2t = await host.r2t();
      const { targetTransferTag, bufferOffset, desiredLength } = r2t;
      const part = data.subarray(bufferOffset, bufferOffset + desiredLength);
      host.dataOut({ initiatorTaskTag: TAG, targetTransferTag, bufferOffset }, part);
    }
    await good(t, all, host);
  });
}

t.test('the command is carried out, or was, when it comes again', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  channel.run = (task) => task.owner.fetchDataOut(task, data.length);
  sendCommand(host, 1);
  sendData(host);
  sendCommand(host, 1);
  sendData(host);
  await host.ping();
  channel.tasks[0]!.good();
  await host.ping().catch(() => {});
  sendCommand(host, 1);
  sendData(host);
  await host.expect(Opcode.nopIn);
  await host.ping();
  t.equal(channel.tasks.length, 1);
  t.equal(all.port.stats().rejects, 0);
});

t.test('the command waits for its turn', async (t) => {
  const { host, bench: all, channel } = await bench(t);
  sendCommand(host, 2);
  sendData(host, [0]);
  sendCommand(host, 2);
  sendData(host);
  host.scsi({ cmdSn: 1, write: true, expectedDataTransferLength: data.length }, data);
  t.match(await host.scsiResponse(), { status: 0 });
  t.match(await host.scsiResponse(), { status: 0, initiatorTaskTag: TAG });
  t.same(Buffer.concat(channel.tasks[1]!.dataOut), data);
  t.equal(all.port.stats().rejects, 0);
});

t.test('it waited for its turn on a connection that is logged out', async (t) => {
  const { host, bench: all, port, channel } = await bench(t, '2');
  const other = await join(all, host);
  sendCommand(host, 2);
  sendData(host, [0]);
  await host.ping();
  const fields = { immediate: true, initiatorTaskTag: 98, cid: 1, cmdSn: 1, expStatSn: other.expStatSn };
  other.send(iscsi.encodeLogoutRequest, { ...fields, reason: LogoutReason.removeConnectionForRecovery });
  await other.expect(Opcode.logoutResponse);
  sendCommand(other, 2);
  sendData(other);
  other.scsi({ cmdSn: 1, write: true, expectedDataTransferLength: data.length }, data);
  other.expStatSn++;
  t.match(await other.scsiResponse(), { status: 0 });
  t.match(await other.scsiResponse(), { status: 0, initiatorTaskTag: TAG });
  t.same(Buffer.concat(channel.tasks[1]!.dataOut), data);
  t.equal(port.stats().rejects, 0);
});

t.test('it is taken up on another connection, where it was sent again first', async (t) => {
  const { host, bench: all } = await bench(t, '2');
  sendCommand(host, 1);
  sendData(host, [0]);
  await host.ping();
  const other = await join(all, host);
  const fields = { immediate: true, initiatorTaskTag: 98, cid: 1, cmdSn: 2, expStatSn: other.expStatSn };
  other.send(iscsi.encodeLogoutRequest, { ...fields, reason: LogoutReason.removeConnectionForRecovery });
  await other.expect(Opcode.logoutResponse);
  other.expStatSn++;
  sendCommand(other, 1);
  sendData(other);
  other.send(iscsi.encodeTaskManagementRequest, {
    ...{ immediate: true, fn: TaskFunction.taskReassign, lun: LUN0, initiatorTaskTag: 99, referencedTaskTag: TAG },
    ...{ cmdSn: 2, expStatSn: other.expStatSn, refCmdSn: 1, expDataSn: 0 },
  });
  const { bhs } = await other.expect(Opcode.taskManagementResponse);
  t.equal(iscsi.decodeTaskManagementResponse(bhs).response, TaskFunctionResponse.complete);
  other.expStatSn++;
  const { targetTransferTag, bufferOffset, desiredLength } = await other.r2t();
  sendData(other);
  t.match({ bufferOffset, desiredLength }, { bufferOffset: 2 * SEGMENT, desiredLength: 2 * SEGMENT });
  other.dataOut({ initiatorTaskTag: TAG, targetTransferTag, bufferOffset }, data.subarray(bufferOffset));
  await good(t, all, other);
});

t.test('at level 0 unsolicited data without its command is a protocol error', async (t) => {
  const { host } = await bench(t, '0');
  sendData(host, [0]);
  t.equal((await host.reject()).reason, RejectReason.protocolError);
});
