/**
 * Text, NOP, Asynchronous Message, Reject and SNACK (RFC 7143 11.9 to 11.11, 11.16 to 11.19).
 * Big-endian; offsets in bytes from the start of the BHS. 4 TotalAHSLength (1), 5 DataSegmentLength (3) in all.
 *
 * Text Request                               Text Response
 *   0 |.|I| 0x04 | 1 |F|C| reserved            0 |..| 0x24 | 1 |F|C| reserved
 *   8 LUN (8)                                  8 LUN (8)
 *  16 Initiator Task Tag (4)                  16 Initiator Task Tag (4)
 *  20 Target Transfer Tag (4)                 20 Target Transfer Tag (4)
 *  24 CmdSN (4) | 28 ExpStatSN (4)            24 StatSN (4) | 28 ExpCmdSN (4) | 32 MaxCmdSN (4)
 *
 * NOP-Out                                    NOP-In
 *   0 |.|I| 0x00 | 1 |1| reserved              0 |..| 0x20 | 1 |1| reserved
 *   8 LUN (8), 16 and 20 tags, 24 … as Text    8 LUN (8), 16 and 20 tags, 24 … as Text
 *
 * Asynchronous Message                       Reject
 *   0 |..| 0x32 | 1 |1| reserved               0 |..| 0x3f | 1 |1| reserved
 *   8 LUN (8)                                  2 Reason (1)
 *  16 0xffffffff                              16 0xffffffff
 *  24 StatSN | 28 ExpCmdSN | 32 MaxCmdSN      24 StatSN | 28 ExpCmdSN | 32 MaxCmdSN
 *  36 AsyncEvent (1) | 37 AsyncVCode (1)      36 DataSN/R2TSN (4)
 *  38 Parameter1 | 40 Parameter2 | 42 Parameter3 (2 each)   data: the header of the rejected PDU
 *
 * SNACK Request
 *   0 |..| 0x10 | 1 |1|...| Type (4)
 *   8 LUN (8): DataACK only
 *  16 Initiator Task Tag (4): reserved in Status SNACK and DataACK
 *  20 Target Transfer Tag (4) of DataACK, SNACK Tag of R-Data SNACK
 *  28 ExpStatSN (4) | 40 BegRun (4) | 44 RunLength (4)
 */

export const ControlOpcode = {
  nopOut: 0x00,
  textRequest: 0x04,
  snackRequest: 0x10,
  nopIn: 0x20,
  textResponse: 0x24,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

const BHS = 48;
const IMMEDIATE = 0x40;
const FINAL = 0x80;
const CONTINUE = 0x40;
const NO_TAG = 0xffffffff;

export const AsyncEvent = {
  scsi: 0,
  logoutRequested: 1,
  connectionDropped: 2,
  sessionDropped: 3,
  negotiationRequested: 4,
  /** RFC 7143 11.9.1: all active tasks of the LUN with this nexus were terminated (FastAbort). */
  tasksTerminated: 5,
  vendorSpecific: 255,
} as const;

export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  tooManyImmediateCommands: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  outOfResources: 0x0a,
  waitingForLogout: 0x0c,
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

/** RFC 7143 11.16.1. */
export const SnackType = { dataOrR2t: 0, status: 1, dataAck: 2, rData: 3 } as const;

export interface SnackRequest {
  readonly type: number;
  readonly lun: Buffer | null;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly expStatSn: number;
  /** The first StatSN, DataSN or R2TSN; DataACK: the next one expected. */
  readonly begRun: number;
  /** How many; 0: all from there on. */
  readonly runLength: number;
}

export function encodeSnackRequest(to: Buffer, at: number, f: SnackRequest): void {
  to.fill(0, at, at + BHS);
  to[at] = ControlOpcode.snackRequest;
  to[at + 1] = FINAL | f.type;
  if (f.lun !== null) f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.targetTransferTag, at + 20);
  to.writeUInt32BE(f.expStatSn, at + 28);
  to.writeUInt32BE(f.begRun, at + 40);
  to.writeUInt32BE(f.runLength, at + 44);
}

export function decodeSnackRequest(bhs: Buffer): SnackRequest {
  return {
    type: bhs[1]! & 0x0f,
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    targetTransferTag: bhs.readUInt32BE(20),
    expStatSn: bhs.readUInt32BE(28),
    begRun: bhs.readUInt32BE(40),
    runLength: bhs.readUInt32BE(44),
  };
}

/** Text Request and NOP-Out have the same fields; NOP-Out is always final and never continues. */
export interface TextRequest {
  readonly immediate: boolean;
  readonly final: boolean;
  readonly continues: boolean;
  readonly lun: Buffer | null;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export interface TextResponse {
  readonly final: boolean;
  readonly continues: boolean;
  readonly lun: Buffer | null;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

export type NopOut = Omit<TextRequest, 'final' | 'continues'>;
export type NopIn = Omit<TextResponse, 'final' | 'continues'>;

export function encodeTextRequest(to: Buffer, at: number, f: TextRequest): void {
  encodeRequest(to, at, ControlOpcode.textRequest, f, (f.final ? FINAL : 0) | (f.continues ? CONTINUE : 0));
}

export function encodeNopOut(to: Buffer, at: number, f: NopOut): void {
  encodeRequest(to, at, ControlOpcode.nopOut, f, FINAL);
}

/** Decodes a Text Request or a NOP-Out. */
export function decodeTextRequest(bhs: Buffer): TextRequest {
  const flags = bhs[1]!;
  return {
    immediate: (bhs[0]! & IMMEDIATE) !== 0,
    final: (flags & FINAL) !== 0,
    continues: (flags & CONTINUE) !== 0,
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    targetTransferTag: bhs.readUInt32BE(20),
    cmdSn: bhs.readUInt32BE(24),
    expStatSn: bhs.readUInt32BE(28),
  };
}

export function encodeTextResponse(to: Buffer, at: number, f: TextResponse): void {
  encodeResponse(to, at, ControlOpcode.textResponse, f, (f.final ? FINAL : 0) | (f.continues ? CONTINUE : 0));
}

export function encodeNopIn(to: Buffer, at: number, f: NopIn): void {
  encodeResponse(to, at, ControlOpcode.nopIn, f, FINAL);
}

/** Decodes a Text Response or a NOP-In. */
export function decodeTextResponse(bhs: Buffer): TextResponse {
  const flags = bhs[1]!;
  return {
    final: (flags & FINAL) !== 0,
    continues: (flags & CONTINUE) !== 0,
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    targetTransferTag: bhs.readUInt32BE(20),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
  };
}

export interface AsyncMessage {
  readonly lun: Buffer | null;
  readonly event: number;
  readonly vendorCode: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly parameter1: number;
  readonly parameter2: number;
  readonly parameter3: number;
}

export function encodeAsyncMessage(to: Buffer, at: number, f: AsyncMessage): void {
  to.fill(0, at, at + BHS);
  to[at] = ControlOpcode.asyncMessage;
  to[at + 1] = FINAL;
  if (f.lun !== null) f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(NO_TAG, at + 16);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to[at + 36] = f.event;
  to[at + 37] = f.vendorCode;
  to.writeUInt16BE(f.parameter1, at + 38);
  to.writeUInt16BE(f.parameter2, at + 40);
  to.writeUInt16BE(f.parameter3, at + 42);
}

export function decodeAsyncMessage(bhs: Buffer): AsyncMessage {
  return {
    lun: bhs.subarray(8, 16),
    event: bhs[36]!,
    vendorCode: bhs[37]!,
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    parameter1: bhs.readUInt16BE(38),
    parameter2: bhs.readUInt16BE(40),
    parameter3: bhs.readUInt16BE(42),
  };
}

export interface Reject {
  readonly reason: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly dataSn: number;
}

export function encodeReject(to: Buffer, at: number, f: Reject): void {
  to.fill(0, at, at + BHS);
  to[at] = ControlOpcode.reject;
  to[at + 1] = FINAL;
  to[at + 2] = f.reason;
  to.writeUInt32BE(NO_TAG, at + 16);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to.writeUInt32BE(f.dataSn, at + 36);
}

export function decodeReject(bhs: Buffer): Reject {
  return {
    reason: bhs[2]!,
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    dataSn: bhs.readUInt32BE(36),
  };
}

function encodeRequest(to: Buffer, at: number, opcode: number, f: NopOut, flags: number): void {
  to.fill(0, at, at + BHS);
  to[at] = opcode | (f.immediate ? IMMEDIATE : 0);
  to[at + 1] = flags;
  if (f.lun !== null) f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.targetTransferTag, at + 20);
  to.writeUInt32BE(f.cmdSn, at + 24);
  to.writeUInt32BE(f.expStatSn, at + 28);
}

function encodeResponse(to: Buffer, at: number, opcode: number, f: NopIn, flags: number): void {
  to.fill(0, at, at + BHS);
  to[at] = opcode;
  to[at + 1] = flags;
  if (f.lun !== null) f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.targetTransferTag, at + 20);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
}
