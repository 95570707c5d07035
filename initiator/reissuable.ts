/**
 * Commands that do no harm when carried out twice, so that a session may issue them again when it does not know
 * whether they were. Not here: COMPARE AND WRITE (the second would miscompare), persistent reservations, third
 * party copy, tape motion, and everything unknown.
 */
import { Opcode, serviceActionOf, VariableAction } from '../wire/scsi/opcodes.js';

const REISSUABLE: ReadonlySet<number> = new Set([
  Opcode.testUnitReady,
  Opcode.requestSense,
  Opcode.inquiry,
  Opcode.reportLuns,
  Opcode.readCapacity10,
  Opcode.serviceActionIn16,
  Opcode.modeSense6,
  Opcode.modeSense10,
  Opcode.logSense,
  Opcode.maintenanceIn,
  Opcode.persistentReserveIn,
  Opcode.read10,
  Opcode.read12,
  Opcode.read16,
  Opcode.write10,
  Opcode.write12,
  Opcode.write16,
  Opcode.writeSame10,
  Opcode.writeSame16,
  Opcode.unmap,
  Opcode.verify10,
  Opcode.verify12,
  Opcode.verify16,
  Opcode.synchronizeCache10,
  Opcode.synchronizeCache16,
  Opcode.prefetch10,
  Opcode.prefetch16,
]);

const { read32, verify32, write32, writeSame32 } = VariableAction;
const REISSUABLE_LONG: ReadonlySet<number> = new Set([read32, verify32, write32, writeSame32]);

export function isReissuable(cdb: Buffer): boolean {
  if (cdb[0] === Opcode.variableLength) return REISSUABLE_LONG.has(serviceActionOf(cdb));
  return cdb.length > 0 && REISSUABLE.has(cdb[0]!);
}
