import t from 'tap';
import { cold, fill, HOST, type Rig } from './rig.js';

/** Misses of one more pass over the first `slots` slots. */
function misses(rig: Rig, slots: number): number {
  const before = rig.cache.stats().readMisses;
  for (let slot = 0; slot < slots; slot++) rig.read(slot * 32, 8);
  return rig.cache.stats().readMisses - before;
}

t.test('a scan in any order leaves what was used twice', (t) => {
  const rig = cold(40, 400);
  for (let round = 0; round < 2; round++) misses(rig, 20);
  for (let at = 0; at < 350; at++) rig.read((40 + ((at * 3) % 350)) * 32, 8);
  t.equal(misses(rig, 20), 0);
  t.end();
});

t.test('a sequential scan of small blocks does so too, each slot being hit again and again', (t) => {
  const rig = cold(200, 600);
  for (let round = 0; round < 2; round++) {
    for (let slot = 0; slot < 100; slot++) rig.read(((slot * 7) % 100) * 32, 8);
  }
  for (let sector = 200 * 32; sector < 600 * 32; sector += 8) {
    rig.read(sector, 8);
    rig.clock.settle();
  }
  t.ok(rig.cache.stats().readAheadBytes > 0, 'as a stream');
  t.equal(misses(rig, 100), 0);
  t.end();
});

t.test('so do sequential writes', (t) => {
  const rig = cold(100, 600);
  for (let round = 0; round < 2; round++) misses(rig, 40);
  for (let sector = 100 * 32; sector < 600 * 32; sector += 8) {
    rig.write(sector, fill(9));
    // Time for the destager: what is dirty takes room from what is clean.
    if (sector % 256 === 0) rig.flush();
  }
  rig.flush();
  t.equal(misses(rig, 40), 0);
  t.end();
});

t.test('DPO: a hit does not count, what was in the cache before keeps its place, a write goes first', (t) => {
  const rig = cold(20, 400);
  for (let round = 0; round < 2; round++) misses(rig, 10);
  const dpo = { ...HOST, dpo: true };
  rig.read(0, 32, dpo);
  t.equal(misses(rig, 10), 0);
  for (let slot = 100; slot < 150; slot++) {
    rig.write(slot * 32, fill(1, 32), dpo);
    rig.flush();
  }
  t.equal(misses(rig, 10), 0);
  t.end();
});
