import t from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { encodeText } from '../../../wire/iscsi/text.js';
import { FakeDirectory, group, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import { LUN0 } from './host.js';

const { LoginStatus } = iscsi;
const names = { InitiatorName: INITIATOR, TargetName: TARGET };

t.test('security, operational, full feature', async (t) => {
  const { connect, port, channel } = await openBench(t);
  const host = await connect();
  host.expStatSn = 77;
  const first = await host.exchange({ ...names, AuthMethod: 'CHAP,None' }, { csg: 0, nsg: 1 });
  t.match(first, { status: 0, transit: true, csg: 0, nsg: 1, statSn: 77, expCmdSn: 1, tsih: 0, versionActive: 0 });
  t.same(Object.fromEntries(first.keys), { TargetPortalGroupTag: '1', AuthMethod: 'None' });
  const second = await host.exchange({ HeaderDigest: 'None' }, { csg: 1, nsg: 3 });
  t.match(second, { status: 0, transit: true, csg: 1, nsg: 3, statSn: 78, expCmdSn: 1, maxCmdSn: 128, tsih: 1 });
  t.same(Object.fromEntries(second.keys), { HeaderDigest: 'None', MaxRecvDataSegmentLength: '262144' });
  t.equal([...channel.nexuses][0]!.initiatorPort, `${INITIATOR},i,0x400001370000`);
  t.match(port.sessions(), [
    { initiator: INITIATOR, target: TARGET, tsih: 1, authentication: 'none', queueDepth: 128 },
  ]);
  t.match(port.stats(), { loginsOk: 1, loginsFailed: 0, sessions: 1, connections: 1 });
});

t.test('security straight to full feature: defaults hold', async (t) => {
  const { connect, port } = await openBench(t);
  const host = await connect();
  const response = await host.exchange({ ...names, AuthMethod: 'None' }, { csg: 0, nsg: 3 });
  t.match(response, { status: 0, transit: true, nsg: 3, tsih: 1 });
  t.match(port.sessions(), [{ initialR2T: true, immediateData: true, maxBurstLength: 262144 }]);
});

t.test('the target waits for T', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  t.match(await host.exchange(names, { csg: 0 }), { status: 0, transit: false, csg: 0 });
  t.match(await host.exchange({}, { csg: 0, nsg: 1 }), { status: 0, transit: true });
  t.match(await host.exchange({}, { csg: 1 }), { status: 0, transit: false });
  t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: 0, transit: true, tsih: 1 });
});

t.test('initiator and target names are folded', async (t) => {
  const { connect, port } = await openBench(t);
  const host = await connect();
  await host.login({ InitiatorName: INITIATOR.toUpperCase(), TargetName: TARGET.toUpperCase() });
  t.equal(port.sessions()[0]!.initiator, INITIATOR);
});

t.test('a name without date and domain is taken; one that would break others is not', async (t) => {
  const { connect } = await openBench(t);
  await (await connect()).login({ ...names, InitiatorName: 'iqn.test:a' });
  for (const bad of ['host', 'iqn.a,i,0x1', 'iqn.a\nb', `iqn.${'a'.repeat(220)}`]) {
    const host = await connect();
    const { status } = await host.exchange({ ...names, InitiatorName: bad }, { csg: 1, nsg: 3 });
    t.equal(status, LoginStatus.initiatorError, bad);
  }
});

t.test('keys over several PDUs, cut inside a key', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  const text = encodeText(Object.entries({ ...names, MaxBurstLength: '65536' }));
  const empty = await host.exchange(text.subarray(0, 20), { csg: 1, continues: true });
  t.match(empty, { status: 0, transit: false, continues: false });
  t.equal(empty.keys.size, 0);
  t.match(await host.exchange(text.subarray(20, 70), { csg: 1, continues: true }), { transit: false });
  const last = await host.exchange(text.subarray(70), { csg: 1, nsg: 3 });
  t.equal(last.keys.get('MaxBurstLength'), '65536');
  t.equal(last.tsih, 1);
});

t.test('an answer longer than a Login PDU is continued', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  const unknown = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`X-org.example.${i}`, '1']));
  const text = encodeText(Object.entries({ ...names, ...unknown }));
  for (let at = 0; at < text.length; at += 8192) {
    const continues = at + 8192 < text.length;
    host.loginRequest(text.subarray(at, at + 8192), continues ? { csg: 1, continues } : { csg: 1, nsg: 3 });
    if (continues) await host.loginResponse();
  }
  const bodies: Buffer[] = [];
  for (;;) {
    const { bhs, data } = await host.expect(iscsi.Opcode.loginResponse);
    bodies.push(data);
    const response = iscsi.decodeLoginResponse(bhs);
    if (!response.continues) {
      t.equal(response.transit, false, 'T only when nothing is left to say');
      break;
    }
    host.loginRequest({}, { csg: 1 });
  }
  t.equal(Buffer.concat(bodies).toString().split('=NotUnderstood').length - 1, 900);
  t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: 0, transit: true, tsih: 1 });
});

/** What is sent, and the status it must get; the connection is closed afterwards. */
const refusals: [
  string,
  Record<string, string> | Buffer,
  Partial<iscsi.LoginRequest> & { csg: number; nsg?: number },
  number,
][] = [
  ['no InitiatorName', { TargetName: TARGET }, { csg: 1, nsg: 3 }, LoginStatus.missingParameter],
  ['no TargetName', { InitiatorName: INITIATOR }, { csg: 1, nsg: 3 }, LoginStatus.missingParameter],
  ['no keys at all', {}, { csg: 0, nsg: 1 }, LoginStatus.missingParameter],
  ['not an iSCSI name', { ...names, InitiatorName: 'host 1' }, { csg: 1, nsg: 3 }, LoginStatus.initiatorError],
  ['unknown target', { ...names, TargetName: `${TARGET}x` }, { csg: 1, nsg: 3 }, LoginStatus.notFound],
  ['unknown session type', { ...names, SessionType: 'Odd' }, { csg: 1, nsg: 3 }, LoginStatus.sessionTypeNotSupported],
  ['version 1 at least', names, { csg: 1, nsg: 3, versionMax: 1, versionMin: 1 }, LoginStatus.unsupportedVersion],
  ['unknown TSIH', names, { csg: 1, nsg: 3, tsih: 9 }, LoginStatus.sessionDoesNotExist],
  ['T and C', names, { csg: 1, nsg: 3, continues: true }, LoginStatus.initiatorError],
  ['not immediate', names, { csg: 1, nsg: 3, immediate: false }, LoginStatus.initiatorError],
  ['CSG 2', names, { csg: 2, nsg: 3 }, LoginStatus.initiatorError],
  ['CSG 3', names, { csg: 3 }, LoginStatus.initiatorError],
  ['NSG 2', names, { csg: 1, nsg: 2 }, LoginStatus.initiatorError],
  ['NSG = CSG', names, { csg: 1, nsg: 1 }, LoginStatus.initiatorError],
  ['NSG below CSG', names, { csg: 1, nsg: 0 }, LoginStatus.initiatorError],
  [
    'a key twice',
    encodeText([...Object.entries(names), ['DataDigest', 'None'], ['DataDigest', 'None']]),
    { csg: 1, nsg: 3 },
    LoginStatus.initiatorError,
  ],
  ['text without =', Buffer.from('InitiatorName\0'), { csg: 1, nsg: 3 }, LoginStatus.initiatorError],
  ['key of 64 bytes', { ...names, ['K'.repeat(64)]: '1' }, { csg: 1, nsg: 3 }, LoginStatus.initiatorError],
  [
    'security key in the operational stage',
    { ...names, AuthMethod: 'None' },
    { csg: 1, nsg: 3 },
    LoginStatus.initiatorError,
  ],
  ['CHAP_R out of turn', { ...names, CHAP_N: 'u', CHAP_R: '0x00' }, { csg: 0, nsg: 1 }, LoginStatus.initiatorError],
  ['unknown AuthMethod only', { ...names, AuthMethod: 'KRB5' }, { csg: 0, nsg: 1 }, LoginStatus.authenticationFailure],
];

for (const [why, keys, over, status] of refusals) {
  t.test(`refused: ${why}`, async (t) => {
    const { connect, port, lines, channel } = await openBench(t);
    const host = await connect();
    const response = await host.exchange(keys, over);
    t.equal(iscsi.loginStatusName(response.status), iscsi.loginStatusName(status));
    await host.closed;
    t.match(port.stats(), { loginsFailed: 1, loginsOk: 0, sessions: 0 });
    t.equal(channel.nexuses.size, 0);
    t.ok(
      lines.some((line) => line.includes('login refused')),
      lines.join(),
    );
  });
}

t.test('not admitted by the host group', async (t) => {
  const { connect, directory } = await openBench(t);
  directory.groups = [group({ initiators: ['iqn.2026-01.org.example:other'] })];
  const host = await connect();
  t.equal((await host.exchange(names, { csg: 1, nsg: 3 })).status, LoginStatus.authorizationFailure);
});

for (const [why, over] of [
  ['stage', { csg: 1, nsg: 3 }],
  ['Initiator Task Tag', { csg: 0, nsg: 1, initiatorTaskTag: 8 }],
  ['ISID', { csg: 0, nsg: 1, isid: Buffer.alloc(6) }],
  ['CID', { csg: 0, nsg: 1, cid: 2 }],
] as const) {
  t.test(`refused: another ${why} in the second request`, async (t) => {
    const { connect } = await openBench(t);
    const host = await connect();
    await host.exchange(names, { csg: 0 });
    t.equal((await host.exchange({}, over)).status, LoginStatus.initiatorError);
    await host.closed;
  });
}

t.test('a key given again in a later request', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  await host.exchange({ ...names, MaxBurstLength: '65536' }, { csg: 1 });
  t.equal((await host.exchange({ MaxBurstLength: '4096' }, { csg: 1, nsg: 3 })).status, LoginStatus.initiatorError);
});

t.test('another PDU before and during login', async (t) => {
  const { connect } = await openBench(t);
  const early = await connect();
  early.scsi();
  t.equal(await early.next(), null, 'closed without a word: there was no login to answer');
  const host = await connect();
  await host.exchange(names, { csg: 0 });
  host.scsi({ lun: LUN0 });
  t.equal((await host.loginResponse()).status, LoginStatus.invalidDuringLogin);
  await host.closed;
});

t.test('text of more than 64 KiB', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  const part = encodeText([['X-org.example', 'v'.repeat(8000)]]);
  for (let i = 0; i < 8; i++) t.match(await host.exchange(part, { csg: 1, continues: true }), { status: 0 });
  t.equal((await host.exchange(part, { csg: 1, continues: true })).status, LoginStatus.initiatorError);
  await host.closed;
});

t.test('a login without end', async (t) => {
  const { connect } = await openBench(t, { limits: { loginRequests: 5 } });
  const host = await connect();
  for (let i = 0; i < 5; i++) t.equal((await host.exchange(i === 0 ? names : {}, { csg: 1 })).status, 0);
  t.equal((await host.exchange({}, { csg: 1 })).status, LoginStatus.initiatorError);
});

t.test('a login that takes its time is cut off, others are not disturbed', async (t) => {
  const clock = new TestClock();
  const { connect, login, lines } = await openBench(t, { clock });
  const good = await login();
  const slow = await connect();
  const frame = slow.frame(iscsi.encodeNopOut, {
    immediate: true,
    lun: null,
    initiatorTaskTag: 1,
    targetTransferTag: 2,
    cmdSn: 1,
    expStatSn: 1,
  });
  for (const byte of frame.subarray(0, 40)) slow.socket.write(Buffer.of(byte));
  await good.ping();
  clock.advance(14_000);
  await good.ping();
  clock.advance(3_000);
  await slow.closed;
  t.ok(lines.some((line) => line.includes('login not completed in time')));
  await good.ping();
});

t.test('a host may leave in the middle', async (t) => {
  const { connect, port, login } = await openBench(t);
  const host = await connect();
  await host.exchange(names, { csg: 0 });
  host.socket.end();
  await host.closed;
  await (await login()).ping();
  t.match(port.stats(), { connections: 1, sessions: 1 });
});

t.test('a directory without groups', async (t) => {
  t.same(new FakeDirectory().hostGroups('CL9-Z'), []);
});
