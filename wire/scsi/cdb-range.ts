/**
 * Which blocks a CDB addresses, from its bytes alone: for people who look at commands, not for carrying them out.
 * Where the fields stand in CDBs of 6, 10, 12, 16 and 32 bytes is drawn in cdb.ts; 32-byte ones (SBC-4) have the
 * service action in bytes 8 and 9, the LBA in 12 to 19 and the TRANSFER LENGTH in 28 to 31.
 */
import { lba6, lba10, lba16, length6, length10, length12, length16, readUint64 } from './cdb.js';
import { DeviceType } from './inquiry.js';
import { Opcode, ServiceActionIn16, ServiceActionOut16, serviceActionOf, VariableAction } from './opcodes.js';

export interface CdbRange {
  readonly lba: number;
  /** As the field says: what 0 means depends on the command. */
  readonly blocks: number;
}

interface Shape {
  readonly bytes: number;
  lba(cdb: Buffer): number;
  blocks(cdb: Buffer): number;
}

const six: Shape = { bytes: 6, lba: lba6, blocks: length6 };
const ten: Shape = { bytes: 10, lba: lba10, blocks: length10 };
const twelve: Shape = { bytes: 12, lba: lba10, blocks: length12 };
const sixteen: Shape = { bytes: 16, lba: lba16, blocks: length16 };
/** NUMBER OF LOGICAL BLOCKS is one byte. */
const compare: Shape = { bytes: 16, lba: lba16, blocks: (cdb) => cdb[13]! };
/** TRANSFER LENGTH is two bytes. */
const atomic: Shape = { bytes: 16, lba: lba16, blocks: (cdb) => cdb.readUInt16BE(12) };
const variable: Shape = {
  bytes: 32,
  lba: (cdb) => readUint64(cdb, 12),
  blocks: (cdb) => cdb.readUInt32BE(28),
};
/** One block; with PBLOCK, the physical one that it is in. */
const longTen: Shape = { bytes: 10, lba: lba10, blocks: () => 1 };
const longSixteen: Shape = { bytes: 16, lba: lba16, blocks: () => 1 };
/** An LBA to begin with, and no length. */
const start: Shape = { bytes: 16, lba: lba16, blocks: () => 0 };

const SHAPES: ReadonlyMap<number, Shape> = new Map<number, Shape>([
  [Opcode.read6, six],
  [Opcode.write6, six],
  [Opcode.read10, ten],
  [Opcode.write10, ten],
  [Opcode.writeAndVerify10, ten],
  [Opcode.verify10, ten],
  [Opcode.prefetch10, ten],
  [Opcode.synchronizeCache10, ten],
  [Opcode.writeSame10, ten],
  [Opcode.read12, twelve],
  [Opcode.write12, twelve],
  [Opcode.writeAndVerify12, twelve],
  [Opcode.verify12, twelve],
  [Opcode.read16, sixteen],
  [Opcode.write16, sixteen],
  [Opcode.orwrite16, sixteen],
  [Opcode.writeAndVerify16, sixteen],
  [Opcode.verify16, sixteen],
  [Opcode.prefetch16, sixteen],
  [Opcode.synchronizeCache16, sixteen],
  [Opcode.writeSame16, sixteen],
  [Opcode.compareAndWrite, compare],
  [Opcode.writeAtomic16, atomic],
  [Opcode.writeLong10, longTen],
]);

/** WRITE SCATTERED has its ranges in the parameter list. */
const { writeScattered32, ...ONE_RANGE } = VariableAction;
const VARIABLE_ACTIONS: ReadonlySet<number> = new Set(Object.values(ONE_RANGE));

/**
 * Null: none, an unknown command, or too few bytes.
 * @param deviceType of the logical unit; the same codes address no blocks on tapes
 */
export function blockRange(cdb: Buffer, deviceType: number = DeviceType.directAccess): CdbRange | null {
  if (deviceType !== DeviceType.directAccess) return null;
  const shape = cdb.length === 0 ? undefined : shapeOf(cdb);
  if (shape === undefined || cdb.length < shape.bytes) return null;
  return { lba: shape.lba(cdb), blocks: shape.blocks(cdb) };
}

function shapeOf(cdb: Buffer): Shape | undefined {
  if (cdb[0] === Opcode.variableLength) {
    return VARIABLE_ACTIONS.has(serviceActionOf(cdb)) ? variable : undefined;
  }
  if (cdb[0] === Opcode.serviceActionIn16) {
    return serviceActionOf(cdb) === ServiceActionIn16.getLbaStatus ? start : undefined;
  }
  if (cdb[0] === Opcode.serviceActionOut16) {
    return serviceActionOf(cdb) === ServiceActionOut16.writeLong16 ? longSixteen : undefined;
  }
  return SHAPES.get(cdb[0]!);
}
