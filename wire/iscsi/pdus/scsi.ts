/**
 * SCSI Command, Response, Data-In, Data-Out and R2T (RFC 7143 11.3, 11.4, 11.7, 11.8).
 * Big-endian; offsets in bytes from the start of the BHS. 4 TotalAHSLength (1), 5 DataSegmentLength (3) in all.
 *
 * SCSI Command                              SCSI Response
 *   0 |.|I| 0x01 | 1 |F|R|W|..|ATTR(3)|       0 |..| 0x21 | 1 |1|..|o|u|O|U|.|
 *   8 Logical Unit Number (8)                 2 Response (1) | 3 Status (1)
 *  16 Initiator Task Tag (4)                 16 Initiator Task Tag (4)
 *  20 Expected Data Transfer Length (4)      20 SNACK Tag (4)
 *  24 CmdSN (4)                              24 StatSN (4)
 *  28 ExpStatSN (4)                          28 ExpCmdSN (4) | 32 MaxCmdSN (4)
 *  32 SCSI CDB (16)                          36 ExpDataSN (4)
 *                                            40 Bidirectional Read Residual Count (4)
 *                                            44 Residual Count (4)
 *                                            data: SenseLength (2), sense data, response data
 *
 * Data-Out                                  Data-In
 *   0 |..| 0x05 | 1 |F| reserved              0 |..| 0x25 | 1 |F|A|...|O|U|S| , 3 Status (1)
 *   8 LUN (8)                                 8 LUN (8)
 *  16 Initiator Task Tag (4)                 16 Initiator Task Tag (4)
 *  20 Target Transfer Tag (4)                20 Target Transfer Tag (4)
 *  28 ExpStatSN (4)                          24 StatSN (4) | 28 ExpCmdSN (4) | 32 MaxCmdSN (4)
 *  36 DataSN (4) | 40 Buffer Offset (4)      36 DataSN (4) | 40 Buffer Offset (4)
 *                                            44 Residual Count (4)
 * R2T
 *   0 |..| 0x31 | 1 |1| reserved
 *   8 LUN (8) | 16 Initiator Task Tag (4) | 20 Target Transfer Tag (4)
 *  24 StatSN (4) | 28 ExpCmdSN (4) | 32 MaxCmdSN (4) | 36 R2TSN (4)
 *  40 Buffer Offset (4) | 44 Desired Data Transfer Length (4)
 *
 * Additional header segments (RFC 7143 11.2.2), each padded to 4 bytes:
 *   0 AHSLength (2) of what follows byte 3, without padding; plus byte 3 itself | 2 AHSType (1) | 3 AHS-Specific
 *   type 1, Extended CDB: 3 reserved, 4 CDB bytes from the 17th on; AHSLength = CDB length − 15
 *   type 2, Bidirectional Read Expected Data Transfer Length: 3 reserved, 4 length (4); AHSLength = 5
 */

export const ScsiOpcode = {
  scsiCommand: 0x01,
  scsiDataOut: 0x05,
  scsiResponse: 0x21,
  scsiDataIn: 0x25,
  r2t: 0x31,
} as const;

const BHS = 48;
const IMMEDIATE = 0x40;
const FINAL = 0x80;
const READ = 0x40;
const WRITE = 0x20;
const ATTRIBUTE = 0x07;
const ACKNOWLEDGE = 0x40;

/** Residual flags of SCSI Response and Data-In. Data-In knows O and U only. */
export const Residual = {
  none: 0x00,
  underflow: 0x02,
  overflow: 0x04,
  readUnderflow: 0x08,
  readOverflow: 0x10,
} as const;

/** S bit of Data-In: this PDU carries status. */
const STATUS = 0x01;

/** Response codes of SCSI Response (RFC 7143 11.4.3). */
export const ScsiResponseCode = { completed: 0x00, targetFailure: 0x01 } as const;

/** "No tag" for Initiator Task Tag and Target Transfer Tag. */
export const RESERVED_TAG = 0xffffffff;

export interface ScsiCommand {
  readonly immediate: boolean;
  readonly final: boolean;
  readonly read: boolean;
  readonly write: boolean;
  readonly attribute: number;
  readonly lun: Buffer;
  readonly initiatorTaskTag: number;
  readonly expectedDataTransferLength: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  /** Up to 16 bytes; longer ones continue in an Extended CDB AHS. */
  readonly cdb: Buffer;
}

/** Accessors of the command BHS, for code that must not allocate. */
export const commandFinal = (bhs: Buffer): boolean => (bhs[1]! & FINAL) !== 0;
export const commandRead = (bhs: Buffer): boolean => (bhs[1]! & READ) !== 0;
export const commandWrite = (bhs: Buffer): boolean => (bhs[1]! & WRITE) !== 0;
export const commandAttribute = (bhs: Buffer): number => bhs[1]! & ATTRIBUTE;
export const commandExpectedLength = (bhs: Buffer): number => bhs.readUInt32BE(20);
export const commandCdb = (bhs: Buffer): Buffer => bhs.subarray(32, 48);

export function encodeScsiCommand(to: Buffer, at: number, f: ScsiCommand): void {
  to.fill(0, at, at + BHS);
  to[at] = ScsiOpcode.scsiCommand | (f.immediate ? IMMEDIATE : 0);
  to[at + 1] = (f.final ? FINAL : 0) | (f.read ? READ : 0) | (f.write ? WRITE : 0) | f.attribute;
  f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.expectedDataTransferLength, at + 20);
  to.writeUInt32BE(f.cmdSn, at + 24);
  to.writeUInt32BE(f.expStatSn, at + 28);
  f.cdb.copy(to, at + 32, 0, 16);
}

export function decodeScsiCommand(bhs: Buffer): ScsiCommand {
  return {
    immediate: (bhs[0]! & IMMEDIATE) !== 0,
    final: commandFinal(bhs),
    read: commandRead(bhs),
    write: commandWrite(bhs),
    attribute: commandAttribute(bhs),
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    expectedDataTransferLength: bhs.readUInt32BE(20),
    cmdSn: bhs.readUInt32BE(24),
    expStatSn: bhs.readUInt32BE(28),
    cdb: bhs.subarray(32, 48),
  };
}

export interface ScsiResponse {
  readonly response: number;
  readonly status: number;
  /** OR of `Residual`. */
  readonly residualFlags: number;
  readonly residual: number;
  readonly readResidual: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly expDataSn: number;
}

export function encodeScsiResponse(to: Buffer, at: number, f: ScsiResponse): void {
  to.fill(0, at, at + BHS);
  to[at] = ScsiOpcode.scsiResponse;
  to[at + 1] = FINAL | f.residualFlags;
  to[at + 2] = f.response;
  to[at + 3] = f.status;
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to.writeUInt32BE(f.expDataSn, at + 36);
  to.writeUInt32BE(f.readResidual, at + 40);
  to.writeUInt32BE(f.residual, at + 44);
}

export function decodeScsiResponse(bhs: Buffer): ScsiResponse {
  return {
    response: bhs[2]!,
    status: bhs[3]!,
    residualFlags: bhs[1]! & 0x1e,
    residual: bhs.readUInt32BE(44),
    readResidual: bhs.readUInt32BE(40),
    initiatorTaskTag: bhs.readUInt32BE(16),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    expDataSn: bhs.readUInt32BE(36),
  };
}

/** Of SCSI Response, for code that must not allocate. */
export const expDataSnOf = (bhs: Buffer): number => bhs.readUInt32BE(36);

export interface DataOut {
  readonly final: boolean;
  readonly lun: Buffer;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly expStatSn: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
}

/** Accessors shared by Data-Out and Data-In, for code that must not allocate. */
export const dataFinal = (bhs: Buffer): boolean => (bhs[1]! & FINAL) !== 0;
export const dataTargetTransferTag = (bhs: Buffer): number => bhs.readUInt32BE(20);
export const dataSn = (bhs: Buffer): number => bhs.readUInt32BE(36);
export const dataBufferOffset = (bhs: Buffer): number => bhs.readUInt32BE(40);

export function encodeDataOut(to: Buffer, at: number, f: DataOut): void {
  to.fill(0, at, at + BHS);
  to[at] = ScsiOpcode.scsiDataOut;
  to[at + 1] = f.final ? FINAL : 0;
  f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.targetTransferTag, at + 20);
  to.writeUInt32BE(f.expStatSn, at + 28);
  to.writeUInt32BE(f.dataSn, at + 36);
  to.writeUInt32BE(f.bufferOffset, at + 40);
}

export function decodeDataOut(bhs: Buffer): DataOut {
  return {
    final: dataFinal(bhs),
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    targetTransferTag: dataTargetTransferTag(bhs),
    expStatSn: bhs.readUInt32BE(28),
    dataSn: dataSn(bhs),
    bufferOffset: dataBufferOffset(bhs),
  };
}

export interface DataIn {
  readonly final: boolean;
  readonly acknowledge: boolean;
  /** SCSI status when the PDU carries one (S bit), else null. */
  readonly status: number | null;
  readonly residualFlags: number;
  readonly residual: number;
  readonly lun: Buffer | null;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
}

export function encodeDataIn(to: Buffer, at: number, f: DataIn): void {
  to.fill(0, at, at + BHS);
  to[at] = ScsiOpcode.scsiDataIn;
  to[at + 1] =
    (f.final ? FINAL : 0) | (f.acknowledge ? ACKNOWLEDGE : 0) | (f.status === null ? 0 : STATUS | f.residualFlags);
  if (f.status !== null) {
    to[at + 3] = f.status;
    to.writeUInt32BE(f.statSn, at + 24);
    to.writeUInt32BE(f.residual, at + 44);
  }
  if (f.lun !== null) f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.targetTransferTag, at + 20);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to.writeUInt32BE(f.dataSn, at + 36);
  to.writeUInt32BE(f.bufferOffset, at + 40);
}

export function decodeDataIn(bhs: Buffer): DataIn {
  const flags = bhs[1]!;
  return {
    final: (flags & FINAL) !== 0,
    acknowledge: (flags & ACKNOWLEDGE) !== 0,
    status: (flags & STATUS) === 0 ? null : bhs[3]!,
    residualFlags: flags & (Residual.underflow | Residual.overflow),
    residual: bhs.readUInt32BE(44),
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    targetTransferTag: dataTargetTransferTag(bhs),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    dataSn: dataSn(bhs),
    bufferOffset: dataBufferOffset(bhs),
  };
}

export interface R2t {
  readonly lun: Buffer;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly r2tSn: number;
  readonly bufferOffset: number;
  readonly desiredLength: number;
}

export function encodeR2t(to: Buffer, at: number, f: R2t): void {
  to.fill(0, at, at + BHS);
  to[at] = ScsiOpcode.r2t;
  to[at + 1] = FINAL;
  f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.targetTransferTag, at + 20);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to.writeUInt32BE(f.r2tSn, at + 36);
  to.writeUInt32BE(f.bufferOffset, at + 40);
  to.writeUInt32BE(f.desiredLength, at + 44);
}

export function decodeR2t(bhs: Buffer): R2t {
  return {
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    targetTransferTag: bhs.readUInt32BE(20),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    r2tSn: bhs.readUInt32BE(36),
    bufferOffset: bhs.readUInt32BE(40),
    desiredLength: bhs.readUInt32BE(44),
  };
}

/** Types of additional header segments. */
export const AhsType = { extendedCdb: 1, bidirectionalReadLength: 2 } as const;

/** What the additional header segments of a command say. */
export interface CommandAhs {
  /** CDB bytes from the 17th on, or null. */
  readonly extendedCdb: Buffer | null;
  readonly bidirectionalReadLength: number | null;
}

/** CDBs longer than 260 bytes do not exist (SPC-5 4.2.3: ADDITIONAL CDB LENGTH is one byte). */
const LONGEST_CDB = 260;

/**
 * Decodes the additional header segments of a SCSI Command.
 * @returns null if they are malformed, of an unknown type, or one type occurs twice.
 */
export function decodeCommandAhs(ahs: Buffer): CommandAhs | null {
  let extendedCdb: Buffer | null = null;
  let bidirectionalReadLength: number | null = null;
  let at = 0;
  while (at < ahs.length) {
    if (ahs.length - at < 4) return null;
    const length = ahs.readUInt16BE(at);
    const end = at + 3 + length;
    if (length === 0 || end > ahs.length) return null;
    switch (ahs[at + 2]) {
      case AhsType.extendedCdb:
        if (extendedCdb !== null || length < 2 || length + 15 > LONGEST_CDB) return null;
        extendedCdb = ahs.subarray(at + 4, end);
        break;
      case AhsType.bidirectionalReadLength:
        if (bidirectionalReadLength !== null || length !== 5) return null;
        bidirectionalReadLength = ahs.readUInt32BE(at + 4);
        break;
      default:
        return null;
    }
    at = (end + 3) & ~3;
  }
  return { extendedCdb, bidirectionalReadLength };
}

/** Encodes them, padded; empty when there is nothing to say. */
export function encodeCommandAhs(f: CommandAhs): Buffer {
  const parts: Buffer[] = [];
  if (f.extendedCdb !== null) {
    const part = Buffer.alloc((4 + f.extendedCdb.length + 3) & ~3);
    part.writeUInt16BE(f.extendedCdb.length + 1, 0);
    part[2] = AhsType.extendedCdb;
    f.extendedCdb.copy(part, 4);
    parts.push(part);
  }
  if (f.bidirectionalReadLength !== null) {
    const part = Buffer.alloc(8);
    part.writeUInt16BE(5, 0);
    part[2] = AhsType.bidirectionalReadLength;
    part.writeUInt32BE(f.bidirectionalReadLength, 4);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
