/** VPD pages as an initiator reads them (SPC-5 7.7, SBC-4 6.6). Short pages read as if padded with zeros. */
import { readUint64 } from '../../wire/scsi/cdb.js';
import { asciiOf } from './inquiry.js';

/** Pages in words, by code. */
export const VPD_PAGES: Readonly<Record<number, string>> = {
  0: 'supported pages',
  128: 'unit serial number',
  131: 'device identification',
  133: 'management network addresses',
  134: 'extended INQUIRY data',
  135: 'mode page policy',
  136: 'SCSI ports',
  143: 'third-party copy',
  176: 'block limits',
  177: 'block device characteristics',
  178: 'logical block provisioning',
};

/** The body of a page, from byte 4 on, as far as it was sent. */
export function pageBody(data: Buffer): Buffer {
  return data.length < 4 ? Buffer.alloc(0) : data.subarray(4, 4 + data.readUInt16BE(2));
}

function padded(data: Buffer, bytes: number): Buffer {
  return data.length >= bytes ? data : Buffer.concat([data, Buffer.alloc(bytes - data.length)]);
}

/** Page codes of page 00h. */
export const decodeSupportedPages = (data: Buffer): number[] => [...pageBody(data)];

/** Serial number of page 80h. */
export function decodeSerialNumber(data: Buffer): string {
  const body = pageBody(data);
  return asciiOf(body, 0, body.length);
}

export interface DesignatorData {
  readonly association: string;
  readonly type: string;
  /** Text for ASCII and UTF-8, hexadecimal for binary ones. */
  readonly value: string;
}

const ASSOCIATIONS = ['logical unit', 'target port', 'target device', 'reserved'];
const DESIGNATOR_TYPES: Readonly<Record<number, string>> = {
  0: 'vendor specific',
  1: 'T10 vendor ID',
  2: 'EUI-64',
  3: 'NAA',
  4: 'relative target port',
  5: 'target port group',
  6: 'logical unit group',
  7: 'MD5',
  8: 'SCSI name',
  9: 'protocol specific port',
  10: 'UUID',
};

/** Designators of page 83h. */
export function decodeIdentification(data: Buffer): DesignatorData[] {
  const body = pageBody(data);
  const found: DesignatorData[] = [];
  for (let at = 0; at + 4 <= body.length; at += 4 + body[at + 3]!) {
    const value = body.subarray(at + 4, at + 4 + body[at + 3]!);
    const type = body[at + 1]! & 0x0f;
    found.push({
      association: ASSOCIATIONS[(body[at + 1]! >> 4) & 3]!,
      type: DESIGNATOR_TYPES[type] ?? `type ${type}`,
      value: designatorText(body[at]! & 0x0f, type, value),
    });
  }
  return found;
}

function designatorText(codeSet: number, type: number, value: Buffer): string {
  if (codeSet === 2 || codeSet === 3) return value.toString('utf8').replace(/\0+$/, '').trim();
  // Relative ports and port groups are numbers in the last two bytes.
  if ((type === 4 || type === 5) && value.length === 4) return String(value.readUInt16BE(2));
  return value.toString('hex');
}

/** Page B0h; lengths in blocks, 0: no limit told. */
export interface BlockLimitsData {
  readonly writeSameNonZero: boolean;
  readonly maxCompareAndWrite: number;
  readonly optimalGranularity: number;
  readonly maxTransfer: number;
  readonly optimalTransfer: number;
  readonly maxPrefetch: number;
  readonly maxUnmap: number;
  readonly maxUnmapDescriptors: number;
  readonly optimalUnmapGranularity: number;
  /** Null: not told. */
  readonly unmapAlignment: number | null;
  readonly maxWriteSame: number;
}

export function decodeBlockLimits(received: Buffer): BlockLimitsData {
  const data = padded(received, 64);
  const alignment = data.readUInt32BE(32);
  return {
    writeSameNonZero: (data[4]! & 1) !== 0,
    maxCompareAndWrite: data[5]!,
    optimalGranularity: data.readUInt16BE(6),
    maxTransfer: data.readUInt32BE(8),
    optimalTransfer: data.readUInt32BE(12),
    maxPrefetch: data.readUInt32BE(16),
    maxUnmap: data.readUInt32BE(20),
    maxUnmapDescriptors: data.readUInt32BE(24),
    optimalUnmapGranularity: data.readUInt32BE(28),
    unmapAlignment: alignment >= 0x80000000 ? alignment - 0x80000000 : null,
    maxWriteSame: readUint64(data, 36),
  };
}

/** Page B1h. */
export interface BlockCharacteristicsData {
  /** 0: not told; 1: does not rotate; else revolutions a minute. */
  readonly rotationRate: number;
  /** FUAB: SYNCHRONIZE CACHE and FUA reach the same. */
  readonly fuaBehaviour: boolean;
  /** VBULS: VERIFY works on unmapped blocks. */
  readonly verifiesUnmapped: boolean;
}

export function decodeBlockCharacteristics(received: Buffer): BlockCharacteristicsData {
  const data = padded(received, 64);
  return {
    rotationRate: data.readUInt16BE(4),
    fuaBehaviour: (data[8]! & 2) !== 0,
    verifiesUnmapped: (data[8]! & 1) !== 0,
  };
}

/** Page B2h. */
export interface ProvisioningData {
  readonly unmap: boolean;
  readonly writeSame16Unmap: boolean;
  readonly writeSame10Unmap: boolean;
  /** LBPRZ xx1b: unmapped blocks read as zeros. */
  readonly readsZeros: boolean;
  readonly anchor: boolean;
  readonly type: string;
}

const PROVISIONING_TYPES = ['not told', 'resource provisioned', 'thin provisioned'];

export function decodeProvisioning(received: Buffer): ProvisioningData {
  const data = padded(received, 8);
  const flags = data[5]!;
  const type = data[6]! & 7;
  return {
    unmap: (flags & 0x80) !== 0,
    writeSame16Unmap: (flags & 0x40) !== 0,
    writeSame10Unmap: (flags & 0x20) !== 0,
    readsZeros: (flags & 0x04) !== 0,
    anchor: (flags & 0x02) !== 0,
    type: PROVISIONING_TYPES[type] ?? `type ${type}`,
  };
}
