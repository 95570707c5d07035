/**
 * Names of commands, as people read them. An operation code may stand for one command of disks and for another one of
 * tapes, so the peripheral device type of the logical unit tells which is meant (SPC-5 annex F.2, SBC-4 5.1, SSC-5 5.1).
 */
import { DeviceType } from './inquiry.js';
import {
  CopyIn,
  CopyOut,
  MaintenanceIn,
  MaintenanceOut,
  Opcode,
  SanitizeAction,
  ServiceActionIn16,
  ServiceActionOut16,
  StreamOpcode,
  serviceActionOf,
  VariableAction,
} from './opcodes.js';

interface Names {
  readonly byOpcode: Readonly<Record<number, string>>;
  /** By operation code × 65536 + service action; these come first. */
  readonly byAction: Readonly<Record<number, string>>;
}

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

function key(opcode: number, action: number): number {
  return opcode * 0x10000 + action;
}

function numbered(opcode: number, command: string, actions: readonly string[]): Record<number, string> {
  return Object.fromEntries(actions.map((action, index) => [key(opcode, index), `${command}: ${action}`]));
}

/** Of all device types. */
const common: Names = {
  byOpcode: {
    [Opcode.testUnitReady]: 'TEST UNIT READY',
    [Opcode.requestSense]: 'REQUEST SENSE',
    [Opcode.inquiry]: 'INQUIRY',
    [Opcode.modeSelect6]: 'MODE SELECT(6)',
    [Opcode.reserve6]: 'RESERVE(6)',
    [Opcode.release6]: 'RELEASE(6)',
    [Opcode.modeSense6]: 'MODE SENSE(6)',
    [Opcode.receiveDiagnosticResults]: 'RECEIVE DIAGNOSTIC RESULTS',
    [Opcode.sendDiagnostic]: 'SEND DIAGNOSTIC',
    [Opcode.preventAllowMediumRemoval]: 'PREVENT ALLOW MEDIUM REMOVAL',
    [Opcode.writeBuffer]: 'WRITE BUFFER',
    [Opcode.readBuffer]: 'READ BUFFER(10)',
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
    [Opcode.serviceActionBidirectional]: 'SERVICE ACTION BIDIRECTIONAL',
    [Opcode.serviceActionIn16]: 'SERVICE ACTION IN(16)',
    [Opcode.serviceActionOut16]: 'SERVICE ACTION OUT(16)',
    [Opcode.readAttribute]: 'READ ATTRIBUTE',
    [Opcode.writeAttribute]: 'WRITE ATTRIBUTE',
    [Opcode.reportLuns]: 'REPORT LUNS',
    [Opcode.ataPassThrough12]: 'ATA PASS-THROUGH(12)',
    [Opcode.securityProtocolIn]: 'SECURITY PROTOCOL IN',
    [Opcode.maintenanceIn]: 'MAINTENANCE IN',
    [Opcode.maintenanceOut]: 'MAINTENANCE OUT',
  },
  byAction: {
    [key(Opcode.maintenanceIn, MaintenanceIn.reportIdentifyingInformation)]: 'REPORT IDENTIFYING INFORMATION',
    [key(Opcode.maintenanceIn, MaintenanceIn.reportTargetPortGroups)]: 'REPORT TARGET PORT GROUPS',
    [key(Opcode.maintenanceIn, MaintenanceIn.reportAliases)]: 'REPORT ALIASES',
    [key(Opcode.maintenanceIn, MaintenanceIn.reportSupportedOperationCodes)]: 'REPORT SUPPORTED OPERATION CODES',
    [key(Opcode.maintenanceIn, MaintenanceIn.reportSupportedTaskManagementFunctions)]:
      'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
    [key(Opcode.maintenanceIn, MaintenanceIn.reportTimestamp)]: 'REPORT TIMESTAMP',
    [key(Opcode.maintenanceOut, MaintenanceOut.setIdentifyingInformation)]: 'SET IDENTIFYING INFORMATION',
    [key(Opcode.maintenanceOut, MaintenanceOut.setTargetPortGroups)]: 'SET TARGET PORT GROUPS',
    [key(Opcode.maintenanceOut, MaintenanceOut.changeAliases)]: 'CHANGE ALIASES',
    [key(Opcode.maintenanceOut, MaintenanceOut.setTimestamp)]: 'SET TIMESTAMP',
    [key(Opcode.thirdPartyCopyOut, CopyOut.extendedCopy1)]: 'EXTENDED COPY(LID1)',
    [key(Opcode.thirdPartyCopyOut, CopyOut.extendedCopy4)]: 'EXTENDED COPY(LID4)',
    [key(Opcode.thirdPartyCopyOut, CopyOut.populateToken)]: 'POPULATE TOKEN',
    [key(Opcode.thirdPartyCopyOut, CopyOut.writeUsingToken)]: 'WRITE USING TOKEN',
    [key(Opcode.thirdPartyCopyOut, CopyOut.abort)]: 'COPY OPERATION ABORT',
    [key(Opcode.thirdPartyCopyIn, CopyIn.status1)]: 'RECEIVE COPY STATUS(LID1)',
    [key(Opcode.thirdPartyCopyIn, CopyIn.data1)]: 'RECEIVE COPY DATA(LID1)',
    [key(Opcode.thirdPartyCopyIn, CopyIn.parameters)]: 'RECEIVE COPY OPERATING PARAMETERS',
    [key(Opcode.thirdPartyCopyIn, CopyIn.failure1)]: 'RECEIVE COPY FAILURE DETAILS(LID1)',
    [key(Opcode.thirdPartyCopyIn, CopyIn.status4)]: 'RECEIVE COPY STATUS(LID4)',
    [key(Opcode.thirdPartyCopyIn, CopyIn.data4)]: 'RECEIVE COPY DATA(LID4)',
    [key(Opcode.thirdPartyCopyIn, CopyIn.rodTokenInformation)]: 'RECEIVE ROD TOKEN INFORMATION',
    [key(Opcode.thirdPartyCopyIn, CopyIn.allRodTokens)]: 'REPORT ALL ROD TOKENS',
    ...numbered(Opcode.persistentReserveIn, 'PERSISTENT RESERVE IN', PERSISTENT_IN),
    ...numbered(Opcode.persistentReserveOut, 'PERSISTENT RESERVE OUT', PERSISTENT_OUT),
  },
};

const block: Names = {
  byOpcode: {
    [Opcode.formatUnit]: 'FORMAT UNIT',
    [Opcode.read6]: 'READ(6)',
    [Opcode.write6]: 'WRITE(6)',
    [Opcode.startStopUnit]: 'START STOP UNIT',
    [Opcode.readCapacity10]: 'READ CAPACITY(10)',
    [Opcode.read10]: 'READ(10)',
    [Opcode.write10]: 'WRITE(10)',
    [Opcode.writeAndVerify10]: 'WRITE AND VERIFY(10)',
    [Opcode.verify10]: 'VERIFY(10)',
    [Opcode.prefetch10]: 'PRE-FETCH(10)',
    [Opcode.synchronizeCache10]: 'SYNCHRONIZE CACHE(10)',
    [Opcode.readDefectData10]: 'READ DEFECT DATA(10)',
    [Opcode.writeLong10]: 'WRITE LONG(10)',
    [Opcode.writeSame10]: 'WRITE SAME(10)',
    [Opcode.unmap]: 'UNMAP',
    [Opcode.sanitize]: 'SANITIZE',
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
    [Opcode.read12]: 'READ(12)',
    [Opcode.write12]: 'WRITE(12)',
    [Opcode.writeAndVerify12]: 'WRITE AND VERIFY(12)',
    [Opcode.verify12]: 'VERIFY(12)',
    [Opcode.readDefectData12]: 'READ DEFECT DATA(12)',
  },
  byAction: {
    [key(Opcode.serviceActionIn16, ServiceActionIn16.readCapacity16)]: 'READ CAPACITY(16)',
    [key(Opcode.serviceActionIn16, ServiceActionIn16.getLbaStatus)]: 'GET LBA STATUS(16)',
    [key(Opcode.serviceActionOut16, ServiceActionOut16.writeLong16)]: 'WRITE LONG(16)',
    [key(Opcode.serviceActionOut16, ServiceActionOut16.writeScattered16)]: 'WRITE SCATTERED(16)',
    [key(Opcode.sanitize, SanitizeAction.overwrite)]: 'SANITIZE: OVERWRITE',
    [key(Opcode.sanitize, SanitizeAction.blockErase)]: 'SANITIZE: BLOCK ERASE',
    [key(Opcode.sanitize, SanitizeAction.cryptographicErase)]: 'SANITIZE: CRYPTOGRAPHIC ERASE',
    [key(Opcode.sanitize, SanitizeAction.exitFailureMode)]: 'SANITIZE: EXIT FAILURE MODE',
    [key(Opcode.variableLength, VariableAction.read32)]: 'READ(32)',
    [key(Opcode.variableLength, VariableAction.verify32)]: 'VERIFY(32)',
    [key(Opcode.variableLength, VariableAction.write32)]: 'WRITE(32)',
    [key(Opcode.variableLength, VariableAction.writeAndVerify32)]: 'WRITE AND VERIFY(32)',
    [key(Opcode.variableLength, VariableAction.writeSame32)]: 'WRITE SAME(32)',
    [key(Opcode.variableLength, VariableAction.orwrite32)]: 'ORWRITE(32)',
    [key(Opcode.variableLength, VariableAction.writeAtomic32)]: 'WRITE ATOMIC(32)',
    [key(Opcode.variableLength, VariableAction.writeScattered32)]: 'WRITE SCATTERED(32)',
  },
};

const stream: Names = {
  byOpcode: {
    [StreamOpcode.rewind]: 'REWIND',
    [StreamOpcode.formatMedium]: 'FORMAT MEDIUM',
    [StreamOpcode.readBlockLimits]: 'READ BLOCK LIMITS',
    [Opcode.read6]: 'READ(6)',
    [Opcode.write6]: 'WRITE(6)',
    [StreamOpcode.setCapacity]: 'SET CAPACITY',
    [StreamOpcode.readReverse6]: 'READ REVERSE(6)',
    [StreamOpcode.writeFilemarks6]: 'WRITE FILEMARKS(6)',
    [StreamOpcode.space6]: 'SPACE(6)',
    [StreamOpcode.verify6]: 'VERIFY(6)',
    [StreamOpcode.recoverBufferedData]: 'RECOVER BUFFERED DATA',
    [StreamOpcode.erase6]: 'ERASE(6)',
    [StreamOpcode.loadUnload]: 'LOAD UNLOAD',
    [StreamOpcode.locate10]: 'LOCATE(10)',
    [StreamOpcode.readPosition]: 'READ POSITION',
    [StreamOpcode.reportDensitySupport]: 'REPORT DENSITY SUPPORT',
    [StreamOpcode.writeFilemarks16]: 'WRITE FILEMARKS(16)',
    [StreamOpcode.readReverse16]: 'READ REVERSE(16)',
    [StreamOpcode.allowOverwrite]: 'ALLOW OVERWRITE',
    [StreamOpcode.read16]: 'READ(16)',
    [StreamOpcode.write16]: 'WRITE(16)',
    [StreamOpcode.verify16]: 'VERIFY(16)',
    [StreamOpcode.space16]: 'SPACE(16)',
    [StreamOpcode.locate16]: 'LOCATE(16)',
    [StreamOpcode.erase16]: 'ERASE(16)',
  },
  byAction: {},
};

/** By peripheral device type. */
const OF_TYPES: ReadonlyMap<number, Names> = new Map([
  [DeviceType.directAccess, block],
  [DeviceType.sequentialAccess, stream],
]);
/** For a device type that is not known, or has no names of its own: those of disks before those of tapes. */
const ALL = [...OF_TYPES.values(), common];

/** All names that `commandName` gives to commands that it knows. */
export function commandNames(): string[] {
  return ALL.flatMap(({ byOpcode, byAction }) => [...Object.values(byOpcode), ...Object.values(byAction)]);
}

/**
 * `READ(10)` for a CDB beginning 28h; unknown ones as `opcode 0xc5`.
 * @param deviceType of the logical unit that it is for; null: not known
 */
export function commandName(cdb: Buffer, deviceType: number | null = null): string {
  if (cdb.length === 0) return 'empty CDB';
  const opcode = cdb[0]!;
  const action = key(opcode, serviceActionOf(cdb));
  const own = deviceType === null ? undefined : OF_TYPES.get(deviceType);
  for (const { byOpcode, byAction } of own === undefined ? ALL : [own, common]) {
    const name = byAction[action] ?? byOpcode[opcode];
    if (name !== undefined) return name;
  }
  return `opcode 0x${opcode.toString(16).padStart(2, '0')}`;
}

/** Whether the operation code means something else to other device types. */
export function differsByDeviceType(opcode: number): boolean {
  const names = [...OF_TYPES.values()].map(({ byOpcode }) => byOpcode[opcode]);
  return new Set(names.filter((name) => name !== undefined)).size > 1;
}
