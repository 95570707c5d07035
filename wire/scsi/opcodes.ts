/**
 * Operation codes and service actions by name, and names by code. Covers what this array or its tools send,
 * receive or are asked for (SPC-5 annex F.2, SBC-4 5.1).
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
  readBlockLimits: 0x05,
  writeFilemarks6: 0x10,
  space6: 0x11,
  erase6: 0x19,
  loadUnload: 0x1b,
  locate10: 0x2b,
  readPosition: 0x34,
  reportDensitySupport: 0x44,
  space16: 0x91,
  locate16: 0x92,
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

const NAMES: Readonly<Record<number, string>> = {
  [Opcode.testUnitReady]: 'TEST UNIT READY',
  [StreamOpcode.rewind]: 'REWIND',
  [StreamOpcode.readBlockLimits]: 'READ BLOCK LIMITS',
  [StreamOpcode.writeFilemarks6]: 'WRITE FILEMARKS(6)',
  [StreamOpcode.space6]: 'SPACE(6)',
  [StreamOpcode.erase6]: 'ERASE(6)',
  [StreamOpcode.locate10]: 'LOCATE(10)',
  [StreamOpcode.reportDensitySupport]: 'REPORT DENSITY SUPPORT',
  [StreamOpcode.locate16]: 'LOCATE(16)',
  [Opcode.requestSense]: 'REQUEST SENSE',
  [Opcode.formatUnit]: 'FORMAT UNIT',
  [Opcode.read6]: 'READ(6)',
  [Opcode.write6]: 'WRITE(6)',
  [Opcode.inquiry]: 'INQUIRY',
  [Opcode.modeSelect6]: 'MODE SELECT(6)',
  [Opcode.reserve6]: 'RESERVE(6)',
  [Opcode.release6]: 'RELEASE(6)',
  [Opcode.modeSense6]: 'MODE SENSE(6)',
  [Opcode.startStopUnit]: 'START STOP UNIT',
  [Opcode.receiveDiagnosticResults]: 'RECEIVE DIAGNOSTIC RESULTS',
  [Opcode.sendDiagnostic]: 'SEND DIAGNOSTIC',
  [Opcode.preventAllowMediumRemoval]: 'PREVENT ALLOW MEDIUM REMOVAL',
  [Opcode.readCapacity10]: 'READ CAPACITY(10)',
  [Opcode.read10]: 'READ(10)',
  [Opcode.write10]: 'WRITE(10)',
  [Opcode.writeAndVerify10]: 'WRITE AND VERIFY(10)',
  [Opcode.verify10]: 'VERIFY(10)',
  [Opcode.prefetch10]: 'PRE-FETCH(10)',
  [Opcode.synchronizeCache10]: 'SYNCHRONIZE CACHE(10)',
  [Opcode.readDefectData10]: 'READ DEFECT DATA(10)',
  [Opcode.writeBuffer]: 'WRITE BUFFER',
  [Opcode.readBuffer]: 'READ BUFFER(10)',
  [Opcode.writeLong10]: 'WRITE LONG(10)',
  [Opcode.writeSame10]: 'WRITE SAME(10)',
  [Opcode.unmap]: 'UNMAP',
  [Opcode.sanitize]: 'SANITIZE',
  [Opcode.logSelect]: 'LOG SELECT',
  [Opcode.logSense]: 'LOG SENSE',
  [Opcode.modeSelect10]: 'MODE SELECT(10)',
  [Opcode.reserve10]: 'RESERVE(10)',
  [Opcode.release10]: 'RELEASE(10)',
  [Opcode.modeSense10]: 'MODE SENSE(10)',
  [Opcode.persistentReserveIn]: 'PERSISTENT RESERVE IN',
  [Opcode.persistentReserveOut]: 'PERSISTENT RESERVE OUT',
  [Opcode.variableLength]: 'VARIABLE LENGTH CDB',
  [Opcode.thirdPartyCopyOut]: 'THIRD-PARTY COPY OUT',
  [Opcode.thirdPartyCopyIn]: 'THIRD-PARTY COPY IN',
  [Opcode.ataPassThrough16]: 'ATA PASS-THROUGH(16)',
  [Opcode.read16]: 'READ(16)',
  [Opcode.compareAndWrite]: 'COMPARE AND WRITE',
  [Opcode.write16]: 'WRITE(16)',
  [Opcode.orwrite16]: 'ORWRITE(16)',
  [Opcode.writeAndVerify16]: 'WRITE AND VERIFY(16)',
  [Opcode.verify16]: 'VERIFY(16)',
  [Opcode.prefetch16]: 'PRE-FETCH(16)',
  [Opcode.synchronizeCache16]: 'SYNCHRONIZE CACHE(16)',
  [Opcode.writeSame16]: 'WRITE SAME(16)',
  [Opcode.writeAtomic16]: 'WRITE ATOMIC(16)',
  [Opcode.serviceActionBidirectional]: 'SERVICE ACTION BIDIRECTIONAL',
  [Opcode.serviceActionIn16]: 'SERVICE ACTION IN(16)',
  [Opcode.serviceActionOut16]: 'SERVICE ACTION OUT(16)',
  [Opcode.reportLuns]: 'REPORT LUNS',
  [Opcode.ataPassThrough12]: 'ATA PASS-THROUGH(12)',
  [Opcode.securityProtocolIn]: 'SECURITY PROTOCOL IN',
  [Opcode.maintenanceIn]: 'MAINTENANCE IN',
  [Opcode.maintenanceOut]: 'MAINTENANCE OUT',
  [Opcode.read12]: 'READ(12)',
  [Opcode.write12]: 'WRITE(12)',
  [Opcode.writeAndVerify12]: 'WRITE AND VERIFY(12)',
  [Opcode.verify12]: 'VERIFY(12)',
  [Opcode.readDefectData12]: 'READ DEFECT DATA(12)',
};

/** Service actions of the persistent reserve commands, from 0 on. */
const PERSISTENT_IN = ['READ KEYS', 'READ RESERVATION', 'REPORT CAPABILITIES', 'READ FULL STATUS'];
const PERSISTENT_OUT = [
  'REGISTER',
  'RESERVE',
  'RELEASE',
  'CLEAR',
  'PREEMPT',
  'PREEMPT AND ABORT',
  'REGISTER AND IGNORE EXISTING KEY',
  'REGISTER AND MOVE',
];

function actionNames(opcode: number, actions: readonly string[]): Record<number, string> {
  return Object.fromEntries(actions.map((action, index) => [(opcode << 8) | index, `${NAMES[opcode]}: ${action}`]));
}

/** Operation code × 256 + service action → name. */
const ACTION_NAMES: Readonly<Record<number, string>> = {
  [(Opcode.serviceActionIn16 << 8) | ServiceActionIn16.readCapacity16]: 'READ CAPACITY(16)',
  [(Opcode.serviceActionIn16 << 8) | ServiceActionIn16.getLbaStatus]: 'GET LBA STATUS(16)',
  [(Opcode.serviceActionOut16 << 8) | ServiceActionOut16.writeLong16]: 'WRITE LONG(16)',
  [(Opcode.serviceActionOut16 << 8) | ServiceActionOut16.writeScattered16]: 'WRITE SCATTERED(16)',
  [(Opcode.maintenanceIn << 8) | MaintenanceIn.reportIdentifyingInformation]: 'REPORT IDENTIFYING INFORMATION',
  [(Opcode.maintenanceIn << 8) | MaintenanceIn.reportTargetPortGroups]: 'REPORT TARGET PORT GROUPS',
  [(Opcode.maintenanceIn << 8) | MaintenanceIn.reportSupportedOperationCodes]: 'REPORT SUPPORTED OPERATION CODES',
  [(Opcode.maintenanceIn << 8) | MaintenanceIn.reportSupportedTaskManagementFunctions]:
    'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
  [(Opcode.maintenanceIn << 8) | MaintenanceIn.reportTimestamp]: 'REPORT TIMESTAMP',
  [(Opcode.maintenanceOut << 8) | MaintenanceOut.setIdentifyingInformation]: 'SET IDENTIFYING INFORMATION',
  [(Opcode.maintenanceOut << 8) | MaintenanceOut.setTargetPortGroups]: 'SET TARGET PORT GROUPS',
  [(Opcode.maintenanceOut << 8) | MaintenanceOut.setTimestamp]: 'SET TIMESTAMP',
  [(Opcode.thirdPartyCopyOut << 8) | CopyOut.extendedCopy1]: 'EXTENDED COPY(LID1)',
  [(Opcode.thirdPartyCopyOut << 8) | CopyOut.extendedCopy4]: 'EXTENDED COPY(LID4)',
  [(Opcode.thirdPartyCopyOut << 8) | CopyOut.abort]: 'COPY OPERATION ABORT',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.status1]: 'RECEIVE COPY STATUS(LID1)',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.data1]: 'RECEIVE COPY DATA(LID1)',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.parameters]: 'RECEIVE COPY OPERATING PARAMETERS',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.failure1]: 'RECEIVE COPY FAILURE DETAILS(LID1)',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.status4]: 'RECEIVE COPY STATUS(LID4)',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.data4]: 'RECEIVE COPY DATA(LID4)',
  [(Opcode.thirdPartyCopyOut << 8) | CopyOut.populateToken]: 'POPULATE TOKEN',
  [(Opcode.thirdPartyCopyOut << 8) | CopyOut.writeUsingToken]: 'WRITE USING TOKEN',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.rodTokenInformation]: 'RECEIVE ROD TOKEN INFORMATION',
  [(Opcode.thirdPartyCopyIn << 8) | CopyIn.allRodTokens]: 'REPORT ALL ROD TOKENS',
  ...actionNames(Opcode.persistentReserveIn, PERSISTENT_IN),
  ...actionNames(Opcode.persistentReserveOut, PERSISTENT_OUT),
  [(Opcode.sanitize << 8) | SanitizeAction.overwrite]: 'SANITIZE: OVERWRITE',
  [(Opcode.sanitize << 8) | SanitizeAction.blockErase]: 'SANITIZE: BLOCK ERASE',
  [(Opcode.sanitize << 8) | SanitizeAction.cryptographicErase]: 'SANITIZE: CRYPTOGRAPHIC ERASE',
  [(Opcode.sanitize << 8) | SanitizeAction.exitFailureMode]: 'SANITIZE: EXIT FAILURE MODE',
};

/** By service action of a CDB of variable length. */
const VARIABLE_NAMES: Readonly<Record<number, string>> = {
  [VariableAction.read32]: 'READ(32)',
  [VariableAction.verify32]: 'VERIFY(32)',
  [VariableAction.write32]: 'WRITE(32)',
  [VariableAction.writeAndVerify32]: 'WRITE AND VERIFY(32)',
  [VariableAction.writeSame32]: 'WRITE SAME(32)',
  [VariableAction.writeAtomic32]: 'WRITE ATOMIC(32)',
  [VariableAction.writeScattered32]: 'WRITE SCATTERED(32)',
};

/** Service action: low five bits of byte 1, or bytes 8 and 9 of a CDB of variable length; −1 if it has no such bytes. */
export function serviceActionOf(cdb: Buffer): number {
  if (cdb[0] === Opcode.variableLength) return cdb.length < 10 ? -1 : cdb.readUInt16BE(8);
  return cdb.length < 2 ? -1 : cdb[1]! & 0x1f;
}

/** All names that `commandName` gives to commands that it knows. */
export function commandNames(): string[] {
  return [...Object.values(NAMES), ...Object.values(ACTION_NAMES), ...Object.values(VARIABLE_NAMES)];
}

/** `READ(10)` for a CDB beginning 28h; unknown ones as `opcode 0xc5`. */
export function commandName(cdb: Buffer): string {
  if (cdb.length === 0) return 'empty CDB';
  const opcode = cdb[0]!;
  const action = serviceActionOf(cdb);
  const name = opcode === Opcode.variableLength ? VARIABLE_NAMES[action] : ACTION_NAMES[(opcode << 8) | action];
  return name ?? NAMES[opcode] ?? `opcode 0x${opcode.toString(16).padStart(2, '0')}`;
}

/** CDB length by the group of the operation code (SPC-5 4.2.1); null for the variable and vendor groups. */
export function cdbLengthOf(opcode: number): 6 | 10 | 12 | 16 | null {
  const lengths = [6, 10, 10, null, 16, 12, null, null] as const;
  return lengths[opcode >> 5]!;
}
