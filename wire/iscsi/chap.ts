/**
 * CHAP arithmetic (RFC 7143 12.1.3, RFC 1994): identifiers, challenges and responses, and their text forms.
 *
 *   CHAP_A=<list of algorithms>   CHAP_I=<0–255>   CHAP_C=<binary>   CHAP_N=<name>   CHAP_R=<binary>
 *   binary: 0x hexadecimal, or 0b base64 (RFC 7143 6.1)
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface ChapAlgorithm {
  /** Value in CHAP_A. */
  readonly id: number;
  readonly name: string;
  /** As Node names the hash. */
  readonly hash: string;
  readonly bytes: number;
}

/** Values from IANA's "iSCSI CHAP algorithms"; strongest first, the order in which to prefer them. */
export const chapAlgorithms: readonly ChapAlgorithm[] = [
  { id: 8, name: 'SHA3-256', hash: 'sha3-256', bytes: 32 },
  { id: 7, name: 'SHA-256', hash: 'sha256', bytes: 32 },
  { id: 6, name: 'SHA1', hash: 'sha1', bytes: 20 },
  { id: 5, name: 'MD5', hash: 'md5', bytes: 16 },
];

/** RFC 7143 12.1.3: a challenge is at most 1024 bytes. */
export const CHALLENGE_MAX_BYTES = 1024;

/** The value of CHAP_A that the receiver of `offered` (a comma list) chooses: the first it knows, as RFC 7143 6.2.1 asks. */
export function chooseChapAlgorithm(offered: string): ChapAlgorithm | null {
  for (const item of offered.split(',')) {
    const found = chapAlgorithms.find((algorithm) => String(algorithm.id) === item);
    if (found !== undefined) return found;
  }
  return null;
}

/** Response = hash(identifier, secret, challenge). */
export function chapResponse(algorithm: ChapAlgorithm, identifier: number, secret: string, challenge: Buffer): Buffer {
  return createHash(algorithm.hash)
    .update(Buffer.of(identifier))
    .update(Buffer.from(secret, 'utf8'))
    .update(challenge)
    .digest();
}

/** Compares in constant time. */
export function chapResponseMatches(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/**
 * RFC 7143 12.1.3: the initiator's challenge must not be the target's own sent back, or one side would
 * compute the other's response for it.
 */
export function isReflectedChallenge(sent: Buffer, received: Buffer): boolean {
  return sent.equals(received);
}

/** CHAP_I: 0–255, in decimal or hexadecimal; null if it is neither. */
export function decodeChapIdentifier(text: string): number | null {
  if (!/^(0[xX][0-9a-fA-F]{1,2}|[0-9]{1,3})$/.test(text)) return null;
  const value = Number(text);
  return value <= 255 ? value : null;
}

export function encodeBinary(bytes: Buffer): string {
  return `0x${bytes.toString('hex')}`;
}

/** Hex or base64 constant to bytes; null if malformed or longer than `limit` bytes. */
export function decodeBinary(text: string, limit = CHALLENGE_MAX_BYTES): Buffer | null {
  const prefix = text.slice(0, 2).toLowerCase();
  const digits = text.slice(2);
  if (digits.length === 0 || digits.length > limit * 2) return null;
  if (prefix === '0x') {
    if (!/^[0-9a-fA-F]+$/.test(digits)) return null;
    return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  }
  if (prefix === '0b') {
    if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) return null;
    const bytes = Buffer.from(digits, 'base64');
    return bytes.length <= limit ? bytes : null;
  }
  return null;
}
