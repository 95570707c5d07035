/**
 * CSCD descriptors of EXTENDED COPY (SPC-5 6.4.5), 32 bytes or, with an extension, 64; all fields big-endian.
 *
 *   0   DESCRIPTOR TYPE CODE · 1  LU ID TYPE (7:6)  NUL (5)  PERIPHERAL DEVICE TYPE (4:0) · 2–3  relative initiator port
 *   E4h identification    4 CODE SET (3:0) · 5 ASSOCIATION (5:4) DESIGNATOR TYPE (3:0) · 7 DESIGNATOR LENGTH · 8–27
 *   E5h iSCSI IPv4        4–11 LU IDENTIFIER · 12–15 IPv4 address · 22–23 TCP port · 26–27 internet protocol number
 *   E6h alias             4–11 LU IDENTIFIER · 12–19 ALIAS VALUE
 *   EAh iSCSI IPv6        4–11 LU IDENTIFIER · 12–27 IPv6 address · 32 FFh · 34–35 TCP port · 36–37 protocol number
 *   FEh ROD               4–5 ROD PRODUCER CSCD DESCRIPTOR ID · 8–11 ROD TYPE · 12–15 REQUESTED ROD TOKEN LIFETIME ·
 *                         16–19 REQUESTED ROD TOKEN INACTIVITY TIMEOUT · 22 R_TOKEN (0) · 23 DEL_TKN (0) ·
 *                         24–27 ROD TOKEN OFFSET
 *   28–31 of block devices: 28 PAD (2) · 29–31 DISK BLOCK LENGTH; of stream devices: 28 PAD (2) FIXED (0) ·
 *         29–31 STREAM BLOCK LENGTH
 *
 * NUL is obsolete in SPC-5; hosts written to SPC-3 send it. LU ID TYPE counts where there is a LU IDENTIFIER.
 * Left out: transports that the array does not have (E0h to E3h, E7h to E9h); copy services (EBh), which each vendor
 * addresses in another way.
 */
import { decodeLun } from './lun.js';
import { copyInvalidField, invalidFieldInParameterList, type Sense, unsupportedTargetDescriptor } from './sense.js';

export const CSCD_BYTES = 32;
export const MAX_DESIGNATOR_BYTES = 20;

/** Descriptor type codes of those that are known, ascending. */
export const CscdType = { identification: 0xe4, ipv4: 0xe5, alias: 0xe6, ipv6: 0xea, rod: 0xfe } as const;
/** Of a second part, which is no CSCD of its own. */
const EXTENSION = 0xff;

/** Where fields of a CSCD descriptor stand that an error points at. */
export const CscdField = { deviceType: 1, blockLength: 29 } as const;
export const RodCscdField = {
  producer: 4,
  type: 8,
  lifetime: 12,
  inactivityTimeout: 16,
  wantsToken: 22,
  deleteToken: 23,
  tokenOffset: 24,
} as const;

/** A designator that is in the device identification page of the logical unit. */
export interface DesignatorAddress {
  readonly kind: 'designator';
  readonly codeSet: number;
  readonly association: number;
  readonly designatorType: number;
  readonly designator: Buffer;
}

/** A LUN behind an iSCSI portal. */
export interface PortalAddress {
  readonly kind: 'portal';
  readonly family: 'ipv4' | 'ipv6';
  /** IP address as text. */
  readonly host: string;
  readonly port: number;
  /** Internet protocol number: 6 for TCP. */
  readonly protocol: number;
  /** Null: none that there could be here. */
  readonly lun: number | null;
}

/** A LUN of what an alias list says. */
export interface AliasAddress {
  readonly kind: 'alias';
  /** ALIAS VALUE, 16 hexadecimal digits. */
  readonly alias: string;
  readonly lun: number | null;
}

/** A ROD: what a token in the inline data represents, or what segments of the list populate. */
export interface RodAddress {
  readonly kind: 'rod';
  /** CSCD ID of the logical unit whose copy manager made its token, or makes it. */
  readonly producer: number;
  /** ROD TYPE; 0: that of the token. */
  readonly type: number;
  /** Seconds that its token is to be good for, and without being used. */
  readonly lifetime: number;
  readonly inactivityTimeout: number;
  /** A token of it is to be made (R_TOKEN). */
  readonly wantsToken: boolean;
  readonly deleteToken: boolean;
  /** Byte of the inline data where its token begins. */
  readonly tokenOffset: number;
}

/** Of a logical unit. */
export type UnitAddress = DesignatorAddress | PortalAddress | AliasAddress;
export type CscdAddress = UnitAddress | RodAddress;

/** A copy source or destination. */
export interface Cscd {
  /** Byte of the parameter list that it begins at. */
  readonly at: number;
  /** No command may be sent to it. */
  readonly nul: boolean;
  readonly deviceType: number;
  readonly pad: boolean;
  /** Of stream devices: transfers count blocks of `blockLength`, not bytes. */
  readonly fixed: boolean;
  /** Bytes; 0: whatever it is. */
  readonly blockLength: number;
  readonly address: CscdAddress;
}

/** By CSCD ID; `extension`: the second part of a descriptor, which segments may not name. */
export type Cscds = ReadonlyMap<number, Cscd | 'extension'>;

const LUN_AT = 4;
const LUN_BYTES = 8;

function designator(bytes: Buffer, at: number): DesignatorAddress | Sense {
  const length = bytes[7]!;
  if (length > MAX_DESIGNATOR_BYTES) return invalidFieldInParameterList(at + 7);
  return {
    kind: 'designator',
    codeSet: bytes[4]! & 0x0f,
    association: (bytes[5]! >> 4) & 0x03,
    designatorType: bytes[5]! & 0x0f,
    designator: Buffer.from(bytes.subarray(8, 8 + length)),
  };
}

/** LU IDENTIFIER; proxy tokens (LU ID TYPE 01b) are of access controls, which there are not. */
function lunOf(bytes: Buffer, at: number): { readonly lun: number | null } | Sense {
  if (bytes[1]! >> 6 !== 0) return invalidFieldInParameterList(at + 1, 7);
  return { lun: decodeLun(bytes.subarray(LUN_AT, LUN_AT + LUN_BYTES)) };
}

const ipv4Text = (bytes: Buffer) => [...bytes].join('.');
const ipv6Text = (bytes: Buffer) => bytes.toString('hex').replace(/....(?=.)/g, '$&:');

function ipv4(bytes: Buffer, at: number): PortalAddress | Sense {
  const unit = lunOf(bytes, at);
  if ('key' in unit) return unit;
  const place = { host: ipv4Text(bytes.subarray(12, 16)), port: bytes.readUInt16BE(22) };
  return { kind: 'portal', family: 'ipv4', ...place, protocol: bytes.readUInt16BE(26), lun: unit.lun };
}

function ipv6(bytes: Buffer, at: number): PortalAddress | Sense {
  const unit = lunOf(bytes, at);
  if ('key' in unit) return unit;
  const place = { host: ipv6Text(bytes.subarray(12, 28)), port: bytes.readUInt16BE(34) };
  return { kind: 'portal', family: 'ipv6', ...place, protocol: bytes.readUInt16BE(36), lun: unit.lun };
}

function alias(bytes: Buffer, at: number): AliasAddress | Sense {
  const unit = lunOf(bytes, at);
  return 'key' in unit ? unit : { kind: 'alias', alias: bytes.toString('hex', 12, 20), lun: unit.lun };
}

function rod(bytes: Buffer): RodAddress {
  return {
    kind: 'rod',
    producer: bytes.readUInt16BE(RodCscdField.producer),
    type: bytes.readUInt32BE(RodCscdField.type),
    lifetime: bytes.readUInt32BE(RodCscdField.lifetime),
    inactivityTimeout: bytes.readUInt32BE(RodCscdField.inactivityTimeout),
    wantsToken: (bytes[RodCscdField.wantsToken]! & 0x01) !== 0,
    deleteToken: (bytes[RodCscdField.deleteToken]! & 0x01) !== 0,
    tokenOffset: bytes.readUInt32BE(RodCscdField.tokenOffset),
  };
}

interface Format {
  /** With its extension. */
  readonly bytes: number;
  readonly address: (bytes: Buffer, at: number) => CscdAddress | Sense;
}

const formats: ReadonlyMap<number, Format> = new Map<number, Format>([
  [CscdType.identification, { bytes: CSCD_BYTES, address: designator }],
  [CscdType.ipv4, { bytes: CSCD_BYTES, address: ipv4 }],
  [CscdType.alias, { bytes: CSCD_BYTES, address: alias }],
  [CscdType.ipv6, { bytes: 2 * CSCD_BYTES, address: ipv6 }],
  [CscdType.rod, { bytes: CSCD_BYTES, address: rod }],
]);

/** Type codes known, ascending. */
export const cscdTypes: readonly number[] = [...formats.keys()];

function decodeCscd(
  list: Buffer,
  at: number,
  end: number,
  types: readonly number[],
): { readonly cscd: Cscd; readonly bytes: number } | Sense {
  const format = types.includes(list[at]!) ? formats.get(list[at]!) : undefined;
  if (format === undefined) return unsupportedTargetDescriptor(at);
  const extensionAt = at + CSCD_BYTES;
  const whole = at + format.bytes <= end;
  if (format.bytes > CSCD_BYTES && (!whole || list[extensionAt] !== EXTENSION)) {
    return copyInvalidField({ field: { inCdb: false, byte: extensionAt } });
  }
  const bytes = list.subarray(at, at + format.bytes);
  const address = format.address(bytes, at);
  if ('key' in address) return address;
  const cscd = {
    at,
    nul: (bytes[1]! & 0x20) !== 0,
    deviceType: bytes[1]! & 0x1f,
    pad: (bytes[28]! & 0x04) !== 0,
    fixed: (bytes[28]! & 0x01) !== 0,
    blockLength: bytes.readUIntBE(29, 3),
    address,
  };
  return { cscd, bytes: format.bytes };
}

/**
 * Reads a list of them.
 * @param first byte of the parameter list where the one with ID 0 would begin
 * @param types that are taken
 */
export function decodeCscds(
  list: Buffer,
  start: number,
  end: number,
  first: number,
  types: readonly number[],
): Cscds | Sense {
  const cscds = new Map<number, Cscd | 'extension'>();
  for (let at = start; at < end; ) {
    const read = decodeCscd(list, at, end, types);
    if ('key' in read) return read;
    const id = (at - first) / CSCD_BYTES;
    cscds.set(id, read.cscd);
    for (let part = 1; part < read.bytes / CSCD_BYTES; part++) cscds.set(id + part, 'extension');
    at += read.bytes;
  }
  return cscds;
}

/** Left out: a block device. */
type Device = Pick<Cscd, 'pad' | 'blockLength'> & Partial<Pick<Cscd, 'deviceType' | 'fixed'>>;

function encode(type: number, device: Device, bytes = CSCD_BYTES): Buffer {
  const data = Buffer.alloc(bytes);
  data[0] = type;
  data[1] = device.deviceType ?? 0;
  data[28] = (device.pad ? 0x04 : 0) | (device.fixed ? 0x01 : 0);
  data.writeUIntBE(device.blockLength, 29, 3);
  return data;
}

/** E4h. */
export function encodeCscd(cscd: Device & Omit<DesignatorAddress, 'kind'>): Buffer {
  const data = encode(CscdType.identification, cscd);
  data[4] = cscd.codeSet;
  data[5] = (cscd.association << 4) | cscd.designatorType;
  data[7] = cscd.designator.length;
  cscd.designator.copy(data, 8);
  return data;
}

/** E6h. @param lun LU IDENTIFIER, 8 bytes */
export function encodeAliasCscd(cscd: Device & { readonly alias: Buffer; readonly lun: Buffer }): Buffer {
  const data = encode(CscdType.alias, cscd);
  cscd.lun.copy(data, LUN_AT, 0, LUN_BYTES);
  cscd.alias.copy(data, 12, 0, 8);
  return data;
}

export interface PortalCscdSpec extends Device {
  /** LU IDENTIFIER, 8 bytes. */
  readonly lun: Buffer;
  /** 4 bytes: IPv4, 16: IPv6. */
  readonly address: Buffer;
  readonly port: number;
  readonly protocol: number;
}

/** E5h or EAh, by the length of the address. */
export function encodePortalCscd(cscd: PortalCscdSpec): Buffer {
  const { address, port, protocol } = cscd;
  const v6 = address.length === 16;
  const data = encode(v6 ? CscdType.ipv6 : CscdType.ipv4, cscd, v6 ? 2 * CSCD_BYTES : CSCD_BYTES);
  cscd.lun.copy(data, LUN_AT, 0, LUN_BYTES);
  address.copy(data, 12);
  if (v6) data[CSCD_BYTES] = EXTENSION;
  data.writeUInt16BE(port, v6 ? 34 : 22);
  data.writeUInt16BE(protocol, v6 ? 36 : 26);
  return data;
}

/** FEh. */
export function encodeRodCscd(cscd: Device & Omit<RodAddress, 'kind'>): Buffer {
  const data = encode(CscdType.rod, cscd);
  data.writeUInt16BE(cscd.producer, RodCscdField.producer);
  data.writeUInt32BE(cscd.type, RodCscdField.type);
  data.writeUInt32BE(cscd.lifetime, RodCscdField.lifetime);
  data.writeUInt32BE(cscd.inactivityTimeout, RodCscdField.inactivityTimeout);
  data[RodCscdField.wantsToken] = cscd.wantsToken ? 0x01 : 0;
  data[RodCscdField.deleteToken] = cscd.deleteToken ? 0x01 : 0;
  data.writeUInt32BE(cscd.tokenOffset, RodCscdField.tokenOffset);
  return data;
}
