import t from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { openBench } from './fixture.js';

const both = { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' };
const { RejectReason } = iscsi;

t.test('in force from the first PDU after login, both ways', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login(both);
  channel.run = (task) => task.data([Buffer.from('hello')], 5);
  host.scsi({ read: true, expectedDataTransferLength: 512 });
  // The host verifies the target's digests itself.
  t.equal((await host.expect(iscsi.Opcode.scsiDataIn)).data.toString(), 'hello');
  t.equal((await host.ping(Buffer.from('odd'))).data.toString(), 'odd');
});

t.test('header digest error: the connection is closed (RFC 7143 7.8), others stay', async (t) => {
  const { login, port, channel, connect } = await openBench(t);
  const host = await login(both);
  const other = await connect();
  await other.login(
    { InitiatorName: 'iqn.2026-01.org.example:other', TargetName: port.sessions()[0]!.target },
    { isid: Buffer.from([0x80, 0, 0, 0, 0, 1]) },
  );
  const frame = host.frame(iscsi.encodeScsiCommand, host.command());
  frame[20]! ^= 1;
  host.socket.write(frame);
  t.equal(await host.next(), null);
  await other.ping();
  t.match(port.stats(), { headerDigestErrors: 1, connectionsDropped: 1, sessions: 1 });
  t.equal(channel.tasks.length, 0);
});

t.test('data digest error in a command: Reject, and the CmdSN is still to come', async (t) => {
  const { login, channel, port } = await openBench(t);
  const host = await login(both);
  channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, 512);
  };
  const command = host.command({ write: true, expectedDataTransferLength: 512 });
  const frame = host.frame(iscsi.encodeScsiCommand, command, Buffer.alloc(512, 7));
  const bad = Buffer.from(frame);
  bad[100]! ^= 1;
  host.socket.write(bad);
  const reject = await host.reject();
  t.match(reject, { reason: RejectReason.dataDigestError, expCmdSn: 1 });
  t.same(reject.header, frame.subarray(0, 48));
  t.equal(channel.tasks.length, 0);
  host.socket.write(frame);
  t.match(await host.scsiResponse(), { status: 0, expCmdSn: 2 });
  t.match(port.stats(), { dataDigestErrors: 1, rejects: 1 });
});

t.test('data digest error in a NOP: Reject, no answer', async (t) => {
  const { login } = await openBench(t);
  const host = await login(both);
  const frame = host.frame(
    iscsi.encodeNopOut,
    { immediate: true, lun: null, initiatorTaskTag: 5, targetTransferTag: iscsi.RESERVED_TAG, cmdSn: 1, expStatSn: 1 },
    Buffer.from('ping'),
  );
  frame[frame.length - 1]! ^= 1;
  host.socket.write(frame);
  t.match(await host.reject(), { reason: RejectReason.dataDigestError });
  await host.ping();
});

t.test('data digest error in Data-Out: Reject, and CHECK CONDITION when all data came', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login({ ...both, ImmediateData: 'No' });
  channel.run = (task) => {
    task.onDataOut = () => task.good();
    task.owner.fetchDataOut(task, 1024);
  };
  host.scsi({ write: true, expectedDataTransferLength: 1024 });
  const { initiatorTaskTag, targetTransferTag } = await host.r2t();
  const fields = {
    final: false,
    lun: Buffer.alloc(8),
    initiatorTaskTag,
    targetTransferTag,
    expStatSn: host.expStatSn,
    dataSn: 0,
    bufferOffset: 0,
  };
  const first = host.frame(iscsi.encodeDataOut, fields, Buffer.alloc(512, 1));
  first[80]! ^= 1;
  host.socket.write(first);
  t.match(await host.reject(), { reason: RejectReason.dataDigestError });
  await host.ping();
  t.equal(host.unread, 0, 'no response before the last Data-Out');
  host.dataOut({ initiatorTaskTag, targetTransferTag, dataSn: 1, bufferOffset: 512 }, Buffer.alloc(512, 2));
  const response = await host.scsiResponse();
  t.equal(response.status, 2);
  t.equal(response.sense.readUInt16BE(12), 0x4705, 'PROTOCOL SERVICE CRC ERROR');
});
