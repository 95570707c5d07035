/** ErrorRecoveryLevel 1: Data-In that is lost or damaged is asked for by SNACK (RFC 7143 7.2.2, 11.16). */
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { Opcode } from '../../wire/iscsi/bhs.js';
import { damageData, damageHeader, fates, openWire } from '../support/wire-proxy.js';

t.setTimeout(60_000);

const BLOCKS = 4096;
const pattern = Buffer.alloc(BLOCKS * 512, 'the quick brown fox jumps over 13 lazy dogs ');

for (const [name, list] of [
  ['the first of a read', ['drop']],
  ['one in the middle', ['pass', 'pass', 'drop']],
  ['some in a row', ['pass', 'drop', 'drop']],
  ['one again when it is sent again', ['drop', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'drop']],
  ['the last, with the status', ['pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'drop']],
  ['data digest', ['pass', damageData]],
  ['data digest of the last', ['pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', damageData]],
  ['header digest', ['pass', damageHeader]],
] as const) {
  t.test(`Data-In lost: ${name}`, async (t) => {
    const wire = await openWire(t, 'erl=1&header_digest=crc32c&data_digest=crc32c');
    const unit = await connect(wire.url, { reconnect: false });
    t.equal(unit.session.parameters.errorRecoveryLevel, 1);
    await unit.write(0, pattern);
    wire.rule = fates(Opcode.scsiDataIn, list);
    t.ok((await unit.read(0, BLOCKS)).equals(pattern));
    t.ok(unit.session.recovered.snacks > 0);
    t.ok((await unit.read(0, BLOCKS)).equals(pattern), 'and the connection goes on');
    await unit.close();
  });
}

t.test('what is sent again is what was sent, not what was written meanwhile', async (t) => {
  const wire = await openWire(t, 'erl=1');
  const reader = await connect(wire.url, { reconnect: false });
  const writer = await connect(wire.array.luns[0]!.url);
  await writer.write(0, pattern);
  let lost = 0;
  wire.rule = ({ opcode }) => (opcode === Opcode.scsiDataIn && lost++ < 2 ? 'drop' : 'pass');
  const read = reader.read(0, BLOCKS);
  await writer.write(0, Buffer.alloc(BLOCKS * 512, 7));
  const data = await read;
  t.ok(data.equals(pattern) || data.equals(Buffer.alloc(BLOCKS * 512, 7)), 'one or the other as a whole');
  await Promise.all([reader.close(), writer.close()]);
});
