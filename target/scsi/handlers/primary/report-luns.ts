/** REPORT LUNS (SPC-5 6.36). */
import { decodeLun, decodeWellKnownLun, encodeLun, REPORT_LUNS_WELL_KNOWN } from '../../../../wire/scsi/lun.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, logicalUnitNotSupported } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { Nexus } from '../../nexus.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';

/** SELECT REPORT. */
const Select = { addressable: 0x00, wellKnown: 0x01, all: 0x02 } as const;

const WELL_KNOWN_LUN = Buffer.from([0xc1, REPORT_LUNS_WELL_KNOWN, 0, 0, 0, 0, 0, 0]);

/** LUN LIST LENGTH 4 · reserved 4 · LUNs, ascending, the well-known one last. */
function lunList(nexus: Nexus, select: number): Buffer {
  const luns: Buffer[] = [];
  if (select !== Select.wellKnown) {
    for (const lun of [...nexus.hostGroup.luns.keys()].sort((a, b) => a - b)) luns.push(encodeLun(lun));
  }
  if (select !== Select.addressable) luns.push(WELL_KNOWN_LUN);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 * luns.length, 0);
  return Buffer.concat([header, ...luns]);
}

function report(task: Task): void {
  const select = task.cdb[2]!;
  if (select > Select.all) task.check(invalidFieldInCdb(2));
  else answer(task, lunList(task.nexus, select), task.cdb.readUInt32BE(6));
}

/** LUN 0 and the well-known logical unit answer, whatever is mapped: hosts begin there. */
function reportWithoutUnit(task: Task): void {
  if (decodeLun(task.lun) === 0 || decodeWellKnownLun(task.lun) === REPORT_LUNS_WELL_KNOWN) report(task);
  else task.check(logicalUnitNotSupported());
}

export const reportLunsCommand: Command = defineCommand({
  name: 'REPORT LUNS',
  opcode: Opcode.reportLuns,
  usage: [Opcode.reportLuns, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
  conflict: 'inquire',
  whileSanitizing: 'always',
  access: 'any',
  runsWhileFormatting: true,
  reservation: Reservation.free,
  passesAttention: true,
  run: (_unit, task) => report(task),
  withoutUnit: reportWithoutUnit,
});
