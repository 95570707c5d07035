/**
 * `npm run bench:cache -- [--slots N] [--seed N]`: hit rates of replacement policies on synthetic traces, the same for
 * each of them. The array's own (S3-FIFO) is run as it stands in target/cache, the others are written for this.
 */
import { Command } from 'commander';
import { seededRandom } from '../../target/base/random.js';
import { Replacement } from '../../target/cache/replacement.js';
import { SlotLinks } from '../../target/cache/slot-list.js';
import type { Random } from '../../target/disk/types.js';

/** A cache of keys. */
interface Policy {
  /** @param counts the use says something about what will be used again. @returns it was there */
  use(key: number, counts: boolean): boolean;
}

/** Least recently used. */
class Lru implements Policy {
  /** In the order of use. */
  readonly #keys = new Set<number>();
  constructor(private readonly slots: number) {}

  use(key: number, counts: boolean): boolean {
    const hit = this.#keys.has(key);
    if (hit && !counts) return true;
    if (hit) this.#keys.delete(key);
    else if (this.#keys.size >= this.slots) this.#keys.delete(oldest(this.#keys));
    this.#keys.add(key);
    return hit;
  }
}

/** 2Q, full version (Johnson, Shasha: 2Q, a low overhead high performance buffer management replacement algorithm, VLDB 1994). */
class TwoQueues implements Policy {
  readonly #in = new Set<number>();
  readonly #out = new Set<number>();
  readonly #main = new Set<number>();
  constructor(private readonly slots: number) {}

  use(key: number, counts: boolean): boolean {
    if (this.#main.has(key)) {
      if (counts) {
        this.#main.delete(key);
        this.#main.add(key);
      }
      return true;
    }
    if (this.#in.has(key)) return true;
    if (this.#in.size + this.#main.size >= this.slots) this.#evict();
    (this.#out.delete(key) ? this.#main : this.#in).add(key);
    return false;
  }

  #evict(): void {
    if (this.#in.size <= this.slots / 4 && this.#main.size > 0) {
      this.#main.delete(oldest(this.#main));
      return;
    }
    const key = oldest(this.#in);
    this.#in.delete(key);
    this.#out.add(key);
    if (this.#out.size > this.slots / 2) this.#out.delete(oldest(this.#out));
  }
}

/** What the array does. */
class Own implements Policy {
  readonly #places = new Map<number, number>();
  readonly #keys: number[] = [];
  readonly #replacement: Replacement;
  constructor(private readonly slots: number) {
    this.#replacement = new Replacement(slots, new SlotLinks(slots), () => false);
  }

  use(key: number, counts: boolean): boolean {
    const place = this.#places.get(key);
    if (place !== undefined) {
      if (counts) this.#replacement.touch(place);
      return true;
    }
    let index = this.#keys.length;
    if (index === this.slots) {
      index = this.#replacement.victim();
      const old = this.#keys[index]!;
      this.#places.delete(old);
      this.#replacement.evicted(0, old);
      this.#replacement.forget(index);
    }
    this.#keys[index] = key;
    this.#places.set(key, index);
    this.#replacement.add(index, 0, key);
    return false;
  }
}

function oldest(keys: Set<number>): number {
  return keys.values().next().value!;
}

/** Slots used one after the other; `stream`: as part of one that the array recognizes. */
type Use = (key: number, stream: boolean) => void;

const BLOCKS_IN_SLOT = 4;

/** Ranks with the probability of 1 / (rank + 1) ^ 0.9. */
function zipf(random: Random, keys: number): () => number {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let key = 0; key < keys; key++) {
    sum += (key + 1) ** -0.9;
    sums[key] = sum;
  }
  return () => {
    const wanted = (random.below(2 ** 31) / 2 ** 31) * sum;
    let low = 0;
    for (let high = keys - 1; low < high; ) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Each is `slots` × 40 uses or so. */
const traces: Readonly<Record<string, (slots: number, random: Random, use: Use) => void>> = {
  'zipf 0.9 over 10 × the cache'(slots, random, use) {
    const next = zipf(random, slots * 10);
    for (let i = 0; i < slots * 40; i++) use(next(), false);
  },
  'uniform over 2 × the cache'(slots, random, use) {
    for (let i = 0; i < slots * 40; i++) use(random.below(slots * 2), false);
  },
  'hot set of half the cache, and as many 4 KiB reads of a scan'(slots, random, use) {
    for (let i = 0; i < slots * 20; i++) {
      use(random.below(slots >> 1), false);
      use(slots + Math.floor(i / BLOCKS_IN_SLOT), true);
    }
  },
  'hot set of half the cache, and a scan of whole slots'(slots, random, use) {
    for (let i = 0; i < slots * 20; i++) {
      use(random.below(slots >> 1), false);
      use(slots + i, true);
    }
  },
  'loop over 1.25 × the cache'(slots, _random, use) {
    for (let i = 0; i < slots * 40; i++) use(i % Math.floor(slots * 1.25), false);
  },
  'zipf 0.9, other slots are popular after each tenth'(slots, random, use) {
    const next = zipf(random, slots * 10);
    for (let i = 0; i < slots * 40; i++) use(next() + Math.floor(i / (slots * 4)) * slots * 10, false);
  },
};

const policies: Readonly<Record<string, (slots: number) => Policy>> = {
  LRU: (slots) => new Lru(slots),
  '2Q': (slots) => new TwoQueues(slots),
  'S3-FIFO': (slots) => new Own(slots),
};

const options = new Command('bench:cache')
  .option('--slots <n>', 'slots of the cache', Number, 16384)
  .option('--seed <n>', 'of the traces', Number, 1)
  .parse()
  .opts<{ slots: number; seed: number }>();

for (const told of [false, true]) {
  console.log(told ? '\nstreams recognized: their uses do not count' : 'every use counts');
  console.log(['trace'.padEnd(62), ...Object.keys(policies).map((name) => name.padStart(8))].join(''));
  for (const [name, trace] of Object.entries(traces)) {
    const rates = Object.values(policies).map((make) => {
      const policy = make(options.slots);
      let uses = 0;
      let hits = 0;
      trace(options.slots, seededRandom(options.seed), (key, stream) => {
        uses++;
        if (policy.use(key, !(told && stream))) hits++;
      });
      return `${((hits / uses) * 100).toFixed(1)} %`.padStart(8);
    });
    console.log([name.padEnd(62), ...rates].join(''));
  }
}
