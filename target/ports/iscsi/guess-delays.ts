/**
 * Slows down those who guess CHAP secrets. An address from which some guesses came that were wrong has to wait for the
 * answer to the next, each time longer, right or wrong; and it has one turn at a time, however many connections it opens.
 * A right one does not make it forget: who has a secret could guess another's.
 */
import type { Clock } from '../../disk/types.js';

/** Wrong ones that cost nothing: mistakes. */
const FREE = 3;
const FIRST_MS = 500;
const MOST_MS = 4_000;
/** An address is as any other when it has not been wrong for so long. */
const FORGET_MS = 60_000;
/** Addresses remembered. */
const KEPT = 4096;

interface Guesser {
  wrong: number;
  /** `clock.now()`: when it was last wrong. */
  wrongAt: number;
  /** When it has had all of the turns that it has asked for. */
  turnAt: number;
}

export class GuessDelays {
  /** By address, the one that was last wrong at the end. */
  readonly #guessers = new Map<string, Guesser>();

  constructor(private readonly clock: Clock) {}

  /** Takes a turn. @returns milliseconds until a response from there may be looked at */
  turn(address: string): number {
    const now = this.clock.now();
    const guesser = this.#guessers.get(address);
    if (guesser === undefined || guesser.wrong < FREE || now - guesser.wrongAt > FORGET_MS * 1e6) return 0;
    const pause = Math.min(MOST_MS, FIRST_MS * 2 ** (guesser.wrong - FREE));
    guesser.turnAt = Math.max(now, guesser.turnAt) + pause * 1e6;
    return (guesser.turnAt - now) / 1e6;
  }

  wrong(address: string): void {
    const now = this.clock.now();
    const before = this.#guessers.get(address);
    this.#guessers.delete(address);
    const fresh = before === undefined || now - before.wrongAt > FORGET_MS * 1e6;
    this.#guessers.set(address, { wrong: fresh ? 1 : before.wrong + 1, wrongAt: now, turnAt: before?.turnAt ?? now });
    if (this.#guessers.size > KEPT) this.#guessers.delete(this.#guessers.keys().next().value!);
  }
}
