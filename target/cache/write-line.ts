/**
 * Writes that wait for their turn, fair among volumes: deficit round robin (Shreedhar and Varghese, SIGCOMM 1995), so
 * that one with many commands in flight, or long ones, takes no more than its share. Of one volume the oldest goes first.
 */
import type { IoFailure } from '../volumes/block-layer.js';
import type { Volume } from './volume.js';

export interface PacedWrite {
  readonly volume: Volume;
  /** It may go: room for its slots is accounted for. */
  admitted(): void;
  refused(failure: IoFailure): void;
}

export interface WaitingWrite {
  readonly write: PacedWrite;
  /** Slots that it makes dirty. */
  readonly slots: number;
  /** Clock's nanoseconds. */
  readonly since: number;
}

interface Turn {
  readonly waiting: WaitingWrite[];
  /** Slots it may still write in this round. */
  credit: number;
}

/** Slots a volume may write in one round: more would be more for those that have more commands waiting. */
const QUANTUM = 1;

export class WriteLine {
  length = 0;
  /** In the order of their turns. */
  readonly #turns = new Map<Volume, Turn>();

  push(waiting: WaitingWrite): void {
    const { volume } = waiting.write;
    const turn = this.#turns.get(volume);
    if (turn === undefined) this.#turns.set(volume, { waiting: [waiting], credit: QUANTUM });
    else turn.waiting.push(waiting);
    this.length++;
  }

  /** Whose turn it is. */
  first(): WaitingWrite | undefined {
    for (const [volume, turn] of this.#turns) {
      if (turn.waiting[0]!.slots <= turn.credit) return turn.waiting[0];
      // Its next turn comes behind all others; the loop comes to it again.
      this.#turns.delete(volume);
      turn.credit += QUANTUM;
      this.#turns.set(volume, turn);
    }
    return undefined;
  }

  /** Takes out what `first` has given. */
  shift(): void {
    const [volume, turn] = this.#turns.entries().next().value as [Volume, Turn];
    turn.credit -= turn.waiting.shift()!.slots;
    if (turn.waiting.length === 0) this.#turns.delete(volume);
    this.length--;
  }

  /** Takes out all writes to a volume. */
  take(volume: Volume): readonly WaitingWrite[] {
    const waiting = this.#turns.get(volume)?.waiting ?? [];
    this.#turns.delete(volume);
    this.length -= waiting.length;
    return waiting;
  }
}
