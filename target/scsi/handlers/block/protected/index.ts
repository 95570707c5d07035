/**
 * The rows of logical units with protection information, in the place of those without. Commands of 32 bytes, but for
 * ORWRITE(32), are for type 2 alone (SBC-4 4.21.2), in a CDB of variable length (SPC-5 4.2.3):
 *
 *   1 CONTROL   6 GROUP NUMBER   7 ADDITIONAL CDB LENGTH (18h)   8–9 SERVICE ACTION   10 options   12–19 LBA
 *   20–23 EXPECTED INITIAL REFERENCE TAG   24–25 EXPECTED APPLICATION TAG   26–27 APPLICATION TAG MASK   28–31 length
 */
import { readUint64 } from '../../../../../wire/scsi/cdb.js';
import { Opcode, VariableAction } from '../../../../../wire/scsi/opcodes.js';
import type { Sense } from '../../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../../command-table.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import type { Task } from '../../../task.js';
import { CdbSize, DPO, FUA, GROUP_NUMBER, locate6, toTheEnd, usage6 } from '../cdb-shapes.js';
import { compareAndWriteCommand, fitsComparison } from '../compare-and-write.js';
import { transferLimit } from '../read-write.js';
import { BYTCHK, BYTCHK_LOW } from '../verify.js';
import { fitsAtomic, writeAtomicCommand } from '../write-atomic.js';
import { refuseWriteSame, WriteSameFlag } from '../write-same.js';
import { writeScatteredLongCommand, writeScatteredProtectedCommand } from '../write-scattered.js';
import { ADDITIONAL_LENGTH, checkOptions, optionsByte, PROTECT, transferred } from './access.js';
import { compareAndWrite } from './compare-and-write.js';
import { orwriteLongCommand, orwriteProtectedCommand } from './orwrite.js';
import { read, write } from './read-write.js';
import { refuseBytchk, verify, verifyDataOut, writeAndVerify } from './verify.js';
import { refuseNoData, writeSame, writeSameDataOut } from './write-same.js';

/** How a command of one size is laid out. */
interface Size {
  readonly suffix: string;
  readonly usage: (opcode: number, flags: number) => readonly number[];
  readonly locate: (unit: LogicalUnit, task: Task) => void;
  readonly lengthByte: number;
}

const LONG_LENGTH_BYTE = 28;

const thirtyTwo = (action: number): Size => ({
  suffix: '(32)',
  usage: (opcode, flags) => {
    const all = new Array<number>(32).fill(0xff);
    all.splice(0, 12, opcode, 0, 0, 0, 0, 0, GROUP_NUMBER, ADDITIONAL_LENGTH, action >> 8, action & 0xff, flags, 0);
    return all;
  },
  locate: (_unit, task) => {
    task.lba = readUint64(task.cdb, 12);
    task.blocks = task.cdb.readUInt32BE(LONG_LENGTH_BYTE);
  },
  lengthByte: LONG_LENGTH_BYTE,
});

type Fields = Pick<Command, 'conflict' | 'reservation' | 'run'> &
  Partial<Pick<Command, 'writes' | 'transfer' | 'dataOutBytes'>>;

interface Family extends Fields {
  readonly name: string;
  /** Bits of the options byte beside PROTECT. */
  readonly flags: number;
  /** By size; those of 32 bytes by service action. */
  readonly codes: {
    readonly ten?: number;
    readonly twelve?: number;
    readonly sixteen?: number;
    readonly action: number;
  };
  /** A length of zero means "to the end". */
  readonly endless?: boolean;
  /** @param lengthByte of the length field */
  readonly refuse: (lengthByte: number) => (unit: LogicalUnit, task: Task) => Sense | null;
}

const families: readonly Family[] = [
  {
    name: 'READ',
    flags: DPO | FUA,
    codes: { ten: Opcode.read10, twelve: Opcode.read12, sixteen: Opcode.read16, action: VariableAction.read32 },
    conflict: 'read',
    reservation: Reservation.read,
    refuse: transferLimit,
    run: read,
  },
  {
    name: 'WRITE',
    flags: DPO | FUA,
    codes: { ten: Opcode.write10, twelve: Opcode.write12, sixteen: Opcode.write16, action: VariableAction.write32 },
    conflict: 'write',
    reservation: Reservation.write,
    writes: true,
    transfer: 'blocks',
    dataOutBytes: transferred,
    refuse: transferLimit,
    run: write,
  },
  {
    name: 'VERIFY',
    flags: DPO | BYTCHK,
    codes: { ten: Opcode.verify10, twelve: Opcode.verify12, sixteen: Opcode.verify16, action: VariableAction.verify32 },
    conflict: 'read',
    reservation: Reservation.read,
    transfer: 'complete',
    dataOutBytes: verifyDataOut,
    refuse: (lengthByte) => (unit, task) => refuseBytchk(task) ?? transferLimit(lengthByte)(unit, task),
    run: verify,
  },
  {
    name: 'WRITE AND VERIFY',
    flags: DPO | BYTCHK_LOW,
    codes: {
      ten: Opcode.writeAndVerify10,
      twelve: Opcode.writeAndVerify12,
      sixteen: Opcode.writeAndVerify16,
      action: VariableAction.writeAndVerify32,
    },
    conflict: 'write',
    reservation: Reservation.write,
    writes: true,
    transfer: 'blocks',
    dataOutBytes: transferred,
    refuse: transferLimit,
    run: writeAndVerify,
  },
  {
    name: 'WRITE SAME',
    flags: WriteSameFlag.unmap | WriteSameFlag.noData,
    codes: { ten: Opcode.writeSame10, sixteen: Opcode.writeSame16, action: VariableAction.writeSame32 },
    endless: true,
    conflict: 'write',
    reservation: Reservation.write,
    writes: true,
    transfer: 'exact',
    dataOutBytes: writeSameDataOut,
    refuse: (lengthByte) => (unit, task) =>
      refuseWriteSame(unit, task, optionsByte(task)!, lengthByte) ?? refuseNoData(task),
    run: writeSame,
  },
  {
    name: 'WRITE ATOMIC',
    flags: DPO | FUA,
    codes: { action: VariableAction.writeAtomic32 },
    conflict: 'write',
    reservation: Reservation.write,
    writes: true,
    transfer: 'complete',
    dataOutBytes: transferred,
    refuse: fitsAtomic,
    run: (unit, task) => write(unit, task, true),
  },
];

function row(family: Family, opcode: number, action: number | null, size: Size, flags = family.flags): Command {
  const { name, endless = false, refuse, flags: _flags, codes: _codes, ...fields } = family;
  return defineCommand({
    ...fields,
    name: `${name}${size.suffix}`,
    opcode,
    serviceAction: action,
    usage: size.usage(opcode, PROTECT | flags),
    runsWhenStopped: false,
    locate: endless ? toTheEnd(size.locate) : size.locate,
    check: checkOptions(refuse(size.lengthByte)),
  });
}

/** NDOB is no bit of WRITE SAME(10). */
const flagsOfTen = (family: Family) => (family.endless ? family.flags & ~WriteSameFlag.noData : family.flags);

function rows(family: Family): Command[] {
  const { ten, twelve, sixteen } = family.codes;
  return [
    ...(ten === undefined ? [] : [row(family, ten, null, CdbSize.ten, flagsOfTen(family))]),
    ...(twelve === undefined ? [] : [row(family, twelve, null, CdbSize.twelve)]),
    ...(sixteen === undefined ? [] : [row(family, sixteen, null, CdbSize.sixteen)]),
  ];
}

/** A row for a logical unit without, with PROTECT among its options. */
function withProtect(plain: Command, fields: Pick<Command, 'check' | 'dataOutBytes' | 'run'>): Command {
  const usage = plain.usage.map((bits, byte) => (byte === 1 ? bits | PROTECT : bits));
  return { ...plain, usage, ...fields };
}

const sixByteRow = { locate: locate6, runsWhenStopped: false } as const;

/** For types 1, 2 and 3. */
export const protectedCommands: readonly Command[] = [
  defineCommand({
    ...sixByteRow,
    name: 'READ(6)',
    opcode: Opcode.read6,
    usage: usage6(Opcode.read6),
    conflict: 'read',
    reservation: Reservation.read,
    run: read,
  }),
  defineCommand({
    ...sixByteRow,
    name: 'WRITE(6)',
    opcode: Opcode.write6,
    usage: usage6(Opcode.write6),
    conflict: 'write',
    reservation: Reservation.write,
    writes: true,
    transfer: 'blocks',
    dataOutBytes: transferred,
    run: write,
  }),
  ...families.flatMap(rows),
  withProtect(compareAndWriteCommand, {
    check: checkOptions((unit, task) => fitsComparison(task, 2 * transferred(unit, task))),
    dataOutBytes: (unit, task) => 2 * transferred(unit, task),
    run: compareAndWrite,
  }),
  orwriteProtectedCommand,
  orwriteLongCommand,
  withProtect(writeAtomicCommand, {
    check: checkOptions(fitsAtomic()),
    dataOutBytes: transferred,
    run: (unit, task) => write(unit, task, true),
  }),
  writeScatteredProtectedCommand,
];

/** For type 2 besides. */
export const longCommands: readonly Command[] = [
  ...families.map((family) => row(family, Opcode.variableLength, family.codes.action, thirtyTwo(family.codes.action))),
  writeScatteredLongCommand,
];
