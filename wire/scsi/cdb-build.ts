/**
 * Builders of command descriptor blocks, as an initiator sends them. Big-endian throughout.
 *
 *   byte  READ(10)            READ(16)
 *    0    28h                 88h
 *    1    protect DPO FUA     protect DPO FUA
 *    2–5  LBA                 2–9   LBA
 *    6    group number        10–13 transfer length
 *    7–8  transfer length     14    group number
 *    9    control             15    control
 *
 * LBAs are JS numbers up to 2^53 − 1; lengths are blocks unless a name says bytes. Left out: 6- and
 * 12-byte reads and writes, CDBs of 32 bytes, group numbers.
 */
import type { BlockRange } from './block-ranges.js';
import { CopyIn, Opcode, VariableAction } from './opcodes.js';

/** Flags of reads and writes (SBC-4 5.15). */
export interface IoFlags {
  readonly dpo?: boolean;
  /** Force unit access: the medium, not the cache. */
  readonly fua?: boolean;
  /**
   * RDPROTECT or WRPROTECT: with any but 0, eight bytes of protection information are transferred after each block, and
   * checked as SBC-4 says of the value.
   */
  readonly protect?: 0 | 1 | 2 | 3 | 4 | 5;
  /** A CDB of 32 bytes, as protection of type 2 asks for; the initial reference tag is that of the LBA. */
  readonly long?: boolean;
}

const WORD = 2 ** 32;

function putLba64(cdb: Buffer, lba: number): void {
  cdb.writeUInt32BE(Math.floor(lba / WORD), 2);
  cdb.writeUInt32BE(lba % WORD, 6);
}

function ioFlags(flags: IoFlags): number {
  return ((flags.protect ?? 0) << 5) | (flags.dpo ? 0x10 : 0) | (flags.fua ? 0x08 : 0);
}

/** Opcode, flags, 32-bit LBA, 16-bit length. */
function tenByte(opcode: number, flags: number, lba: number, blocks: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = opcode;
  cdb[1] = flags;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(blocks, 7);
  return cdb;
}

/** Opcode, flags, 64-bit LBA, 32-bit length. */
function sixteenByte(opcode: number, flags: number, lba: number, length: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = opcode;
  cdb[1] = flags;
  putLba64(cdb, lba);
  cdb.writeUInt32BE(length, 10);
  return cdb;
}

/** TEST UNIT READY (SPC-5 6.49). */
export const testUnitReady = (): Buffer => Buffer.alloc(6);

/** INQUIRY (SPC-5 6.7); `page` null for standard data. */
export function inquiry(page: number | null, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = 0x12;
  cdb[1] = page === null ? 0 : 1;
  cdb[2] = page ?? 0;
  cdb.writeUInt16BE(allocationBytes, 3);
  return cdb;
}

/** REQUEST SENSE (SPC-5 6.39). */
export function requestSense(allocationBytes: number, descriptor = false): Buffer {
  return Buffer.from([0x03, descriptor ? 1 : 0, 0, 0, allocationBytes, 0]);
}

/** REPORT LUNS (SPC-5 6.34). */
export function reportLuns(selectReport: number, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = 0xa0;
  cdb[2] = selectReport;
  cdb.writeUInt32BE(allocationBytes, 6);
  return cdb;
}

/** READ CAPACITY(10) (SBC-4 5.20). */
export const readCapacity10 = (): Buffer => tenByte(0x25, 0, 0, 0);

/** READ CAPACITY(16) (SBC-4 5.21). */
export const readCapacity16 = (allocationBytes: number): Buffer => sixteenByte(0x9e, 0x10, 0, allocationBytes);

/** GET LBA STATUS(16) (SBC-4 5.6). */
export const getLbaStatus = (lba: number, allocationBytes: number): Buffer =>
  sixteenByte(0x9e, 0x12, lba, allocationBytes);

/** Flags, 64-bit LBA, its low bits as expected initial reference tag, no application tag, length (SBC-4 5.17). */
function thirtyTwoByte(action: number, flags: number, lba: number, blocks: number): Buffer {
  const cdb = Buffer.alloc(32);
  cdb[0] = Opcode.variableLength;
  cdb[7] = cdb.length - 8;
  cdb.writeUInt16BE(action, 8);
  cdb[10] = flags;
  cdb.writeUInt32BE(Math.floor(lba / WORD), 12);
  cdb.writeUInt32BE(lba % WORD, 16);
  cdb.writeUInt32BE(lba % WORD, 20);
  cdb.writeUInt32BE(blocks, 28);
  return cdb;
}

/** READ(10), or READ(16) where the address or length needs it, or READ(32). */
export function read(lba: number, blocks: number, flags: IoFlags = {}): Buffer {
  if (flags.long) return thirtyTwoByte(VariableAction.read32, ioFlags(flags), lba, blocks);
  return lba + blocks <= WORD && blocks <= 0xffff
    ? tenByte(0x28, ioFlags(flags), lba, blocks)
    : sixteenByte(0x88, ioFlags(flags), lba, blocks);
}

/** WRITE(10), or WRITE(16) where the address or length needs it, or WRITE(32). */
export function write(lba: number, blocks: number, flags: IoFlags = {}): Buffer {
  if (flags.long) return thirtyTwoByte(VariableAction.write32, ioFlags(flags), lba, blocks);
  return lba + blocks <= WORD && blocks <= 0xffff
    ? tenByte(0x2a, ioFlags(flags), lba, blocks)
    : sixteenByte(0x8a, ioFlags(flags), lba, blocks);
}

/** READ(16) (SBC-4 5.18). */
export const read16 = (lba: number, blocks: number, flags: IoFlags = {}): Buffer =>
  sixteenByte(0x88, ioFlags(flags), lba, blocks);

/** WRITE(16) (SBC-4 5.40). */
export const write16 = (lba: number, blocks: number, flags: IoFlags = {}): Buffer =>
  sixteenByte(0x8a, ioFlags(flags), lba, blocks);

/** Sets address and length of a READ(16) or WRITE(16), so that one buffer serves many commands. */
export function retarget16(cdb: Buffer, lba: number, blocks: number): void {
  putLba64(cdb, lba);
  cdb.writeUInt32BE(blocks, 10);
}

/** VERIFY(16) (SBC-4 5.36); BYTCHK 0: medium only, 1: compare with data-out, 3: with one block of data-out. */
export const verify16 = (lba: number, blocks: number, bytchk: 0 | 1 | 3): Buffer =>
  sixteenByte(0x8f, bytchk << 1, lba, blocks);

/** Flags of WRITE SAME. */
export interface WriteSameFlags {
  /** May deallocate instead of writing, if the blocks then read as the data given. */
  readonly unmap?: boolean;
  /** No data-out buffer: zeros. */
  readonly ndob?: boolean;
  readonly anchor?: boolean;
}

/** WRITE SAME(16) (SBC-4 5.53). */
export const writeSame16 = (lba: number, blocks: number, flags: WriteSameFlags = {}): Buffer =>
  sixteenByte(0x93, (flags.anchor ? 0x10 : 0) | (flags.unmap ? 0x08 : 0) | (flags.ndob ? 0x01 : 0), lba, blocks);

/** SYNCHRONIZE CACHE(16) (SBC-4 5.34); zero blocks: to the end. */
export const synchronizeCache16 = (lba: number, blocks: number, immediate = false): Buffer =>
  sixteenByte(0x91, immediate ? 0x02 : 0, lba, blocks);

/** PRE-FETCH(16) (SBC-4 5.14). */
export const prefetch16 = (lba: number, blocks: number, immediate = false): Buffer =>
  sixteenByte(0x90, immediate ? 0x02 : 0, lba, blocks);

/** COMPARE AND WRITE (SBC-4 5.3); data-out is twice `blocks`. */
export function compareAndWrite(lba: number, blocks: number, flags: IoFlags = {}): Buffer {
  const cdb = sixteenByte(0x89, ioFlags(flags), lba, 0);
  cdb[13] = blocks;
  return cdb;
}

/** ORWRITE(16) (SBC-4 5.10). */
export const orwrite16 = (lba: number, blocks: number, flags: IoFlags = {}): Buffer =>
  sixteenByte(0x8b, ioFlags(flags), lba, blocks);

/** What ORWRITE(32) expects of the generation, and what it is to become. */
export interface Generations {
  /** EXPECTED ORWGENERATION. */
  readonly expected: number;
  /** Change generation and clear: NEW ORWGENERATION and PREVIOUS GENERATION PROCESSING. Absent: set. */
  readonly change?: { readonly next: number; readonly policy: number };
}

/** ORWRITE(32) (SBC-4 5.11). */
export function orwrite32(lba: number, blocks: number, { expected, change }: Generations, flags: IoFlags = {}): Buffer {
  const cdb = thirtyTwoByte(VariableAction.orwrite32, ioFlags(flags), lba, blocks);
  cdb.writeUInt32BE(expected, 20);
  if (change === undefined) return cdb;
  cdb[2] = 0x01;
  cdb[3] = change.policy;
  cdb.writeUInt32BE(change.next, 24);
  return cdb;
}

/** WRITE ATOMIC(16) (SBC-4 5.41) without an atomic boundary; at most 65535 blocks. */
export const writeAtomic16 = (lba: number, blocks: number, flags: IoFlags = {}): Buffer =>
  sixteenByte(0x9c, ioFlags(flags), lba, blocks);

/** Requests of READ DEFECT DATA: which lists, in which format (SBC-4 6.2). */
export interface DefectRequest {
  readonly plist?: boolean;
  readonly glist?: boolean;
  readonly format?: number;
}

function defectRequest({ plist, glist, format = 0 }: DefectRequest): number {
  return (plist ? 0x10 : 0) | (glist ? 0x08 : 0) | format;
}

/** READ DEFECT DATA(10) (SBC-4 5.22). */
export function readDefectData10(request: DefectRequest, allocationBytes: number): Buffer {
  const cdb = tenByte(0x37, 0, 0, allocationBytes);
  cdb[2] = defectRequest(request);
  return cdb;
}

/** READ DEFECT DATA(12) (SBC-4 5.23), from address descriptor `index` on. */
export function readDefectData12(request: DefectRequest, index: number, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = 0xb7;
  cdb[1] = defectRequest(request);
  cdb.writeUInt32BE(index, 2);
  cdb.writeUInt32BE(allocationBytes, 6);
  return cdb;
}

/** UNMAP (SBC-4 5.35); parameter list by `unmapList`. */
export function unmap(parameterBytes: number, anchor = false): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x42;
  cdb[1] = anchor ? 1 : 0;
  cdb.writeUInt16BE(parameterBytes, 7);
  return cdb;
}

/** UNMAP parameter list (SBC-4 5.35.2): header of eight bytes, sixteen per range. */
export function unmapList(ranges: readonly BlockRange[]): Buffer {
  const list = Buffer.alloc(8 + ranges.length * 16);
  list.writeUInt16BE(list.length - 2, 0);
  list.writeUInt16BE(ranges.length * 16, 2);
  ranges.forEach(({ lba, blocks }, index) => {
    const at = 8 + index * 16;
    list.writeUInt32BE(Math.floor(lba / WORD), at);
    list.writeUInt32BE(lba % WORD, at + 4);
    list.writeUInt32BE(blocks, at + 8);
  });
  return list;
}

/** MODE SENSE(10) (SPC-5 6.15); page control 0 current, 1 changeable, 2 default, 3 saved. */
export function modeSense10(
  page: number,
  subpage: number,
  allocationBytes: number,
  pageControl = 0,
  dbd = false,
): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5a;
  cdb[1] = dbd ? 0x08 : 0;
  cdb[2] = (pageControl << 6) | page;
  cdb[3] = subpage;
  cdb.writeUInt16BE(allocationBytes, 7);
  return cdb;
}

/** MODE SELECT(10) (SPC-5 6.13) with page format. */
export function modeSelect10(parameterBytes: number, savePages = false): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x55;
  cdb[1] = 0x10 | (savePages ? 1 : 0);
  cdb.writeUInt16BE(parameterBytes, 7);
  return cdb;
}

/** LOG SENSE (SPC-5 6.9), cumulative values. */
export function logSense(page: number, subpage: number, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x4d;
  cdb[2] = 0x40 | page;
  cdb[3] = subpage;
  cdb.writeUInt16BE(allocationBytes, 7);
  return cdb;
}

/** PERSISTENT RESERVE IN (SPC-5 6.16). */
export function persistentReserveIn(serviceAction: number, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5e;
  cdb[1] = serviceAction;
  cdb.writeUInt16BE(allocationBytes, 7);
  return cdb;
}

/** PERSISTENT RESERVE OUT (SPC-5 6.17); scope is logical unit. */
export function persistentReserveOut(serviceAction: number, type: number, parameterBytes: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5f;
  cdb[1] = serviceAction;
  cdb[2] = type;
  cdb.writeUInt32BE(parameterBytes, 5);
  return cdb;
}

/** RESERVE(6) (SPC-2 7.21). */
export const reserve6 = (): Buffer => Buffer.from([0x16, 0, 0, 0, 0, 0]);

/** RELEASE(6) (SPC-2 7.16). */
export const release6 = (): Buffer => Buffer.from([0x17, 0, 0, 0, 0, 0]);

/** START STOP UNIT (SBC-4 5.32). */
export const startStopUnit = (start: boolean, immediate = false): Buffer =>
  Buffer.from([0x1b, immediate ? 1 : 0, 0, 0, start ? 1 : 0, 0]);

/** REPORT SUPPORTED OPERATION CODES (SPC-5 6.35), all commands. */
export function reportSupportedOperationCodes(allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = 0xa3;
  cdb[1] = 0x0c;
  cdb.writeUInt32BE(allocationBytes, 6);
  return cdb;
}

/** REPORT TARGET PORT GROUPS (SPC-5 6.36). */
export function reportTargetPortGroups(allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = 0xa3;
  cdb[1] = 0x0a;
  cdb.writeUInt32BE(allocationBytes, 6);
  return cdb;
}

/** THIRD-PARTY COPY OUT (SPC-5 6.4, 6.5) with a service action of `CopyOut`; its parameter list by `encodeCopyList`. */
export function thirdPartyCopyOut(serviceAction: number, parameterBytes: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.thirdPartyCopyOut;
  cdb[1] = serviceAction;
  cdb.writeUInt32BE(parameterBytes, 10);
  return cdb;
}

/** POPULATE TOKEN (SBC-4 5.12) and WRITE USING TOKEN (5.59), by their service action. */
export function tokenCommand(serviceAction: number, listId: number, parameterBytes: number): Buffer {
  const cdb = thirdPartyCopyOut(serviceAction, parameterBytes);
  cdb.writeUInt32BE(listId, 6);
  return cdb;
}

/** THIRD-PARTY COPY IN (SPC-5 6.20 to 6.25) with a service action of `CopyIn`; those up to 04h have short identifiers. */
export function thirdPartyCopyIn(serviceAction: number, listId: number, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.thirdPartyCopyIn;
  cdb[1] = serviceAction;
  if (serviceAction <= CopyIn.failure1) cdb[2] = listId;
  else cdb.writeUInt32BE(listId, 2);
  cdb.writeUInt32BE(allocationBytes, 10);
  return cdb;
}
