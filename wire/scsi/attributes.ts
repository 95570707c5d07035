/**
 * Attributes of medium auxiliary memory, as READ and WRITE ATTRIBUTE carry them (SPC-5 6.17, 6.52, 7.4).
 *
 *   attribute            0–1 ATTRIBUTE IDENTIFIER · 2 READ ONLY (7) FORMAT (1:0) · 3–4 ATTRIBUTE LENGTH · 5– value
 *   attribute values     0–3 bytes that follow · 4– attributes, ascending; the parameter list of WRITE ATTRIBUTE too
 *   lists of attributes  0–3 bytes that follow · 4– identifiers of two bytes, ascending
 *   lists of volumes,    0–1 bytes that follow (2) · 2 number of the first one · 3 how many
 *   and of partitions
 */
import { invalidFieldInParameterList, parameterListLengthError, type Sense } from './sense.js';

/** Service actions of READ ATTRIBUTE. */
export const ReadAttribute = { values: 0, list: 1, volumes: 2, partitions: 3, supported: 5 } as const;

export const AttributeFormat = { binary: 0, ascii: 1, text: 2 } as const;

export interface Attribute {
  readonly id: number;
  readonly readOnly: boolean;
  readonly format: number;
  readonly value: Buffer;
}

/** What hosts may write under an identifier. */
export interface HostAttribute {
  readonly name: string;
  readonly format: number;
  /** Bytes of the value: exactly, or at most if they vary. */
  readonly bytes: number;
  readonly varies?: boolean;
}

const { binary, ascii, text } = AttributeFormat;

/** Host type attributes (SPC-5 7.4.2.4), ascending by identifier. */
export const hostAttributes: ReadonlyMap<number, HostAttribute> = new Map<number, HostAttribute>([
  [0x0800, { name: 'application vendor', format: ascii, bytes: 8 }],
  [0x0801, { name: 'application name', format: ascii, bytes: 32 }],
  [0x0802, { name: 'application version', format: ascii, bytes: 8 }],
  [0x0803, { name: 'user medium text label', format: text, bytes: 160 }],
  [0x0804, { name: 'date and time last written', format: ascii, bytes: 12 }],
  [0x0805, { name: 'text localization identifier', format: binary, bytes: 1 }],
  [0x0806, { name: 'barcode', format: ascii, bytes: 32 }],
  [0x0807, { name: 'owning host textual name', format: text, bytes: 80 }],
  [0x0808, { name: 'media pool', format: text, bytes: 160 }],
  [0x0809, { name: 'partition user text label', format: ascii, bytes: 16 }],
  [0x080a, { name: 'load/unload at partition', format: binary, bytes: 1 }],
  [0x080b, { name: 'application format version', format: ascii, bytes: 16 }],
  [0x080c, { name: 'volume coherency information', format: binary, bytes: 1023, varies: true }],
  [0x0820, { name: 'medium globally unique identifier', format: binary, bytes: 36 }],
  [0x0821, { name: 'media pool globally unique identifier', format: binary, bytes: 36 }],
]);

const LIST_HEAD_BYTES = 4;
const HEAD_BYTES = 5;
const READ_ONLY = 0x80;
const FORMAT = 0x03;
/** What hosts may not set: READ ONLY, which is the device's to say, and reserved bits. */
const NOT_OF_HOSTS = 0xfc;

/** Attributes one after the other. */
export function encodeAttributes(attributes: Iterable<Attribute>): Buffer {
  const parts: Buffer[] = [];
  for (const { id, readOnly, format, value } of attributes) {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt16BE(id, 0);
    head[2] = (readOnly ? READ_ONLY : 0) | format;
    head.writeUInt16BE(value.length, 3);
    parts.push(head, value);
  }
  return Buffer.concat(parts);
}

function withLength(body: Buffer): Buffer {
  const head = Buffer.alloc(LIST_HEAD_BYTES);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

export function attributeValues(attributes: Iterable<Attribute>): Buffer {
  return withLength(encodeAttributes(attributes));
}

export function attributeList(ids: readonly number[]): Buffer {
  const body = Buffer.alloc(2 * ids.length);
  for (const [index, id] of ids.entries()) body.writeUInt16BE(id, 2 * index);
  return withLength(body);
}

/** Volumes or partitions: number 0 alone. */
export function onlyOne(): Buffer {
  return Buffer.from([0, 2, 0, 1]);
}

/** Takes attributes apart; null: they do not end where the data does. */
export function decodeAttributes(data: Buffer): Attribute[] | null {
  const attributes: Attribute[] = [];
  let at = 0;
  while (at < data.length) {
    const end = at + HEAD_BYTES + (at + HEAD_BYTES <= data.length ? data.readUInt16BE(at + 3) : 0);
    if (end > data.length) return null;
    const flags = data[at + 2]!;
    const value = data.subarray(at + HEAD_BYTES, end);
    attributes.push({ id: data.readUInt16BE(at), readOnly: flags >= READ_ONLY, format: flags & FORMAT, value });
    at = end;
  }
  return attributes;
}

/** The parameter list of WRITE ATTRIBUTE, whose own length is ignored (SPC-5 6.52); a value without bytes: it is to go. */
export function decodeHostAttributes(list: Buffer): { readonly attributes: readonly Attribute[] } | Sense {
  const attributes = list.length < LIST_HEAD_BYTES ? null : decodeAttributes(list.subarray(LIST_HEAD_BYTES));
  if (attributes === null) return parameterListLengthError();
  let at = LIST_HEAD_BYTES;
  let before = -1;
  for (const one of attributes) {
    const refusal = refusalOf(one, list[at + 2]!, before, at);
    if (refusal !== null) return refusal;
    before = one.id;
    at += HEAD_BYTES + one.value.length;
  }
  return { attributes };
}

/** @param before identifier of the one before it @param at its first byte in the list */
function refusalOf({ id, format, value }: Attribute, flags: number, before: number, at: number): Sense | null {
  const known = hostAttributes.get(id);
  if (known === undefined || id <= before) return invalidFieldInParameterList(at);
  const wrongFlags = flags & NOT_OF_HOSTS;
  if (wrongFlags !== 0) return invalidFieldInParameterList(at + 2, 31 - Math.clz32(wrongFlags));
  if (format !== known.format) return invalidFieldInParameterList(at + 2, 1);
  if (value.length === 0) return null;
  const fits = known.varies === true ? value.length <= known.bytes : value.length === known.bytes;
  if (!fits) return invalidFieldInParameterList(at + 3);
  const wrong = format === ascii ? value.findIndex((byte) => byte < 0x20 || byte > 0x7e) : -1;
  return wrong < 0 ? null : invalidFieldInParameterList(at + HEAD_BYTES + wrong);
}
