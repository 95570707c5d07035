/** ErrorRecoveryLevel 2: a connection that breaks is replaced, and its commands go on where they stood (RFC 7143 7.2.3). */
import t, { type Test } from 'tap';
import { connect } from '../../initiator/index.js';
import { Opcode } from '../../wire/iscsi/bhs.js';
import { openWire, type Rule, type Wire } from '../support/wire-proxy.js';

t.setTimeout(60_000);

const BLOCKS = 4096;
const pattern = Buffer.alloc(BLOCKS * 512, 'pack my box with five dozen liquor jugs 0123 ');

/** Cuts the connection instead of the `nth` PDU of an opcode, once. */
function cutAt(opcode: number, nth: number): Rule {
  let seen = 0;
  return (passing) => (passing.opcode === opcode && ++seen === nth ? 'cut' : 'pass');
}

async function openUnit(t: Test, query = 'erl=2') {
  const wire: Wire = await openWire(t, query);
  const unit = await connect(wire.url, { reconnect: { firstDelayMs: 20 } });
  t.equal(unit.session.parameters.errorRecoveryLevel, 2);
  let replaced = 0;
  unit.session.on('reconnected', () => replaced++);
  return { wire, unit, replaced: () => replaced };
}

for (const connections of [1, 3]) {
  for (const [name, opcode, nth] of [
    ['a write: before its command arrives', Opcode.scsiCommand, 1],
    ['a write: before the R2T arrives', Opcode.r2t, 1],
    ['a write: between its data', Opcode.scsiDataOut, 3],
    ['a write: before its status arrives', Opcode.scsiResponse, 1],
  ] as const) {
    t.test(`cut in the midst of ${name}, ${connections} connections`, async (t) => {
      const { wire, unit, replaced } = await openUnit(t, `erl=2&connections=${connections}`);
      wire.rule = cutAt(opcode, nth);
      await unit.write(0, pattern);
      t.equal(replaced(), 1);
      t.ok((await unit.read(0, BLOCKS)).equals(pattern));
      await unit.close();
    });
  }
  for (const nth of [1, 3, 8]) {
    t.test(`cut in the midst of a read, at Data-In ${nth}, ${connections} connections`, async (t) => {
      const { wire, unit, replaced } = await openUnit(t, `erl=2&connections=${connections}`);
      await unit.write(0, pattern);
      wire.rule = cutAt(Opcode.scsiDataIn, nth);
      t.ok((await unit.read(0, BLOCKS)).equals(pattern));
      t.equal(replaced(), 1);
      await unit.close();
    });
  }
}

t.test('nothing is done twice: COMPARE AND WRITE, cut before its status arrives', async (t) => {
  const { wire, unit, replaced } = await openUnit(t);
  wire.rule = cutAt(Opcode.scsiResponse, 1);
  await unit.compareAndWrite(0, Buffer.alloc(512), Buffer.alloc(512, 1));
  t.equal(replaced(), 1);
  t.ok((await unit.read(0, 1)).equals(Buffer.alloc(512, 1)));
  await unit.close();
});

t.test('many commands at once, cut again and again', async (t) => {
  const { wire, unit, replaced } = await openUnit(t, 'erl=2&connections=2');
  let pdus = 0;
  wire.rule = () => (++pdus % 97 === 0 && pdus < 600 ? 'cut' : 'pass');
  const all = Array.from({ length: 64 }, (_, index) => index);
  await Promise.all(all.map((index) => unit.write(index, Buffer.alloc(512, index + 1))));
  const back = await unit.read(0, 64);
  for (const index of all) t.equal(back[index * 512], index + 1);
  t.ok(replaced() > 0);
  await unit.close();
});

t.test('commands on the other connections are not disturbed', async (t) => {
  const { wire, unit } = await openUnit(t, 'erl=2&connections=2');
  t.equal(unit.session.connections, 2);
  wire.rule = ({ connection, opcode }) => (connection === 1 && opcode === Opcode.scsiCommand ? 'cut' : 'pass');
  wire.open = false;
  const done = Promise.all(Array.from({ length: 4 }, (_, index) => unit.write(index, Buffer.alloc(512, 5))));
  await new Promise((passed) => setTimeout(passed, 100));
  t.equal(unit.session.connections, 1);
  wire.rule = () => 'pass';
  wire.open = true;
  await done;
  t.ok((await unit.read(0, 4)).equals(Buffer.alloc(2048, 5)));
  await unit.close();
});

t.test('a status that is lost arrives before the response of a reset on another connection', async (t) => {
  const { wire, unit } = await openUnit(t, 'erl=2&connections=2');
  let lost = 0;
  wire.rule = ({ opcode, connection }) =>
    opcode === Opcode.scsiResponse && connection === 1 && ++lost === 1 ? 'drop' : 'pass';
  const order: string[] = [];
  const writes = [0, 1].map((block) => unit.write(block, Buffer.alloc(512, 6)).then(() => order.push('write')));
  while (lost === 0) await new Promise((passed) => setTimeout(passed, 5));
  await unit.session.manage('logicalUnitReset', unit.address);
  order.push('reset');
  await Promise.all(writes);
  t.same(order, ['write', 'write', 'reset']);
  await unit.close();
});
