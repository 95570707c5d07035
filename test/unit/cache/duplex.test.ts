import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { Cache } from '../../../target/cache/cache.js';
import { copySide, DuplexMemory, followSide } from '../../../target/cache/duplex.js';
import { inspectSide } from '../../../target/cache/memory-header.js';
import { inParts } from '../../../target/cache/parts.js';
import { SLOT_BYTES } from '../../../target/cache/types.js';
import type { PartedMemory } from '../../../target/disk/types.js';
import { fill, HOST, KillableMemory, Killed, Rig } from './rig.js';

const SLOTS = 24;
const VOLUME_SECTORS = 12 * 32;

/** Two sides of one cache; its volume has no place on any drive, so that nothing ever waits. */
class Pair {
  readonly rig = new Rig();
  readonly sides: readonly [KillableMemory, KillableMemory];

  constructor(seed: number) {
    const bytes = Cache.memoryBytes(SLOTS * SLOT_BYTES);
    const side = (salt: number) => new KillableMemory(Buffer.alloc(bytes), seededRandom(seed + salt));
    this.sides = [side(0), side(1)];
  }

  open(memory: PartedMemory) {
    const { adapter, clock, log } = this.rig;
    const cache = Cache.open({ memory, adapter, clock, log, bootId: 'boot' });
    return cache.attach(7, { locate: () => null, assign: () => null });
  }

  duplex(failed = () => {}): DuplexMemory {
    return new DuplexMemory(inParts(this.sides[0], 4), inParts(this.sides[1], 4), failed);
  }
}

/** What a memory holds of the volume, a byte for each sector; a sector of several values fails. */
function contents(pair: Pair, memory: KillableMemory): number[] {
  const volume = pair.open(inParts(memory, 4));
  const values: number[] = [];
  for (let sector = 0; sector < VOLUME_SECTORS; sector++) {
    volume.read(HOST, sector, 1, (failure, data, release) => {
      if (failure !== null || !data[0]!.every((byte) => byte === data[0]![0])) throw new Error(`sector ${sector}`);
      values.push(data[0]![0]!);
      release();
    });
  }
  return values;
}

t.test('killed at any commit of either side, and in bringing them together: each side alone has it all', (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 2 ** 31);
  t.comment(`seed ${seed}`);
  let kills = 0;
  for (let round = 0; round < 50; round++) {
    const pair = new Pair(seed + round);
    const random = seededRandom(seed + round);
    const volume = pair.open(pair.duplex());
    // What is acknowledged, and what the command under way may have changed.
    let before = new Array<number>(VOLUME_SECTORS).fill(0);
    let after = before;
    const killed = pair.sides[random.below(2)]!;
    killed.killAt = killed.commits + 1 + random.below(150);
    try {
      for (let step = 1; step < 40; step++) {
        const sectors = 1 + random.below(60);
        const sector = random.below(VOLUME_SECTORS - sectors);
        after = before.map((value, at) => (at >= sector && at < sector + sectors ? step : value));
        const atomic = random.below(3) === 0;
        let release = () => {};
        // What is being read must not change: the write goes to fresh slots.
        if (random.below(2) === 0) volume.read(HOST, sector, sectors, (_failure, _data, free) => (release = free));
        let acknowledged = false;
        volume.write({ ...HOST, atomic }, sector, sectors, [fill(step, sectors)], () => (acknowledged = true));
        release();
        if (!acknowledged) throw new Error('a write had to wait');
        before = after;
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      kills++;
    }
    // Of a mapped file everything stored is there; of a written one what was committed.
    const first = round % 2 === 0 ? pair.sides[0].next() : new KillableMemory(pair.sides[0].buffer);
    const second = pair.sides[1].next();
    const alone = [contents(pair, first.next()), contents(pair, second.next())];
    second.killAt = 1 + random.below(6);
    try {
      followSide(inParts(first, 4), inParts(second, 4));
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      alone.push(contents(pair, second.next()));
    }
    second.killAt = -1;
    followSide(inParts(first, 4), inParts(second, 4));
    const together = [contents(pair, first.next()), contents(pair, second.next())];
    t.same(together[1], together[0], `round ${round}: the same`);
    for (const got of [...alone, ...together]) {
      const lost = got.findIndex((value, sector) => value !== before[sector] && value !== after[sector]);
      if (lost >= 0) t.fail(`round ${round}: sector ${lost} is ${got[lost]}, ${before[lost]} or ${after[lost]} wanted`);
    }
  }
  t.ok(kills > 15, `${kills} kills`);
  t.end();
});

t.test('a side made anew; killed meanwhile it is known to be no good', (t) => {
  const pair = new Pair(1);
  const volume = pair.open(inParts(pair.sides[0], 4));
  for (let at = 0; at < 8; at++) volume.write(HOST, at * 40, 33, [fill(at + 1, 33)], () => {});
  const wanted = contents(pair, pair.sides[0].next());
  const from = inParts(pair.sides[0], 4);
  for (let killAt = 1; ; killAt++) {
    const side = new KillableMemory(Buffer.alloc(pair.sides[0].buffer.length, 0x5a));
    side.killAt = killAt;
    let made = true;
    try {
      copySide(from, inParts(side, 4));
    } catch {
      made = false;
    }
    const next = side.next();
    if (made) {
      t.type(inspectSide(inParts(next, 4), ''), 'number');
      t.same(contents(pair, next), wanted);
      break;
    }
    let generation: number | null = null;
    try {
      generation = inspectSide(inParts(next, 4), '');
    } catch {
      // Nothing of it was made yet.
    }
    // In the last commit, that of the magic number, it may have been made just so.
    if (generation !== null) t.same(contents(pair, next), wanted);
  }
  t.end();
});

t.test('sides that cannot be synced', (t) => {
  const pair = new Pair(1);
  const failing = (side: number, wrong: () => boolean) => {
    const parts = inParts(pair.sides[side]!, 4);
    return { ...parts, sync: (done: (error: Error | null) => void) => done(wrong() ? new Error(`EIO ${side}`) : null) };
  };
  const wrong = [false, false];
  const lost: string[] = [];
  const memory = new DuplexMemory(
    failing(0, () => wrong[0]!),
    failing(1, () => wrong[1]!),
    (side, { message }) => lost.push(`${side} ${message}`),
  );
  const sync = () => {
    let result: Error | null | undefined;
    memory.sync((error) => (result = error));
    return result === null ? 'good' : result?.message;
  };
  t.equal(sync(), 'good');
  wrong[1] = true;
  t.equal(sync(), 'good');
  t.equal(sync(), 'good');
  t.same(lost, ['1 EIO 1'], 'said once');
  wrong[0] = true;
  t.equal(sync(), 'EIO 0', 'no side is left');
  wrong[1] = false;
  t.equal(sync(), 'EIO 0', 'one that was lost does not count again');
  t.same(lost, ['1 EIO 1']);
  t.end();
});
