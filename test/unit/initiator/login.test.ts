import t, { type Test } from 'tap';
import { connect, type SessionOptions } from '../../../initiator/index.js';
import { chapAlgorithms, chapResponse, decodeBinary, encodeBinary } from '../../../wire/iscsi/chap.js';
import type { TextPair } from '../../../wire/iscsi/text.js';
import { type Behaviour, FakeTarget } from './fake-target.js';

async function start(t: Test, behaviour: Partial<Behaviour> = {}): Promise<FakeTarget> {
  const target = await FakeTarget.start(behaviour);
  t.teardown(() => target.stop());
  return target;
}

const own = { user: 'host', secret: 'initiator secret' };
const peer = { user: 'array', secret: 'target secret' };

/** A target that does CHAP with one algorithm. `proof` is what it proves itself with. */
function chapTarget(id: number, proof = peer): Partial<Behaviour> {
  const algorithm = chapAlgorithms.find((one) => one.id === id)!;
  const challenge = Buffer.alloc(24, 0x5a);
  let reached = 0;
  return {
    onLogin: (request, keys, host) => {
      if (request.csg !== 0) return false;
      const refuse = (): true => {
        host.answerLogin(request, [], { status: 0x0201, transit: false });
        return true;
      };
      reached += 1;
      if (reached === 1) host.answerLogin(request, [['AuthMethod', 'CHAP']], { transit: false });
      else if (reached === 2) {
        const pairs: TextPair[] = [
          ['CHAP_A', String(id)],
          ['CHAP_I', '7'],
          ['CHAP_C', encodeBinary(challenge)],
        ];
        host.answerLogin(request, pairs, { transit: false });
      } else {
        const right = chapResponse(algorithm, 7, own.secret, challenge);
        if (keys.get('CHAP_N') !== own.user || !decodeBinary(keys.get('CHAP_R')!)?.equals(right)) return refuse();
        const theirs = keys.get('CHAP_C');
        const pairs: TextPair[] =
          theirs === undefined
            ? []
            : [
                ['CHAP_N', proof.user],
                [
                  'CHAP_R',
                  encodeBinary(
                    chapResponse(algorithm, Number(keys.get('CHAP_I')), proof.secret, decodeBinary(theirs)!),
                  ),
                ],
              ];
        host.answerLogin(request, pairs);
      }
      return true;
    },
  };
}

t.test('CHAP, one-way and mutual, with every algorithm', async (t) => {
  for (const { id, name } of chapAlgorithms) {
    for (const mutualChap of [null, peer]) {
      const target = await start(t, chapTarget(id));
      const unit = await connect(target.url, { chap: own, mutualChap });
      t.equal(unit.session.state, 'open', `${name} ${mutualChap ? 'mutual' : 'one-way'}`);
      await unit.close();
    }
  }
});

t.test('a wrong secret, a target that cannot prove itself', async (t) => {
  const cases: [string, Partial<Behaviour>, SessionOptions, RegExp][] = [
    [
      'wrong secret',
      chapTarget(5),
      { chap: { ...own, secret: 'no' } },
      /authentication failure.*check user and secret/,
    ],
    ['wrong proof', chapTarget(5, { ...peer, secret: 'no' }), { chap: own, mutualChap: peer }, /did not prove itself/],
    ['wrong name', chapTarget(5, { ...peer, user: 'no' }), { chap: own, mutualChap: peer }, /did not prove itself/],
    ['no proof', {}, { chap: own, mutualChap: peer }, /does not prove itself/],
    ['no secret here', chapTarget(5), {}, /wants CHAP/],
    ['one secret for both', {}, { chap: own, mutualChap: own }, /are the same/],
  ];
  for (const [name, behaviour, options, message] of cases) {
    const target = await start(t, behaviour);
    await t.rejects(connect(target.url, options), { name: 'LoginError', code: 'login-failed', message }, name);
  }
});

t.test('who demands proof does not offer to go without', async (t) => {
  const target = await start(t);
  await t.rejects(connect(target.url, { chap: own, mutualChap: peer }));
  t.equal(target.hosts[0]?.keys.get('AuthMethod'), 'CHAP');
});

t.test('refusals say what and why', async (t) => {
  const cases: [number, RegExp][] = [
    [0x0202, /authorization failure.*0x0202.*does not admit/],
    [0x0203, /not found.*discover/],
    [0x0301, /service unavailable/],
    [0x02ff, /status 0x02ff/],
  ];
  for (const [status, message] of cases) {
    const target = await start(t, {
      onLogin: (request, _keys, host) => {
        host.answerLogin(request, [], { status, transit: false });
        return true;
      },
    });
    await t.rejects(connect(target.url), {
      name: 'LoginError',
      message,
      statusClass: status >> 8,
      statusDetail: status & 255,
    });
  }
});

t.test('answers outside the offer are refused', async (t) => {
  const cases: [string, string][] = [
    ['MaxBurstLength', '16777215'],
    ['FirstBurstLength', 'many'],
    ['HeaderDigest', 'CRC64'],
    ['ImmediateData', 'Maybe'],
    ['DefaultTime2Wait', '9999'],
    ['MaxRecvDataSegmentLength', '100'],
    ['ErrorRecoveryLevel', '2'],
    ['InitialR2T', 'Reject'],
  ];
  for (const [key, value] of cases) {
    const target = await start(t, { loginKeys: { [key]: value } });
    await t.rejects(connect(target.url), { name: 'LoginError', message: new RegExp(key) }, `${key}=${value}`);
  }
});

t.test('a digest that is insisted on and not given', async (t) => {
  const target = await start(t, { loginKeys: { DataDigest: 'NotUnderstood' } });
  await t.rejects(connect(target.url, { dataDigest: 'CRC32C' }), { name: 'LoginError', message: /DataDigest=CRC32C/ });
});

t.test('a redirection is followed, a circle is not', async (t) => {
  const real = await start(t);
  const moved = (to: () => string): Partial<Behaviour> => ({
    onLogin: (request, _keys, host) => {
      host.answerLogin(request, [['TargetAddress', to()]], { status: 0x0101, transit: false });
      return true;
    },
  });
  const front = await start(
    t,
    moved(() => `127.0.0.1:${real.port},1`),
  );
  const unit = await connect(front.url);
  t.equal(real.hosts.length, 1);
  await unit.close();
  const circle: FakeTarget = await start(
    t,
    moved(() => `127.0.0.1:${circle.port}`),
  );
  await t.rejects(connect(circle.url), { name: 'LoginError', message: /redirected more than 4 times/ });
});

t.test('nobody there, nobody answering, closing at once', async (t) => {
  const gone = await FakeTarget.start();
  const { url } = gone;
  await gone.stop();
  await t.rejects(connect(url), { name: 'ConnectError', code: 'connect-failed', message: /nothing listens/ });
  const silent = await start(t, { onPdu: () => true });
  await t.rejects(connect(silent.url, { loginTimeoutMs: 20 }), {
    name: 'LoginError',
    message: /took longer than 20 ms/,
  });
  const closing = await start(t, {
    onPdu: (_pdu, host) => {
      host.socket.destroy();
      return true;
    },
  });
  await t.rejects(connect(closing.url), { name: 'ConnectError', message: /closed the connection during login/ });
});

t.test('options out of range are refused by name', async (t) => {
  const cases: [SessionOptions, RegExp][] = [
    [{ maxBurstLength: 100 }, /maxBurstLength/],
    [{ firstBurstLength: 2 ** 21, maxBurstLength: 2 ** 20 }, /firstBurstLength is larger/],
    [{ mutualChap: peer }, /needs chap/],
    [{ isid: Buffer.alloc(5) }, /isid/],
  ];
  for (const [options, message] of cases) {
    await t.rejects(connect('iscsi://127.0.0.1:1/iqn.a/0', options), { name: 'RangeError', message });
  }
});
