/**
 * Text format (RFC 7143 6.1): `key=value` pairs, each ended by a NUL, over one or more PDUs (C bit, 6.2).
 */

export type TextPair = readonly [key: string, value: string];

export type TextErrorCode =
  | 'text-too-long'
  | 'text-key-too-long'
  | 'text-value-too-long'
  | 'text-malformed'
  | 'text-too-many';

/** What was received is not text as RFC 7143 6.1 has it. */
export class TextError extends Error {
  override readonly name = 'TextError';
  constructor(
    readonly code: TextErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** RFC 7143 6.1: a key-name is at most 63 bytes. */
export const KEY_MAX_BYTES = 63;
/** Long enough for the large binary values of authentication and for lists of tags. */
export const VALUE_MAX_BYTES = 8192;
/** RFC 7143 6.2: key=value data that must be taken in one negotiation. */
export const TEXT_MAX_BYTES = 65536;
/** No negotiation of RFC 7143 comes near it. */
const PAIRS_MAX = 1024;

/** key-name = standard-label: a capital letter, then letters, digits and `.-+@_`; also `X-` and `X#` names. */
const KEY_NAME = /^[A-Za-z][A-Za-z0-9.\-+@_#]*$/;

/**
 * @param limits raise `pairs` where long lists are expected (SendTargets answers)
 * @throws TextError
 */
export function decodeText(text: Buffer, limits: { readonly pairs: number } = { pairs: PAIRS_MAX }): TextPair[] {
  const pairs: TextPair[] = [];
  let at = 0;
  while (at < text.length) {
    let end = text.indexOf(0, at);
    if (end < 0) end = text.length;
    // Some initiators pad with further NULs.
    if (end > at) {
      if (pairs.length === limits.pairs) throw new TextError('text-too-many', `more than ${limits.pairs} keys`);
      pairs.push(decodePair(text, at, end));
    }
    at = end + 1;
  }
  return pairs;
}

function decodePair(text: Buffer, at: number, end: number): TextPair {
  const equals = text.indexOf(0x3d, at);
  if (equals < 0 || equals >= end) throw new TextError('text-malformed', 'text without "="');
  if (equals - at > KEY_MAX_BYTES) throw new TextError('text-key-too-long', `key of ${equals - at} bytes`);
  if (end - equals - 1 > VALUE_MAX_BYTES)
    throw new TextError('text-value-too-long', `value of ${end - equals - 1} bytes`);
  const key = text.toString('latin1', at, equals);
  if (!KEY_NAME.test(key)) throw new TextError('text-malformed', `not a key name: ${JSON.stringify(key)}`);
  return [key, text.toString('utf8', equals + 1, end)];
}

export function encodeText(pairs: readonly TextPair[]): Buffer {
  return Buffer.from(pairs.map(([key, value]) => `${key}=${value}\0`).join(''), 'utf8');
}

/** Cuts text into data segments of at most `bytes` each; at least one, which may be empty. */
export function splitText(text: Buffer, bytes: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < text.length; at += bytes) parts.push(text.subarray(at, at + bytes));
  return parts;
}

/** Puts text together that came in several PDUs. */
export class TextAssembler {
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly limit = TEXT_MAX_BYTES) {}

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param data data segment of one PDU
   * @param continues its C bit
   * @returns the whole text, or null if more is to come
   * @throws TextError when it becomes longer than the limit
   */
  add(data: readonly Buffer[], continues: boolean): Buffer | null {
    for (const part of data) {
      this.#bytes += part.length;
      if (this.#bytes > this.limit) throw new TextError('text-too-long', `text of more than ${this.limit} bytes`);
      this.#parts.push(Buffer.from(part));
    }
    if (continues) return null;
    const text = Buffer.concat(this.#parts);
    this.reset();
    return text;
  }

  reset(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
