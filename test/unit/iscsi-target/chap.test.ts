import t from 'tap';
import type { ChapUser, HostGroup } from '../../../target/volumes/model.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import {
  type ChapAlgorithm,
  chapAlgorithms,
  chapResponse,
  decodeBinary,
  encodeBinary,
} from '../../../wire/iscsi/chap.js';
import { type Bench, type BenchOptions, group, INITIATOR, openBench, TARGET, TestClock } from './fixture.js';
import type { Host } from './host.js';

const { LoginStatus } = iscsi;
const names = { InitiatorName: INITIATOR, TargetName: TARGET };
const user: ChapUser = { name: 'alice', secret: 'correct horse battery', role: 'initiator', hostGroups: [] };
const array: ChapUser = { name: 'array', secret: 'another secret entirely', role: 'target', hostGroups: [] };
const own = Buffer.from('0102030405060708', 'hex');

async function bench(
  t: Parameters<typeof openBench>[0],
  auth: HostGroup['auth'],
  users = [user, array],
  options: BenchOptions = {},
): Promise<Bench> {
  const bench = await openBench(t, options);
  bench.directory.groups = [group({ auth })];
  bench.directory.chapUsers = users;
  return bench;
}

/** Up to the target's challenge; then the answer with `extra` keys. */
async function authenticate(
  host: Host,
  algorithm: ChapAlgorithm,
  {
    name = user.name,
    secret = user.secret,
    identity = names as Record<string, string>,
    extra = {} as Record<string, string>,
  } = {},
) {
  const method = await host.exchange({ ...identity, AuthMethod: 'CHAP,None' }, { csg: 0, nsg: 1 });
  t.match(method, { status: 0, transit: false });
  t.equal(method.keys.get('AuthMethod'), 'CHAP');
  const challenge = await host.exchange({ CHAP_A: String(algorithm.id) }, { csg: 0 });
  t.equal(challenge.keys.get('CHAP_A'), String(algorithm.id));
  const bytes = decodeBinary(challenge.keys.get('CHAP_C')!)!;
  const response = chapResponse(algorithm, Number(challenge.keys.get('CHAP_I')), secret, bytes);
  const keys = { CHAP_N: name, CHAP_R: encodeBinary(response), ...extra };
  return { answer: await host.exchange(keys, { csg: 0, nsg: 1 }), challenge: bytes };
}

for (const algorithm of chapAlgorithms) {
  t.test(`one-way, ${algorithm.name}`, async (t) => {
    const { connect, port } = await bench(t, 'chap');
    const host = await connect();
    const { answer } = await authenticate(host, algorithm);
    t.match(answer, { status: 0, transit: true, nsg: 1 });
    t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: 0, transit: true });
    t.match(port.sessions(), [{ authentication: 'chap' }]);
  });

  t.test(`mutual, ${algorithm.name}`, async (t) => {
    const { connect, port } = await bench(t, 'mutual-chap');
    const host = await connect();
    const { answer } = await authenticate(host, algorithm, { extra: { CHAP_I: '9', CHAP_C: encodeBinary(own) } });
    t.match(answer, { status: 0, transit: true });
    t.equal(answer.keys.get('CHAP_N'), 'array');
    t.same(decodeBinary(answer.keys.get('CHAP_R')!), chapResponse(algorithm, 9, array.secret, own));
    t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: 0 });
    t.match(port.sessions(), [{ authentication: 'mutual-chap' }]);
  });
}

const sha256 = chapAlgorithms[1]!;

t.test('a user that is removed: its hosts are asked to log out, and put out after a time', async (t) => {
  const clock = new TestClock();
  const bob = { ...user, name: 'bob' };
  const { connect, directory, port } = await bench(t, 'chap', [user, bob, array], { clock });
  const login = async (name: string) => {
    const host = await connect();
    const identity = { ...names, InitiatorName: `iqn.2026-11.org.example:${name}` };
    await authenticate(host, sha256, { name, identity });
    t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: 0 });
    return host;
  };
  const remove = (name: string) => {
    directory.chapUsers = directory.chapUsers.filter((each) => each.name !== name);
    directory.emit('users-removed');
  };
  const event = async (host: Host) => iscsi.decodeAsyncMessage((await host.expect(iscsi.Opcode.asyncMessage)).bhs);
  const [alice, other] = [await login('alice'), await login('bob')];
  remove('array');
  remove('alice');
  t.match(await event(alice), { event: iscsi.AsyncEvent.logoutRequested, parameter3: 10 });
  clock.advance(10_000);
  t.match(await event(alice), { event: iscsi.AsyncEvent.connectionDropped });
  t.equal(await alice.next(), null);
  await other.ping();
  t.equal(port.stats().sessions, 1);
});

t.test('a user that is removed during its login is not let in', async (t) => {
  const { connect, directory } = await bench(t, 'chap');
  const host = await connect();
  await authenticate(host, sha256);
  directory.chapUsers = [];
  t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: LoginStatus.authenticationFailure });
});

t.test('straight to full feature phase', async (t) => {
  const { connect } = await bench(t, 'chap');
  const host = await connect();
  await host.exchange({ ...names, AuthMethod: 'CHAP' }, { csg: 0 });
  const { keys } = await host.exchange({ CHAP_A: '5,7' }, { csg: 0 });
  t.equal(keys.get('CHAP_A'), '5', 'the first that is known');
  const response = chapResponse(
    chapAlgorithms[3]!,
    Number(keys.get('CHAP_I')),
    user.secret,
    decodeBinary(keys.get('CHAP_C')!)!,
  );
  const last = await host.exchange({ CHAP_N: 'alice', CHAP_R: `0b${response.toString('base64')}` }, { csg: 0, nsg: 3 });
  t.match(last, { status: 0, transit: true, nsg: 3, tsih: 1 });
});

for (const [why, options, status] of [
  ['wrong secret', { secret: 'wrong horse battery' }, LoginStatus.authenticationFailure],
  ['unknown user', { name: 'mallory' }, LoginStatus.authenticationFailure],
  ['a user of role target', { name: 'array', secret: array.secret }, LoginStatus.authenticationFailure],
] as const) {
  t.test(why, async (t) => {
    const { connect, port } = await bench(t, 'chap');
    const host = await connect();
    const { answer } = await authenticate(host, sha256, options);
    t.equal(answer.status, status);
    await host.closed;
    t.equal(port.stats().loginsFailed, 1);
  });
}

t.test('a user bound to another host group', async (t) => {
  const { connect } = await bench(t, 'chap', [{ ...user, hostGroups: [2] }]);
  t.equal((await authenticate(await connect(), sha256)).answer.status, LoginStatus.authorizationFailure);
});

t.test('a user bound to this host group', async (t) => {
  const { connect } = await bench(t, 'chap', [{ ...user, hostGroups: [2, 1] }]);
  t.equal((await authenticate(await connect(), sha256)).answer.status, LoginStatus.success);
});

t.test('the target bound to another host group cannot prove itself', async (t) => {
  const { connect } = await bench(t, 'chap', [user, { ...array, hostGroups: [2] }]);
  const { answer } = await authenticate(await connect(), sha256, { extra: { CHAP_I: '9', CHAP_C: encodeBinary(own) } });
  t.equal(answer.status, LoginStatus.authenticationFailure);
});

t.test('mutual required, initiator does not challenge', async (t) => {
  const { connect } = await bench(t, 'mutual-chap');
  t.equal((await authenticate(await connect(), sha256)).answer.status, LoginStatus.authenticationFailure);
});

t.test("the target's challenge sent back to it", async (t) => {
  const { connect, lines } = await bench(t, 'mutual-chap');
  const host = await connect();
  await host.exchange({ ...names, AuthMethod: 'CHAP' }, { csg: 0 });
  const { keys } = await host.exchange({ CHAP_A: '7' }, { csg: 0 });
  const response = chapResponse(sha256, Number(keys.get('CHAP_I')), user.secret, decodeBinary(keys.get('CHAP_C')!)!);
  const answer = await host.exchange(
    { CHAP_N: 'alice', CHAP_R: encodeBinary(response), CHAP_I: keys.get('CHAP_I')!, CHAP_C: keys.get('CHAP_C')! },
    { csg: 0, nsg: 1 },
  );
  t.equal(answer.status, LoginStatus.authenticationFailure);
  t.notOk(answer.keys.has('CHAP_R'), 'nothing was computed for it');
  t.ok(lines.some((line) => line.includes('own challenge')));
});

t.test('left out where it is required', async (t) => {
  for (const [keys, over] of [
    [names, { csg: 1, nsg: 3 }],
    [names, { csg: 0, nsg: 1 }],
    [names, { csg: 0, nsg: 3 }],
    [
      { ...names, AuthMethod: 'None' },
      { csg: 0, nsg: 1 },
    ],
  ] as const) {
    const { connect } = await bench(t, 'chap');
    const host = await connect();
    t.equal((await host.exchange(keys, over)).status, LoginStatus.authenticationFailure, JSON.stringify(over));
  }
});

t.test('leaving the stage in the middle of CHAP does not work', async (t) => {
  const { connect } = await bench(t, 'chap');
  const host = await connect();
  t.match(await host.exchange({ ...names, AuthMethod: 'CHAP' }, { csg: 0, nsg: 3 }), { status: 0, transit: false });
  t.match(await host.exchange({ CHAP_A: '7' }, { csg: 0, nsg: 3 }), { status: 0, transit: false });
  t.match(await host.exchange({}, { csg: 0, nsg: 3 }), { status: 0, transit: false });
  t.equal((await host.exchange({}, { csg: 1, nsg: 3 })).status, LoginStatus.initiatorError);
});

for (const [why, keys, status] of [
  ['unknown algorithm', [{ CHAP_A: '9' }], LoginStatus.authenticationFailure],
  ['CHAP_A twice over', [{ CHAP_A: '7' }, { CHAP_A: '7' }], LoginStatus.initiatorError],
  ['response before the challenge', [{ CHAP_N: 'alice', CHAP_R: '0x00' }], LoginStatus.initiatorError],
  ['no CHAP_N', [{ CHAP_A: '7' }, { CHAP_R: '0x00' }], LoginStatus.initiatorError],
  ['CHAP_R not binary', [{ CHAP_A: '7' }, { CHAP_N: 'alice', CHAP_R: 'xyz' }], LoginStatus.initiatorError],
  ['a challenge alone', [{ CHAP_A: '7' }, { CHAP_I: '1', CHAP_C: '0x00' }], LoginStatus.initiatorError],
] as const) {
  t.test(why, async (t) => {
    const { connect } = await bench(t, 'chap');
    const host = await connect();
    await host.exchange({ ...names, AuthMethod: 'CHAP' }, { csg: 0 });
    let last = 0;
    for (const each of keys) last = (await host.exchange(each, { csg: 0 })).status;
    t.equal(last, status);
    await host.closed;
  });
}

t.test('discovery: None when offered, CHAP when insisted on', async (t) => {
  const { connect } = await bench(t, 'chap', [{ ...user, hostGroups: [5] }]);
  const discovery = { InitiatorName: INITIATOR, SessionType: 'Discovery' };
  const open = await connect();
  const method = await open.exchange({ ...discovery, AuthMethod: 'CHAP,None' }, { csg: 0, nsg: 3 });
  t.equal(method.keys.get('AuthMethod'), 'None');
  const host = await connect();
  await host.exchange({ ...discovery, AuthMethod: 'CHAP' }, { csg: 0 });
  const { keys } = await host.exchange({ CHAP_A: '7' }, { csg: 0 });
  const response = chapResponse(sha256, Number(keys.get('CHAP_I')), user.secret, decodeBinary(keys.get('CHAP_C')!)!);
  t.match(await host.exchange({ CHAP_N: 'alice', CHAP_R: encodeBinary(response) }, { csg: 0, nsg: 3 }), { status: 0 });
});

t.test('discovery that has to be authenticated', async (t) => {
  const discovery = { InitiatorName: INITIATOR, SessionType: 'Discovery' };
  const [algorithm] = chapAlgorithms;
  const open = (discoveryAuth: () => 'none' | 'chap' | 'mutual-chap') =>
    bench(t, 'none', [{ ...user, hostGroups: [99] }, array], { discoveryAuth });

  t.test('without CHAP: refused in each way, while normal sessions are not concerned', async (t) => {
    const { connect, port } = await open(() => 'chap');
    for (const [keys, csg, nsg] of [
      [discovery, 1, 3],
      [discovery, 0, 3],
      [{ ...discovery, AuthMethod: 'None' }, 0, 3],
    ] as const) {
      const host = await connect();
      t.match(await host.exchange({ ...keys }, { csg, nsg }), { status: LoginStatus.authenticationFailure });
    }
    t.equal(port.stats().sessions, 0);
    t.match(await (await connect()).exchange(names, { csg: 1, nsg: 3 }), { status: 0 });
  });

  t.test('with CHAP: any user of role initiator', async (t) => {
    const { connect, port } = await open(() => 'chap');
    const host = await connect();
    t.match((await authenticate(host, algorithm!, { identity: discovery })).answer, { status: 0, transit: true });
    await host.login({});
    t.match(port.sessions(), [{ type: 'discovery', authentication: 'chap' }]);
    t.same((await host.text({ SendTargets: 'All' }))[0], ['TargetName', TARGET]);
    const wrong = await connect();
    const { answer } = await authenticate(wrong, algorithm!, { identity: discovery, secret: 'guessed, and wrong' });
    t.match(answer, { status: LoginStatus.authenticationFailure });
  });

  t.test('mutual CHAP', async (t) => {
    const { connect } = await open(() => 'mutual-chap');
    const refused = await authenticate(await connect(), algorithm!, { identity: discovery });
    t.match(refused.answer, { status: LoginStatus.authenticationFailure });
    const extra = { CHAP_I: '9', CHAP_C: encodeBinary(own) };
    const { answer } = await authenticate(await connect(), algorithm!, { identity: discovery, extra });
    t.match(answer, { status: 0, transit: true });
    t.equal(answer.keys.get('CHAP_N'), 'array');
  });

  t.test('demanded while the login is under way', async (t) => {
    let demanded: 'none' | 'chap' = 'none';
    const { connect, directory } = await bench(t, 'none');
    const host = await connect();
    // A host group's demand takes the same way.
    await host.exchange({ ...names, AuthMethod: 'None' }, { csg: 0, nsg: 1 });
    directory.groups[0] = Object.assign(directory.groups[0]!, { auth: 'chap' });
    t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: LoginStatus.authenticationFailure });
    const later = await open(() => demanded);
    t.match(await (await later.connect()).exchange(discovery, { csg: 1, nsg: 3 }), { status: 0 });
    demanded = 'chap';
    const refused = await (await later.connect()).exchange(discovery, { csg: 1, nsg: 3 });
    t.match(refused, { status: LoginStatus.authenticationFailure });
  });
});

t.test('who has guessed wrong waits for the answer, right or wrong', async (t) => {
  const clock = new TestClock();
  const { connect } = await bench(t, 'chap', [user, array], { clock });
  for (let i = 0; i < 3; i++) {
    const { answer } = await authenticate(await connect(), chapAlgorithms[0]!, { secret: 'wrong horse battery' });
    t.equal(answer.status, LoginStatus.authenticationFailure);
  }
  const held = async (secret?: string) => {
    const host = await connect();
    const given = authenticate(host, chapAlgorithms[0]!, secret === undefined ? {} : { secret });
    // Answered, until the response is given: a ping of another connection has come back by then.
    await (await connect()).exchange({ ...names, AuthMethod: 'CHAP' }, { csg: 0, nsg: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.equal(host.unread, 0);
    return { host, given };
  };
  const right = await held();
  clock.advance(499);
  const wrong = await held('wrong horse battery');
  clock.advance(1);
  t.match((await right.given).answer, { status: 0, transit: true });
  clock.advance(500);
  t.equal((await wrong.given).answer.status, LoginStatus.authenticationFailure);

  const impatient = await held();
  impatient.host.loginRequest({}, { csg: 0, nsg: 1 });
  t.equal((await impatient.given).answer.status, LoginStatus.initiatorError, 'one request at a time');
  const gone = await held();
  gone.host.destroy();
  await gone.host.closed;
  clock.advance(20_000);
  await t.rejects(gone.given, /connection closed/);
});
