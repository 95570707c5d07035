/** ErrorRecoveryLevel 1: statuses and commands that are lost (RFC 7143 7.2.1, 7.8, 7.9). */
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { Opcode } from '../../wire/iscsi/bhs.js';
import { damageHeader, type Fate, fates, openWire, type Passing } from '../support/wire-proxy.js';

t.setTimeout(60_000);

const block = (value: number) => Buffer.alloc(512, value);

const cases: readonly (readonly [string, number, readonly (Fate | ((passing: Passing) => void))[]])[] = [
  ['a status, with others behind it', Opcode.scsiResponse, ['pass', 'drop', 'drop']],
  ['a status with nothing behind it', Opcode.scsiResponse, [...Array<Fate>(7).fill('pass'), 'drop']],
  ['a status again when it is sent again', Opcode.scsiResponse, ['drop', ...Array<Fate>(7).fill('pass'), 'drop']],
  ['header digest of a status', Opcode.scsiResponse, ['pass', damageHeader]],
  ['commands', Opcode.scsiCommand, ['pass', 'drop', 'drop', 'pass', 'drop']],
  ['all commands', Opcode.scsiCommand, Array<Fate>(8).fill('drop')],
  ['header digest of a command', Opcode.scsiCommand, ['pass', damageHeader]],
];

for (const [name, opcode, list] of cases) {
  t.test(`lost: ${name}`, async (t) => {
    const wire = await openWire(t, 'erl=1&header_digest=crc32c&data_digest=crc32c');
    const unit = await connect(wire.url, { reconnect: false });
    wire.rule = fates(opcode, list);
    await Promise.all(Array.from({ length: 8 }, (_, index) => unit.write(index, block(index + 1))));
    const { snacks, retries } = unit.session.recovered;
    t.ok(opcode === Opcode.scsiCommand ? retries > 0 : snacks > 0, `${snacks} SNACKs, ${retries} retries`);
    t.ok((await unit.read(0, 8)).equals(Buffer.concat(Array.from({ length: 8 }, (_, index) => block(index + 1)))));
    await unit.close();
  });
}

t.test('nothing is done twice: COMPARE AND WRITE, whose status is lost', async (t) => {
  const wire = await openWire(t, 'erl=1');
  const unit = await connect(wire.url, { reconnect: false });
  wire.rule = fates(Opcode.scsiResponse, ['drop']);
  // A second one would miscompare.
  await unit.compareAndWrite(0, block(0), block(1));
  t.ok((await unit.read(0, 1)).equals(block(1)));
  await unit.close();
});

t.test('what cannot be had again costs the connection, and the commands are done on another', async (t) => {
  const wire = await openWire(t, 'erl=1');
  const unit = await connect(wire.url, { reconnect: { firstDelayMs: 10 } });
  let losses = 0;
  unit.session.on('disconnected', () => {
    losses++;
    wire.rule = () => 'pass';
  });
  wire.rule = ({ opcode }) => (opcode === Opcode.scsiResponse ? 'drop' : 'pass');
  await unit.write(0, block(9));
  t.equal(losses, 1);
  await unit.close();
});
