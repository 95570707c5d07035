/**
 * The basic header segment (RFC 7143 11.2.1): what every PDU has in common, and the doors to the layouts of
 * each family in `pdus/`.
 *
 *   0 |.|I| Opcode (6) | 1 |F| opcode-specific (23 bits)
 *   4 TotalAHSLength (1, in 4-byte words) | 5 DataSegmentLength (3, bytes, without padding)
 *   8 LUN or opcode-specific (8)
 *  16 Initiator Task Tag (4)
 *  20 opcode-specific (28); for requests: 24 CmdSN (4), 28 ExpStatSN (4)
 *
 * Then: AHS, header digest (4, if negotiated), data segment padded to 4 bytes, data digest (4, if negotiated).
 */
import { ControlOpcode, RejectReason } from './pdus/control.js';
import { LoginOpcode, LoginStatus } from './pdus/login.js';
import { ScsiOpcode } from './pdus/scsi.js';
import { TaskFunction, TaskManagementOpcode } from './pdus/task-management.js';

export * from './pdus/control.js';
export * from './pdus/login.js';
export * from './pdus/scsi.js';
export * from './pdus/task-management.js';

export const BHS_BYTES = 48;
export const DIGEST_BYTES = 4;
/** TotalAHSLength is one byte of 4-byte words. */
export const AHS_MAX_BYTES = 255 * 4;
/** DataSegmentLength is three bytes. */
export const DATA_SEGMENT_MAX_BYTES = 0xffffff;

/** Every opcode of RFC 7143 11.2.1.2. */
export const Opcode = { ...ControlOpcode, ...LoginOpcode, ...ScsiOpcode, ...TaskManagementOpcode } as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

const OPCODE_MASK = 0x3f;
const IMMEDIATE = 0x40;

export const opcodeOf = (bhs: Buffer): number => bhs[0]! & OPCODE_MASK;
/** I bit: to be delivered at once, outside CmdSN order. Requests only. */
export const isImmediate = (bhs: Buffer): boolean => (bhs[0]! & IMMEDIATE) !== 0;
export const ahsBytes = (bhs: Buffer): number => bhs[4]! * 4;
export const dataSegmentLength = (bhs: Buffer): number => (bhs[5]! << 16) | (bhs[6]! << 8) | bhs[7]!;
export const lunOf = (bhs: Buffer): Buffer => bhs.subarray(8, 16);
export const initiatorTaskTag = (bhs: Buffer): number => bhs.readUInt32BE(16);
/** Requests only. */
export const cmdSnOf = (bhs: Buffer): number => bhs.readUInt32BE(24);
/** Requests only. */
export const expStatSnOf = (bhs: Buffer): number => bhs.readUInt32BE(28);
/** Responses only; Data-In has it when it carries status. */
export const statSnOf = (bhs: Buffer): number => bhs.readUInt32BE(24);
export const expCmdSnOf = (bhs: Buffer): number => bhs.readUInt32BE(28);
export const maxCmdSnOf = (bhs: Buffer): number => bhs.readUInt32BE(32);

export function setDataSegmentLength(to: Buffer, at: number, bytes: number): void {
  to[at + 5] = bytes >>> 16;
  to[at + 6] = bytes >>> 8;
  to[at + 7] = bytes;
}

/** `bytes` a multiple of 4, at most `AHS_MAX_BYTES`. */
export function setAhsLength(to: Buffer, at: number, bytes: number): void {
  to[at + 4] = bytes / 4;
}

/** Bytes to add so that a segment ends on a 4-byte boundary. */
export const paddingOf = (bytes: number): number => -bytes & 3;

/** Serial-number comparison of 32-bit sequence numbers (RFC 1982): negative, zero or positive. */
export const compareSerial = (a: number, b: number): number => (a - b) | 0;

/** The sequence number after `a`. */
export const nextSerial = (a: number): number => (a + 1) >>> 0;

const opcodeNames = namesOf(Opcode);
const loginStatusNames = namesOf(LoginStatus);
const rejectReasonNames = namesOf(RejectReason);
const taskFunctionNames = namesOf(TaskFunction);

/** `SCSI command`, or `opcode 0x1c`. */
export const opcodeName = (opcode: number): string => opcodeNames.get(opcode) ?? `opcode ${hex(opcode, 2)}`;
/** `authentication failure`, or `status 0x02ff`. */
export const loginStatusName = (status: number): string => loginStatusNames.get(status) ?? `status ${hex(status, 4)}`;
export const rejectReasonName = (reason: number): string => rejectReasonNames.get(reason) ?? `reason ${hex(reason, 2)}`;
export const taskFunctionName = (fn: number): string => taskFunctionNames.get(fn) ?? `function ${hex(fn, 2)}`;

function namesOf(constants: Readonly<Record<string, number>>): Map<number, string> {
  return new Map(Object.entries(constants).map(([name, value]) => [value, words(name)]));
}

/** `scsiDataOut` becomes `SCSI data out`: the words of the constant's own name, abbreviations in capitals. */
function words(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/\b(scsi|nop|r2t|pdu|snack|lun|aca)\b/g, (word) => word.toUpperCase());
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
