import t from 'tap';
import { fill, HOST, KillableMemory, Rig } from './rig.js';

t.test('what was acknowledged is there after a kill, and reaches the drive', (t) => {
  const rig = new Rig();
  rig.write(30, fill(1, 8));
  rig.write(100, fill(2, 1));
  rig.restart();
  t.same(rig.cache.recovered, { slots: 3, bytes: 9 * 512 });
  t.same(rig.volume.dirtyRuns(0, 2000), [
    [30, 8],
    [100, 1],
  ]);
  t.same(rig.read(30, 8), fill(1, 8));
  t.equal(rig.flush(), null);
  t.same(rig.onDrive(30, 8), fill(1, 8));
  rig.restart();
  t.same(rig.cache.recovered, { slots: 0, bytes: 0 });
  t.end();
});

t.test('slot numbers beyond 32 bits', (t) => {
  const far = 2 ** 39 + 5;
  const locate = () => null;
  const rig = new Rig();
  const backing = { locate, assign: () => null };
  rig.cache.attach(8, backing).write(HOST, far * 32, 8, [fill(7)], (failure) => t.equal(failure, null));
  rig.restart();
  const volume = rig.cache.attach(8, backing);
  t.same(volume.dirtyRuns(far * 32, 32), [[far * 32, 8]]);
  volume.read(HOST, far * 32, 8, (failure, data, release) => {
    t.equal(failure, null);
    t.same(Buffer.concat(data), fill(7));
    release();
  });
  t.end();
});

t.test('a kill in every commit of an overwrite of acknowledged data', (t) => {
  for (let killAt = 1; ; killAt++) {
    const rig = new Rig({ seed: killAt });
    rig.write(0, fill(1, 16));
    rig.memory.killAt = rig.memory.commits + killAt;
    let acknowledged = false;
    try {
      rig.volume.write(HOST, 8, 16, [fill(2, 16)], () => {
        acknowledged = true;
      });
    } catch {
      // killed
    }
    rig.restart();
    const got = rig.read(0, 24);
    for (let sector = 0; sector < 24; sector++) {
      const bytes = got.subarray(sector * 512, (sector + 1) * 512);
      const old = sector < 16 ? 1 : 0;
      const possible = sector < 8 ? [1] : acknowledged ? [2] : [old, 2];
      t.ok(
        bytes.every((byte) => byte === bytes[0]) && possible.includes(bytes[0]!),
        `sector ${sector}, kill ${killAt}`,
      );
    }
    if (acknowledged) break;
  }
  t.end();
});

t.test('a kill in every commit of the opening that follows a kill', (t) => {
  for (let killAt = 1; ; killAt++) {
    const rig = new Rig();
    rig.write(0, fill(1, 32));
    rig.write(100, fill(3));
    // In the commit after the one that commits the intent: data, entry, count, data in place.
    rig.memory.killAt = rig.memory.commits + 4;
    t.throws(() => rig.write(4, fill(2)), /killed/);
    rig.memory = rig.memory.next();
    rig.memory.killAt = killAt;
    let opened = true;
    try {
      rig.open();
    } catch {
      opened = false;
    }
    rig.restart();
    t.same(rig.read(0, 32), Buffer.concat([fill(1, 4), fill(2), fill(1, 20)]), `the intent is redone, kill ${killAt}`);
    t.same(rig.read(100, 8), fill(3));
    if (opened) break;
  }
  t.end();
});

t.test('volumes that do not exist any more', (t) => {
  const rig = new Rig();
  const backing = { locate: () => null, assign: () => null };
  rig.cache.attach(8, backing).write(HOST, 0, 8, [fill(7)], () => {});
  rig.write(0, fill(1));
  rig.restart();
  t.equal(rig.cache.recovered.slots, 2);
  t.equal(rig.cache.stats().dirtySlots, 2);
  t.equal(rig.cache.dropUnattached(), 1);
  t.match(rig.cache.stats(), { dirtySlots: 1, freeSlots: 15 });
  rig.restart();
  t.equal(rig.cache.recovered.slots, 1, 'for good');
  t.end();
});

t.test('discard: nothing comes back, commands are refused, the id can be used again', (t) => {
  const rig = new Rig({ drive: { latencyMs: [5, 5] } });
  for (let slot = 0; slot < 6; slot++) rig.write(slot * 32, fill(1, 32));
  rig.volume.flush(0, 64, () => {});
  t.equal(
    rig.wait((done) => rig.volume.discard(done)),
    null,
  );
  t.match(rig.cache.stats(), { dirtySlots: 0, freeSlots: 16 });
  t.match(rig.tryWrite(0, fill(1)), { kind: 'not-ready' });
  t.match(rig.tryRead(0, 8), { kind: 'not-ready' });
  t.match(rig.unmap(0, 8), { kind: 'not-ready' });
  t.match(rig.flush(), { kind: 'not-ready' });
  rig.cache.attach(7, rig.region);
  t.throws(() => rig.cache.attach(7, rig.region), /attached already/);
  rig.restart();
  t.equal(rig.cache.recovered.slots, 0);
  t.end();
});

t.test('the machine went down: pages may be of different ages, so what no flush covered is dropped, and said', (t) => {
  const rig = new Rig();
  rig.write(0, fill(1));
  t.equal(rig.flush(), null);
  rig.write(0, fill(2));
  const image = new KillableMemory(rig.memory.written);
  rig.powerLoss(image, 'another boot');
  t.equal(rig.cache.recovered.slots, 0);
  t.match(rig.logged, [/8 sectors \(4096 bytes\).*are dropped/]);
  t.same(rig.read(0, 8), fill(1), 'what was synced');
  t.end();
});

t.test('a clean stop with dirty data left survives that', (t) => {
  const rig = new Rig();
  rig.write(0, fill(2));
  let closed = false;
  rig.cache.close(() => {
    closed = true;
  });
  t.ok(closed);
  t.equal(rig.memory.syncs, 2, 'contents before the mark that vouches for them');
  t.match(rig.tryWrite(0, fill(3)), { kind: 'not-ready' });
  rig.powerLoss(rig.memory.next(), 'another boot');
  t.same(rig.read(0, 8), fill(2));
  t.end();
});
