/**
 * Which clean slot gives way: S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache
 * eviction, SOSP 2023). `npm run bench:cache` compares it with LRU and 2Q.
 *
 * What is new goes to a small queue, a tenth of the slots. What was used while it went through that queue, or comes back
 * soon after it has left the cache (it is among the ghosts then), goes to the main queue, and at that one's end back to
 * its beginning as often as it was used. So a scan passes through the small queue and leaves the main one alone, and
 * a hit moves nothing: it counts up to three in one byte.
 *
 * Slots that somebody keeps stay where they are in their queue and are passed over.
 */
import { type SlotLinks, SlotList } from './slot-list.js';

const Queue = { none: 0, first: 1, small: 2, main: 3 } as const;
const SMALL_SHARE = 10;
const MOST_USES = 3;
/** In place of the uses: it is to go first (DPO). */
const DEMOTED = 255;

export class Replacement {
  readonly #first: SlotList;
  readonly #small: SlotList;
  readonly #main: SlotList;
  readonly #smallShare: number;
  readonly #queues: Uint8Array;
  readonly #uses: Uint8Array;
  readonly #ghosts: Ghosts;
  readonly #kept: (index: number) => boolean;
  /** The victim came from the main queue. */
  #passedThrough = false;

  /** @param kept whether a slot must not be evicted now */
  constructor(slots: number, links: SlotLinks, kept: (index: number) => boolean) {
    this.#first = new SlotList(links);
    this.#small = new SlotList(links);
    this.#main = new SlotList(links);
    this.#smallShare = Math.max(1, Math.floor(slots / SMALL_SHARE));
    this.#queues = new Uint8Array(slots);
    this.#uses = new Uint8Array(slots);
    this.#ghosts = new Ghosts(slots);
    this.#kept = kept;
  }

  /** A slot that holds slot `number` of an owner may be evicted some time. */
  add(index: number, owner: number, number: number): void {
    if (this.#uses[index] === DEMOTED) this.#push(this.#first, index, Queue.first);
    else if (this.#ghosts.has(owner, number)) this.#push(this.#main, index, Queue.main);
    else this.#push(this.#small, index, Queue.small);
  }

  remove(index: number): void {
    this.#listOf(index).remove(index);
    this.#queues[index] = Queue.none;
  }

  touch(index: number): void {
    const uses = this.#uses[index]!;
    if (uses < MOST_USES) this.#uses[index] = uses + 1;
    else if (uses === DEMOTED) this.#uses[index] = 1;
  }

  /** The slot is to be evicted before others unless it is touched. */
  demote(index: number): void {
    this.#uses[index] = DEMOTED;
    if (this.#queues[index] === Queue.none) return;
    this.#listOf(index).remove(index);
    this.#push(this.#first, index, Queue.first);
  }

  /** The slot holds something else from now on. */
  forget(index: number): void {
    this.#uses[index] = 0;
  }

  /** What was in `from` is in `to` now. */
  inherit(from: number, to: number): void {
    this.#uses[to] = this.#uses[from]!;
  }

  /** Chooses a slot that nobody keeps, of which there is one at least, and removes it. */
  victim(): number {
    let passed = 0;
    for (;;) {
      const list = this.#choose(passed);
      const index = list.tail;
      list.remove(index);
      if (this.#kept(index)) {
        passed++;
        list.pushHead(index);
        continue;
      }
      const uses = this.#uses[index]!;
      if (uses === 0 || uses === DEMOTED) {
        this.#queues[index] = Queue.none;
        this.#passedThrough = list === this.#main;
        return index;
      }
      this.#uses[index] = list === this.#main ? uses - 1 : 0;
      this.#push(this.#main, index, Queue.main);
    }
  }

  /** What the victim held. Only what left before its second use becomes a ghost: all others had their chance. */
  evicted(owner: number, number: number): void {
    if (!this.#passedThrough) this.#ghosts.add(owner, number);
  }

  /** The queue to take from. When as many kept ones were passed as one holds, another one's turn comes. */
  #choose(passed: number): SlotList {
    const first = this.#first.length;
    const small = this.#small.length;
    if (first > passed) return this.#first;
    const main = this.#main.length;
    if (main === 0) return small === 0 ? this.#first : this.#small;
    if (small === 0) return this.#main;
    const turn = small >= this.#smallShare ? this.#small : this.#main;
    const other = turn === this.#small ? this.#main : this.#small;
    return Math.floor((passed - first) / Math.max(small, main)) % 2 === 0 || passed < first ? turn : other;
  }

  #push(list: SlotList, index: number, queue: number): void {
    list.pushHead(index);
    this.#queues[index] = queue;
  }

  #listOf(index: number): SlotList {
    const queue = this.#queues[index];
    if (queue === Queue.main) return this.#main;
    return queue === Queue.small ? this.#small : this.#first;
  }
}

/**
 * What was evicted not long ago: as many as there are slots, by the upper bits of a hash and the time (the number of
 * the eviction). One that hashes to the same place takes the place: a few are forgotten too early.
 */
class Ghosts {
  readonly #prints: Int32Array;
  readonly #times: Int32Array;
  readonly #mask: number;
  readonly #slots: number;
  #time = 0;

  constructor(slots: number) {
    const places = 2 ** Math.ceil(Math.log2(slots * 2));
    this.#prints = new Int32Array(places);
    this.#times = new Int32Array(places);
    this.#mask = places - 1;
    this.#slots = slots;
  }

  add(owner: number, number: number): void {
    const print = fingerprint(owner, number);
    this.#prints[print & this.#mask] = print;
    this.#times[print & this.#mask] = ++this.#time | 0;
  }

  has(owner: number, number: number): boolean {
    const print = fingerprint(owner, number);
    if (this.#time === 0 || this.#prints[print & this.#mask] !== print) return false;
    return ((this.#time - this.#times[print & this.#mask]!) | 0) < this.#slots;
  }
}

/** 32 bits, never 0. */
function fingerprint(owner: number, number: number): number {
  let key = (number | 0) ^ Math.imul(owner + 1, 0x85ebca6b) ^ Math.imul(Math.floor(number / 2 ** 32), 0xc2b2ae35);
  key = Math.imul(key ^ (key >>> 16), 0x7feb352d);
  key = Math.imul(key ^ (key >>> 15), 0x846ca68b);
  return key ^ (key >>> 16) || 1;
}
