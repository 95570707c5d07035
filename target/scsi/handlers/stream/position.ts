/** Commands that move the position of a tape, or tell it (SSC-5 7.2 to 7.8). */
import { readUint64 } from '../../../../wire/scsi/cdb.js';
import { ReadPosition, StreamOpcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, mediumRemovalPrevented, notReadyToReadyChange } from '../../../../wire/scsi/sense.js';
import { extendedPosition, longPosition, shortPosition, type TapePosition } from '../../../../wire/scsi/tape.js';
import type { Done } from '../../../tape/object-reader.js';
import { TapeAlert } from '../../../tape/tape-alerts.js';
import type { TapeDrive } from '../../../tape/tape-drive.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { hostIo } from '../block/io.js';
import { answer } from '../primary/answer.js';
import { complete } from './complete.js';

const IMMED = 0x01;
const CP = 0x02;
const LONG = 0x02;
const LOAD = 0x01;
const RETEN = 0x02;
/** CODE of SPACE; DEST_TYPE of LOCATE(16). */
const Space = { blocks: 0x0, filemarks: 0x1, endOfData: 0x3 } as const;
const Destination = { object: 0, file: 1, endOfData: 3 } as const;

type Move = (drive: TapeDrive, io: ReturnType<typeof hostIo>, done: Done) => void;

/** IMMED changes nothing: all is done by the time that it would be answered otherwise, but for what waits for drives. */
function move(unit: LogicalUnit, task: Task, how: Move): void {
  how(unit.tape!, hostIo(task, false, false), (problem) => complete(unit, task, problem));
}

function space(unit: LogicalUnit, task: Task, count: number): void {
  const code = task.cdb[1]! & 0x0f;
  if (code === Space.blocks) move(unit, task, (drive, io, done) => drive.spaceBlocks(io, count, done));
  else if (code === Space.filemarks) move(unit, task, (drive, io, done) => drive.spaceFilemarks(io, count, done));
  else if (code === Space.endOfData) move(unit, task, (drive, io, done) => drive.spaceToEnd(io, done));
  else task.check(invalidFieldInCdb(1, 3));
}

/** A count of 64 bits that goes beyond any tape does so as far as it needs to. */
function count64(cdb: Buffer): number {
  const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER } = Number;
  return Math.max(MIN_SAFE_INTEGER, Math.min(MAX_SAFE_INTEGER, Number(cdb.readBigInt64BE(4))));
}

function locate10(unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  if ((cdb[1]! & CP) !== 0 && cdb[8] !== 0) task.check(invalidFieldInCdb(8));
  else move(unit, task, (drive, io, done) => drive.locateObject(io, cdb.readUInt32BE(3), done));
}

function locate16(unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  const destination = (cdb[1]! >> 3) & 0x03;
  const number = readUint64(cdb, 4);
  if ((cdb[1]! & CP) !== 0 && cdb[3] !== 0) task.check(invalidFieldInCdb(3));
  else if (destination === Destination.object)
    move(unit, task, (drive, io, done) => drive.locateObject(io, number, done));
  else if (destination === Destination.file) move(unit, task, (drive, io, done) => drive.locateFile(io, number, done));
  else if (destination === Destination.endOfData) move(unit, task, (drive, io, done) => drive.spaceToEnd(io, done));
  else task.check(invalidFieldInCdb(1, 4));
}

function tell(unit: LogicalUnit, task: Task, encode: (position: TapePosition) => Buffer, allocation: number): void {
  const { number, file, inEarlyWarning } = unit.tape!;
  answer(task, encode({ number, file, beginning: number === 0, endIsNear: inEarlyWarning }), allocation);
}

function load(unit: LogicalUnit, task: Task): void {
  const medium = unit.medium!;
  const loads = (task.cdb[4]! & LOAD) !== 0;
  if (!loads && medium.present && medium.removalPrevented) {
    unit.tape!.alerts.raise(TapeAlert.removalPrevented);
    task.check(mediumRemovalPrevented());
  } else if (!medium.present) {
    medium.present = loads;
    if (loads) unit.tell(notReadyToReadyChange(), task.nexus);
    task.good();
  } else {
    unit.tape!.rewind(hostIo(task, false, false), (problem) => {
      if (problem === null) medium.present = loads;
      complete(unit, task, problem);
    });
  }
}

/** Who moves the position moves it for who has reserved the tape to write on it, too. */
const row = { conflict: 'configure', runsWhenStopped: false, reservation: Reservation.write } as const;

function readPosition(serviceAction: number, encode: (position: TapePosition) => Buffer, bytes: number): Command {
  const extended = serviceAction === ReadPosition.extended;
  const usage = [StreamOpcode.readPosition, serviceAction, 0, 0, 0, 0, 0, 0, 0, 0];
  return defineCommand({
    ...row,
    reservation: Reservation.read,
    name: 'READ POSITION',
    opcode: StreamOpcode.readPosition,
    serviceAction,
    usage: extended ? usage.fill(0xff, 7, 9) : usage,
    run: (unit, task) => tell(unit, task, encode, extended ? task.cdb.readUInt16BE(7) : bytes),
  });
}

export const positionCommands: readonly Command[] = [
  defineCommand({
    ...row,
    name: 'REWIND',
    opcode: StreamOpcode.rewind,
    usage: [StreamOpcode.rewind, IMMED, 0, 0, 0, 0],
    run: (unit, task) => move(unit, task, (drive, io, done) => drive.rewind(io, done)),
  }),
  defineCommand({
    ...row,
    name: 'SPACE(6)',
    opcode: StreamOpcode.space6,
    usage: [StreamOpcode.space6, 0x0f, 0xff, 0xff, 0xff, 0],
    run: (unit, task) => space(unit, task, task.cdb.readIntBE(2, 3)),
  }),
  defineCommand({
    ...row,
    name: 'SPACE(16)',
    opcode: StreamOpcode.space16,
    usage: [StreamOpcode.space16, 0x0f, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    run: (unit, task) => space(unit, task, count64(task.cdb)),
  }),
  defineCommand({
    ...row,
    name: 'LOCATE(10)',
    opcode: StreamOpcode.locate10,
    usage: [StreamOpcode.locate10, CP | IMMED, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0],
    run: locate10,
  }),
  defineCommand({
    ...row,
    name: 'LOCATE(16)',
    opcode: StreamOpcode.locate16,
    usage: [StreamOpcode.locate16, 0x1b, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    run: locate16,
  }),
  readPosition(ReadPosition.short, shortPosition, 20),
  readPosition(ReadPosition.long, longPosition, 32),
  readPosition(ReadPosition.extended, extendedPosition, 32),
  defineCommand({
    ...row,
    name: 'ERASE(6)',
    opcode: StreamOpcode.erase6,
    usage: [StreamOpcode.erase6, LONG | IMMED, 0, 0, 0, 0],
    writes: true,
    // LONG or not: what follows the position is gone, and its space given back.
    run: (unit, task) => move(unit, task, (drive, io, done) => drive.erase(io, done)),
  }),
  defineCommand({
    ...row,
    name: 'LOAD UNLOAD',
    opcode: StreamOpcode.loadUnload,
    usage: [StreamOpcode.loadUnload, IMMED, 0, 0, RETEN | LOAD, 0],
    runsWhenStopped: true,
    run: load,
  }),
];
