/**
 * Names that the array gives and checks: its IQN, its LDEVs' NAA identifiers and serial numbers, names of
 * configuration items, iSCSI names.
 */
import type { Random } from '../disk/types.js';
import { ConfigError } from './errors.js';
import { ldevName } from './model.js';

/**
 * Naming authority of default IQNs: "lunarray.example" reversed. RFC 2606 keeps the top-level domain
 * `example` out of use, so that these names can belong to nobody else.
 */
const NAMING_AUTHORITY = 'iqn.2026-11.example.lunarray';

/**
 * Company identifier in NAA identifiers: 02-4C-55. Its U/L bit (02h of the first byte) is set, and its
 * next bits make it neither an OUI nor a CID: IEEE assigns no such identifier ("administratively
 * assigned", IEEE 802c), so the identifiers collide with no vendor's.
 */
const COMPANY_ID = 0x024c55;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
/** `iqn.` yyyy-mm `.` reversed domain, then optionally `:` and what the authority likes (RFC 7143 4.2.7.5). */
const IQN = /^iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\S+)?$/u;
const EUI = /^eui\.[0-9a-f]{16}$/;
const NAA = /^naa\.(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
/** RFC 3722 6.2 prohibits all of ASCII but letters, digits, dash, dot and colon. */
const PROHIBITED_ASCII = /[^a-z0-9.:\u0080-\u{10ffff}-]/u;
const MAX_ISCSI_NAME_BYTES = 223;

/** Serial number of a new array: eight decimal digits. */
export function newArraySerial(random: Random): string {
  return String(10_000_000 + random.below(90_000_000));
}

export function arrayIqn(serial: string): string {
  return `${NAMING_AUTHORITY}:${serial}`;
}

/**
 * NAA IEEE Registered Extended identifier (SPC-5 7.8.6.6.5), 16 bytes: NAA 6h, company identifier (24 bits),
 * array serial (36 bits), then `uid` and `id` (32 bits each). `uid` is never used again, so an LDEV made
 * anew under an old number is another device to hosts.
 */
export function ldevNaa(arraySerial: string, uid: number, id: number): Buffer {
  const naa = Buffer.alloc(16);
  naa.writeBigUInt64BE((0x6n << 60n) | (BigInt(COMPANY_ID) << 36n) | BigInt(arraySerial), 0);
  naa.writeUInt32BE(uid, 8);
  naa.writeUInt32BE(id, 12);
  return naa;
}

/** Unit serial number, 20 characters: array serial, LDEV number, `uid`. */
export function ldevSerial(arraySerial: string, uid: number, id: number): string {
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  return `${arraySerial}${hex(id, 4)}${hex(uid, 8)}`;
}

/** Target name of a host group: the array's IQN, the port, and the group's name but for the port's first. */
export function defaultTarget(iqn: string, port: string, group: string | null): string {
  const suffix = group === null ? port : `${port}:${group}`;
  return `${iqn}:${suffix.toLowerCase().replaceAll('_', '-')}`;
}

/** Throws `bad-name`. */
export function checkName(what: string, name: string): void {
  if (NAME.test(name)) return;
  throw new ConfigError(
    'bad-name',
    `"${name}" is no name for a ${what}: use 1 to 32 letters, digits, ".", "_" or "-", a letter or digit first.`,
  );
}

/** An iSCSI name in the form in which names are compared (RFC 3722: case folded, compatibility composed). */
export function foldIscsiName(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** Returns the folded name; throws `bad-iscsi-name`. */
export function checkIscsiName(name: string): string {
  const folded = foldIscsiName(name);
  const shaped = IQN.test(folded) || EUI.test(folded) || NAA.test(folded);
  if (shaped && !PROHIBITED_ASCII.test(folded) && Buffer.byteLength(folded) <= MAX_ISCSI_NAME_BYTES) return folded;
  throw new ConfigError(
    'bad-iscsi-name',
    `"${name}" is no iSCSI name: write iqn.YYYY-MM.reversed.domain:anything (letters, digits, ".", ":", "-"), ` +
      'eui. and 16 hexadecimal digits, or naa. and 16 or 32; 223 bytes at most.',
  );
}

/** Throws `bad-number` unless `value` is an integer in low … high. */
export function checkInteger(what: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new ConfigError('bad-number', `${what} ${value} is out of range: give a whole number from ${low} to ${high}.`);
}

/** Throws `bad-number` unless `id` is an LDEV number. */
export function checkLdevId(id: number): void {
  if (Number.isInteger(id) && id >= 0 && id <= 0xffff) return;
  throw new ConfigError('bad-number', `LDEV number ${id} is out of range: give 00:00 to ${ldevName(0xffff)}.`);
}
