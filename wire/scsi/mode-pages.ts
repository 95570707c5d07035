/**
 * Mode parameter lists and mode pages (SPC-5 7.5, SBC-4 6.5).
 *
 *   header (6):   MODE DATA LENGTH 1 · MEDIUM TYPE 1 · DEVICE-SPECIFIC 1 · BLOCK DESCRIPTOR LENGTH 1
 *   header (10):  MODE DATA LENGTH 2 · MEDIUM TYPE 1 · DEVICE-SPECIFIC 1 · LONGLBA (bit 0) 1 · reserved 1 ·
 *                 BLOCK DESCRIPTOR LENGTH 2
 *   page_0:       PS (7) SPF 0 (6) PAGE CODE (5:0) · PAGE LENGTH 1 (n − 1) · parameters
 *   sub_page:     PS (7) SPF 1 (6) PAGE CODE (5:0) · SUBPAGE CODE · PAGE LENGTH 2 (n − 3) · parameters
 */
import { readUint64, writeUint64 } from './cdb.js';

export const ModePage = {
  vendorSpecific: 0x00,
  readWriteErrorRecovery: 0x01,
  caching: 0x08,
  control: 0x0a,
  dataCompression: 0x0f,
  deviceConfiguration: 0x10,
  powerCondition: 0x1a,
  informationalExceptions: 0x1c,
  all: 0x3f,
} as const;

/** By page: what a subpage code stands for depends on that of the page. */
export const ModeSubpage = {
  none: 0x00,
  controlExtension: 0x01,
  applicationTag: 0x02,
  logicalBlockProvisioning: 0x02,
  all: 0xff,
} as const;

/** PC field of MODE SENSE. */
export const PageControl = { current: 0, changeable: 1, defaults: 2, saved: 3 } as const;

/** DEVICE-SPECIFIC PARAMETER of direct access block devices (SBC-4 6.5.1). */
export const DeviceSpecific = { writeProtected: 0x80, dpoFua: 0x10 } as const;

/** DEVICE-SPECIFIC PARAMETER of sequential-access devices (SSC-5 8.3.1): WP, BUFFERED MODE and SPEED. */
export const StreamSpecific = { bufferedModeShift: 4, bufferedMode: 0x70, speed: 0x0f } as const;

/** Positions of one-bit fields in their pages: byte and mask. */
export const ModeBit = {
  postError: { page: ModePage.readWriteErrorRecovery, byte: 2, mask: 0x04 },
  writeCacheEnabled: { page: ModePage.caching, byte: 2, mask: 0x04 },
  functionsOnly: { page: ModePage.control, byte: 2, mask: 0x10 },
  descriptorSense: { page: ModePage.control, byte: 2, mask: 0x04 },
  softwareWriteProtect: { page: ModePage.control, byte: 4, mask: 0x08 },
  taskAbortedStatus: { page: ModePage.control, byte: 5, mask: 0x40 },
  applicationTagPageEnabled: { page: ModePage.control, byte: 5, mask: 0x20 },
  disableExceptions: { page: ModePage.informationalExceptions, byte: 2, mask: 0x08 },
  testException: { page: ModePage.informationalExceptions, byte: 2, mask: 0x04 },
} as const;

/** QERR of the control page (SPC-5 7.5.10): byte 3, bits 2 and 1. */
export const QueueErrors = {
  byte: 3,
  mask: 0x06,
  shift: 1,
  /** Other commands go on, or wait for the end of the ACA condition. */
  resume: 0b00,
  /** All commands of the task set are aborted. */
  abortAll: 0b01,
  /** Those of the I_T nexus that gets CHECK CONDITION are. */
  abortOwn: 0b11,
} as const;

const PS = 0x80;
const SPF = 0x40;

/** A page as a buffer of its full length with its header filled in. */
export function emptyPage(code: number, subpage: number, bytes: number, savable: boolean): Buffer {
  const data = Buffer.alloc(bytes);
  data[0] = code | (savable ? PS : 0);
  if (subpage === 0) {
    data[1] = bytes - 2;
  } else {
    data[0] |= SPF;
    data[1] = subpage;
    data.writeUInt16BE(bytes - 4, 2);
  }
  return data;
}

export interface BlockDescriptor {
  readonly blocks: number;
  readonly blockSize: number;
}

/** Short descriptor, 8 bytes: NUMBER OF LOGICAL BLOCKS 4 (FFFFFFFFh: more) · reserved 1 · LOGICAL BLOCK LENGTH 3. */
export function shortBlockDescriptor({ blocks, blockSize }: BlockDescriptor): Buffer {
  const data = Buffer.alloc(8);
  data.writeUInt32BE(Math.min(blocks, 0xffffffff), 0);
  data.writeUIntBE(blockSize, 5, 3);
  return data;
}

/** Of sequential-access devices, 8 bytes: DENSITY CODE 1 · NUMBER OF BLOCKS 3 (0: all) · reserved 1 · BLOCK LENGTH 3. */
export function streamBlockDescriptor(density: number, blockLength: number): Buffer {
  const data = Buffer.alloc(8);
  data[0] = density;
  data.writeUIntBE(blockLength, 5, 3);
  return data;
}

/** Long descriptor, 16 bytes: NUMBER OF LOGICAL BLOCKS 8 · reserved 4 · LOGICAL BLOCK LENGTH 4. */
export function longBlockDescriptor({ blocks, blockSize }: BlockDescriptor): Buffer {
  const data = Buffer.alloc(16);
  writeUint64(data, blocks, 0);
  data.writeUInt32BE(blockSize, 12);
  return data;
}

export interface ModeList {
  readonly mediumType: number;
  readonly deviceSpecific: number;
  readonly longLba: boolean;
  readonly descriptor: Buffer;
  readonly pages: readonly Buffer[];
}

/** A whole list for MODE SENSE; MODE DATA LENGTH does not count itself and is cut to its field's width. */
export function encodeModeList(list: ModeList, tenByte: boolean): Buffer {
  const headerBytes = tenByte ? 8 : 4;
  const data = Buffer.concat([Buffer.alloc(headerBytes), list.descriptor, ...list.pages]);
  if (tenByte) {
    data.writeUInt16BE(data.length - 2, 0);
    data[2] = list.mediumType;
    data[3] = list.deviceSpecific;
    data[4] = list.longLba ? 1 : 0;
    data.writeUInt16BE(list.descriptor.length, 6);
  } else {
    data[0] = Math.min(data.length - 1, 0xff);
    data[1] = list.mediumType;
    data[2] = list.deviceSpecific;
    data[3] = list.descriptor.length;
  }
  return data;
}

/** Why a parameter list of MODE SELECT is refused; `byte` and `bit` point into the list. */
export type ModeListError =
  | { readonly problem: 'cut-off' }
  | { readonly problem: 'invalid'; readonly byte: number; readonly bit?: number };

export interface ReceivedPage {
  readonly code: number;
  readonly subpage: number;
  /** Where the page begins in the list. */
  readonly offset: number;
  readonly data: Buffer;
}

export interface ReceivedModeList {
  readonly mediumType: number;
  readonly deviceSpecific: number;
  readonly descriptor: BlockDescriptor | null;
  readonly descriptorOffset: number;
  readonly pages: readonly ReceivedPage[];
}

/** Takes a parameter list of MODE SELECT apart. Values are not judged, only lengths. */
export function decodeModeList(list: Buffer, tenByte: boolean): ReceivedModeList | ModeListError {
  const headerBytes = tenByte ? 8 : 4;
  if (list.length < headerBytes) return { problem: 'cut-off' };
  const mediumType = list[tenByte ? 2 : 1]!;
  const deviceSpecific = list[tenByte ? 3 : 2]!;
  const long = tenByte && (list[4]! & 1) === 1;
  const lengthAt = tenByte ? 6 : 3;
  const descriptorBytes = tenByte ? list.readUInt16BE(6) : list[3]!;
  if (descriptorBytes !== 0 && descriptorBytes !== (long ? 16 : 8)) return { problem: 'invalid', byte: lengthAt };
  if (list.length < headerBytes + descriptorBytes) return { problem: 'cut-off' };
  const descriptor = descriptorBytes === 0 ? null : readDescriptor(list, headerBytes, long);
  const pages: ReceivedPage[] = [];
  for (let offset = headerBytes + descriptorBytes; offset < list.length; ) {
    const sub = (list[offset]! & SPF) !== 0;
    if (offset + (sub ? 4 : 2) > list.length) return { problem: 'cut-off' };
    const bytes = sub ? 4 + list.readUInt16BE(offset + 2) : 2 + list[offset + 1]!;
    if (offset + bytes > list.length) return { problem: 'cut-off' };
    pages.push({
      code: list[offset]! & 0x3f,
      subpage: sub ? list[offset + 1]! : 0,
      offset,
      data: list.subarray(offset, offset + bytes),
    });
    offset += bytes;
  }
  return { mediumType, deviceSpecific, descriptor, descriptorOffset: headerBytes, pages };
}

function readDescriptor(list: Buffer, at: number, long: boolean): BlockDescriptor {
  if (long) return { blocks: readUint64(list, at), blockSize: list.readUInt32BE(at + 12) };
  return { blocks: list.readUInt32BE(at), blockSize: list.readUIntBE(at + 5, 3) };
}
