/** READ ATTRIBUTE and WRITE ATTRIBUTE (SPC-5 6.17, 6.52): what a cartridge's memory tells of it. */
import {
  type Attribute,
  AttributeFormat,
  attributeList,
  attributeValues,
  decodeHostAttributes,
  encodeAttributes,
  hostAttributes,
  onlyOne,
  ReadAttribute,
} from '../../../../wire/scsi/attributes.js';
import { writeUint64 } from '../../../../wire/scsi/cdb.js';
import { asciiField } from '../../../../wire/scsi/inquiry.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import { type AttributesDone, MEMORY_BYTES } from '../../../tape/auxiliary-memory.js';
import { SECTOR_BYTES, sectorAfter } from '../../../tape/layout.js';
import { TAPE_ALERTS } from '../../../tape/tape-alerts.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { Status, type Task } from '../../task.js';
import { hostIo } from '../block/io.js';
import { answer, withList } from '../primary/answer.js';
import { VENDOR } from '../primary/identity.js';
import { DENSITY } from './capabilities.js';
import { complete } from './complete.js';

const WTC = 0x01;
const CACHE = 0x01;
const VOLUME_AT = 5;
const PARTITION_AT = 7;
const FIRST_AT = 8;
const LENGTH_AT = 10;
/** More than all attributes there are can have together. */
const MAX_LIST_BYTES = 8192;
const MIB = 1024 * 1024;

const lengthOf = ({ cdb }: Task): number => cdb.readUInt32BE(LENGTH_AT);

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  writeUint64(bytes, value, 0);
  return bytes;
}

/** TapeAlert flags, number 1 in the highest bit. */
function alerts({ tape }: LogicalUnit, nexus: Nexus): Buffer {
  const bytes = Buffer.alloc(TAPE_ALERTS / 8);
  for (let flag = 1; flag <= TAPE_ALERTS; flag++) {
    if (tape!.alerts.isSet(flag, nexus)) bytes[(flag - 1) >> 3]! |= 0x80 >> ((flag - 1) & 7);
  }
  return bytes;
}

function mebibytes(sectors: number): Buffer {
  return uint64(Math.floor((sectors * SECTOR_BYTES) / MIB));
}

interface DeviceAttribute {
  readonly format: number;
  /** @param used bytes of host attributes @param nexus that asks */
  readonly value: (unit: LogicalUnit, used: number, nexus: Nexus) => Buffer;
}

const { binary, ascii } = AttributeFormat;

/** Device and medium type attributes (SPC-5 7.4.2.2, 7.4.2.3), ascending by identifier. The medium is open. */
const deviceAttributes: ReadonlyMap<number, DeviceAttribute> = new Map<number, DeviceAttribute>([
  // Remaining and maximum capacity in partition, in MiB.
  [0x0000, { format: binary, value: ({ tape, blocks }) => mebibytes(blocks - sectorAfter(tape!.medium.last)) }],
  [0x0001, { format: binary, value: ({ blocks }) => mebibytes(blocks) }],
  [0x0002, { format: binary, value: (unit, _used, nexus) => alerts(unit, nexus) }],
  // MAM space remaining.
  [0x0004, { format: binary, value: (_unit, used) => uint64(MEMORY_BYTES - used) }],
  // Assigning organization, formatted density code.
  [0x0005, { format: ascii, value: () => asciiField(VENDOR, 8) }],
  [0x0006, { format: binary, value: () => Buffer.from([DENSITY]) }],
  // Medium manufacturer, serial number, assigning organization, density code; MAM capacity; a medium for data.
  [0x0400, { format: ascii, value: () => asciiField(VENDOR, 8) }],
  [0x0401, { format: ascii, value: ({ ldev }) => asciiField(ldev.serial, 32) }],
  [0x0404, { format: ascii, value: () => asciiField(VENDOR, 8) }],
  [0x0405, { format: binary, value: () => Buffer.from([DENSITY]) }],
  [0x0407, { format: binary, value: () => uint64(MEMORY_BYTES) }],
  [0x0408, { format: binary, value: () => Buffer.alloc(1) }],
  [0x0409, { format: binary, value: () => Buffer.alloc(2) }],
]);

const SUPPORTED = [...deviceAttributes.keys(), ...hostAttributes.keys()];

/** All that there are, ascending. */
function attributesOf(unit: LogicalUnit, nexus: Nexus, written: readonly Attribute[]): readonly Attribute[] {
  const used = encodeAttributes(written).length;
  const own = [...deviceAttributes].map(([id, { format, value }]) => {
    return { id, format, readOnly: true, value: value(unit, used, nexus) };
  });
  return [...own, ...written];
}

/** Finds the end of data, which the remaining capacity is counted from, and what hosts have written. */
function withAttributes(unit: LogicalUnit, task: Task, use: (attributes: readonly Attribute[]) => void): void {
  const { medium, memory } = unit.tape!;
  const io = hostIo(task, false, false);
  const done: AttributesDone = (problem, written) => {
    if (problem !== null) complete(unit, task, problem);
    else if (task.aborted) task.fail(Status.taskAborted);
    else use(attributesOf(unit, task.nexus, written));
  };
  medium.open(io, (failure) => {
    if (failure !== null) done(failure, []);
    else memory.read(io, done);
  });
}

function readValues(unit: LogicalUnit, task: Task): void {
  const first = task.cdb.readUInt16BE(FIRST_AT);
  withAttributes(unit, task, (attributes) => {
    const from = attributes.findIndex(({ id }) => id === first);
    if (from < 0) task.check(invalidFieldInCdb(FIRST_AT));
    else answer(task, attributeValues(attributes.slice(from)), lengthOf(task));
  });
}

function readList(unit: LogicalUnit, task: Task): void {
  withAttributes(unit, task, (attributes) => {
    answer(task, attributeList(attributes.map(({ id }) => id)), lengthOf(task));
  });
}

/** There is one volume with one partition; fields that a service action ignores are not looked at. */
function checkPlace(fields: readonly number[]): (unit: LogicalUnit, task: Task) => Sense | null {
  return (_unit, { cdb }) => {
    const wrong = fields.find((at) => cdb[at] !== 0);
    return wrong === undefined ? null : invalidFieldInCdb(wrong);
  };
}

function write(unit: LogicalUnit, task: Task): void {
  withList(task, lengthOf(task), decodeHostAttributes, ({ attributes }) => {
    unit.tape!.memory.change(hostIo(task, false, false), attributes, (problem) => complete(unit, task, problem));
  });
}

const U16 = [0xff, 0xff] as const;
const U32 = [0xff, 0xff, 0xff, 0xff] as const;
const row = { conflict: 'configure', runsWhenStopped: false } as const;

function readAttribute(serviceAction: number, checked: readonly number[], run: Command['run']): Command {
  return defineCommand({
    ...row,
    name: 'READ ATTRIBUTE',
    opcode: Opcode.readAttribute,
    serviceAction,
    usage: [Opcode.readAttribute, serviceAction, 0, 0, 0, 0xff, 0, 0xff, ...U16, ...U32, CACHE, 0],
    reservation: Reservation.read,
    check: checkPlace(checked),
    run,
  });
}

export const attributeCommands: readonly Command[] = [
  readAttribute(ReadAttribute.values, [VOLUME_AT, PARTITION_AT], readValues),
  readAttribute(ReadAttribute.list, [VOLUME_AT, PARTITION_AT], readList),
  readAttribute(ReadAttribute.volumes, [], (_unit, task) => answer(task, onlyOne(), lengthOf(task))),
  readAttribute(ReadAttribute.partitions, [VOLUME_AT], (_unit, task) => answer(task, onlyOne(), lengthOf(task))),
  readAttribute(ReadAttribute.supported, [VOLUME_AT, PARTITION_AT], (_unit, task) =>
    answer(task, attributeList(SUPPORTED), lengthOf(task)),
  ),
  defineCommand({
    ...row,
    name: 'WRITE ATTRIBUTE',
    opcode: Opcode.writeAttribute,
    // WTC changes nothing: it is on the medium when it is answered.
    usage: [Opcode.writeAttribute, WTC, 0, 0, 0, 0xff, 0, 0xff, 0, 0, ...U32, 0, 0],
    writes: true,
    reservation: Reservation.write,
    check: (unit, task) => {
      const wrong = checkPlace([VOLUME_AT, PARTITION_AT])(unit, task);
      return wrong ?? (lengthOf(task) > MAX_LIST_BYTES ? invalidFieldInCdb(LENGTH_AT) : null);
    },
    dataOutBytes: (_unit, task) => lengthOf(task),
    run: write,
  }),
];
