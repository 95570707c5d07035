import t, { type Test } from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { ATOMIC_BYTES, type CacheHints } from '../../../target/cache/types.js';
import { fill, HOST, Rig } from './rig.js';

const ATOMIC: CacheHints = { ...HOST, atomic: true };
const SECTORS = ATOMIC_BYTES / 512;
/** Cache slots, so that an atomic write of the longest kind is below a tenth. */
const SLOTS = 180;
/** Slots of the volume. */
const VOLUME = 36;

const WHOLE = Array.from({ length: 256 }, (_, value) => Buffer.alloc(512, value));

/** Whole sectors of one value each, as numbers. */
function values(bytes: Buffer): number[] {
  const list: number[] = [];
  for (let at = 0; at < bytes.length; at += 512) {
    const sector = bytes.subarray(at, at + 512);
    list.push(sector.equals(WHOLE[sector[0]!]!) ? sector[0]! : -1);
  }
  return list;
}

/**
 * Prepares a rig, writes atomically, killed in commit `killAt`, and looks at what the next process finds.
 * @param reopenKillAt the next process is killed too, in this commit
 * @returns whether the write was acknowledged
 */
function killed(
  t: Test,
  prepare: (rig: Rig) => void,
  [sector, sectors]: readonly [number, number],
  killAt: number,
  reopenKillAt = -1,
): boolean {
  const rig = new Rig({ slots: SLOTS, volumeSlots: VOLUME, seed: killAt, drive: { latencyMs: [1, 5] } });
  prepare(rig);
  const reference = new Rig({ slots: SLOTS, volumeSlots: VOLUME, seed: killAt, drive: { latencyMs: [1, 5] } });
  prepare(reference);
  const before = values(reference.read(0, VOLUME * 32));
  rig.memory.killAt = rig.memory.commits + killAt;
  let acknowledged = false;
  try {
    rig.volume.write(ATOMIC, sector, sectors, [fill(99, sectors)], (failure) => {
      acknowledged = failure === null;
    });
  } catch {
    // killed
  }
  if (reopenKillAt > 0) {
    rig.memory = rig.memory.next();
    rig.memory.killAt = reopenKillAt;
    try {
      rig.open();
    } catch {
      // killed again
    }
  }
  rig.restart();
  const what = `kill ${killAt}, again ${reopenKillAt}`;
  const after = values(rig.read(0, VOLUME * 32));
  const expected = [...before];
  if (acknowledged || after[sector] === 99) expected.fill(99, sector, sector + sectors);
  t.equal(String(after), String(expected), `${what}: all or nothing`);
  t.equal(rig.flush(), null);
  t.equal(String(values(rig.onDrive(0, VOLUME * 32))), String(expected), `${what}: on the drive`);
  return acknowledged;
}

/** A slot of each kind: overwritten, dirty elsewhere, clean, not in the cache, being read, being destaged. */
function everyKind(rig: Rig): void {
  for (let slot = 0; slot < 9; slot++) rig.write(slot * 32, fill(10 + slot, 32));
  rig.flush();
  rig.write(20, fill(31, 12));
  rig.write(32, fill(32, 4));
  rig.write(4 * 32, fill(33, 16));
  rig.volume.read(HOST, 4 * 32, 32, () => {});
  rig.volume.read(HOST, 5 * 32, 32, () => {});
  rig.write(6 * 32, fill(34, 32));
  rig.volume.flush(6 * 32, 32, () => {});
  rig.write(8 * 32 + 4, fill(35, 8));
}

t.test('a kill in every commit of an atomic write', (t) => {
  let killAt = 1;
  while (!killed(t, everyKind, [24, 8 * 32], killAt)) killAt++;
  t.ok(killAt > 20, `${killAt} commits`);
  t.end();
});

t.test('a kill in every commit of the opening that follows such a kill', (t) => {
  for (let killAt = 20; killAt < 44; killAt += 4) {
    for (let again = 1; again < 24; again += 4) killed(t, everyKind, [24, 8 * 32], killAt, again);
  }
  t.end();
});

t.test('the longest one, not at a slot, over acknowledged data: seventeen entries', (t) => {
  const prepare = (rig: Rig) => {
    for (let slot = 0; slot < 18; slot++) rig.write(slot * 32, fill(1 + slot, 32));
  };
  let killAt = 1;
  while (!killed(t, prepare, [31, SECTORS], killAt)) killAt++;
  t.end();
});

t.test('random states and ranges', (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 20261120);
  t.comment(`LUNARRAY_SEED=${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 40; round++) {
    const steps = Array.from(
      { length: 12 },
      () => [random.below(4), random.below(1000), 1 + random.below(80)] as const,
    );
    const prepare = (rig: Rig) => {
      for (const [at, [kind, sector, sectors]] of steps.entries()) {
        if (kind === 0) rig.volume.flush(sector, sectors, () => {});
        else if (kind === 1) rig.volume.read(HOST, sector, sectors, () => {});
        else rig.write(sector, fill(1 + at, sectors));
      }
      rig.clock.settle(() => true);
    };
    const sector = random.below(600);
    killed(t, prepare, [sector, 1 + random.below(SECTORS)], 1 + random.below(80));
  }
  t.end();
});

t.test('readers keep what they were given', (t) => {
  const rig = new Rig({ slots: SLOTS });
  rig.write(0, fill(1, 64));
  let held: readonly Buffer[] = [];
  let free = () => {};
  rig.volume.read(HOST, 0, 64, (_failure, data, release) => {
    held = data;
    free = release;
  });
  rig.write(16, fill(2, 32), ATOMIC);
  t.same(Buffer.concat(held), fill(1, 64));
  free();
  t.same(rig.read(0, 64), Buffer.concat([fill(1, 16), fill(2, 32), fill(1, 16)]));
  t.end();
});

t.test('with FUA', (t) => {
  const rig = new Rig({ slots: SLOTS });
  rig.write(16, fill(2, 32), { ...ATOMIC, fua: true });
  t.same(rig.onDrive(16, 32), fill(2, 32));
  t.end();
});

t.test('refused with nothing written: longer than a commit carries, and a cache that is too small', (t) => {
  const rig = new Rig({ slots: SLOTS });
  t.match(rig.tryWrite(0, fill(1, SECTORS + 1), ATOMIC), { kind: 'hardware-error' });
  t.same(rig.read(0, 8), fill(0));
  const small = new Rig({ slots: 16 });
  t.match(small.tryWrite(0, fill(1, 96), ATOMIC), { kind: 'hardware-error' });
  t.same(small.read(0, 8), fill(0));
  small.write(0, fill(1, 64), ATOMIC);
  t.end();
});

t.test('no room for the last slot: nothing written', (t) => {
  const rig = new Rig({ slots: SLOTS });
  rig.write(0, fill(1, 32));
  rig.region.refuse = { kind: 'no-space', cause: 'full' };
  t.match(rig.tryWrite(100, fill(2, 128), ATOMIC), { kind: 'no-space' });
  t.same(rig.read(100, 128), fill(0, 128));
  t.end();
});
