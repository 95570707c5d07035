/** Commands of a tape for the fuzzer: attributes, VERIFY, READ REVERSE, log pages, among those that move and write. */
import { pick, type Random } from '../../target/base/random.js';
import { type Attribute, attributeValues, hostAttributes } from '../../wire/scsi/attributes.js';
import { LogPage } from '../../wire/scsi/log-pages.js';
import { Opcode, StreamOpcode } from '../../wire/scsi/opcodes.js';
import { readStream, space6, writeFilemarks6, writeStream } from '../../wire/scsi/stream-cdbs.js';
import type { Case } from './cases.js';
import { RawInitiator } from './raw-initiator.js';

/** Of the array: see main.ts. */
const TAPE = 6;

interface TapeCommand {
  readonly cdb: Buffer;
  /** Data-out; null: the command reads. */
  readonly data: Buffer | null;
}

const flag = (random: Random) => random.below(2) === 0;
const length24 = (random: Random) => random.below(flag(random) ? 4 : random.below(8) === 0 ? 1 << 24 : 9000);

function attribute(random: Random): Attribute {
  const [id, { format, bytes }] = pick(random, [...hostAttributes]);
  const length = random.below(8) === 0 ? random.below(1200) : random.below(8) === 0 ? 0 : bytes;
  const value = flag(random) ? Buffer.alloc(length, 0x20 + random.below(0x60)) : random.bytes(length);
  return {
    id: random.below(20) === 0 ? random.below(65536) : id,
    readOnly: random.below(20) === 0,
    format: random.below(20) === 0 ? random.below(4) : format,
    value,
  };
}

function writeAttribute(random: Random): TapeCommand {
  const attributes = Array.from({ length: random.below(5) }, () => attribute(random));
  if (random.below(8) > 0) attributes.sort((a, b) => a.id - b.id);
  const data = attributeValues(attributes);
  if (random.below(4) === 0) data[random.below(data.length)] = random.below(256);
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.writeAttribute;
  cdb.writeUInt32BE(random.below(10) === 0 ? random.below(10_000) : data.length, 10);
  return { cdb, data };
}

function readAttribute(random: Random): TapeCommand {
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.readAttribute;
  cdb[1] = random.below(7);
  cdb.writeUInt16BE(flag(random) ? 0 : pick(random, [...hostAttributes.keys()]), 8);
  cdb.writeUInt32BE(random.below(9000), 10);
  return { cdb, data: null };
}

function sixBytes(opcode: number, flags: number, length: number): Buffer {
  const cdb = Buffer.from([opcode, flags, 0, 0, 0, 0]);
  cdb.writeUIntBE(length, 2, 3);
  return cdb;
}

const MAKERS: readonly ((random: Random) => TapeCommand)[] = [
  writeAttribute,
  readAttribute,
  (random) => {
    const data = random.bytes(random.below(3000));
    const length = flag(random) ? data.length : length24(random);
    return { cdb: sixBytes(StreamOpcode.verify6, random.below(64), length), data: flag(random) ? data : null };
  },
  (random) => ({ cdb: sixBytes(StreamOpcode.readReverse6, random.below(8), length24(random)), data: null }),
  (random) => ({ cdb: readStream(flag(random), length24(random)), data: null }),
  (random) => {
    const data = random.bytes(1 + random.below(5000));
    return { cdb: writeStream(false, data.length), data };
  },
  (random) => ({ cdb: writeFilemarks6(random.below(4), flag(random)), data: null }),
  (random) => ({ cdb: space6(random.below(4), length24(random)), data: null }),
  (random) => {
    const page = pick(random, [LogPage.sequentialAccess, LogPage.tapeAlert, LogPage.verifyErrorCounters]);
    const cdb = Buffer.from([Opcode.logSense, 0, (random.below(4) << 6) | page, 0, 0, 0, random.below(80), 4, 0, 0]);
    return { cdb, data: null };
  },
  (random) => ({ cdb: sixBytes(pick(random, [StreamOpcode.rewind, StreamOpcode.erase6]), 0, 0), data: null }),
];

export const tapeCommands: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  await initiator.login(address, [['InitialR2T', 'No']]);
  for (let i = random.below(30); i >= 0 && !initiator.closed; i--) {
    const { cdb, data } = pick(random, MAKERS)(random);
    const padded = Buffer.concat([cdb], 16);
    const bytes = data?.length ?? 9000;
    initiator.sendPdu(initiator.commandPdu(TAPE, padded, data === null, data !== null, bytes), data ?? undefined);
    if (random.below(12) === 0) initiator.sendPdu(initiator.functionPdu(1 + random.below(6), TAPE, random.below(4)));
    if (flag(random)) await initiator.answer(20);
  }
  if (flag(random)) await initiator.answer(50);
  initiator.close();
};
