/** ErrorRecoveryLevel 1: Data-Out that is lost or damaged is asked for again by a recovery R2T (RFC 7143 7.2.2, 7.8). */
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { Opcode } from '../../wire/iscsi/bhs.js';
import { damageData, damageHeader, fates, openWire } from '../support/wire-proxy.js';

t.setTimeout(60_000);

const BLOCKS = 4096;
const pattern = Buffer.alloc(BLOCKS * 512, 'sphinx of black quartz, judge my vow 123456789 ');

const cases = [
  ['data digest of the first solicited', Opcode.scsiDataOut, [damageData]],
  ['data digest in the middle', Opcode.scsiDataOut, ['pass', damageData]],
  ['data digest, twice', Opcode.scsiDataOut, ['pass', damageData, 'pass', 'pass', 'pass', damageData]],
  ['lost in the middle', Opcode.scsiDataOut, ['pass', 'drop']],
  ['lost at the end of a sequence', Opcode.scsiDataOut, ['pass', 'pass', 'pass', 'drop']],
  ['header digest', Opcode.scsiDataOut, ['pass', damageHeader]],
  ['immediate data: the command is sent again', Opcode.scsiCommand, [damageData]],
  ['R2T lost', Opcode.r2t, ['pass', 'drop']],
] as const;

for (const [name, opcode, list] of cases) {
  t.test(`Data-Out: ${name}`, async (t) => {
    const wire = await openWire(t, 'erl=1&header_digest=crc32c&data_digest=crc32c');
    const unit = await connect(wire.url, { reconnect: false });
    wire.rule = fates(opcode, list);
    await unit.write(0, pattern);
    wire.rule = () => 'pass';
    t.ok((await unit.read(0, BLOCKS)).equals(pattern));
    await unit.close();
  });
}

for (const [name, list, opcode = Opcode.scsiDataOut] of [
  ['one in the middle', ['pass', 'drop']],
  ['the last', ['pass', 'pass', 'drop']],
  ['data digest', [damageData]],
  ['its command is lost', ['drop'], Opcode.scsiCommand],
  ['its command is lost, twice', ['drop', 'drop'], Opcode.scsiCommand],
] as const) {
  t.test(`unsolicited data: ${name}`, async (t) => {
    const wire = await openWire(t, 'erl=1&data_digest=crc32c');
    const unit = await connect(wire.url, { reconnect: false, immediateData: false, firstBurstLength: 65536 });
    wire.rule = fates(opcode, list);
    await unit.write(0, pattern);
    wire.rule = () => 'pass';
    t.ok((await unit.read(0, BLOCKS)).equals(pattern));
    await unit.close();
  });
}
