/**
 * WRITE BUFFER and READ BUFFER(10) (SPC-5 6.57, 6.18): one data buffer per logical unit, one echo buffer per I_T nexus.
 * There is no microcode to download. Of the error history hosts add to a part of their own.
 *
 *   byte 1 MODE (4:0)   2 BUFFER ID   3–5 BUFFER OFFSET   6–8 length
 */
import { BufferMode } from '../../../../wire/scsi/buffer-modes.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  commandSequenceError,
  invalidFieldInCdb,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { DATA_BUFFER_BYTES, ECHO_BUFFER_BYTES } from '../../unit-buffers.js';
import { answer, parameterList } from './answer.js';
import { clientHistoryMode, errorHistoryMode } from './error-history.js';

const MODE_BIT = 4;
const ID_BYTE = 2;
const OFFSET_BYTE = 3;
const LENGTH_BYTE = 6;
const DATA_BUFFER = 0;
/** EBOS: an echo is not overwritten by other nexuses. */
const EBOS = 0x01;

const modeOf = ({ cdb }: Task) => cdb[1]! & 0x1f;
const offsetOf = ({ cdb }: Task) => cdb.readUIntBE(OFFSET_BYTE, 3);
const lengthOf = ({ cdb }: Task) => cdb.readUIntBE(LENGTH_BYTE, 3);

/** OFFSET BOUNDARY 0: any byte · BUFFER CAPACITY. */
const DATA_DESCRIPTOR = Buffer.from([0, DATA_BUFFER_BYTES >> 16, (DATA_BUFFER_BYTES >> 8) & 0xff, 0]);
const NO_SUCH_BUFFER = Buffer.alloc(4);
const ECHO_DESCRIPTOR = Buffer.from([EBOS, 0, ECHO_BUFFER_BYTES >> 8, ECHO_BUFFER_BYTES & 0xff]);

/** What is wrong with BUFFER ID or BUFFER OFFSET in data mode. */
function refuseDataBuffer(task: Task): Sense | null {
  if (task.cdb[ID_BYTE] !== DATA_BUFFER) return invalidFieldInCdb(ID_BYTE);
  return offsetOf(task) >= DATA_BUFFER_BYTES ? invalidFieldInCdb(OFFSET_BYTE) : null;
}

interface ReadMode {
  readonly check?: (unit: LogicalUnit, task: Task) => Sense | null;
  readonly data: (unit: LogicalUnit, task: Task) => Buffer;
}

const readModes: ReadonlyMap<number, ReadMode> = new Map<number, ReadMode>([
  // A copy: what is on its way must not change.
  [
    BufferMode.data,
    {
      check: (_unit, task) => refuseDataBuffer(task),
      data: ({ buffers }, task) => Buffer.from(buffers.data.subarray(offsetOf(task), offsetOf(task) + lengthOf(task))),
    },
  ],
  [
    BufferMode.descriptor,
    { data: (_unit, task) => (task.cdb[ID_BYTE] === DATA_BUFFER ? DATA_DESCRIPTOR : NO_SUCH_BUFFER) },
  ],
  [
    BufferMode.echo,
    {
      check: ({ buffers }, { nexus }) => (buffers.echo(nexus) === null ? commandSequenceError() : null),
      data: ({ buffers }, { nexus }) => buffers.echo(nexus)!,
    },
  ],
  [BufferMode.echoDescriptor, { data: () => ECHO_DESCRIPTOR }],
  [BufferMode.errorHistory, errorHistoryMode],
]);

function checkRead(unit: LogicalUnit, task: Task): Sense | null {
  const mode = readModes.get(modeOf(task));
  return mode === undefined ? invalidFieldInCdb(1, MODE_BIT) : (mode.check?.(unit, task) ?? null);
}

function read(unit: LogicalUnit, task: Task): void {
  answer(task, readModes.get(modeOf(task))!.data(unit, task), lengthOf(task));
}

interface WriteMode {
  readonly check: (task: Task) => Sense | null;
  /** @returns what is wrong with the bytes */
  readonly take: (unit: LogicalUnit, task: Task, bytes: Buffer) => Sense | null;
}

const writeModes: ReadonlyMap<number, WriteMode> = new Map<number, WriteMode>([
  [
    BufferMode.data,
    {
      check: (task) =>
        refuseDataBuffer(task) ??
        (offsetOf(task) + lengthOf(task) > DATA_BUFFER_BYTES ? invalidFieldInCdb(LENGTH_BYTE) : null),
      take: ({ buffers }, task, bytes) => {
        bytes.copy(buffers.data, offsetOf(task));
        return null;
      },
    },
  ],
  [
    BufferMode.echo,
    {
      check: (task) => (lengthOf(task) > ECHO_BUFFER_BYTES ? invalidFieldInCdb(LENGTH_BYTE) : null),
      take: ({ buffers }, { nexus }, bytes) => {
        buffers.setEcho(nexus, Buffer.from(bytes));
        return null;
      },
    },
  ],
  [BufferMode.errorHistory, { check: (task) => clientHistoryMode.check(lengthOf(task)), take: clientHistoryMode.take }],
]);

function checkWrite(_unit: LogicalUnit, task: Task): Sense | null {
  const mode = writeModes.get(modeOf(task));
  return mode === undefined ? invalidFieldInCdb(1, MODE_BIT) : mode.check(task);
}

function write(unit: LogicalUnit, task: Task): void {
  const bytes = parameterList(task, lengthOf(task));
  if (bytes.length < lengthOf(task)) {
    task.check(parameterListLengthError());
    return;
  }
  const refusal = writeModes.get(modeOf(task))!.take(unit, task, bytes);
  if (refusal === null) task.good();
  else task.check(refusal);
}

const FIELDS = new Array<number>(7).fill(0xff);

/** They touch neither blocks nor settings, so they work in every asymmetric access state (SPC-5 5.15.2.4). */
export const bufferCommands: readonly Command[] = [
  defineCommand({
    name: 'WRITE BUFFER',
    opcode: Opcode.writeBuffer,
    usage: [Opcode.writeBuffer, 0x1f, ...FIELDS, 0],
    conflict: 'inquire',
    access: 'any',
    reservation: Reservation.write,
    check: checkWrite,
    dataOutBytes: (_unit, task) => lengthOf(task),
    run: write,
  }),
  defineCommand({
    name: 'READ BUFFER(10)',
    opcode: Opcode.readBuffer,
    usage: [Opcode.readBuffer, 0x1f, ...FIELDS, 0],
    conflict: 'inquire',
    access: 'any',
    reservation: Reservation.read,
    check: checkRead,
    run: read,
  }),
];
