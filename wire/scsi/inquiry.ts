/**
 * Standard INQUIRY data (SPC-5 6.6.2), 96 bytes as returned here.
 *
 *   0      PERIPHERAL QUALIFIER (7:5)  PERIPHERAL DEVICE TYPE (4:0)
 *   1      RMB (7)  LU_CONG (6)
 *   2      VERSION
 *   3      NORMACA (5)  HISUP (4)  RESPONSE DATA FORMAT (3:0)
 *   4      ADDITIONAL LENGTH
 *   5      SCCS (7)  TPGS (5:4)  3PC (3)  PROTECT (0)
 *   6      ENCSERV (6)  MULTIP (4)
 *   7      CMDQUE (1)
 *   8–15   T10 VENDOR IDENTIFICATION        16–31  PRODUCT IDENTIFICATION
 *   32–35  PRODUCT REVISION LEVEL           58–73  VERSION DESCRIPTORs
 */

export const DeviceType = {
  directAccess: 0x00,
  sequentialAccess: 0x01,
  mediumChanger: 0x08,
  storageArrayController: 0x0c,
  wellKnown: 0x1e,
  none: 0x1f,
} as const;

export const PeripheralQualifier = {
  /** A logical unit is there. */
  connected: 0b000,
  /** The device server could have one there, but has none now. */
  notConnected: 0b001,
  /** No logical unit is possible there. */
  incapable: 0b011,
} as const;

/** VERSION DESCRIPTOR values without a revision claimed (SPC-5 table 148). */
export const VersionDescriptor = {
  sam5: 0x00a0,
  sam6: 0x00c0,
  spc4: 0x0460,
  ssc4: 0x0520,
  sbc3: 0x04c0,
  spc5: 0x05c0,
  ssc5: 0x05a0,
  sbc4: 0x0600,
  iscsi: 0x0960,
  fcp4: 0x0a40,
} as const;

export const STANDARD_INQUIRY_BYTES = 96;

export interface StandardInquiry {
  readonly qualifier: number;
  readonly deviceType: number;
  readonly removable: boolean;
  /** VERSION: 06h for SPC-4, 07h for SPC-5. */
  readonly version: number;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  /** NORMACA: takes NACA and the ACA task attribute. */
  readonly normalAca: boolean;
  readonly hierarchical: boolean;
  /** TPGS: 01b implicit asymmetric access, 10b explicit, 11b both. */
  readonly targetPortGroups: number;
  readonly thirdPartyCopy: boolean;
  /** PROTECT: can be formatted with protection information. */
  readonly protect: boolean;
  readonly multiPort: boolean;
  readonly commandQueuing: boolean;
  readonly standards: readonly number[];
}

/** ASCII, cut or padded with spaces (SPC-5 4.3.1). */
export function asciiField(text: string, bytes: number): Buffer {
  return Buffer.from(text.slice(0, bytes).padEnd(bytes), 'latin1');
}

export function encodeStandardInquiry(inquiry: StandardInquiry): Buffer {
  const data = Buffer.alloc(STANDARD_INQUIRY_BYTES);
  data[0] = (inquiry.qualifier << 5) | inquiry.deviceType;
  data[1] = inquiry.removable ? 0x80 : 0;
  data[2] = inquiry.version;
  data[3] = (inquiry.normalAca ? 0x20 : 0) | (inquiry.hierarchical ? 0x10 : 0) | 0x02;
  data[4] = STANDARD_INQUIRY_BYTES - 5;
  data[5] = (inquiry.targetPortGroups << 4) | (inquiry.thirdPartyCopy ? 0x08 : 0) | (inquiry.protect ? 0x01 : 0);
  data[6] = inquiry.multiPort ? 0x10 : 0;
  data[7] = inquiry.commandQueuing ? 0x02 : 0;
  asciiField(inquiry.vendor, 8).copy(data, 8);
  asciiField(inquiry.product, 16).copy(data, 16);
  asciiField(inquiry.revision, 4).copy(data, 32);
  inquiry.standards.slice(0, 8).forEach((standard, i) => {
    data.writeUInt16BE(standard, 58 + 2 * i);
  });
  return data;
}
