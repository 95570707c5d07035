/**
 * Vital product data pages (SPC-5 7.7; block pages SBC-4 6.6). Every page begins
 *
 *   0    PERIPHERAL QUALIFIER (7:5)  PERIPHERAL DEVICE TYPE (4:0)
 *   1    PAGE CODE
 *   2–3  PAGE LENGTH (n − 3)
 *
 * The functions here return whole pages; the offsets in their comments count from byte 0 of the page.
 */
import { writeUint64 } from './cdb.js';

export const VpdPage = {
  supportedPages: 0x00,
  unitSerialNumber: 0x80,
  deviceIdentification: 0x83,
  managementNetworkAddresses: 0x85,
  extendedInquiry: 0x86,
  modePagePolicy: 0x87,
  scsiPorts: 0x88,
  powerCondition: 0x8a,
  thirdPartyCopy: 0x8f,
  blockLimits: 0xb0,
  /** Of sequential-access devices. */
  sequentialCapabilities: 0xb0,
  blockDeviceCharacteristics: 0xb1,
  logicalBlockProvisioning: 0xb2,
  blockLimitsExtension: 0xb7,
} as const;

export const Association = { logicalUnit: 0, targetPort: 1, targetDevice: 2 } as const;
export const CodeSet = { binary: 1, ascii: 2, utf8: 3 } as const;
export const DesignatorType = {
  t10Vendor: 0x1,
  eui64: 0x2,
  naa: 0x3,
  relativeTargetPort: 0x4,
  targetPortGroup: 0x5,
  logicalUnitGroup: 0x6,
  scsiName: 0x8,
} as const;

export interface Designator {
  readonly association: number;
  readonly codeSet: number;
  readonly type: number;
  /** PROTOCOL IDENTIFIER, with which PIV is set; for target ports and devices. */
  readonly protocol?: number;
  readonly value: Buffer;
}

/** B0h of sequential-access devices (SSC-5 8.5.2): 4 TSMC (1) WORM (0), neither here. */
export function sequentialCapabilitiesPage(device: number): Buffer {
  return page(device, VpdPage.sequentialCapabilities, 6);
}

function page(device: number, code: number, bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  data[0] = device;
  data[1] = code;
  data.writeUInt16BE(bytes - 4, 2);
  return data;
}

function join(device: number, code: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const data = page(device, code, 4 + body.length);
  body.copy(data, 4);
  return data;
}

/** 00h. `codes` ascending. */
export function supportedPagesPage(device: number, codes: readonly number[]): Buffer {
  return join(device, VpdPage.supportedPages, [Buffer.from(codes)]);
}

/** 80h. */
export function unitSerialNumberPage(device: number, serial: string): Buffer {
  return join(device, VpdPage.unitSerialNumber, [Buffer.from(serial, 'latin1')]);
}

/** Designation descriptor (SPC-5 7.7.6.1): 4 bytes of header, then the designator. */
export function encodeDesignator(designator: Designator): Buffer {
  const data = Buffer.alloc(4 + designator.value.length);
  data[0] = ((designator.protocol ?? 0) << 4) | designator.codeSet;
  data[1] = (designator.protocol === undefined ? 0 : 0x80) | (designator.association << 4) | designator.type;
  data[3] = designator.value.length;
  designator.value.copy(data, 4);
  return data;
}

/** SCSI name string: UTF-8, zero-terminated, padded to a multiple of four (SPC-5 7.7.6.11). */
export function scsiNameValue(name: string): Buffer {
  const value = Buffer.alloc(Math.ceil((Buffer.byteLength(name) + 1) / 4) * 4);
  value.write(name);
  return value;
}

/** Relative target port and target port group: two reserved bytes, then the number. */
export function numberValue(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt16BE(value, 2);
  return data;
}

/** 83h. */
export function deviceIdentificationPage(device: number, designators: readonly Designator[]): Buffer {
  return join(device, VpdPage.deviceIdentification, designators.map(encodeDesignator));
}

/** 85h. Service type 00h (unspecified), association: logical unit; addresses are URLs. */
export function managementNetworkAddressesPage(device: number, addresses: readonly string[]): Buffer {
  const parts = addresses.map((address) => {
    const value = scsiNameValue(address);
    const head = Buffer.alloc(4);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value]);
  });
  return join(device, VpdPage.managementNetworkAddresses, parts);
}

export interface ExtendedInquiry {
  /** SPT: 111b, types 1, 2 and 3; 000b, type 1 alone, or none at all. */
  readonly protectionTypes: number;
  /** GRD_CHK, APP_CHK and REF_CHK. */
  readonly protectionChecked: boolean;
  /** NO_PI_CHK: information whose application tag is FFFFh is not checked of writes either. */
  readonly uncheckedWhenWritten: boolean;
  readonly groupNumbers: boolean;
  readonly priorities: boolean;
  readonly headOfQueue: boolean;
  readonly ordered: boolean;
  readonly simple: boolean;
  /** WU_SUP and CRD_SUP: WRITE LONG with WR_UNCOR, with COR_DIS. */
  readonly writeUncorrectable: boolean;
  readonly correctionDisable: boolean;
  readonly volatileCache: boolean;
  /** LUICLR: unit attentions about a logical unit's own I_T nexus are cleared as SPC-5 says. */
  readonly attentionsClearedPerUnit: boolean;
  readonly extendedSelfTestMinutes: number;
  readonly maximumSenseBytes: number;
}

/** 86h, 64 bytes. */
export function extendedInquiryPage(device: number, fields: ExtendedInquiry): Buffer {
  const data = page(device, VpdPage.extendedInquiry, 64);
  data[4] = (fields.protectionTypes << 3) | (fields.protectionChecked ? 0x07 : 0);
  data[5] =
    (fields.groupNumbers ? 0x10 : 0) |
    (fields.priorities ? 0x08 : 0) |
    (fields.headOfQueue ? 0x04 : 0) |
    (fields.ordered ? 0x02 : 0) |
    (fields.simple ? 0x01 : 0);
  data[6] =
    (fields.writeUncorrectable ? 0x08 : 0) | (fields.correctionDisable ? 0x04 : 0) | (fields.volatileCache ? 0x01 : 0);
  data[7] = (fields.uncheckedWhenWritten ? 0x20 : 0) | (fields.attentionsClearedPerUnit ? 0x01 : 0);
  data.writeUInt16BE(fields.extendedSelfTestMinutes, 10);
  data[13] = fields.maximumSenseBytes;
  return data;
}

/** MODE PAGE POLICY (SPC-5 7.7.11). */
export const ModePagePolicy = { shared: 0, perTargetPort: 1, perInitiatorPort: 2, perNexus: 3 } as const;

/** 87h. Page 3Fh, subpage FFh: all pages not named otherwise. */
export function modePagePolicyPage(
  device: number,
  policies: readonly { readonly page: number; readonly subpage: number; readonly policy: number }[],
): Buffer {
  return join(
    device,
    VpdPage.modePagePolicy,
    policies.map(({ page, subpage, policy }) => Buffer.from([page, subpage, policy, 0])),
  );
}

/** 88h. One descriptor per target port: relative identifier, then its designators. */
export function scsiPortsPage(
  device: number,
  ports: readonly { readonly relativeId: number; readonly designators: readonly Designator[] }[],
): Buffer {
  const parts = ports.map(({ relativeId, designators }) => {
    const names = Buffer.concat(designators.map(encodeDesignator));
    // Bytes 6–7: no initiator port TransportID; 10–11: length of the target port descriptors.
    const head = Buffer.alloc(12);
    head.writeUInt16BE(relativeId, 2);
    head.writeUInt16BE(names.length, 10);
    return Buffer.concat([head, names]);
  });
  return join(device, VpdPage.scsiPorts, parts);
}

/** Block limits, in logical blocks unless told otherwise. */
export interface BlockLimits {
  readonly writeSameNonZero: boolean;
  readonly compareAndWrite: number;
  readonly transferGranularity: number;
  readonly transfer: number;
  readonly optimalTransfer: number;
  readonly prefetch: number;
  readonly unmap: number;
  readonly unmapDescriptors: number;
  readonly unmapGranularity: number;
  readonly unmapAlignment: number;
  readonly writeSame: number;
  /** Left out: no WRITE ATOMIC. */
  readonly atomic?: AtomicLimits;
}

export interface AtomicLimits {
  readonly transfer: number;
  readonly alignment: number;
  readonly granularity: number;
  /** Longest transfer with an ATOMIC BOUNDARY, and the largest of these; 0: none is taken. */
  readonly transferWithBoundary: number;
  readonly boundary: number;
}

/** B0h, 64 bytes; the atomic-write fields are 44–63. */
export function blockLimitsPage(device: number, limits: BlockLimits): Buffer {
  const data = page(device, VpdPage.blockLimits, 64);
  data[4] = limits.writeSameNonZero ? 0x01 : 0;
  data[5] = limits.compareAndWrite;
  data.writeUInt16BE(limits.transferGranularity, 6);
  data.writeUInt32BE(limits.transfer, 8);
  data.writeUInt32BE(limits.optimalTransfer, 12);
  data.writeUInt32BE(limits.prefetch, 16);
  data.writeUInt32BE(limits.unmap, 20);
  data.writeUInt32BE(limits.unmapDescriptors, 24);
  data.writeUInt32BE(limits.unmapGranularity, 28);
  // UGAVALID with the alignment.
  data.writeUInt32BE((0x80000000 | limits.unmapAlignment) >>> 0, 32);
  writeUint64(data, limits.writeSame, 36);
  if (limits.atomic === undefined) return data;
  const { transfer, alignment, granularity, transferWithBoundary, boundary } = limits.atomic;
  for (const [index, value] of [transfer, alignment, granularity, transferWithBoundary, boundary].entries()) {
    data.writeUInt32BE(value, 44 + 4 * index);
  }
  return data;
}

/** Of WRITE SCATTERED; in blocks, but for the descriptors. */
export interface ScatteredLimits {
  readonly rangeTransfer: number;
  readonly descriptors: number;
  readonly transfer: number;
}

/** B7h, 28 bytes: no streams, so all of 5–13 is zero. */
export function blockLimitsExtensionPage(
  device: number,
  { rangeTransfer, descriptors, transfer }: ScatteredLimits,
): Buffer {
  const data = page(device, VpdPage.blockLimitsExtension, 28);
  data.writeUInt32BE(rangeTransfer, 16);
  data.writeUInt16BE(descriptors, 22);
  data.writeUInt32BE(transfer, 24);
  return data;
}

/** Not told, as that erase is not there; reads go on working; they fail until written. */
export const AfterErase = { none: 0, reads: 1, fails: 2 } as const;
export type AfterErase = (typeof AfterErase)[keyof typeof AfterErase];

export interface BlockCharacteristics {
  /** 0001h: non-rotating. 0: not told. */
  readonly rotationRate: number;
  /** NOMINAL FORM FACTOR: 2: 3.5 inch, 3: 2.5 inch. 0: not told. */
  readonly formFactor: number;
  /** WABEREQ, WACEREQ: how reads fare after a block or cryptographic erase (SBC-4 6.6.2). */
  readonly afterBlockErase: AfterErase;
  readonly afterCryptographicErase: AfterErase;
  /** FUAB: SYNCHRONIZE CACHE covers what FUA does, in the volatile cache only (SBC-4 6.6.2). */
  readonly fuaBehaviour: boolean;
  /** VBULS: BYTCHK works on unmapped blocks. */
  readonly verifiesUnmapped: boolean;
}

/** B1h, 64 bytes. */
export function blockDeviceCharacteristicsPage(device: number, fields: BlockCharacteristics): Buffer {
  const data = page(device, VpdPage.blockDeviceCharacteristics, 64);
  data.writeUInt16BE(fields.rotationRate, 4);
  data[7] = (fields.afterBlockErase << 6) | (fields.afterCryptographicErase << 4) | fields.formFactor;
  data[8] = (fields.fuaBehaviour ? 0x02 : 0) | (fields.verifiesUnmapped ? 0x01 : 0);
  return data;
}

export interface Provisioning {
  /** Blocks of a threshold set as a power of two; 0: resources are not told. */
  readonly thresholdExponent: number;
  readonly unmap: boolean;
  readonly writeSame16Unmap: boolean;
  readonly writeSame10Unmap: boolean;
  /** LBPRZ: unmapped blocks read as zeros. */
  readonly readsZeros: boolean;
  /** 1: fully (resource) provisioned. 2: thin. */
  readonly type: number;
}

/** B2h, 8 bytes: no provisioning group. */
export function logicalBlockProvisioningPage(device: number, fields: Provisioning): Buffer {
  const data = page(device, VpdPage.logicalBlockProvisioning, 8);
  data[5] =
    (fields.unmap ? 0x80 : 0) |
    (fields.writeSame16Unmap ? 0x40 : 0) |
    (fields.writeSame10Unmap ? 0x20 : 0) |
    (fields.readsZeros ? 0x04 : 0);
  data[4] = fields.thresholdExponent;
  data[6] = fields.type;
  return data;
}
