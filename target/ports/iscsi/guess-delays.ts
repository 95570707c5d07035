/**
 * Slows down those who guess CHAP secrets. An address from which some guesses came that were wrong has to wait for the
 * answer to the next, each time longer, right or wrong; and it has one turn at a time, however many connections it opens.
 * A right one does not make it forget: who has a secret could guess another's.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '../../disk/types.js';

/** Wrong ones that cost nothing: mistakes. */
const FREE = 3;
const FIRST_MS = 500;
const MOST_MS = 4_000;
/** With more than that to wait a turn is not given: logins have to end in time, and what waits takes memory. */
const QUEUE_MS = 10_000;
/** An address is as any other when it has not been wrong for so long. */
const FORGET_MS = 60_000;
/** Addresses remembered. */
const KEPT = 4096;
/** Of an IPv6 address: what one site has, in groups of 16 bits. */
const SITE_GROUPS = 4;

interface Guesser {
  readonly wrong: number;
  /** `clock.now()`: when it was last wrong. */
  readonly wrongAt: number;
  /** When it has had all of the turns that it has asked for. */
  turnAt: number;
}

export class GuessDelays {
  /** By site, the one that was last wrong at the end. */
  readonly #guessers = new Map<string, Guesser>();

  constructor(private readonly clock: Clock) {}

  /** Takes a turn. @returns milliseconds until a response from there may be looked at; null: too many wait already */
  turn(address: string): number | null {
    const now = this.clock.now();
    const guesser = this.#recent(siteOf(address), now);
    if (guesser === null || guesser.wrong < FREE) return 0;
    const pause = Math.min(MOST_MS, FIRST_MS * 2 ** (guesser.wrong - FREE));
    const at = Math.max(now, guesser.turnAt) + pause * 1e6;
    if (at - now > QUEUE_MS * 1e6) return null;
    guesser.turnAt = at;
    return (at - now) / 1e6;
  }

  wrong(address: string): void {
    const now = this.clock.now();
    const site = siteOf(address);
    const before = this.#recent(site, now);
    this.#guessers.delete(site);
    this.#guessers.set(site, { wrong: (before?.wrong ?? 0) + 1, wrongAt: now, turnAt: before?.turnAt ?? now });
    if (this.#guessers.size > KEPT) this.#guessers.delete(this.#guessers.keys().next().value!);
  }

  #recent(site: string, now: number): Guesser | null {
    const guesser = this.#guessers.get(site);
    return guesser === undefined || now - guesser.wrongAt > FORGET_MS * 1e6 ? null : guesser;
  }
}

/** An IPv4 address, also one mapped into IPv6; of IPv6 the first 64 bits. */
function siteOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const [head, tail] = plain.split('::') as [string, string?];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const behind = tail === '' ? 0 : tail.split(':').length;
    while (groups.length < 8 - behind) groups.push('0');
  }
  return groups.slice(0, SITE_GROUPS).join(':');
}
