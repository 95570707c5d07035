/** Images of blocks at one moment (copy before write), against a model: whatever is written since, they hold what was. */

import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { type Random, seededRandom } from '../../../target/base/random.js';
import type { BlockLayer, IoFailure } from '../../../target/volumes/block-layer.js';
import { PreservingLayer } from '../../../target/volumes/layers/preserving.js';
import { CHUNK_BYTES } from '../../../target/volumes/point-in-time/chunk-map.js';
import { Images, MAX_IMAGES } from '../../../target/volumes/point-in-time/images.js';
import type { ChunkStore, LostCause, OnChange, PointInTime } from '../../../target/volumes/point-in-time/types.js';
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
import { MemoryLayer } from '../scsi-block/harness.js';
import { hostIo } from './fixture.js';

const BLOCK = 512;
const CHUNK = CHUNK_BYTES / BLOCK;
/** The last chunk is not whole. */
const BLOCKS = CHUNK * 9 + 5;

/** Lets operations of a layer take a random while, and effect in the midst of it. */
function slowed(layer: MemoryLayer, clock: SimulatedClock, random: Random): BlockLayer {
  const after = (run: () => void) => void clock.setTimeout(run, random.below(4));
  return {
    read: (io, lba, blocks, done) =>
      after(() => layer.read(io, lba, blocks, (...result) => after(() => done(...result)))),
    write: (io, lba, blocks, data, done) =>
      after(() => layer.write(io, lba, blocks, data, (result) => after(() => done(result)))),
    unmap: (io, lba, blocks, done) => after(() => layer.unmap(io, lba, blocks, (result) => after(() => done(result)))),
    flush: (io, lba, blocks, done) => layer.flush(io, lba, blocks, done),
    prefetch: (io, lba, blocks, done) => layer.prefetch(io, lba, blocks, done),
    extents: (lba, blocks, limit, done) => layer.extents(lba, blocks, limit, done),
  };
}

class Rig {
  readonly clock = new SimulatedClock();
  readonly layer = new MemoryLayer(BLOCKS, BLOCK);
  readonly stores: { layer: MemoryLayer; removed: boolean }[] = [];
  readonly images: Images;
  room = true;
  openFails: IoFailure | null = null;
  changes = 0;

  constructor(random: Random | null = null) {
    const slow = (layer: MemoryLayer) => (random === null ? layer : slowed(layer, this.clock, random));
    this.below = slow(this.layer);
    this.images = new Images({
      below: () => this.below,
      blockSize: BLOCK,
      blocks: () => BLOCKS,
      marks: () => [],
      openStore: () => this.openFails ?? this.openStore(slow),
      clock: this.clock,
      changed: () => this.changes++,
    });
    this.top = new PreservingLayer(this.below, this.images);
  }

  readonly below: BlockLayer;
  readonly top: BlockLayer;

  private openStore(slow: (layer: MemoryLayer) => BlockLayer): ChunkStore {
    const store = { layer: new MemoryLayer(CHUNK * 10, BLOCK), removed: false };
    this.stores.push(store);
    const rig = this;
    return {
      layer: slow(store.layer),
      chunks: 10,
      get hasRoom() {
        return rig.room;
      },
      remove: (done) => {
        store.removed = true;
        this.clock.setImmediate(done);
      },
    };
  }

  get live(): number {
    return this.stores.filter(({ removed }) => !removed).length;
  }

  write(lba: number, blocks: number, byte: number): void {
    this.top.write(hostIo, lba, blocks, [Buffer.alloc(blocks * BLOCK, byte)], () => {});
    this.clock.settle();
  }

  read(image: PointInTime, lba: number, blocks: number): Buffer | IoFailure {
    let result: Buffer | IoFailure | null = null;
    image.read(hostIo, lba, blocks, (failure, data, release) => {
      result = failure ?? Buffer.concat(data);
      release();
    });
    this.clock.settle();
    return result!;
  }

  freeze(
    ranges: readonly BlockRange[] = [{ lba: 0, blocks: BLOCKS }],
    onChange: OnChange = 'keep',
  ): { image: PointInTime; lost: LostCause[] } {
    const lost: LostCause[] = [];
    return { image: this.images.freeze(ranges, onChange, (cause) => lost.push(cause))!, lost };
  }
}

const bytes = (blocks: number, byte: number) => Buffer.alloc(blocks * BLOCK, byte);

t.test('random writes, unmaps and images, commands under way at the same time', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 2611);
  for (let round = 0; round < 40; round++) {
    const random = seededRandom(seed + round);
    const rig = new Rig(random);
    const { layer, clock } = rig;
    for (let chunk = 0; chunk < 9; chunk++) if (random.below(3) > 0) layer.fill(chunk * CHUNK, CHUNK, 1 + chunk);
    const images: { image: PointInTime; was: Buffer; ranges: BlockRange[]; reads: number }[] = [];
    const busy: BlockRange[] = [];
    let failed: string | null = null;
    const range = (limit = BLOCKS): BlockRange => {
      const lba = random.below(BLOCKS);
      return { lba, blocks: 1 + random.below(Math.min(limit, BLOCKS - lba)) };
    };
    const change = () => {
      const { lba, blocks } = range(random.below(2) === 0 ? 8 : CHUNK * 4);
      // As the task set sees to it, commands on the same blocks take their turns.
      if (busy.some((one) => lba < one.lba + one.blocks && one.lba < lba + blocks)) return;
      const own = { lba, blocks };
      busy.push(own);
      const done = () => void busy.splice(busy.indexOf(own), 1);
      if (random.below(3) === 0) rig.top.unmap(hostIo, lba, blocks, done);
      else rig.top.write(hostIo, lba, blocks, [bytes(blocks, random.below(256))], done);
    };
    const look = () => {
      const one = images[random.below(Math.max(1, images.length))];
      if (one === undefined) return;
      const own = one.ranges[random.below(one.ranges.length)]!;
      const lba = own.lba + random.below(own.blocks);
      const blocks = 1 + random.below(own.lba + own.blocks - lba);
      const was = one.was.subarray(lba * BLOCK, (lba + blocks) * BLOCK);
      one.reads++;
      one.image.read(hostIo, lba, blocks, (failure, data, release) => {
        one.reads--;
        if (failure !== null || !Buffer.concat(data).equals(was)) failed ??= `read ${lba}+${blocks}`;
        release();
      });
      one.image.allocation(lba, blocks, (failure, { blocks: count, mapped }) => {
        if (failure !== null || count < 1 || count > blocks) failed ??= `allocation ${lba}+${blocks}: ${count}`;
        if (!mapped && was.subarray(0, count * BLOCK).some((byte) => byte !== 0)) failed ??= `no hole at ${lba}`;
      });
    };
    for (let step = 0; step < 150 && failed === null; step++) {
      const dice = random.below(10);
      if (dice < 5) change();
      else if (dice < 8) look();
      else if (dice === 8 && images.length < 6) {
        clock.settle(() => busy.length === 0);
        const ranges = random.below(2) === 0 ? [{ lba: 0, blocks: BLOCKS }] : [range(), range()];
        images.push({ image: rig.freeze(ranges).image, was: Buffer.from(layer.data), ranges, reads: 0 });
      } else {
        const [one] = images.splice(random.below(Math.max(1, images.length)), 1);
        if (one !== undefined) clock.settle(() => one.reads === 0);
        one?.image.release();
      }
      clock.advance(random.below(3));
    }
    clock.settle();
    for (const { image, was, ranges } of images) {
      for (const { lba, blocks } of ranges) {
        const all = rig.read(image, lba, blocks);
        if (!(all as Buffer).equals?.(was.subarray(lba * BLOCK, (lba + blocks) * BLOCK)))
          failed ??= `in the end ${lba}`;
      }
      image.release();
    }
    clock.settle();
    t.equal(failed, null, `seed ${seed + round}`);
    t.equal(rig.live, 0, 'nothing is kept without images');
    t.equal(
      layer.pinned + rig.stores.reduce((sum, { layer: each }) => sum + each.pinned, 0),
      0,
      'all buffers given back',
    );
  }
});

t.test('without writes nothing is kept; a write keeps its chunks once for all images', async (t) => {
  const rig = new Rig();
  rig.layer.fill(0, BLOCKS, 7);
  const first = rig.freeze();
  const second = rig.freeze();
  t.equal(rig.stores.length, 0);
  rig.write(1, 1, 8);
  rig.write(2, 1, 9);
  t.equal(rig.stores.length, 1);
  t.strictSame(
    rig.stores[0]!.layer.calls.filter((call) => call.startsWith('write')),
    [`write 0+${CHUNK}`],
  );
  for (const { image } of [first, second]) t.strictSame(rig.read(image, 0, 4), bytes(4, 7));
  const third = rig.freeze();
  rig.write(1, 1, 10);
  t.equal(rig.stores.length, 2, 'the third image begins a generation');
  t.strictSame(rig.read(third.image, 1, 1), bytes(1, 8));
  t.strictSame(rig.read(first.image, 1, 1), bytes(1, 7));
  first.image.release();
  t.equal(rig.live, 2);
  second.image.release();
  t.equal(rig.live, 1, 'what only those needed is gone');
  third.image.release();
  rig.clock.settle();
  t.equal(rig.live, 0);
  t.equal(rig.changes, 2, 'the layer has come and gone');
});

t.test('holes are kept as holes, blocks outside of the ranges not at all', async (t) => {
  const rig = new Rig();
  rig.layer.fill(CHUNK * 3, CHUNK, 3);
  const { image } = rig.freeze([{ lba: 0, blocks: CHUNK * 4 }]);
  rig.write(0, BLOCKS, 1);
  t.equal(rig.stores[0]!.layer.calls.filter((call) => call.startsWith('write')).length, 1);
  t.strictSame(rig.read(image, CHUNK * 3 - 1, 2), Buffer.concat([bytes(1, 0), bytes(1, 3)]));
  image.allocation(0, CHUNK * 4, (failure, allocation) =>
    t.match({ failure, allocation }, { failure: null, allocation: { blocks: CHUNK * 3, mapped: false } }),
  );
  rig.clock.settle();
});

t.test('when old blocks cannot be kept the images end, and the write goes on', async (t) => {
  const failure: IoFailure = { kind: 'hardware-error', cause: 'gone' };
  const cases: [string, (rig: Rig) => void, LostCause][] = [
    [
      'no room in the pool',
      (rig) => {
        rig.room = false;
      },
      'no-space',
    ],
    [
      'no store',
      (rig) => {
        rig.openFails = failure;
      },
      'failed',
    ],
    [
      'drives fail',
      (rig) => {
        rig.layer.failNext = failure;
      },
      'failed',
    ],
  ];
  for (const [name, spoil, cause] of cases) {
    const rig = new Rig();
    rig.layer.fill(0, BLOCKS, 7);
    const inside = rig.freeze([{ lba: 0, blocks: 1 }]);
    const outside = rig.freeze([{ lba: CHUNK * 5, blocks: 1 }]);
    spoil(rig);
    rig.write(0, 1, 8);
    t.strictSame(inside.lost, [cause], name);
    t.strictSame(outside.lost, [], 'an image of other blocks stays');
    t.strictSame(rig.layer.view(0, 1), bytes(1, 8), 'the write was done');
    t.match(rig.read(inside.image, 0, 1), { kind: 'not-ready' });
    t.strictSame(rig.read(outside.image, CHUNK * 5, 1), bytes(1, 7));
  }
});

t.test('blocks that cannot be read are lost alone, and stay so', async (t) => {
  const rig = new Rig();
  rig.layer.fill(0, BLOCKS, 7);
  const { image, lost } = rig.freeze();
  const { layer } = rig;
  const read = layer.read.bind(layer);
  layer.read = (io, lba, blocks, done) => {
    // Two blocks of the first chunk, all of the third.
    const bad = [3, 5, ...Array.from({ length: CHUNK }, (_, i) => 2 * CHUNK + i)];
    const first = bad.find((each) => lba <= each && each < lba + blocks);
    if (first === undefined) read(io, lba, blocks, done);
    else done({ kind: 'medium-error', lba: first, write: false }, [], () => {});
  };
  rig.write(0, CHUNK * 4, 8);
  layer.read = read;
  for (const [from, count, at] of [
    [3, 1, 3],
    [0, CHUNK, 3],
    [4, 5, 5],
    [CHUNK, CHUNK + 9, 2 * CHUNK],
  ] as const) {
    t.match(rig.read(image, from, count), { kind: 'medium-error', lba: at }, `${from}`);
  }
  for (const [from, count] of [
    [0, 3],
    [4, 1],
    [6, CHUNK - 6],
    [CHUNK, CHUNK],
    [3 * CHUNK, CHUNK],
  ] as const) {
    t.strictSame(rig.read(image, from, count), bytes(count, 7), `${from}`);
  }
  t.strictSame(lost, []);
});

t.test('a read that a write overtakes gives old blocks', async (t) => {
  const rig = new Rig();
  rig.layer.fill(0, BLOCKS, 7);
  const { image } = rig.freeze();
  rig.layer.held = [];
  let got: Buffer | null = null;
  image.read(hostIo, 0, 1, (_failure, data, release) => {
    got = Buffer.concat(data);
    release();
  });
  // The read waits below; the write saves, and is done, before it goes on.
  const waiting = rig.layer.held;
  rig.layer.held = null;
  rig.write(0, 1, 8);
  for (const run of waiting) run();
  rig.clock.settle();
  t.strictSame(got, bytes(1, 7));
});

t.test('ending them all tells when their stores are gone; there is a limit', async (t) => {
  const rig = new Rig();
  rig.layer.fill(0, BLOCKS, 7);
  const all = Array.from({ length: MAX_IMAGES }, () => rig.freeze());
  t.equal(
    rig.images.freeze([], 'keep', () => {}),
    null,
  );
  rig.write(0, 1, 8);
  let gone = false;
  rig.images.discard('sanitized', () => {
    gone = true;
  });
  t.equal(gone, false);
  rig.clock.settle();
  t.equal(gone, true);
  t.ok(all.every(({ lost }) => lost.length === 1 && lost[0] === 'sanitized'));
  rig.images.discard('sanitized', () => t.pass('and at once when there are none'));
});

t.test('an image that ends while it is being read', async (t) => {
  for (const end of ['discard', 'release'] as const) {
    const rig = new Rig();
    rig.layer.fill(0, BLOCKS, 7);
    const { image } = rig.freeze();
    rig.layer.held = [];
    let failure: IoFailure | null = null;
    image.read(hostIo, 0, 8, (problem) => {
      failure = problem;
    });
    if (end === 'release') image.release();
    else rig.images.discard('no-space', () => {});
    rig.layer.complete();
    rig.clock.settle();
    t.match(failure, { kind: 'not-ready' }, end);
  }
});

t.test('what cannot be read takes no place from the others', async (t) => {
  const rig = new Rig();
  for (let chunk = 0; chunk < 10; chunk++) rig.layer.fill(chunk * CHUNK, CHUNK, 1 + chunk);
  const { image, lost } = rig.freeze();
  const read = rig.layer.read.bind(rig.layer);
  const bad = 9 * CHUNK + 3;
  rig.layer.read = (io, lba, blocks, done) => {
    if (bad >= lba && bad < lba + blocks) done({ kind: 'medium-error', lba: bad, write: false }, [], () => {});
    else read(io, lba, blocks, done);
  };
  rig.write(0, 10 * CHUNK, 0xee);
  t.same(lost, []);
  for (let chunk = 0; chunk < 9; chunk++) t.same(rig.read(image, chunk * CHUNK, CHUNK), bytes(CHUNK, 1 + chunk));
  t.match(rig.read(image, bad, 1), { kind: 'medium-error' });
  t.same(rig.read(image, bad + 1, 1), bytes(1, 10));
});

t.test(
  'places that could not be written are not used again: at their end the image ends, and no host waits',
  async (t) => {
    const rig = new Rig();
    rig.layer.fill(0, BLOCKS, 7);
    const first = rig.freeze([{ lba: 0, blocks: CHUNK }]);
    rig.write(0, 1, 0xee);
    rig.stores[0]!.layer.failNext = { kind: 'hardware-error', cause: 'gone' };
    t.same(first.lost, []);
    const { images } = rig;
    t.match(images.newest.take(10), { kind: 'no-space' }, 'one of ten is taken');
    t.notMatch(images.newest.take(9), { kind: 'no-space' });
  },
);

t.test('images that end when their blocks change: nothing is kept for them', async (t) => {
  for (const change of ['write', 'unmap'] as const) {
    const rig = new Rig();
    rig.layer.fill(0, BLOCKS, 7);
    const ended = rig.freeze([{ lba: 4, blocks: 4 }], 'end');
    const other = rig.freeze([{ lba: 12, blocks: 4 }], 'end');
    const alter = (lba: number, blocks: number) => {
      if (change === 'write') rig.write(lba, blocks, 0xee);
      else rig.top.unmap(hostIo, lba, blocks, () => {});
      rig.clock.settle();
    };
    alter(8, 4);
    t.same([ended.lost, other.lost], [[], []], 'blocks beside theirs, in the same chunk');
    t.same(rig.read(ended.image, 4, 4), bytes(4, 7));
    alter(7, 1);
    t.same([ended.lost, other.lost], [['changed'], []], change);
    t.match(rig.read(ended.image, 4, 4), { kind: 'not-ready' });
    t.same(rig.read(other.image, 12, 4), bytes(4, 7));
    t.equal(rig.stores.length, 0);
    other.image.release();
    alter(12, 1);
    t.same(other.lost, [], 'released before');
    t.equal(rig.images.alive, 0);
  }
});

t.test('both kinds of images at once, against a model', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 4100);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 100; round++) {
    const rig = new Rig();
    const range = () => {
      const lba = random.below(BLOCKS);
      return { lba, blocks: 1 + random.below(Math.min(64, BLOCKS - lba)) };
    };
    rig.layer.fill(0, BLOCKS, 1);
    const images = Array.from({ length: 6 }, (_, index) => {
      if (index === 3) for (let i = 0; i < 3; i++) rig.write(random.below(BLOCKS - 8), 8, 2);
      const one = range();
      const onChange = random.below(2) === 0 ? ('end' as const) : ('keep' as const);
      const was = Buffer.from(rig.layer.data.subarray(one.lba * BLOCK, (one.lba + one.blocks) * BLOCK));
      return { ...rig.freeze([one], onChange), one, onChange, was, changed: false };
    });
    for (let step = 0; step < 12; step++) {
      const { lba, blocks } = range();
      rig.write(lba, blocks, 3 + step);
      for (const each of images) {
        each.changed ||= each.one.lba < lba + blocks && lba < each.one.lba + each.one.blocks;
      }
    }
    for (const { image, lost, one, onChange, was, changed } of images) {
      // The first three also met the writes in between.
      const read = rig.read(image, one.lba, one.blocks);
      if (lost.length > 0) t.equal(onChange, 'end', `seed ${seed}, round ${round}`);
      if (onChange === 'end' && changed) t.same(lost, ['changed'], `seed ${seed}, round ${round}`);
      if (lost.length === 0) t.ok(was.equals(read as Buffer), `seed ${seed}, round ${round}: ${one.lba}`);
    }
  }
});
