/** MODE SENSE(6) and MODE SENSE(10) (SPC-5 6.13, 6.14). */
import { encodeModeList, ModePage, ModeSubpage, PageControl } from '../../../../wire/scsi/mode-pages.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, savingParametersNotSupported } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { type ModePageState, type ModePages, modePagesOf } from '../../mode-state.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';
import { modeHeadOf } from './mode-head.js';

const DBD = 0x08;
const LLBAA = 0x10;

const WITHOUT_DEFINITION: ReadonlySet<number> = new Set([ModePage.vendorSpecific, ModePage.all]);

/**
 * The pages that a page code and subpage code ask for; null: there is none. Page 00h is vendor specific and need not have
 * the page format (SPC-5 7.5.1): here nothing, as who asks for it (Linux for disks and tapes) wants what stands before.
 */
function select(modes: ModePages, code: number, subpage: number): readonly ModePageState[] | null {
  if (code === ModePage.vendorSpecific && subpage === ModeSubpage.none) return [];
  const everySubpage = subpage === ModeSubpage.all;
  if (!everySubpage && subpage !== ModeSubpage.none) {
    const page = code === ModePage.all ? null : modes.find(code, subpage);
    return page ? [page] : null;
  }
  const pages = modes.pages.filter(
    ({ definition }) =>
      (code === ModePage.all || definition.code === code) && (everySubpage || definition.subpage === subpage),
  );
  return pages.length > 0 ? pages : null;
}

function sense(unit: LogicalUnit, task: Task, tenByte: boolean): void {
  const { cdb } = task;
  const modes = modePagesOf(unit);
  const control = cdb[2]! >> 6;
  const code = cdb[2]! & 0x3f;
  const subpage = cdb[3]!;
  if (control === PageControl.saved && !modes.savable) {
    task.check(savingParametersNotSupported());
    return;
  }
  const pages = select(modes, code, subpage);
  if (pages === null) {
    // The field that names nothing: the subpage if the page itself exists.
    const known = WITHOUT_DEFINITION.has(code) || modes.pages.some(({ definition }) => definition.code === code);
    task.check(known ? invalidFieldInCdb(3) : invalidFieldInCdb(2, 5));
    return;
  }
  const head = modeHeadOf(unit);
  // Long descriptors are for blocks that a short one cannot count.
  const long = tenByte && (cdb[1]! & LLBAA) !== 0 && unit.tape === null;
  const data = encodeModeList(
    {
      mediumType: 0,
      deviceSpecific: head.deviceSpecific(unit),
      longLba: long,
      descriptor: (cdb[1]! & DBD) !== 0 ? Buffer.alloc(0) : head.descriptor(unit, control, long),
      pages: pages.map((page) => page.values(control)),
    },
    tenByte,
  );
  answer(task, data, tenByte ? cdb.readUInt16BE(7) : cdb[4]!);
}

export const modeSenseCommands: readonly Command[] = [
  defineCommand({
    name: 'MODE SENSE(6)',
    opcode: Opcode.modeSense6,
    usage: [Opcode.modeSense6, DBD, 0xff, 0xff, 0xff, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.read,
    run: (unit, task) => sense(unit, task, false),
  }),
  defineCommand({
    name: 'MODE SENSE(10)',
    opcode: Opcode.modeSense10,
    usage: [Opcode.modeSense10, LLBAA | DBD, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.read,
    run: (unit, task) => sense(unit, task, true),
  }),
];
