/** Texts that people write for sizes, addresses and LDEV numbers, and back. Each parser returns null for what it cannot read. */

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];

/** `10G`, `512M`, `1.5T`, `4096`, or a number → bytes (powers of 1024); null if malformed, fractional or above 2^53 − 1. */
export function parseSize(text: string | number): number | null {
  if (typeof text === 'number') return Number.isSafeInteger(text) && text >= 0 ? text : null;
  const match = /^(\d{1,16}(?:\.\d{1,6})?)\s*([KMGTP]?)(?:i?B)?$/i.exec(text.trim());
  if (!match) return null;
  const bytes = Number(match[1]) * 1024 ** UNITS.indexOf(match[2]!.toUpperCase());
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** `50M` → bytes a second; null: `max`, as fast as it goes. The text has been checked. */
export function parseRate(text: string | number): number | null {
  return text === 'max' ? null : parseSize(text);
}

/** The reverse of `parseRate`. */
export function formatRate(rate: number | null): string {
  return rate === null ? 'max' : formatSize(rate);
}

/** 10737418240 → `10G`: the largest unit that divides it, so that parseSize gives it back exactly. */
export function formatSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value !== 0 && value % 1024 === 0 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}

/** 10737418240 → `10 GiB`, 1500000 → `1.43 MiB`: for people to read. */
export function humanSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const rounded = Number.isInteger(value) ? String(value) : value.toPrecision(3);
  return unit === 0 ? `${rounded} B` : `${rounded} ${UNITS[unit]}iB`;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:3260`, `[::1]:0`, `localhost:3260` → host and port; null if malformed. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text.trim());
  const port = Number(match?.[3]);
  if (!match || port > 65535) return null;
  return { host: (match[1] ?? match[2])!, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `00:1A` → 26; null if malformed. */
export function parseLdev(text: string): number | null {
  const match = /^([0-9a-f]{2}):([0-9a-f]{2})$/i.exec(text.trim());
  return match ? Number.parseInt(match[1]! + match[2]!, 16) : null;
}
