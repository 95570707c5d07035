import fc from 'fast-check';
import t from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { INITIATOR, openBench, TARGET, TestClock } from './fixture.js';

const { Opcode, RejectReason } = iscsi;

for (const opcode of [0x07, 0x1c, 0x20, 0x21, 0x25, 0x31, 0x3f]) {
  t.test(`${iscsi.opcodeName(opcode)} from a host`, async (t) => {
    const { login } = await openBench(t);
    const host = await login();
    const frame = Buffer.alloc(48);
    frame[0] = opcode;
    host.socket.write(frame);
    const reject = await host.reject();
    t.equal(reject.reason, RejectReason.commandNotSupported);
    t.same(reject.header, frame);
    await host.ping();
  });
}

t.test('a Login Request in full feature phase', async (t) => {
  const { login } = await openBench(t);
  const host = await login();
  host.loginRequest({}, { csg: 1, nsg: 3 });
  t.match(await host.reject(), { reason: RejectReason.commandNotSupported });
  await host.ping();
});

for (const [why, over, data, ahs] of [
  ['neither F nor W', { final: false }, '', ''],
  ['data without W', {}, 'data', ''],
  ['reserved tag', { initiatorTaskTag: iscsi.RESERVED_TAG }, '', ''],
  ['reserved attribute', { attribute: 7 }, '', ''],
  ['malformed AHS', {}, '', 'ffff0100'],
] as const) {
  t.test(`SCSI Command with ${why}`, async (t) => {
    const { login, channel } = await openBench(t);
    const host = await login();
    host.scsi(over, Buffer.from(data), Buffer.from(ahs, 'hex'));
    t.match(await host.reject(), { reason: RejectReason.invalidPduField });
    t.equal(channel.tasks.length, 0);
    host.scsi();
    t.match(await host.scsiResponse(), { status: 0 });
  });
}

t.test('Initiator Task Tag in use', async (t) => {
  const { login, channel } = await openBench(t);
  const host = await login();
  channel.run = () => {};
  host.scsi({ initiatorTaskTag: 5 });
  host.scsi({ initiatorTaskTag: 5 });
  t.match(await host.reject(), { reason: RejectReason.taskInProgress });
  channel.tasks[0]!.good();
  t.match(await host.scsiResponse(), { initiatorTaskTag: 5 });
});

for (const [why, over] of [
  ['no tag and not immediate', { immediate: false, initiatorTaskTag: iscsi.RESERVED_TAG, targetTransferTag: 3 }],
  ['both tags', { immediate: true, initiatorTaskTag: 4, targetTransferTag: 9 }],
] as const) {
  t.test(`NOP-Out with ${why}`, async (t) => {
    const { login } = await openBench(t);
    const host = await login();
    host.send(iscsi.encodeNopOut, {
      lun: null,
      cmdSn: 1,
      expStatSn: 1,
      ...over,
    });
    t.match(await host.reject(), { reason: RejectReason.invalidPduField });
  });
}

t.test('a data segment longer than was declared: Reject, then the end of the session', async (t) => {
  const { login, port, channel } = await openBench(t);
  const host = await login();
  const frame = host.frame(iscsi.encodeScsiCommand, host.command({ write: true }));
  iscsi.setDataSegmentLength(frame, 0, 262_145);
  host.socket.write(frame);
  t.match(await host.reject(), { reason: RejectReason.invalidPduField });
  t.equal(await host.next(), null);
  t.match(port.stats(), { sessions: 0, connectionsDropped: 1 });
  t.equal(channel.nexuses.size, 0);
});

t.test('a Login Request longer than 8192 bytes', async (t) => {
  const { connect, login } = await openBench(t);
  const good = await login();
  const host = await connect();
  host.loginRequest(Buffer.alloc(8193), { csg: 1 });
  t.equal(await host.next(), null);
  await good.ping();
});

t.test('byte by byte', async (t) => {
  const { connect, channel } = await openBench(t);
  const host = await connect();
  const login = host.frame(
    iscsi.encodeLoginRequest,
    {
      immediate: true,
      transit: true,
      continues: false,
      csg: 1,
      nsg: 3,
      versionMax: 0,
      versionMin: 0,
      isid: Buffer.alloc(6),
      tsih: 0,
      initiatorTaskTag: 1,
      cid: 0,
      cmdSn: 1,
      expStatSn: 0,
    },
    Buffer.from(`InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0`),
  );
  for (const byte of login) {
    host.socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal((await host.loginResponse()).status, 0);
  channel.run = (task) => {
    task.onDataOut = () => task.data([Buffer.concat(task.dataOut)], 6);
    task.owner.fetchDataOut(task, 6);
  };
  const command = host.frame(
    iscsi.encodeScsiCommand,
    host.command({ read: true, write: true, expectedDataTransferLength: 6 }),
    Buffer.from('abcdef'),
    iscsi.encodeCommandAhs({ extendedCdb: null, bidirectionalReadLength: 6 }),
  );
  for (const byte of command) {
    host.socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal((await host.expect(Opcode.scsiDataIn)).data.toString(), 'abcdef');
});

t.test('connections beyond the limit are told at login; far beyond, reset', async (t) => {
  const { login, connect, port, lines } = await openBench(t, { limits: { connections: 2, refusals: 1 } });
  const host = await login();
  const waiting = await connect();
  const excess = await connect();
  const refused = await excess.exchange({ InitiatorName: INITIATOR, TargetName: TARGET }, { csg: 1, nsg: 3 });
  t.equal(refused.status, iscsi.LoginStatus.outOfResources);
  await excess.closed;
  while (port.stats().connections > 2) await new Promise((resolve) => setImmediate(resolve));
  const third = await connect();
  while (port.stats().connections < 3) await new Promise((resolve) => setImmediate(resolve));
  const fourth = await connect();
  t.equal(await fourth.next(), null);
  third.destroy();
  waiting.destroy();
  await host.ping();
  t.ok(port.stats().connectionsRefused >= 3);
  t.ok(lines.some((line) => line.includes('connection refused')));
});

t.test('a flood of bad PDUs: memory and log stay bounded, another session works', async (t) => {
  const clock = new TestClock();
  const { login, lines, connect, port } = await openBench(t, { clock });
  const flooder = await login();
  const frame = Buffer.alloc(48);
  frame[0] = 0x1c;
  flooder.socket.write(Buffer.concat(Array.from({ length: 5000 }, () => frame)));
  for (let i = 0; i < 5000; i++) await flooder.expect(Opcode.reject);
  const warnings = lines.filter((line) => line.includes('reject'));
  t.equal(warnings.length, 10, 'ten lines, not 5000');
  clock.advance(11_000);
  flooder.socket.write(frame);
  await flooder.expect(Opcode.reject);
  t.match(lines[lines.length - 1], /4990 earlier lines/);
  const other = await connect();
  await other.login({ InitiatorName: INITIATOR, TargetName: TARGET }, { isid: Buffer.from([0x80, 0, 0, 0, 0, 9]) });
  await other.ping();
  t.equal(port.stats().rejects, 5001);
});

t.test('random headers never hurt the port', async (t) => {
  const seed = 20261120;
  t.comment(`seed ${seed}`);
  const { login, connect, port } = await openBench(t);
  const steady = await connect();
  await steady.login({ InitiatorName: 'iqn.2026-01.org.example:steady', TargetName: TARGET });
  const { login: _login, ...requests } = {
    login: 0x03,
    command: 0x01,
    tmf: 0x02,
    text: 0x04,
    data: 0x05,
    logout: 0x06,
    nop: 0x00,
  };
  const header = fc.record({
    opcode: fc.oneof(fc.constantFrom(...Object.values(requests)), fc.integer({ min: 0, max: 63 })),
    immediate: fc.boolean(),
    body: fc.uint8Array({ minLength: 47, maxLength: 47 }),
    cmdSn: fc.integer({ min: 0, max: 5 }),
    data: fc.uint8Array({ maxLength: 64 }),
    ahs: fc.integer({ min: 0, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(header, { minLength: 1, maxLength: 12 }), async (headers) => {
      const host = await login({ InitialR2T: 'No' });
      const frames = headers.map((each) => {
        const bhs = Buffer.concat([Buffer.of(each.opcode | (each.immediate ? 0x40 : 0)), each.body]);
        iscsi.setAhsLength(bhs, 0, each.ahs * 4);
        iscsi.setDataSegmentLength(bhs, 0, each.data.length);
        bhs.writeUInt32BE(host.cmdSn + each.cmdSn, 24);
        const pad = Buffer.alloc(each.ahs * 4 + iscsi.paddingOf(each.data.length));
        return Buffer.concat([bhs, pad.subarray(0, each.ahs * 4), each.data, pad.subarray(each.ahs * 4)]);
      });
      host.socket.write(Buffer.concat(frames));
      host.socket.end();
      await host.closed;
      await steady.ping();
    }),
    { seed, numRuns: 150 },
  );
  t.match(port.stats(), { sessions: 1 });
});
