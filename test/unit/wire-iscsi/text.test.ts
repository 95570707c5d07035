import t from 'tap';
import { decodeText, encodeText, splitText, TextAssembler, type TextError } from '../../../wire/iscsi/text.js';

t.test('pairs there and back', async (t) => {
  const pairs = [
    ['InitiatorName', 'iqn.2026-01.org.example:host'],
    ['X#NodeArchitecture', 'a=b'],
    ['TargetAlias', ''],
  ] as const;
  t.same(decodeText(encodeText(pairs)), pairs);
  t.same(decodeText(Buffer.from('A=1\0\0\0B=2')), [
    ['A', '1'],
    ['B', '2'],
  ]);
  t.same(decodeText(Buffer.alloc(0)), []);
});

for (const [why, text, code] of [
  ['no equals sign', 'HeaderDigest\0', 'text-malformed'],
  ['equals sign of the next pair', 'A\0B=1\0', 'text-malformed'],
  ['empty key', '=1\0', 'text-malformed'],
  ['a blank in the key', 'A B=1\0', 'text-malformed'],
  ['key of 64 bytes', `${'K'.repeat(64)}=1\0`, 'text-key-too-long'],
  ['value of 8193 bytes', `K=${'v'.repeat(8193)}\0`, 'text-value-too-long'],
  ['1025 keys', 'K=1\0'.repeat(1025), 'text-too-many'],
] as const) {
  t.test(why, async (t) => {
    try {
      decodeText(Buffer.from(text));
      t.fail('accepted');
    } catch (error) {
      t.equal((error as TextError).code, code);
    }
  });
}

t.test('put together over PDUs, within the limit', async (t) => {
  const assembler = new TextAssembler(20);
  t.equal(assembler.add([Buffer.from('Key='), Buffer.from('va')], true), null);
  t.equal(assembler.bytes, 6);
  t.equal(assembler.add([Buffer.from('lue\0')], false)?.toString(), 'Key=value\0');
  t.equal(assembler.bytes, 0);
  t.throws(() => assembler.add([Buffer.alloc(21)], true), { code: 'text-too-long' });
});

t.test('cut into segments', async (t) => {
  t.same(splitText(Buffer.from('abcdef'), 4).map(String), ['abcd', 'ef']);
  t.same(splitText(Buffer.alloc(0), 4).length, 1);
});
