/**
 * Each recovery of ErrorRecoveryLevel 1 and 2 by each fault of the wire: PDUs that are lost, damaged, late and out of order
 * (RFC 7143 7.2). Data arrives whole, on the session that there was.
 */
import t, { type Test } from 'tap';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { Opcode } from '../../wire/iscsi/bhs.js';
import {
  damageData,
  damageHeader,
  type Fate,
  fates,
  openWire,
  type Passing,
  type Wire,
} from '../support/wire-proxy.js';

t.setTimeout(120_000);
t.jobs = 6;

const BLOCKS = 1024;
const pattern = Buffer.alloc(BLOCKS * 512, 'jackdaws love my big sphinx of quartz 67890 ');

type Hurt = Fate | ((passing: Passing) => void);

/** Longer than the patience of both sides: what is late has been asked for again by then. */
const LATE_MS = 3_500;

const faults: Readonly<Record<string, Hurt>> = {
  lost: 'drop',
  'header damaged': damageHeader,
  'data damaged': damageData,
  late: LATE_MS,
  'out of order': 'late',
};

interface Recovery {
  readonly opcode: number;
  /** PDUs of it that are left alone first. */
  readonly skip: number;
  /** Its PDUs have data segments. */
  readonly data: boolean;
  readonly options?: object;
  /** Several at once, small: else one that is large. */
  readonly small?: true;
}

const unsolicited = { immediateData: false, initialR2T: false, firstBurstLength: 65536, maxBurstLength: 65536 };

const recoveries: Readonly<Record<string, Recovery>> = {
  'Data-In (Data SNACK)': { opcode: Opcode.scsiDataIn, skip: 1, data: true },
  'status (Status SNACK)': { opcode: Opcode.scsiResponse, skip: 2, data: false, small: true },
  'R2T (R2T SNACK)': { opcode: Opcode.r2t, skip: 0, data: false },
  'solicited Data-Out (recovery R2T)': { opcode: Opcode.scsiDataOut, skip: 1, data: true },
  'unsolicited Data-Out (recovery R2T)': { opcode: Opcode.scsiDataOut, skip: 0, data: true, options: unsolicited },
  'command with data (retry)': { opcode: Opcode.scsiCommand, skip: 2, data: true, small: true },
};

const DIGESTS = 'header_digest=crc32c&data_digest=crc32c';

async function open(
  t: Test,
  query: string,
  options = {},
): Promise<{ wire: Wire; unit: LogicalUnit; broken(): number }> {
  const wire = await openWire(t, `${query}&${DIGESTS}`);
  const unit = await connect(wire.url, {
    reconnect: { firstDelayMs: 10 },
    maxRecvDataSegmentLength: 65536,
    ...options,
  });
  let broken = 0;
  unit.session.on('disconnected', () => broken++);
  return { wire, unit, broken: () => broken };
}

/** Writes the pattern and reads it, while `rule` hurts what passes. */
async function transfer(t: Test, wire: Wire, unit: LogicalUnit, rule: Wire['rule'], small: boolean): Promise<void> {
  const part = small ? BLOCKS / 16 : BLOCKS;
  const lbas = Array.from({ length: BLOCKS / part }, (_, index) => index * part);
  wire.rule = rule;
  await Promise.all(lbas.map((lba) => unit.write(lba, pattern.subarray(lba * 512, (lba + part) * 512))));
  t.ok((await unit.read(0, BLOCKS)).equals(pattern), 'what was written is read');
  wire.rule = () => 'pass';
  t.ok((await unit.read(0, BLOCKS)).equals(pattern), 'and the session goes on');
}

for (const [name, { opcode, skip, data, options, small = false }] of Object.entries(recoveries)) {
  for (const [fault, hurt] of Object.entries(faults)) {
    if (hurt === damageData && !data) continue;
    t.test(`${name} ${fault}`, { buffered: true }, async (t) => {
      const { wire, unit, broken } = await open(t, 'erl=1', options);
      const rule = fates(opcode, [...new Array<Hurt>(skip).fill('pass'), hurt]);
      let hit = 0;
      const counting: Wire['rule'] = (passing) => {
        if (passing.opcode === opcode) hit++;
        return rule(passing);
      };
      await transfer(t, wire, unit, counting, small);
      t.ok(hit > skip, `${hit} PDUs of it passed`);
      t.equal(broken(), 0, 'on the connection that there was');
      await unit.close();
    });
  }
}

for (const [name, opcode] of [
  ['TASK REASSIGN', Opcode.taskManagementRequest],
  ['response of TASK REASSIGN', Opcode.taskManagementResponse],
] as const) {
  for (const [fault, hurt] of Object.entries(faults)) {
    if (hurt === damageData) continue;
    t.test(`connection recovery: ${name} ${fault}`, { buffered: true }, async (t) => {
      const { wire, unit, broken } = await open(t, 'erl=2');
      const rule = fates(opcode, [hurt]);
      let cut = false;
      let hit = 0;
      const both: Wire['rule'] = (passing) => {
        if (passing.opcode === opcode) hit++;
        if (cut || passing.opcode !== Opcode.r2t) return rule(passing);
        cut = true;
        return 'cut';
      };
      await transfer(t, wire, unit, both, false);
      t.ok(hit > 0);
      t.equal(broken(), 1);
      await unit.close();
    });
  }
}

for (const connections of [1, 4]) {
  t.test(`level 0, ${connections} connections: commands out of order are carried out in order`, async (t) => {
    const { wire, unit, broken } = await open(t, `connections=${connections}`);
    // Afterwards each call is one command.
    await unit.read(0, 1);
    let commands = 0;
    wire.rule = ({ opcode }) => (opcode === Opcode.scsiCommand && ++commands % 3 === 1 ? 'late' : 'pass');
    const writes = Array.from({ length: 24 }, (_, index) => unit.write(0, Buffer.alloc(512, index + 1)));
    await Promise.all(writes);
    wire.rule = () => 'pass';
    t.ok((await unit.read(0, 1)).equals(Buffer.alloc(512, 24)), 'the last write is what is there');
    t.equal(broken(), 0);
    await unit.close();
  });
}
