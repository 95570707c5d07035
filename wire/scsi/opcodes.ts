/**
 * Operation codes and service actions. Covers what this array or its tools send, receive or are asked for (SPC-5 annex
 * F.2, SBC-4 5.1, SSC-5 5.1).
 */

export const Opcode = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  formatUnit: 0x04,
  read6: 0x08,
  write6: 0x0a,
  inquiry: 0x12,
  modeSelect6: 0x15,
  reserve6: 0x16,
  release6: 0x17,
  modeSense6: 0x1a,
  startStopUnit: 0x1b,
  receiveDiagnosticResults: 0x1c,
  sendDiagnostic: 0x1d,
  preventAllowMediumRemoval: 0x1e,
  readCapacity10: 0x25,
  read10: 0x28,
  write10: 0x2a,
  writeAndVerify10: 0x2e,
  verify10: 0x2f,
  prefetch10: 0x34,
  synchronizeCache10: 0x35,
  readDefectData10: 0x37,
  writeBuffer: 0x3b,
  readBuffer: 0x3c,
  writeLong10: 0x3f,
  writeSame10: 0x41,
  unmap: 0x42,
  sanitize: 0x48,
  logSelect: 0x4c,
  logSense: 0x4d,
  modeSelect10: 0x55,
  reserve10: 0x56,
  release10: 0x57,
  modeSense10: 0x5a,
  persistentReserveIn: 0x5e,
  persistentReserveOut: 0x5f,
  variableLength: 0x7f,
  thirdPartyCopyOut: 0x83,
  thirdPartyCopyIn: 0x84,
  ataPassThrough16: 0x85,
  read16: 0x88,
  compareAndWrite: 0x89,
  write16: 0x8a,
  orwrite16: 0x8b,
  readAttribute: 0x8c,
  writeAttribute: 0x8d,
  writeAndVerify16: 0x8e,
  verify16: 0x8f,
  prefetch16: 0x90,
  synchronizeCache16: 0x91,
  writeSame16: 0x93,
  writeAtomic16: 0x9c,
  serviceActionBidirectional: 0x9d,
  serviceActionIn16: 0x9e,
  serviceActionOut16: 0x9f,
  reportLuns: 0xa0,
  ataPassThrough12: 0xa1,
  securityProtocolIn: 0xa2,
  maintenanceIn: 0xa3,
  maintenanceOut: 0xa4,
  read12: 0xa8,
  write12: 0xaa,
  writeAndVerify12: 0xae,
  verify12: 0xaf,
  readDefectData12: 0xb7,
} as const;

/** Of sequential-access devices only (SSC-5 table 13); some of these codes mean something else to disks. */
export const StreamOpcode = {
  rewind: 0x01,
  formatMedium: 0x04,
  readBlockLimits: 0x05,
  setCapacity: 0x0b,
  readReverse6: 0x0f,
  writeFilemarks6: 0x10,
  space6: 0x11,
  verify6: 0x13,
  recoverBufferedData: 0x14,
  erase6: 0x19,
  loadUnload: 0x1b,
  locate10: 0x2b,
  readPosition: 0x34,
  reportDensitySupport: 0x44,
  writeFilemarks16: 0x80,
  readReverse16: 0x81,
  allowOverwrite: 0x82,
  read16: 0x88,
  write16: 0x8a,
  verify16: 0x8f,
  space16: 0x91,
  locate16: 0x92,
  erase16: 0x93,
} as const;

/** Service actions of READ POSITION. */
export const ReadPosition = { short: 0x00, long: 0x06, extended: 0x08 } as const;

/** Service actions of SERVICE ACTION IN(16). */
export const ServiceActionIn16 = { readCapacity16: 0x10, getLbaStatus: 0x12 } as const;

/** Service actions of SERVICE ACTION OUT(16). */
export const ServiceActionOut16 = { writeLong16: 0x11, writeScattered16: 0x12 } as const;

/** Service actions of MAINTENANCE IN. */
export const MaintenanceIn = {
  reportIdentifyingInformation: 0x05,
  reportTargetPortGroups: 0x0a,
  reportAliases: 0x0b,
  reportSupportedOperationCodes: 0x0c,
  reportSupportedTaskManagementFunctions: 0x0d,
  reportTimestamp: 0x0f,
} as const;

/** Service actions of MAINTENANCE OUT. */
export const MaintenanceOut = {
  setIdentifyingInformation: 0x06,
  setTargetPortGroups: 0x0a,
  changeAliases: 0x0b,
  setTimestamp: 0x0f,
} as const;

/** Service actions of THIRD-PARTY COPY OUT. */
export const CopyOut = {
  extendedCopy1: 0x00,
  extendedCopy4: 0x01,
  populateToken: 0x10,
  writeUsingToken: 0x11,
  abort: 0x1c,
} as const;

/** Service actions of THIRD-PARTY COPY IN. */
export const CopyIn = {
  status1: 0x00,
  data1: 0x01,
  parameters: 0x03,
  failure1: 0x04,
  status4: 0x05,
  data4: 0x06,
  rodTokenInformation: 0x07,
  allRodTokens: 0x08,
} as const;

/** Service actions of CDBs of variable length, in bytes 8 and 9 (SBC-4 5.1). */
export const VariableAction = {
  read32: 0x09,
  verify32: 0x0a,
  write32: 0x0b,
  writeAndVerify32: 0x0c,
  writeSame32: 0x0d,
  orwrite32: 0x0e,
  writeAtomic32: 0x0f,
  writeScattered32: 0x11,
} as const;

/** Service actions of SANITIZE (SBC-4 5.30). */
export const SanitizeAction = {
  overwrite: 0x01,
  blockErase: 0x02,
  cryptographicErase: 0x03,
  exitFailureMode: 0x1f,
} as const;
export type SanitizeAction = (typeof SanitizeAction)[keyof typeof SanitizeAction];

/** Service action: low five bits of byte 1, or bytes 8 and 9 of a CDB of variable length; −1 if it has no such bytes. */
export function serviceActionOf(cdb: Buffer): number {
  if (cdb[0] === Opcode.variableLength) return cdb.length < 10 ? -1 : cdb.readUInt16BE(8);
  return cdb.length < 2 ? -1 : cdb[1]! & 0x1f;
}

/** CDB length by the group of the operation code (SPC-5 4.2.1); null for the variable and vendor groups. */
export function cdbLengthOf(opcode: number): 6 | 10 | 12 | 16 | null {
  const lengths = [6, 10, 10, null, 16, 12, null, null] as const;
  return lengths[opcode >> 5]!;
}
