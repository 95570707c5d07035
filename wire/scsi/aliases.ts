/**
 * Alias entries (SPC-5 6.2.2, 7.6.2.4), of CHANGE ALIASES and REPORT ALIASES; all fields big-endian.
 *
 *   CHANGE ALIASES   0–3 PARAMETER DATA LENGTH, to be ignored · 8– entries
 *   REPORT ALIASES   0–3 ADDITIONAL LENGTH · 6–7 NUMBER OF ALIASES · 8– entries
 *   entry            0–7 ALIAS VALUE · 8 PROTOCOL IDENTIFIER · 11 FORMAT CODE · 14–15 DESIGNATION LENGTH, a multiple of
 *                    four · 16– DESIGNATION
 *
 * Designations of iSCSI (protocol identifier 05h) begin with the name, terminated by a zero byte; behind it formats 01h to
 * 03h have an address, by which the node may be found. Designations are not checked before an alias is used (6.2.3).
 */
import { invalidFieldInParameterList, parameterListLengthError, type Sense } from './sense.js';

const HEADER = 8;
const ENTRY_HEADER = 16;
const ALIAS_BYTES = 8;

const PROTOCOL_AT = 8;
const FORMAT_AT = 11;
const LENGTH_AT = 14;

const ISCSI = 0x05;
const LAST_TRANSPORT = 0x0f;
const INDEPENDENT = 0x80;
/** The last format code that is not reserved, by protocol identifier; of others the array knows none. */
const LAST_FORMAT: ReadonlyMap<number, number> = new Map([
  [ISCSI, 0x03],
  [INDEPENDENT, 0x00],
]);

export interface AliasEntry {
  /** ALIAS VALUE, 16 hexadecimal digits. */
  readonly alias: string;
  readonly protocol: number;
  readonly format: number;
  readonly designation: Buffer;
}

/** NULL DESIGNATION: the alias is to be removed. */
export const isRemoval = ({ protocol }: AliasEntry): boolean => protocol === INDEPENDENT;

function refusalOf(entry: AliasEntry, at: number): Sense | null {
  const { protocol, format, designation } = entry;
  if (protocol > LAST_TRANSPORT && protocol !== INDEPENDENT) return invalidFieldInParameterList(at + PROTOCOL_AT);
  if (format > (LAST_FORMAT.get(protocol) ?? 0xff)) return invalidFieldInParameterList(at + FORMAT_AT);
  const wrong = designation.length % 4 !== 0 || (isRemoval(entry) && designation.length > 0);
  return wrong ? invalidFieldInParameterList(at + LENGTH_AT) : null;
}

/** The entries of a CHANGE ALIASES list. What it returns shares no memory with `list`. */
export function decodeAliasList(list: Buffer): AliasEntry[] | Sense {
  if (list.length < HEADER) return parameterListLengthError();
  const entries: AliasEntry[] = [];
  for (let at = HEADER; at < list.length; ) {
    if (at + ENTRY_HEADER > list.length) return parameterListLengthError();
    const end = at + ENTRY_HEADER + list.readUInt16BE(at + LENGTH_AT);
    if (end > list.length) return parameterListLengthError();
    const entry = {
      alias: list.toString('hex', at, at + ALIAS_BYTES),
      protocol: list[at + PROTOCOL_AT]!,
      format: list[at + FORMAT_AT]!,
      designation: Buffer.from(list.subarray(at + ENTRY_HEADER, end)),
    };
    const refusal = refusalOf(entry, at);
    if (refusal !== null) return refusal;
    entries.push(entry);
    at = end;
  }
  return entries;
}

function encodeEntry({ alias, protocol, format, designation }: AliasEntry): Buffer {
  const header = Buffer.alloc(ENTRY_HEADER);
  header.write(alias, 'hex');
  header[PROTOCOL_AT] = protocol;
  header[FORMAT_AT] = format;
  header.writeUInt16BE(designation.length, LENGTH_AT);
  return Buffer.concat([header, designation]);
}

/** Bytes of an entry in either list. */
export const aliasBytes = ({ designation }: AliasEntry): number => ENTRY_HEADER + designation.length;

/** Parameter data of REPORT ALIASES; a CHANGE ALIASES list too, in which the number is reserved. */
export function encodeAliasList(entries: readonly AliasEntry[], number: number = entries.length): Buffer {
  const data = Buffer.concat([Buffer.alloc(HEADER), ...entries.map(encodeEntry)]);
  data.writeUInt32BE(data.length - 4, 0);
  data.writeUInt16BE(number, 6);
  return data;
}

/** The iSCSI name that an alias stands for; null: it stands for no iSCSI node. */
export function iscsiNameOf({ protocol, designation }: AliasEntry): string | null {
  const end = designation.indexOf(0);
  return protocol !== ISCSI || end <= 0 ? null : designation.toString('utf8', 0, end);
}
