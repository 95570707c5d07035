/** VPD pages as an initiator reads them (SPC-5 7.7, SBC-4 6.6). Short pages read as if padded with zeros. */
import { readUint64 } from '../../wire/scsi/cdb.js';
import { VpdPage } from '../../wire/scsi/vpd.js';
import { asciiOf } from './inquiry.js';

/** Pages in words, by code. */
export const VPD_PAGES: Readonly<Record<number, string>> = {
  [VpdPage.supportedPages]: 'supported pages',
  [VpdPage.unitSerialNumber]: 'unit serial number',
  [VpdPage.deviceIdentification]: 'device identification',
  [VpdPage.managementNetworkAddresses]: 'management network addresses',
  [VpdPage.extendedInquiry]: 'extended INQUIRY data',
  [VpdPage.modePagePolicy]: 'mode page policy',
  [VpdPage.scsiPorts]: 'SCSI ports',
  [VpdPage.powerCondition]: 'power condition',
  [VpdPage.thirdPartyCopy]: 'third-party copy',
  [VpdPage.blockLimits]: 'block limits',
  [VpdPage.blockDeviceCharacteristics]: 'block device characteristics',
  [VpdPage.logicalBlockProvisioning]: 'logical block provisioning',
  [VpdPage.blockLimitsExtension]: 'block limits extension',
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
export const decodeIdentification = (data: Buffer): DesignatorData[] => designatorsOf(pageBody(data));

function designatorsOf(body: Buffer): DesignatorData[] {
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

/** Page 86h, the fields that initiators act on. */
export interface ExtendedInquiryData {
  /** GRD_CHK, APP_CHK, REF_CHK: what of protection information is checked. */
  readonly guardChecked: boolean;
  readonly applicationTagChecked: boolean;
  readonly referenceTagChecked: boolean;
  /** SPT: types of protection information that it can be formatted with, where INQUIRY has PROTECT. */
  readonly protectionTypes: readonly number[];
  /** Task attributes: head of queue, ordered, simple. */
  readonly headOfQueue: boolean;
  readonly ordered: boolean;
  readonly simple: boolean;
  /** WU_SUP, CRD_SUP: WRITE LONG marks blocks with WR_UNCOR, with COR_DIS. */
  readonly writeUncorrectable: boolean;
  readonly correctionDisable: boolean;
  /** V_SUP: there is a volatile cache. */
  readonly volatileCache: boolean;
  /** Longest sense data in bytes, 0: not told. */
  readonly maxSense: number;
}

/** By SPT. */
const PROTECTION_TYPES: readonly (readonly number[])[] = [[1], [1, 2], [2], [1, 3], [3], [2, 3], [], [1, 2, 3]];

export function decodeExtendedInquiry(received: Buffer): ExtendedInquiryData {
  const data = padded(received, 64);
  return {
    guardChecked: (data[4]! & 0x04) !== 0,
    applicationTagChecked: (data[4]! & 0x02) !== 0,
    referenceTagChecked: (data[4]! & 0x01) !== 0,
    protectionTypes: PROTECTION_TYPES[(data[4]! >> 3) & 0x07]!,
    headOfQueue: (data[5]! & 0x04) !== 0,
    ordered: (data[5]! & 0x02) !== 0,
    simple: (data[5]! & 0x01) !== 0,
    writeUncorrectable: (data[6]! & 0x08) !== 0,
    correctionDisable: (data[6]! & 0x04) !== 0,
    volatileCache: (data[6]! & 0x01) !== 0,
    maxSense: data[13]!,
  };
}

const POLICIES = ['shared', 'per target port', 'per initiator port', 'per I_T nexus'];

/** Page 87h: how mode pages are shared, one entry per page. */
export function decodeModePagePolicy(data: Buffer): { page: number; subpage: number; policy: string; mls: boolean }[] {
  const body = pageBody(data);
  const found: { page: number; subpage: number; policy: string; mls: boolean }[] = [];
  for (let at = 0; at + 4 <= body.length; at += 4) {
    found.push({
      page: body[at]! & 0x3f,
      subpage: body[at + 1]!,
      policy: POLICIES[body[at + 2]! & 3]!,
      mls: (body[at + 2]! & 0x80) !== 0,
    });
  }
  return found;
}

/** Page 88h: relative port and the names of each target port. */
export function decodePorts(data: Buffer): { relativePort: number; names: string[] }[] {
  const body = pageBody(data);
  const found: { relativePort: number; names: string[] }[] = [];
  let at = 0;
  while (at + 12 <= body.length) {
    const initiatorBytes = body.readUInt16BE(at + 6);
    const namesAt = at + 12 + initiatorBytes;
    if (namesAt > body.length) break;
    const end = namesAt + body.readUInt16BE(namesAt - 2);
    found.push({
      relativePort: body.readUInt16BE(at + 2),
      names: designatorsOf(body.subarray(namesAt, end)).map(({ value }) => value),
    });
    at = end;
  }
  return found;
}
