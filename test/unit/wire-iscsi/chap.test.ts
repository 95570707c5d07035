import { createHash } from 'node:crypto';
import t from 'tap';
import * as chap from '../../../wire/iscsi/chap.js';

t.test('responses of all algorithms', async (t) => {
  const challenge = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  for (const algorithm of chap.chapAlgorithms) {
    const expected = createHash(algorithm.hash)
      .update(Buffer.concat([Buffer.of(0x42), Buffer.from('a secret of 12+'), challenge]))
      .digest();
    const response = chap.chapResponse(algorithm, 0x42, 'a secret of 12+', challenge);
    t.ok(chap.chapResponseMatches(response, expected), algorithm.name);
    t.equal(response.length, algorithm.bytes);
    response[0]! ^= 1;
    t.notOk(chap.chapResponseMatches(response, expected));
    t.notOk(chap.chapResponseMatches(response, expected.subarray(1)), 'another length');
  }
});

t.test('choice: the first offered that is known', async (t) => {
  t.equal(chap.chooseChapAlgorithm('99,5,7')?.id, 5);
  t.equal(chap.chooseChapAlgorithm('8,7,6,5')?.name, 'SHA3-256');
  t.equal(chap.chooseChapAlgorithm('05'), null);
  t.equal(chap.chooseChapAlgorithm(''), null);
});

t.test('binary values', async (t) => {
  t.same(chap.decodeBinary('0xDEADbeef'), Buffer.from('deadbeef', 'hex'));
  t.same(chap.decodeBinary('0Xabc'), Buffer.from('0abc', 'hex'));
  t.same(chap.decodeBinary('0b3q2+7w=='), Buffer.from('deadbeef', 'hex'));
  t.equal(chap.encodeBinary(Buffer.of(1, 255)), '0x01ff');
  for (const bad of ['', '0x', '0xzz', '0b3q2+7w=', '0b!!!!', '1234', `0x${'00'.repeat(1025)}`]) {
    t.equal(chap.decodeBinary(bad), null, bad.slice(0, 12));
  }
});

t.test('identifiers', async (t) => {
  t.equal(chap.decodeChapIdentifier('255'), 255);
  t.equal(chap.decodeChapIdentifier('0x1f'), 31);
  for (const bad of ['256', '-1', '', '0x', '1e1']) t.equal(chap.decodeChapIdentifier(bad), null, bad);
});

t.test('reflection', async (t) => {
  t.ok(chap.isReflectedChallenge(Buffer.of(1, 2), Buffer.of(1, 2)));
  t.notOk(chap.isReflectedChallenge(Buffer.of(1, 2), Buffer.of(1, 3)));
});
