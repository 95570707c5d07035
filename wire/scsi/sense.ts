/**
 * Sense data (SPC-5 4.4): one value per condition, one encoder for both formats.
 *
 * A handler names the condition by its constructor (`lbaOutOfRange(lba)`); nothing outside this file
 * knows additional sense codes.
 */

/** Sense keys (SPC-5 table 48). */
export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  blankCheck: 0x8,
  vendorSpecific: 0x9,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  volumeOverflow: 0xd,
  miscompare: 0xe,
  completed: 0xf,
} as const;
export type SenseKey = (typeof SenseKey)[keyof typeof SenseKey];

/** Where in the CDB or the parameter list the offending field stands (SPC-5 4.4.2.4.2). */
export interface FieldPointer {
  /** True: in the CDB. False: in the data-out parameter list. */
  readonly inCdb: boolean;
  readonly byte: number;
  /** Most significant bit of the field, if it does not fill whole bytes. */
  readonly bit?: number;
  /** COPY ABORTED: `byte` counts from the start of the segment descriptor, not of the parameter list. */
  readonly inSegment?: boolean;
}

/** What a copy source or copy destination answered that ended a copy operation (SPC-5 5.17.7.4). */
export interface ForwardedSense {
  readonly from: 'source' | 'destination';
  readonly status: number;
  readonly sense: Sense | null;
}

/** One condition, independent of the format it is sent in. */
export interface Sense {
  /** Stable name for logs, tests and fault rules, e.g. `lba-out-of-range`. */
  readonly name: string;
  readonly key: SenseKey;
  /** ASC in the high byte, ASCQ in the low one. */
  readonly asc: number;
  /** INFORMATION field: usually an LBA, for MISCOMPARE a byte offset, for stream devices a residue, which may be negative. */
  readonly information?: number;
  readonly field?: FieldPointer;
  /** Progress, 0 to 65535 (SPC-5 4.4.2.4.4). */
  readonly progress?: number;
  /** Incorrect length indicator (stream devices and READ LONG). */
  readonly ili?: boolean;
  /** End of medium (or its beginning), filemark: of stream devices. */
  readonly eom?: boolean;
  readonly filemark?: boolean;
  /** COPY ABORTED: number of the segment descriptor, from 0. Goes into COMMAND-SPECIFIC INFORMATION. */
  readonly segment?: number;
  /** COPY ABORTED: the answer that was the cause. */
  readonly forwarded?: ForwardedSense;
  /** It is of an earlier command, which was answered before it had ended (SPC-5 4.4.7). */
  readonly deferred?: boolean;
  /** COMMAND-SPECIFIC INFORMATION as a number, where `segment` is not told. */
  readonly commandInformation?: number;
}

const { notReady, mediumError, hardwareError, illegalRequest, unitAttention } = SenseKey;

function condition(name: string, key: SenseKey, asc: number): () => Sense {
  const sense: Sense = Object.freeze({ name, key, asc });
  return () => sense;
}

// Not ready.
export const logicalUnitNotReadyInitializingCommandRequired = condition(
  'initializing-command-required',
  notReady,
  0x0402,
);
export const logicalUnitNotReadyCauseNotReportable = condition('not-ready', notReady, 0x0400);
export const logicalUnitNotReadyManualIntervention = condition('manual-intervention-required', notReady, 0x0403);
export const mediumNotPresent = condition('medium-not-present', notReady, 0x3a00);
/** @param progress 0 to 65535 */
export function sanitizeInProgress(progress: number): Sense {
  return { name: 'sanitize-in-progress', key: notReady, asc: 0x041b, progress };
}
export const logicalUnitBecomingReady = condition('becoming-ready', notReady, 0x0401);
export const asymmetricAccessStateTransition = condition('access-state-transition', notReady, 0x040a);
export const targetPortInStandbyState = condition('target-port-standby', notReady, 0x040b);
export const targetPortInUnavailableState = condition('target-port-unavailable', notReady, 0x040c);
export const logicalUnitNotReadyOffline = condition('offline', notReady, 0x0412);
/** Format running, 0 to 65535 of it done. */
export function formatInProgress(progress: number): Sense {
  return { name: 'format-in-progress', key: notReady, asc: 0x0404, progress };
}
/** Self-test running, 0 to 65535 of it done. */
export function selfTestInProgress(progress: number): Sense {
  return { name: 'self-test-in-progress', key: notReady, asc: 0x0409, progress };
}

// Below the handlers.
export function unrecoveredReadError(lba: number): Sense {
  return { name: 'medium-error', key: mediumError, asc: 0x1100, information: lba };
}
/** A host has marked the block with WRITE LONG and COR_DIS. */
export function readErrorMarkedBad(lba: number): Sense {
  return { name: 'marked-bad', key: mediumError, asc: 0x1114, information: lba };
}
export function writeError(lba: number): Sense {
  return { name: 'write-error', key: mediumError, asc: 0x0c00, information: lba };
}
/** A format operation did not come to its end. */
export const mediumFormatCorrupted = condition('format-corrupted', mediumError, 0x3100);
export const auxiliaryMemoryReadError = condition('auxiliary-memory-read', mediumError, 0x1112);
export const sanitizeCommandFailed = condition('sanitize-failed', mediumError, 0x3103);
export const internalTargetFailure = condition('hardware-error', hardwareError, 0x4400);
export const selfTestFailed = condition('self-test-failed', hardwareError, 0x3e03);

// Stream devices (SSC-5 4.2.15). Residues count blocks, filemarks or bytes, as the command does.
/** Errors without an LBA. */
export const unrecoveredRead = condition('unrecovered-read', mediumError, 0x1100);
export const writeErrorOnTape = condition('tape-write-error', mediumError, 0x0c00);
/** READ, SPACE over blocks. */
export function filemarkDetected(residue: number): Sense {
  return { name: 'filemark', key: SenseKey.noSense, asc: 0x0001, filemark: true, information: residue };
}
/** @param residue of a block of its own: what was asked for less what it has, negative if it has more */
export function incorrectLength(residue: number): Sense {
  return { name: 'incorrect-length', key: SenseKey.noSense, asc: 0x0000, ili: true, information: residue };
}
/** @param residue null: LOCATE has none */
export function endOfData(residue: number | null): Sense {
  const sense = { name: 'end-of-data', key: SenseKey.blankCheck, asc: 0x0005 };
  return residue === null ? sense : { ...sense, information: residue };
}
export function beginningOfMedium(residue: number): Sense {
  return { name: 'beginning-of-medium', key: SenseKey.noSense, asc: 0x0004, eom: true, information: residue };
}
/** All was written, and the end is near. */
export function earlyWarning(): Sense {
  return { name: 'early-warning', key: SenseKey.noSense, asc: 0x0002, eom: true, information: 0 };
}
/** @param residue of what was not written */
export function endOfMedium(residue: number): Sense {
  return { name: 'end-of-medium', key: SenseKey.volumeOverflow, asc: 0x0002, eom: true, information: residue };
}

// Illegal request.
export const invalidOperationCode = condition('invalid-opcode', illegalRequest, 0x2000);
export const logicalUnitNotSupported = condition('lun-not-supported', illegalRequest, 0x2500);
export const parameterListLengthError = condition('parameter-list-length', illegalRequest, 0x1a00);
export const invalidFieldInInformationUnit = condition('invalid-field-in-iu', illegalRequest, 0x0e03);
/** A task attribute that means nothing now (SAM-6 8.6.5). */
export const invalidMessageError = condition('invalid-message', illegalRequest, 0x4900);
export const savingParametersNotSupported = condition('saving-not-supported', illegalRequest, 0x3900);
export const invalidReleaseOfPersistentReservation = condition('invalid-release', illegalRequest, 0x2604);
export const insufficientRegistrationResources = condition('no-registration-resources', illegalRequest, 0x5504);
export const insufficientResources = condition('insufficient-resources', illegalRequest, 0x5503);
/** SPC-5 5.17.6.2.1. */
export const insufficientResourcesForRod = condition('no-rod-resources', illegalRequest, 0x550c);
export const mediumRemovalPrevented = condition('removal-prevented', illegalRequest, 0x5302);
export const commandSequenceError = condition('command-sequence-error', illegalRequest, 0x2c00);
export const orwriteGenerationDoesNotMatch = condition('orwrite-generation', illegalRequest, 0x2c0c);
/** @param lba what the CDB asked for; told in INFORMATION unless it is a stand-in for one beyond 2^53 */
export function lbaOutOfRange(lba: number): Sense {
  const sense = { name: 'lba-out-of-range', key: illegalRequest, asc: 0x2100 };
  return lba === Number.MAX_SAFE_INTEGER ? sense : { ...sense, information: lba };
}
/** @param bit most significant bit of the field, unless it fills whole bytes */
export function invalidFieldInCdb(byte: number, bit?: number): Sense {
  return { name: 'invalid-field-in-cdb', key: illegalRequest, asc: 0x2400, field: pointer(true, byte, bit) };
}
export function invalidFieldInParameterList(byte: number, bit?: number): Sense {
  return { name: 'invalid-field-in-list', key: illegalRequest, asc: 0x2600, field: pointer(false, byte, bit) };
}

// Third-party copy, before the first segment (SPC-5 5.17.7.3).
function inList(name: string, asc: number): (byte: number) => Sense {
  return (byte) => ({ name, key: illegalRequest, asc, field: pointer(false, byte, undefined) });
}
export const tooManyTargetDescriptors = inList('too-many-targets', 0x2606);
export const unsupportedTargetDescriptor = inList('unsupported-target-descriptor', 0x2607);
export const tooManySegmentDescriptors = inList('too-many-segments', 0x2608);
export const unsupportedSegmentDescriptor = inList('unsupported-segment-descriptor', 0x2609);
export const inlineDataLengthExceeded = inList('inline-data-length', 0x260b);
// ROD tokens (SPC-5 5.17.6.5.2.3).
export const unsupportedTokenType = inList('token-type', 0x2301);
export const remoteTokenUsage = inList('token-remote', 0x2302);
export const tokenUnknown = inList('token-unknown', 0x2304);
export const tokenCorrupt = inList('token-corrupt', 0x2305);
export const tokenRevoked = inList('token-revoked', 0x2306);
export const tokenExpired = inList('token-expired', 0x2307);
export const tokenCancelled = inList('token-cancelled', 0x2308);
export const tokenDeleted = inList('token-deleted', 0x2309);
export const invalidTokenLength = inList('token-length', 0x230a);
export const operationInProgress = condition('operation-in-progress', illegalRequest, 0x0016);
/** IMMED together with what excludes it: the standard wants this code although the bits are in the list (SPC-5 6.4.2). */
export const immediateNotAllowed = condition('immediate-not-allowed', illegalRequest, 0x2400);

// Third-party copy, while segments are processed (SPC-5 5.17.7.4).
/** Where in the list, who answered what; INFORMATION: destination blocks not written, if any were. */
export type CopyDetails = Pick<Sense, 'segment' | 'field' | 'forwarded' | 'information'>;
export type CopyAborted = (details?: CopyDetails) => Sense;
function copyAborted(name: string, asc: number): CopyAborted {
  return (details) => ({ name, key: SenseKey.copyAborted, asc, ...details });
}
/** A field of the segment descriptor cannot be followed: an LBA out of range. */
export const copySegmentField = copyAborted('copy-segment-field', 0x0000);
export const unreachableCopyTarget = copyAborted('unreachable-copy-target', 0x0804);
export const thirdPartyDeviceFailure = copyAborted('third-party-device-failure', 0x0d01);
export const incorrectCopyTargetDeviceType = copyAborted('incorrect-copy-target-type', 0x0d03);
export const copyInvalidField = copyAborted('copy-invalid-field', 0x2600);
/** The segment is for another type of device (SPC-5 6.4.6.13 to 6.4.6.16). */
export const invalidCopyOperation = copyAborted('copy-invalid-operation', 0x260c);
export const unexpectedInexactSegment = copyAborted('unexpected-inexact-segment', 0x260a);
/** A segment names inline data beyond what came. */
export const inlineDataExceeded = copyAborted('copy-inline-data', 0x260b);
export const copyClearedByDeviceServer = copyAborted('copy-cleared', 0x2f02);

/** WRITE USING TOKEN: the token represents less than was asked for (SBC-4 4.28.2). @param blocks that were written */
export function copyDataUnderrun(blocks: number): Sense {
  const key = blocks === 0 ? illegalRequest : SenseKey.copyAborted;
  return { name: 'copy-data-underrun', key, asc: 0x0d04, information: blocks };
}

/** With GOOD status, as G_SENSE asks (SPC-5 6.4.2). @param segments how many were processed */
export function copyInformationAvailable(segments: number): Sense {
  return { name: 'copy-information', key: SenseKey.completed, asc: 0x0020, commandInformation: segments };
}

// Data protect.
export const writeProtected = condition('write-protected', SenseKey.dataProtect, 0x2700);
export const spaceAllocationFailed = condition('no-space', SenseKey.dataProtect, 0x2707);

/** @param offset of the first byte that differs, counted in the data-out (SBC-4 5.36, 5.3) */
export function miscompareDuringVerify(offset: number): Sense {
  return { name: 'miscompare', key: SenseKey.miscompare, asc: 0x1d00, information: offset };
}

// Aborted command.
export const protocolServiceCrcError = condition('data-crc-error', SenseKey.abortedCommand, 0x4705);
export const unexpectedUnsolicitedData = condition('unexpected-unsolicited-data', SenseKey.abortedCommand, 0x0c0c);
export const notEnoughUnsolicitedData = condition('not-enough-unsolicited-data', SenseKey.abortedCommand, 0x0c0d);
/** Protection information of a block that was sent or read (SBC-4 4.21.2). */
function protectionCheck(name: string, asc: number): (lba: number) => Sense {
  return (lba) => ({ name, key: SenseKey.abortedCommand, asc, information: lba });
}
export const guardCheckFailed = protectionCheck('guard-check', 0x1001);
export const applicationTagCheckFailed = protectionCheck('application-tag-check', 0x1002);
export const referenceTagCheckFailed = protectionCheck('reference-tag-check', 0x1003);
export const overlappedCommandsAttempted = condition('overlapped-commands', SenseKey.abortedCommand, 0x4e00);

// Unit attentions.
export const powerOnOccurred = condition('power-on', unitAttention, 0x2901);
export const busDeviceResetFunctionOccurred = condition('lun-reset', unitAttention, 0x2903);
export const nexusLossOccurred = condition('nexus-loss', unitAttention, 0x2907);
export const powerOnOrReset = condition('power-on-or-reset', unitAttention, 0x2900);
export const notReadyToReadyChange = condition('medium-may-have-changed', unitAttention, 0x2800);
export const modeParametersChanged = condition('mode-parameters-changed', unitAttention, 0x2a01);
export const logParametersChanged = condition('log-parameters-changed', unitAttention, 0x2a02);
export const reservationsPreempted = condition('reservations-preempted', unitAttention, 0x2a03);
export const reservationsReleased = condition('reservations-released', unitAttention, 0x2a04);
export const registrationsPreempted = condition('registrations-preempted', unitAttention, 0x2a05);
export const asymmetricAccessStateChanged = condition('access-state-changed', unitAttention, 0x2a06);
export const errorHistoryNexusCleared = condition('error-history-nexus-cleared', unitAttention, 0x2a0a);
export const timestampChanged = condition('timestamp-changed', unitAttention, 0x2a10);
export const deviceIdentifierChanged = condition('device-identifier-changed', unitAttention, 0x3f05);
export const capacityDataHasChanged = condition('capacity-changed', unitAttention, 0x2a09);
export const commandsClearedByAnotherInitiator = condition('commands-cleared', unitAttention, 0x2f00);
export const reportedLunsDataHasChanged = condition('luns-changed', unitAttention, 0x3f0e);
export const inquiryDataHasChanged = condition('inquiry-changed', unitAttention, 0x3f03);

/** Causes of informational exception conditions (SPC-5 7.5.13): ASC and ASCQ. */
export const ExceptionCause = { none: 0x0000, failurePredicted: 0x5d00, testFailure: 0x5dff } as const;

/** Told with the sense key that MRIE asks for. @param cause of `ExceptionCause` */
export function informationalException(cause: number, key: SenseKey): Sense {
  return {
    name: cause === ExceptionCause.testFailure ? 'test-failure-predicted' : 'failure-predicted',
    key,
    asc: cause,
  };
}

/** REQUEST SENSE with nothing to tell. */
export const standbyByTimer = condition('standby-by-timer', SenseKey.noSense, 0x5e02);
export const standbyByCommand = condition('standby-by-command', SenseKey.noSense, 0x5e04);
export const noSense = condition('no-sense', SenseKey.noSense, 0x0000);

function pointer(inCdb: boolean, byte: number, bit: number | undefined): FieldPointer {
  return bit === undefined ? { inCdb, byte } : { inCdb, byte, bit };
}
