import t from 'tap';
import { type CachedVolume, SLOT_BYTES } from '../../../target/cache/types.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import { RatedAdapter, WritingHost } from './rated.js';
import { fill, HOST, Region, Rig } from './rig.js';

const SLOTS = 1024;
const VOLUME_SLOTS = 20_000;
/** As in throttle.ts. */
const FROM = 0.6;
const LIMIT = 0.9;
const STEEPEST = 2;
const TIMER_MS = 4;

/** A cache of 16 MiB on drives of given rates; further volumes are on groups of their own. */
class World {
  readonly rig = new Rig({ slots: SLOTS, volumeSlots: VOLUME_SLOTS });
  readonly rates = new Map([[this.rig.group, 0]]);
  readonly adapter = new RatedAdapter(this.rig.clock, (group) => this.rates.get(group)!);

  constructor(rate: number) {
    this.rates.set(this.rig.group, rate);
    this.rig.open(this.adapter);
  }

  /** On a group of its own. */
  volume(id: number, rate: number): CachedVolume {
    const group = createParityGroup(`1-${id}`, 'plain', [this.rig.drive]);
    this.rates.set(group, rate);
    return this.rig.cache.attach(id, new Region(group, 0, VOLUME_SLOTS));
  }

  /** On the same group as the first. */
  neighbour(id: number): CachedVolume {
    return this.rig.cache.attach(id, new Region(this.rig.group, 0, VOLUME_SLOTS));
  }

  host(volume: CachedVolume, depth: number, rate: number): WritingHost {
    return new WritingHost(this.rig.clock, volume, VOLUME_SLOTS, depth, rate);
  }

  get dirty(): number {
    return this.rig.cache.stats().dirtySlots / SLOTS;
  }
}

t.test('hosts that write twice as fast as the drives come down to their rate, and no write waits long', (t) => {
  const world = new World(1000);
  const host = world.host(world.rig.volume, 32, 2000);
  let highest = 0;
  const pass = (seconds: number) => {
    for (let tick = 0; tick < seconds * 20; tick++) {
      world.rig.clock.advance(50);
      highest = Math.max(highest, world.dirty);
    }
  };
  pass(4);
  host.reset();
  const { throttledNs } = world.rig.cache.stats();
  pass(5);
  t.ok(Math.abs(host.writes / 5 / 1000 - 1) < 0.02, `${host.writes / 5} writes a second`);
  // All others may be before it, each at the longest interval.
  const bound = (STEEPEST * 32 * 1000) / 1000 + TIMER_MS;
  t.ok(host.longestMs <= bound, `longest ${host.longestMs} ms of ${bound}`);
  t.ok(
    world.dirty > FROM && highest < (FROM + 2 * LIMIT) / 3,
    `settles: ${world.dirty} of the slots, at most ${highest}`,
  );
  // All 32 commands wait all the time.
  const share = (world.rig.cache.stats().throttledNs - throttledNs) / 5e9 / 32;
  t.ok(Math.abs(share - 1) < 0.1, `${share} of the time is counted as waited for`);
  t.end();
});

t.test('drives that end much at once: never so much that writers wait for it', (t) => {
  const world = new World(1000);
  world.adapter.together = true;
  const host = world.host(world.rig.volume, 32, 2000);
  world.rig.clock.advance(4000);
  host.reset();
  world.rig.clock.advance(5000);
  t.ok(host.longestMs < 100, `longest ${host.longestMs} ms`);
  t.ok(Math.abs(host.writes / 5 / 1000 - 1) < 0.05, `${host.writes / 5} writes a second`);
  t.end();
});

t.test('below the watermark nothing is delayed', (t) => {
  const world = new World(1000);
  const host = world.host(world.rig.volume, 32, 950);
  world.rig.clock.advance(5000);
  t.equal(host.longestMs, 0);
  t.match(world.rig.cache.stats(), { throttledWrites: 0, throttledNs: 0 });
  t.end();
});

t.test('a burst that fills the cache before any rate is known ends at the limit, and goes on at the rate', (t) => {
  const world = new World(1000);
  const host = world.host(world.rig.volume, 64, 1_000_000);
  world.rig.clock.advance(2000);
  t.ok(world.dirty <= LIMIT);
  host.reset();
  world.rig.clock.advance(5000);
  t.ok(host.longestMs <= (STEEPEST * 64 * 1000) / 1000 + TIMER_MS, `longest ${host.longestMs} ms`);
  t.ok(Math.abs(host.writes / 5 / 1000 - 1) < 0.02, `${host.writes / 5} writes a second`);
  t.end();
});

t.test('an LDEV on slow drives does not stall one on fast ones', (t) => {
  const world = new World(2000);
  const slow = world.host(world.volume(8, 50), 64, 10_000);
  world.rig.clock.advance(2000);
  const fast = world.host(world.rig.volume, 64, 4000);
  world.rig.clock.advance(4000);
  fast.reset();
  slow.reset();
  world.rig.clock.advance(4000);
  t.ok(fast.writes / 4 > 1900, `${fast.writes / 4} writes a second to the fast one`);
  t.ok(fast.longestMs <= (STEEPEST * 64 * 1000) / 2000 + TIMER_MS, `longest ${fast.longestMs} ms`);
  t.ok(slow.writes / 4 > 20, `${slow.writes / 4} writes a second to the slow one`);
  t.end();
});

t.test('slow drives leave room in the cache to fast ones, which do not come to meet the limit', (t) => {
  const world = new World(2000);
  world.host(world.volume(8, 50), 64, 10_000);
  world.host(world.rig.volume, 64, 4000);
  world.rig.clock.advance(6000);
  t.ok(world.dirty < LIMIT - 0.01, `${world.dirty} of the slots`);
  t.end();
});

t.test('LDEVs on the same drives get the same, however many commands each has under way', (t) => {
  const world = new World(1000);
  const greedy = world.host(world.rig.volume, 256, 100_000);
  const modest = world.host(world.neighbour(8), 4, 100_000);
  world.rig.clock.advance(2000);
  greedy.reset();
  modest.reset();
  world.rig.clock.advance(4000);
  const share = modest.writes / (modest.writes + greedy.writes);
  t.ok(share > 0.45, `${share} of the writes`);
  t.ok(modest.longestMs < 100, `longest ${modest.longestMs} ms`);
  t.end();
});

t.test('a group that fails: its writes are refused once its share of the cache is full, others go on', (t) => {
  const world = new World(1000);
  const volume = world.volume(8, 1000);
  const failing = world.host(volume, 16, 1000);
  const sound = world.host(world.rig.volume, 16, 2000);
  world.rig.clock.advance(2000);
  for (const group of world.rates.keys()) if (group !== world.rig.group) world.rates.set(group, 0);
  world.rig.clock.advance(6000);
  t.ok(failing.failures.length > 0);
  t.match(failing.failures[0], { kind: 'hardware-error', cause: 'gone' });
  t.same(sound.failures, []);
  sound.reset();
  world.rig.clock.advance(4000);
  t.ok(sound.writes / 4 > 950, `${sound.writes / 4} writes a second to the sound one`);
  t.ok(sound.longestMs < 100, `longest ${sound.longestMs} ms`);
  t.end();
});

t.test('an LDEV on two groups, of which one fails: the slots of the other are found behind the old ones', (t) => {
  const world = new World(5000);
  const failing = createParityGroup('1-9', 'plain', [world.rig.drive]);
  world.rates.set(failing, 0);
  const half = VOLUME_SLOTS / 2;
  const volume = world.rig.cache.attach(9, {
    locate: (slot) => ({ group: slot < half ? failing : world.rig.group, offset: slot * SLOT_BYTES }),
    assign: () => null,
    groups: () => [failing, world.rig.group],
  });
  let failures = 0;
  const write = (slot: number) =>
    volume.write(HOST, slot * 32, 8, [fill(1)], (failure) => void (failure && failures++));
  for (let slot = 0; slot < 400; slot++) write(slot);
  world.rig.clock.advance(3000);
  for (let slot = half; slot < half + 4000; slot++) {
    write(slot);
    world.rig.clock.advance(2);
  }
  t.equal(failures, 0);
  t.ok(world.dirty < 0.7, `${world.dirty} dirty`);
  t.end();
});

t.test('drives that hang for a while: writes wait, and go on when the drives do', (t) => {
  const world = new World(1000);
  const host = world.host(world.rig.volume, 16, 2000);
  world.rig.clock.advance(4000);
  world.adapter.hang(world.rig.group, 10_000);
  world.rig.clock.advance(15_000);
  t.same(host.failures, []);
  host.reset();
  world.rig.clock.advance(4000);
  t.ok(host.writes / 4 > 950, `${host.writes / 4} writes a second afterwards`);
  t.ok(host.longestMs < 100, `longest ${host.longestMs} ms`);
  t.end();
});

t.test('a volume that is removed while writes to it wait: they are told so', (t) => {
  const world = new World(100);
  const host = world.host(world.rig.volume, 32, 400);
  world.rig.clock.advance(4000);
  t.ok(world.rig.cache.stats().waiting > 0);
  t.equal(
    world.rig.wait((done) => world.rig.volume.discard(done)),
    null,
  );
  t.equal(host.failures.filter(({ kind }) => kind === 'not-ready').length >= 32, true);
  t.match(world.rig.cache.stats(), { waiting: 0, dirtySlots: 0 });
  t.end();
});
