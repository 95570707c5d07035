import t from 'tap';
import { cold, fill, HOST } from './rig.js';

t.test('the slot read longest ago goes first', (t) => {
  const rig = cold(10, 20);
  for (let slot = 0; slot < 10; slot++) rig.read(slot * 32, 8);
  rig.read(0, 8);
  rig.read(15 * 32, 8);
  t.equal(rig.cache.stats().evictions, 1);
  const before = rig.cache.stats().readMisses;
  rig.read(0, 8);
  t.equal(rig.cache.stats().readMisses, before, 'the one touched again stays');
  rig.read(32, 8);
  t.equal(rig.cache.stats().readMisses, before + 1, 'the oldest is gone');
  t.end();
});

t.test('DPO: what was read so goes first', (t) => {
  const rig = cold(10, 20);
  for (let slot = 0; slot < 9; slot++) rig.read(slot * 32, 8);
  rig.read(12 * 32, 8, { ...HOST, dpo: true });
  rig.read(13 * 32, 8);
  const before = rig.cache.stats().readMisses;
  for (let slot = 0; slot < 9; slot++) rig.read(slot * 32, 8);
  t.equal(rig.cache.stats().readMisses, before, 'no other was displaced');
  t.end();
});

t.test('sequential reads are read ahead; random ones are not', (t) => {
  const rig = cold(200, 300);
  for (let at = 0; at < 12; at++) {
    rig.read(at * 8, 8);
    rig.clock.settle();
  }
  const { readMisses, readAheadBytes } = rig.cache.stats();
  t.ok(readAheadBytes > 0);
  for (let at = 12; at < 60; at++) {
    rig.read(at * 8, 8);
    rig.clock.settle();
  }
  t.equal(rig.cache.stats().readMisses, readMisses, 'hits from then on');
  const other = cold(200, 300);
  for (let at = 0; at < 100; at++) other.read(((at * 7919) % 290) * 32, 8);
  t.equal(other.cache.stats().readAheadBytes, 0);
  t.end();
});

t.test('prefetch brings in a range', (t) => {
  const rig = cold(64, 64);
  t.equal(
    rig.wait((done) => rig.volume.prefetch(HOST, 16, 64, done)),
    null,
  );
  t.equal(rig.cache.stats().stagedBytes, 3 * 16384);
  rig.read(16, 64);
  t.equal(rig.cache.stats().readMisses, 0);
  t.end();
});

t.test('commands that need slots wait in order, keeping none', (t) => {
  const rig = cold(10, 40);
  const held: (() => void)[] = [];
  const ended: number[] = [];
  for (let slot = 0; slot < 5; slot++) rig.volume.read(HOST, slot * 32, 32, (_f, _d, release) => held.push(release));
  rig.clock.settle(() => held.length === 5);
  for (let slot = 10; slot < 30; slot++) {
    rig.volume.read(HOST, slot * 32, 32, (failure, data, release) => {
      t.equal(failure, null);
      t.same(Buffer.concat(data), fill(slot + 1, 32));
      ended.push(slot);
      release();
    });
  }
  rig.clock.settle(() => ended.length === 20);
  t.equal(ended.length, 20);
  for (const release of held) release();
  t.match(rig.cache.stats(), { pinnedSlots: 0, waiting: 0 });
  t.end();
});
