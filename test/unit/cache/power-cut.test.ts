/**
 * Loss of power: of the pages changed since the last sync, any may be on the medium and any may not.
 * LUNARRAY_SEED replays one round.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { Cache } from '../../../target/cache/cache.js';
import { PAGE_BYTES } from '../../../target/cache/layout.js';
import { SLOT_BYTES } from '../../../target/cache/types.js';
import type { PersistentMemory, Random } from '../../../target/disk/types.js';
import { fill, KillableMemory, Rig } from './rig.js';

/** A mapping: `medium` is what a cut finds, of which each page is as of the last sync or newer. */
class PagedMemory extends KillableMemory {
  readonly medium = Buffer.from(this.buffer);

  override sync(done: (error: Error | null) => void): void {
    this.buffer.copy(this.medium);
    super.sync(done);
  }

  /** What the next process finds. */
  cut(random: Random): PagedMemory {
    const found = Buffer.from(this.medium);
    for (let page = 0; page < found.length; page += PAGE_BYTES) {
      if (random.below(2) === 0) this.buffer.copy(found, page, page, page + PAGE_BYTES);
    }
    return new PagedMemory(found);
  }

  override next(): PagedMemory {
    const next = new PagedMemory(this.buffer);
    this.medium.copy(next.medium);
    return next;
  }
}

function secured(rig: Rig): void {
  rig.cache.secure((error) => {
    if (error !== null) throw error;
  });
}

const rounds = process.env.LUNARRAY_SEED === undefined ? 40 : 1;
const first = Number(process.env.LUNARRAY_SEED ?? 1);

t.test('soon after the very first start: the array starts again', (t) => {
  for (let seed = first; seed < first + rounds; seed++) {
    const random = seededRandom(seed);
    const rig = new Rig({ seed });
    rig.memory = new PagedMemory(Buffer.alloc(Cache.memoryBytes(16 * SLOT_BYTES)));
    rig.open();
    secured(rig);
    for (let slot = 0; slot < 6; slot++) rig.write(slot * 32, fill(1, 32));
    const found = (rig.memory as PagedMemory).cut(random);
    t.doesNotThrow(() => rig.powerLoss(found, 'second boot'), `seed ${seed}`);
  }
  t.end();
});

t.test('after a stop that left dirty data and a new start: no mixture is taken for whole', (t) => {
  for (let seed = first; seed < first + rounds; seed++) {
    const random = seededRandom(seed);
    const rig = new Rig({ seed });
    rig.memory = new PagedMemory(Buffer.alloc(Cache.memoryBytes(16 * SLOT_BYTES)));
    rig.open();
    secured(rig);
    rig.write(0, fill(1));
    rig.cache.close();
    rig.restart();
    secured(rig);
    t.same(rig.read(0, 8), fill(1));
    rig.write(0, fill(2));
    t.equal(rig.flush(), null);
    rig.powerLoss((rig.memory as PagedMemory).cut(random), 'second boot');
    t.same(rig.read(0, 8), fill(2), `what the flush covered is not replaced by something older, seed ${seed}`);
  }
  t.end();
});

t.test('a memory that cannot be synced says so', (t) => {
  const rig = new Rig();
  const { memory } = rig;
  const failing: PersistentMemory = {
    ...memory,
    buffer: memory.buffer,
    commit() {},
    sync: (done) => done(new Error('EIO')),
    close() {},
  };
  const { adapter, clock, log } = rig;
  Cache.open({ memory: failing, adapter, clock, log }).secure((error) => t.match(error?.message, /EIO/));
  t.end();
});
