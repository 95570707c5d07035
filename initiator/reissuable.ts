/**
 * Commands that do no harm when carried out twice, so that a session may issue them again when it does not know
 * whether they were. Not here: COMPARE AND WRITE (the second would miscompare), persistent reservations, third
 * party copy, what moves a tape, and everything unknown.
 */
import { DeviceType } from '../wire/scsi/inquiry.js';
import { Opcode, StreamOpcode, serviceActionOf, VariableAction } from '../wire/scsi/opcodes.js';

const COMMON = [
  Opcode.testUnitReady,
  Opcode.requestSense,
  Opcode.inquiry,
  Opcode.reportLuns,
  Opcode.modeSense6,
  Opcode.modeSense10,
  Opcode.logSense,
  Opcode.maintenanceIn,
  Opcode.persistentReserveIn,
];

const OF_DISKS: ReadonlySet<number> = new Set([
  ...COMMON,
  Opcode.readCapacity10,
  Opcode.serviceActionIn16,
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

/** Some codes of reads and writes of disks move a tape. */
const OF_TAPES: ReadonlySet<number> = new Set([
  ...COMMON,
  StreamOpcode.readBlockLimits,
  StreamOpcode.readPosition,
  StreamOpcode.reportDensitySupport,
]);

const OF_STREAMS: ReadonlySet<number> = new Set(Object.values(StreamOpcode));
/** Of disks, but for what would move a tape, should it be one. */
const OF_UNKNOWN: ReadonlySet<number> = new Set(
  [...OF_DISKS].filter((code) => !OF_STREAMS.has(code) || OF_TAPES.has(code)),
);

function reissuable(deviceType: number | null): ReadonlySet<number> {
  if (deviceType === null) return OF_UNKNOWN;
  return deviceType === DeviceType.sequentialAccess ? OF_TAPES : OF_DISKS;
}

/** @param deviceType of the logical unit; null: not known */
export function isReissuable(cdb: Buffer, deviceType: number | null): boolean {
  const ofBlocks = deviceType !== DeviceType.sequentialAccess;
  if (ofBlocks && cdb[0] === Opcode.variableLength) return REISSUABLE_LONG.has(serviceActionOf(cdb));
  return reissuable(deviceType).has(cdb[0] ?? -1);
}
