/** Hosts that log in are sent to another port (RFC 7143 11.13.5). */
import t, { type Test } from 'tap';
import { connect, discover } from '../../../initiator/index.js';
import { LoginStatus } from '../../../wire/iscsi/bhs.js';
import { group, INITIATOR, openBench, TARGET } from './fixture.js';

const keys = { InitiatorName: INITIATOR, TargetName: TARGET };

/** Two ports with the same target, and its URL on the first. */
async function two(t: Test) {
  const first = await openBench(t);
  const second = await openBench(t);
  return { first, second, url: `iscsi://127.0.0.1:${first.address.port}/${TARGET}/0` };
}

for (const [permanent, status] of [
  [false, LoginStatus.targetMovedTemporarily],
  [true, LoginStatus.targetMovedPermanently],
] as const) {
  t.test(`the answer on the wire, permanent: ${permanent}`, async (t) => {
    const { port, connect } = await openBench(t);
    port.redirection = { address: { host: '::1', port: 3261 }, permanent };
    for (const stage of [0, 1]) {
      const host = await connect();
      const answer = await host.exchange({ ...keys, HeaderDigest: 'None' }, { csg: stage, nsg: 3 });
      t.match(answer, { status, transit: false, tsih: 0 });
      t.same([...answer.keys], [['TargetAddress', '[::1]:3261']], 'no portal group tag, nothing else');
      t.equal(await host.next(), null, 'the connection is closed');
    }
    t.match(port.stats(), { sessions: 0, loginsOk: 0, loginsFailed: 0 });
  });

  t.test(`the initiator lands on the other port, permanent: ${permanent}`, async (t) => {
    const { first, second, url } = await two(t);
    first.port.redirection = { address: second.address, permanent };
    const moved = await connect(url, { reconnect: false });
    t.same([first.port.stats().sessions, second.port.stats().sessions], [0, 1]);
    first.port.redirection = null;
    const back = await connect(url, { reconnect: false });
    t.same([first.port.stats().sessions, second.port.stats().sessions], [1, 1], 'off again');
    await moved.close();
    await back.close();
  });
}

t.test('two ports that redirect to each other', async (t) => {
  const { first, second, url } = await two(t);
  first.port.redirection = { address: second.address, permanent: false };
  second.port.redirection = { address: first.address, permanent: false };
  await t.rejects(connect(url), { name: 'LoginError', message: /redirected more than 4 times/ });
});

t.test('discovery goes on, and so do sessions and connections that join them', async (t) => {
  const { port, address, login, connect } = await openBench(t);
  const host = await login({ MaxConnections: '2' });
  port.redirection = { address: { host: 'elsewhere.example', port: 3260 }, permanent: false };
  t.match(await discover(`iscsi://127.0.0.1:${address.port}`), [{ name: TARGET }]);
  const joining = await connect();
  await joining.login(keys, { tsih: host.tsih, cid: 2 });
  await host.ping();
  await joining.ping();
});

t.test('a redirection that comes in the midst of a login holds for it', async (t) => {
  const { port, connect } = await openBench(t);
  const host = await connect();
  t.match(await host.exchange(keys, { csg: 0, nsg: 1 }), { status: 0, transit: true });
  port.redirection = { address: { host: '127.0.0.1', port: 3260 }, permanent: false };
  t.match(await host.exchange({}, { csg: 1, nsg: 3 }), { status: LoginStatus.targetMovedTemporarily });
});

t.test('with CHAP: before the initiator has proved itself, to those that are admitted only', async (t) => {
  const { port, connect, directory } = await openBench(t);
  directory.groups = [group({ auth: 'chap', initiators: [INITIATOR] })];
  port.redirection = { address: { host: '127.0.0.1', port: 3260 }, permanent: false };
  const host = await connect();
  t.match(await host.exchange({ ...keys, AuthMethod: 'CHAP' }, { csg: 0 }), {
    status: LoginStatus.targetMovedTemporarily,
  });
  const stranger = await connect();
  const refused = await stranger.exchange({ ...keys, InitiatorName: `${INITIATOR}2` }, { csg: 0 });
  t.equal(refused.status, LoginStatus.authorizationFailure);
  t.notOk(refused.keys.has('TargetAddress'));
});
