import t from 'tap';
import type { Task } from '../../../target/scsi/task.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type BenchOptions, openBench, TestClock } from './fixture.js';
import type { Host } from './host.js';

const { Opcode, RejectReason } = iscsi;
const bytes = (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => (i * 131 + (i >> 8)) & 0xff));

/** A bench whose tasks want `wanted` bytes (default: all that were announced) and end GOOD with them. */
async function bench(t: Parameters<typeof openBench>[0], options: BenchOptions = {}, wanted?: number) {
  const bench = await openBench(t, options);
  const written: Buffer[] = [];
  bench.channel.run = (task: Task) => {
    task.onDataOut = () => {
      written.push(Buffer.concat(task.dataOut));
      task.good();
    };
    task.owner.fetchDataOut(task, wanted ?? task.expectedDataOut);
  };
  return { ...bench, written };
}

/** Answers one R2T with Data-Outs of `piece` bytes. */
async function answer(host: Host, data: Buffer, piece: number): Promise<iscsi.R2t> {
  const r2t = await host.r2t();
  for (let at = 0, sn = 0; at < r2t.desiredLength; at += piece, sn++) {
    const length = Math.min(piece, r2t.desiredLength - at);
    const offset = r2t.bufferOffset + at;
    host.dataOut(
      {
        initiatorTaskTag: r2t.initiatorTaskTag,
        targetTransferTag: r2t.targetTransferTag,
        final: at + length === r2t.desiredLength,
        dataSn: sn,
        bufferOffset: offset,
      },
      data.subarray(offset, offset + length),
    );
  }
  return r2t;
}

for (const InitialR2T of ['Yes', 'No']) {
  for (const ImmediateData of ['Yes', 'No']) {
    for (const total of [512, 4096, 20_000]) {
      t.test(`InitialR2T=${InitialR2T}, ImmediateData=${ImmediateData}, ${total} bytes`, async (t) => {
        const { login, written } = await bench(t);
        const keys = {
          InitialR2T,
          ImmediateData,
          FirstBurstLength: '4096',
          MaxBurstLength: '8192',
          MaxOutstandingR2T: '2',
        };
        const host = await login({ ...keys, HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' });
        const data = bytes(total);
        const immediate = ImmediateData === 'Yes' ? Math.min(total, 1000) : 0;
        const first = InitialR2T === 'No' ? Math.min(total, 4096) : immediate;
        const { initiatorTaskTag } = host.scsi(
          { write: true, final: first === immediate, expectedDataTransferLength: total },
          data.subarray(0, immediate),
        );
        let sn = 0;
        for (let at = immediate; at < first; at += 1500) {
          const end = Math.min(first, at + 1500);
          host.dataOut(
            { initiatorTaskTag, final: end === first, dataSn: sn++, bufferOffset: at },
            data.subarray(at, end),
          );
        }
        let r2ts = 0;
        for (let at = first; at < total; ) {
          const r2t = await answer(host, data, 3000);
          t.match(r2t, { initiatorTaskTag, bufferOffset: at, desiredLength: Math.min(8192, total - at), r2tSn: r2ts });
          at += r2t.desiredLength;
          r2ts++;
        }
        t.match(await host.scsiResponse(), { status: 0, residualFlags: 0, initiatorTaskTag, expDataSn: r2ts });
        t.equal(written.length, 1);
        t.ok(written[0]!.equals(data));
      });
    }
  }
}

t.test('as many R2Ts as MaxOutstandingR2T, answered in order', async (t) => {
  const { login, written, port } = await bench(t);
  const host = await login({ MaxBurstLength: '512', MaxOutstandingR2T: '3' });
  const data = bytes(2560);
  host.scsi({ write: true, expectedDataTransferLength: 2560 });
  const r2ts = [];
  for (let i = 0; i < 3; i++) r2ts.push(await host.r2t());
  await host.ping();
  t.equal(host.unread, 0, 'three, not five');
  t.same(
    r2ts.map((each) => each.bufferOffset),
    [0, 512, 1024],
  );
  t.equal(port.stats().solicitedBytes, 2560);
  for (let i = 0; i < 5; i++) {
    const r2t = r2ts[i]!;
    const { initiatorTaskTag, targetTransferTag, bufferOffset } = r2t;
    host.dataOut(
      { initiatorTaskTag, targetTransferTag, bufferOffset },
      data.subarray(bufferOffset, bufferOffset + 512),
    );
    if (i < 2) r2ts.push(await host.r2t());
  }
  t.match(await host.scsiResponse(), { status: 0, expDataSn: 5 });
  t.ok(written[0]!.equals(data));
  t.equal(port.stats().solicitedBytes, 0);
});

for (const [name, wanted, announced, flag] of [
  ['underflow: the CDB wants less than announced', 512, 2048, iscsi.Residual.underflow],
  ['overflow: the CDB wants more', 4096, 2048, iscsi.Residual.overflow],
] as const) {
  t.test(name, async (t) => {
    const { login, written } = await bench(t, {}, wanted);
    const host = await login();
    const data = bytes(announced);
    host.scsi({ write: true, expectedDataTransferLength: announced }, data);
    t.match(await host.scsiResponse(), { residualFlags: flag, residual: Math.abs(announced - wanted) });
    t.ok(written[0]!.equals(data.subarray(0, wanted)));
  });
}

t.test('solicited data stays within its budget; those that wait get their turn', async (t) => {
  const { login, written, port } = await bench(t, { limits: { solicitedBytes: 100_000 } });
  const host = await login({ ImmediateData: 'No' });
  const data = bytes(60_000);
  for (let i = 0; i < 3; i++) host.scsi({ write: true, expectedDataTransferLength: 60_000 });
  await host.r2t().then((r2t) => {
    t.equal(r2t.desiredLength, 60_000);
    t.equal(port.stats().solicitedBytes, 60_000);
    const { initiatorTaskTag, targetTransferTag } = r2t;
    host.dataOut({ initiatorTaskTag, targetTransferTag }, data);
  });
  for (let i = 0; i < 2; i++) {
    await host.scsiResponse();
    await answer(host, data, 60_000);
  }
  await host.scsiResponse();
  t.equal(written.length, 3);
  t.equal(port.stats().solicitedBytes, 0);
});

t.test('a command whose answer is withheld keeps nothing of the budget', async (t) => {
  const { login, port, channel } = await openBench(t, { limits: { solicitedBytes: 100_000 } });
  const host = await login({ ImmediateData: 'No' });
  const ended: Task[] = [];
  channel.run = (task) => {
    task.onDataOut = () => ended.push(task);
    task.owner.fetchDataOut(task, task.expectedDataOut);
  };
  const data = bytes(60_000);
  for (let i = 0; i < 2; i++) host.scsi({ write: true, expectedDataTransferLength: 60_000 });
  await answer(host, data, 60_000);
  await host.ping();
  t.equal(ended.length, 1);
  ended[0]!.owner.answerWithheld!(ended[0]!);
  await answer(host, data, 60_000);
  await host.ping();
  for (const task of ended) task.good();
  for (let i = 0; i < 2; i++) t.match(await host.scsiResponse(), { status: 0, residualFlags: 0 });
  t.equal(port.stats().solicitedBytes, 0);
});

t.test('one task larger than the whole budget is served alone', async (t) => {
  const { login, written } = await bench(t, { limits: { solicitedBytes: 1000 } });
  const host = await login();
  host.scsi({ write: true, expectedDataTransferLength: 60_000 });
  await answer(host, bytes(60_000), 20_000);
  await host.scsiResponse();
  t.equal(written[0]!.length, 60_000);
});

t.test('small pieces of data that wait do not keep whole chunks of input in memory', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login({ ImmediateData: 'No' });
  channel.run = (task) => task.owner.fetchDataOut(task, 2048);
  host.scsi({ write: true, expectedDataTransferLength: 2048 });
  const { initiatorTaskTag, targetTransferTag } = await host.r2t();
  const fields = {
    final: false,
    lun: Buffer.alloc(8),
    initiatorTaskTag,
    targetTransferTag,
    expStatSn: 0,
    dataSn: 0,
    bufferOffset: 0,
  };
  const nop = host.frame(
    iscsi.encodeNopOut,
    { immediate: true, lun: null, initiatorTaskTag: 9, targetTransferTag: iscsi.RESERVED_TAG, cmdSn: 2, expStatSn: 0 },
    bytes(30_000),
  );
  host.socket.write(Buffer.concat([host.frame(iscsi.encodeDataOut, fields, bytes(512)), nop]));
  await host.expect(Opcode.nopIn);
  const [part] = channel.tasks[0]!.dataOut;
  t.ok(part!.equals(bytes(512)));
  t.ok(part!.buffer.byteLength <= 8192, `${part!.buffer.byteLength} bytes held`);
});

t.test('a response waits until announced data has come', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login({ InitialR2T: 'No' });
  channel.run = (task) => task.fail(0x18);
  const { initiatorTaskTag } = host.scsi({ write: true, final: false, expectedDataTransferLength: 1024 }, bytes(512));
  await host.ping();
  t.equal(host.unread, 0);
  host.dataOut({ initiatorTaskTag, bufferOffset: 512 }, bytes(512));
  t.match(await host.scsiResponse(), { status: 0x18, initiatorTaskTag });
});

/** Asc of each iSCSI condition (RFC 7143 11.4.7.2). */
const UNEXPECTED = 0x0c0c;
const AMOUNT = 0x0c0d;

async function condition(t: Parameters<typeof openBench>[0], host: Host, asc: number) {
  const response = await host.scsiResponse();
  t.equal(response.status, 2);
  t.equal(response.sense[2], 0x0b, 'ABORTED COMMAND');
  t.equal(response.sense.readUInt16BE(12), asc);
}

t.test('immediate data although ImmediateData=No', async (t) => {
  const { login, channel } = await bench(t);
  const host = await login({ ImmediateData: 'No' });
  host.scsi({ write: true, expectedDataTransferLength: 512 }, bytes(512));
  await condition(t, host, UNEXPECTED);
  t.equal(channel.tasks.length, 0, 'the logical unit never saw it');
});

t.test('unsolicited data although InitialR2T=Yes: answered once it has ended', async (t) => {
  const { login } = await bench(t);
  const host = await login({ InitialR2T: 'Yes' });
  const { initiatorTaskTag } = host.scsi({ write: true, final: false, expectedDataTransferLength: 1024 }, bytes(512));
  await host.ping();
  t.equal(host.unread, 0);
  host.dataOut({ initiatorTaskTag, bufferOffset: 512 }, bytes(512));
  await condition(t, host, UNEXPECTED);
});

t.test('immediate data beyond FirstBurstLength, and beyond what was announced', async (t) => {
  const { login } = await bench(t);
  const host = await login({ FirstBurstLength: '512' });
  host.scsi({ write: true, expectedDataTransferLength: 2048 }, bytes(1024));
  await condition(t, host, AMOUNT);
  host.scsi({ write: true, expectedDataTransferLength: 100 }, bytes(512));
  await condition(t, host, AMOUNT);
});

t.test('a first burst that ends early', async (t) => {
  const { login } = await bench(t);
  const host = await login({ InitialR2T: 'No', FirstBurstLength: '2048' });
  const { initiatorTaskTag } = host.scsi({ write: true, final: false, expectedDataTransferLength: 8192 }, bytes(512));
  host.dataOut({ initiatorTaskTag, bufferOffset: 512 }, bytes(512));
  await condition(t, host, AMOUNT);
});

for (const [why, over, length] of [
  ['wrong DataSN', { dataSn: 5 }, 512],
  ['wrong offset', { bufferOffset: 4 }, 512],
  ['more than asked for', {}, 1024],
] as const) {
  t.test(`solicited: ${why}`, async (t) => {
    const { login, port, channel } = await bench(t);
    const host = await login({ ImmediateData: 'No' });
    host.scsi({ write: true, expectedDataTransferLength: 512 });
    const { initiatorTaskTag, targetTransferTag } = await host.r2t();
    host.dataOut({ initiatorTaskTag, targetTransferTag, ...over }, bytes(length));
    t.match(await host.reject(), { reason: RejectReason.invalidPduField });
    await condition(t, host, AMOUNT);
    t.same(channel.managed, [{ fn: 'abort-task', lun: '0000000000000000', tag: initiatorTaskTag }]);
    t.match(port.stats(), { solicitedBytes: 0, rejects: 1 });
    host.scsi();
    t.match(await host.scsiResponse(), { status: 0 });
  });
}

t.test('solicited: less than asked for', async (t) => {
  const { login } = await bench(t);
  const host = await login({ ImmediateData: 'No' });
  host.scsi({ write: true, expectedDataTransferLength: 1024 });
  const { initiatorTaskTag, targetTransferTag } = await host.r2t();
  host.dataOut({ initiatorTaskTag, targetTransferTag }, bytes(512));
  await condition(t, host, AMOUNT);
});

t.test('Data-Out for an R2T that was never sent, or out of order', async (t) => {
  const { login } = await bench(t);
  const host = await login({ ImmediateData: 'No', MaxBurstLength: '512', MaxOutstandingR2T: '2' });
  host.scsi({ write: true, expectedDataTransferLength: 1024 });
  const first = await host.r2t();
  const second = await host.r2t();
  const { initiatorTaskTag } = first;
  host.dataOut({ initiatorTaskTag, targetTransferTag: second.targetTransferTag, bufferOffset: 512 }, bytes(512));
  t.match(await host.reject(), { reason: RejectReason.invalidPduField });
  host.dataOut({ initiatorTaskTag, targetTransferTag: first.targetTransferTag }, bytes(512));
  host.dataOut({ initiatorTaskTag, targetTransferTag: second.targetTransferTag, bufferOffset: 512 }, bytes(512));
  await condition(t, host, AMOUNT);
});

t.test('unsolicited data after its end', async (t) => {
  const { login } = await bench(t);
  const host = await login({ ImmediateData: 'No' });
  host.scsi({ write: true, expectedDataTransferLength: 512 });
  const { initiatorTaskTag, targetTransferTag } = await host.r2t();
  host.dataOut({ initiatorTaskTag }, bytes(512));
  t.match(await host.reject(), { reason: RejectReason.protocolError });
  host.dataOut({ initiatorTaskTag, targetTransferTag }, bytes(512));
  await condition(t, host, UNEXPECTED);
});

t.test('Data-Out for no task', async (t) => {
  const { login } = await bench(t);
  const host = await login();
  host.dataOut({ initiatorTaskTag: 4711 }, bytes(16));
  const reject = await host.reject();
  t.equal(reject.reason, RejectReason.protocolError);
  t.equal(iscsi.initiatorTaskTag(reject.header), 4711, 'the offending header');
});

t.test('data under way for an aborted task is dropped quietly', async (t) => {
  const { login, port } = await bench(t);
  const host = await login({ ImmediateData: 'No' });
  const { initiatorTaskTag } = host.scsi({ write: true, expectedDataTransferLength: 512 });
  const { targetTransferTag } = await host.r2t();
  host.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn: iscsi.TaskFunction.abortTask,
    lun: Buffer.alloc(8),
    initiatorTaskTag: host.tag++,
    referencedTaskTag: initiatorTaskTag,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
    refCmdSn: 1,
    expDataSn: 0,
  });
  host.dataOut({ initiatorTaskTag, targetTransferTag }, bytes(512));
  await host.expect(Opcode.taskManagementResponse);
  await host.ping();
  t.match(port.stats(), { rejects: 0, solicitedBytes: 0 });
  t.match(port.sessions(), [{ commandsOutstanding: 0 }], 'its place in the window is free again');
});

t.test('data that never comes costs the connection, not the memory', async (t) => {
  const clock = new TestClock();
  const { login, port, lines } = await bench(t, { clock });
  const host = await login({ ImmediateData: 'No' });
  host.scsi({ write: true, expectedDataTransferLength: 60_000 });
  await host.r2t();
  for (let second = 0; second < 40; second += 10) {
    await host.ping().catch(() => {});
    clock.advance(10_000);
  }
  await host.closed;
  t.match(port.stats(), { solicitedBytes: 0, sessions: 0 });
  t.ok(lines.some((line) => line.includes('did not come')));
});
