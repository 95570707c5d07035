/**
 * WRITE LONG(10) and (16) (SBC-4 5.46, 5.47): marks a block, or with PBLOCK all blocks of a physical block, unreadable
 * until they are written. What they held is gone: zeros are written first, so that the blocks are mapped.
 *
 *   byte 1  COR_DIS (7)  WR_UNCOR (6)  PBLOCK (5)
 *
 * With WR_UNCOR reads tell an unrecovered error, with COR_DIS a block that was marked bad. Blocks hold nothing but their
 * data, so there is no way to send bytes of error correction: BYTE TRANSFER LENGTH is zero unless WR_UNCOR, with which
 * it is ignored.
 */
import { lba10, lba16 } from '../../../../wire/scsi/cdb.js';
import { Opcode, ServiceActionOut16 } from '../../../../wire/scsi/opcodes.js';
import { insufficientResources, invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { finish, hostIo } from './io.js';

const COR_DIS = 0x80;
const WR_UNCOR = 0x40;
const PBLOCK = 0x20;
const PBLOCK_BIT = 5;

interface Shape {
  readonly lba: (cdb: Buffer) => number;
  readonly lengthByte: number;
}

const blocksPerPhysical = ({ ldev }: LogicalUnit) => ldev.physicalBlockSize / ldev.blockSize;

function locate({ lba }: Shape): (unit: LogicalUnit, task: Task) => void {
  return (unit, task) => {
    const address = lba(task.cdb);
    task.blocks = (task.cdb[1]! & PBLOCK) === 0 ? 1 : blocksPerPhysical(unit);
    // Beyond the end, the address itself is what is told.
    task.lba = address < unit.blocks ? address - (address % task.blocks) : address;
  };
}

function check({ lengthByte }: Shape): (unit: LogicalUnit, task: Task) => Sense | null {
  return (unit, { cdb, lba, blocks }) => {
    const flags = cdb[1]!;
    if ((flags & PBLOCK) !== 0 && blocksPerPhysical(unit) === 1) return invalidFieldInCdb(1, PBLOCK_BIT);
    if ((flags & WR_UNCOR) === 0 && cdb.readUInt16BE(lengthByte) !== 0) return invalidFieldInCdb(lengthByte);
    const marks = (flags & (WR_UNCOR | COR_DIS)) !== 0;
    return !marks || unit.ldev.marks.hasRoom(lba, blocks) ? null : insufficientResources();
  };
}

function run(unit: LogicalUnit, task: Task): void {
  const flags = task.cdb[1]!;
  if ((flags & (WR_UNCOR | COR_DIS)) === 0) {
    task.good();
    return;
  }
  const { lba, blocks } = task;
  const { ldev } = unit;
  ldev.top.write(hostIo(task, false, true), lba, blocks, [Buffer.alloc(blocks * unit.blockSize)], (failure) => {
    finish(unit, task, failure ?? ldev.marks.mark(lba, blocks, (flags & COR_DIS) !== 0));
  });
}

function row(
  name: string,
  opcode: number,
  serviceAction: number | null,
  shape: Shape,
  usage: readonly number[],
): Command {
  return defineCommand({
    name,
    opcode,
    serviceAction,
    usage: [opcode, COR_DIS | WR_UNCOR | PBLOCK | (serviceAction ?? 0), ...usage],
    conflict: 'write',
    reservation: Reservation.write,
    runsWhenStopped: false,
    writes: true,
    locate: locate(shape),
    check: check(shape),
    run,
  });
}

const LBA_4 = [0xff, 0xff, 0xff, 0xff] as const;

export const writeLongCommands: readonly Command[] = [
  row('WRITE LONG(10)', Opcode.writeLong10, null, { lba: lba10, lengthByte: 7 }, [...LBA_4, 0, 0xff, 0xff, 0]),
  row('WRITE LONG(16)', Opcode.serviceActionOut16, ServiceActionOut16.writeLong16, { lba: lba16, lengthByte: 12 }, [
    ...LBA_4,
    ...LBA_4,
    0,
    0,
    0xff,
    0xff,
    0,
    0,
  ]),
];
