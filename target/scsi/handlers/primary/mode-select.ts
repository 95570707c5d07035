/** MODE SELECT(6) and MODE SELECT(10) (SPC-5 6.11, 6.12). A list is taken over as a whole or not at all. */
import { decodeModeList, type ReceivedModeList, type ReceivedPage } from '../../../../wire/scsi/mode-pages.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  internalTargetFailure,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  modeParametersChanged,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { type ModePageState, type ModePages, modePagesOf } from '../../mode-state.js';
import type { Task } from '../../task.js';
import { parameterList } from './answer.js';
import { modeHeadOf } from './mode-head.js';

const PF = 0x10;
const SP = 0x01;

function listBytes(task: Task, tenByte: boolean): number {
  return tenByte ? task.cdb.readUInt16BE(7) : task.cdb[4]!;
}

/** Pages without PF would be in a vendor's format; saving needs a store. */
function checkCdb(unit: LogicalUnit, task: Task, tenByte: boolean): Sense | null {
  const flags = task.cdb[1]!;
  if ((flags & PF) === 0 && listBytes(task, tenByte) > 0) return invalidFieldInCdb(1, 4);
  return (flags & SP) !== 0 && !modePagesOf(unit).savable ? invalidFieldInCdb(1, 0) : null;
}

function select(unit: LogicalUnit, task: Task, tenByte: boolean): void {
  const bytes = listBytes(task, tenByte);
  if (bytes === 0) {
    task.good();
    return;
  }
  const list = parameterList(task, bytes);
  const received = list.length < bytes ? null : decodeModeList(list, tenByte);
  if (received === null || ('problem' in received && received.problem === 'cut-off')) {
    task.check(parameterListLengthError());
    return;
  }
  if ('problem' in received) {
    task.check(invalidFieldInParameterList(received.byte, received.bit));
    return;
  }
  const modes = modePagesOf(unit);
  const changes = new Map<ModePageState, Buffer>();
  const refusal = refuseHead(unit, received) ?? collect(unit, modes, received.pages, changes);
  if (refusal) task.check(refusal);
  else apply(unit, task, modes, received, changes);
}

/** MEDIUM TYPE is zero; the rest is the device type's. */
function refuseHead(unit: LogicalUnit, list: ReceivedModeList): Sense | null {
  if (list.mediumType !== 0) return invalidFieldInParameterList(list.descriptorOffset === 8 ? 2 : 1);
  return modeHeadOf(unit).refuse(unit, list);
}

/** Judges all pages; the new values of each go into `changes`. */
function collect(
  unit: LogicalUnit,
  modes: ModePages,
  pages: readonly ReceivedPage[],
  changes: Map<ModePageState, Buffer>,
): Sense | null {
  for (const received of pages) {
    const page = modes.find(received.code, received.subpage);
    if (!page) return invalidFieldInParameterList(received.subpage === 0 ? received.offset : received.offset + 1);
    const values = merge(unit, page, received, changes.get(page) ?? page.current);
    if ('key' in values) return values;
    changes.set(page, values);
  }
  return null;
}

/** The page as it will be, or what is wrong with what came. */
function merge(unit: LogicalUnit, page: ModePageState, received: ReceivedPage, current: Buffer): Buffer | Sense {
  const { changeable, check } = page.definition;
  const { data, offset } = received;
  if (data.length !== current.length) return invalidFieldInParameterList(offset + page.headerBytes - 1);
  const values = Buffer.from(current);
  for (let i = page.headerBytes; i < values.length; i++) {
    const wrong = (data[i]! ^ current[i]!) & ~changeable[i]!;
    if (wrong !== 0) return invalidFieldInParameterList(offset + i, 31 - Math.clz32(wrong));
    values[i] = data[i]!;
  }
  const bad = check?.(values, unit.blocks) ?? null;
  return bad ? invalidFieldInParameterList(offset + bad.byte, bad.bit) : values;
}

function apply(
  unit: LogicalUnit,
  task: Task,
  modes: ModePages,
  list: ReceivedModeList,
  changes: Map<ModePageState, Buffer>,
): void {
  const pagesChanged = [...changes].some(([page, values]) => !values.equals(page.current));
  if (!modes.change(changes, (task.cdb[1]! & SP) !== 0)) {
    task.check(internalTargetFailure());
    return;
  }
  const headChanged = modeHeadOf(unit).apply(unit, list);
  // All is shared, so every other nexus has to look at it again (SPC-5 6.11).
  if (pagesChanged || headChanged) unit.tell(modeParametersChanged(), task.nexus);
  task.good();
}

export const modeSelectCommands: readonly Command[] = [
  defineCommand({
    name: 'MODE SELECT(6)',
    opcode: Opcode.modeSelect6,
    usage: [Opcode.modeSelect6, PF | SP, 0, 0, 0xff, 0],
    conflict: 'configure',
    access: 'standby',
    reservation: Reservation.write,
    check: (unit, task) => checkCdb(unit, task, false),
    dataOutBytes: (_unit, task) => listBytes(task, false),
    run: (unit, task) => select(unit, task, false),
  }),
  defineCommand({
    name: 'MODE SELECT(10)',
    opcode: Opcode.modeSelect10,
    usage: [Opcode.modeSelect10, PF | SP, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
    conflict: 'configure',
    access: 'standby',
    reservation: Reservation.write,
    check: (unit, task) => checkCdb(unit, task, true),
    dataOutBytes: (_unit, task) => listBytes(task, true),
    run: (unit, task) => select(unit, task, true),
  }),
];
