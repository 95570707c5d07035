import t from 'tap';
import type { CacheAdapter } from '../../../target/cache/core.js';
import { FUA, fill, HOST, Rig } from './rig.js';

/** All but destages. */
const stagesAtOnce: Omit<CacheAdapter, 'destage'> = {
  stage: (_group, _offset, _buffers, _priority, done) => done(null),
  punch: (_group, _offset, _bytes, done) => done(null),
  sync: (_group, done) => done(null),
};

t.test('dirty data goes to the drive after a second, in address order, and stays in the cache', (t) => {
  const rig = new Rig({ slots: 64 });
  const offsets: number[] = [];
  const write = rig.drive.write.bind(rig.drive);
  rig.drive.write = (offset, buffers, done) => {
    offsets.push(offset);
    write(offset, buffers, done);
  };
  for (const slot of [9, 3, 4, 1]) rig.write(slot * 32, fill(slot, 32));
  rig.clock.advance(900);
  t.same(offsets, [], 'not yet');
  rig.clock.advance(300);
  t.same(
    offsets,
    [1, 3, 9].map((slot) => slot * 16384),
    'ascending, 3 and 4 in one',
  );
  t.match(rig.cache.stats(), { dirtySlots: 0, cleanSlots: 4, destagedBytes: 4 * 16384 });
  t.same(rig.read(96, 32), fill(3, 32));
  t.equal(rig.cache.stats().stagedBytes, 0);
  t.end();
});

/** Runs so many ticks of the destager with hosts that read all the time. */
function busy(rig: Rig, ticks: number): void {
  for (let tick = 0; tick < ticks; tick++) {
    for (let command = 0; command < 200; command++) rig.read(0, 8);
    rig.clock.advance(100);
  }
}

t.test('a little of the dirty data goes to the drive in each tick while hosts are busy, all when idle', (t) => {
  const rig = new Rig({ slots: 6000, volumeSlots: 2000 });
  const dirty = () => rig.cache.stats().dirtySlots;
  for (let slot = 0; slot < 2000; slot++) rig.write(slot * 32, fill(1, 8));
  busy(rig, 10);
  const before = dirty();
  busy(rig, 1);
  const written = before - dirty();
  t.ok(written > 0 && written < 200, `${written} of ${before} slots in a tick`);
  busy(rig, 40);
  t.equal(dirty(), 0, 'the last ones do not take for ever');
  for (let slot = 0; slot < 2000; slot++) rig.write(slot * 32, fill(2, 8));
  rig.clock.advance(3000);
  t.equal(dirty(), 0);
  t.end();
});

t.test('above the low water mark dirty data goes to the drive at once', (t) => {
  const rig = new Rig({ slots: 1000, volumeSlots: 500 });
  for (let slot = 0; slot < 400; slot++) rig.write(slot * 32, fill(1, 8));
  busy(rig, 1);
  t.equal(rig.cache.stats().dirtySlots, 400);
  for (let slot = 400; slot < 420; slot++) rig.write(slot * 32, fill(1, 8));
  busy(rig, 1);
  t.ok(rig.cache.stats().dirtySlots <= 400);
  t.end();
});

t.test(
  'an adapter that ends one job while it takes another, and a host that writes then: ticks do not multiply',
  (t) => {
    const rig = new Rig();
    const ended: (() => void)[] = [];
    rig.open({
      ...stagesAtOnce,
      destage(_group, _offset, _buffers, done) {
        for (const end of ended.splice(0)) end();
        ended.push(() => done(null));
      },
    });
    rig.write(0, fill(1));
    rig.clock.advance(300);
    rig.write(64, fill(1));
    rig.clock.advance(900);
    rig.volume.flush(0, 32, () => rig.write(128, fill(1)));
    rig.clock.advance(200);
    t.equal(rig.cache.stats().dirtySlots, 2, 'the first job has ended');
    t.equal(rig.clock.pending, 1);
    t.end();
  },
);

t.test('a write while its sectors are on their way to the drive', (t) => {
  const rig = new Rig({ drive: { latencyMs: [10, 10] } });
  rig.write(0, fill(1, 16));
  let flushed = 0;
  rig.volume.flush(0, 16, () => flushed++);
  rig.write(4, fill(2, 4));
  t.equal(rig.cache.stats().freshSlots, 1, 'to a fresh slot');
  rig.write(24, fill(3, 4));
  rig.clock.settle(() => flushed > 0);
  t.same(rig.onDrive(0, 16), fill(1, 16), 'the drive got what was written before');
  t.same(rig.volume.dirtyRuns(0, 64), [
    [4, 4],
    [24, 4],
  ]);
  t.equal(rig.flush(), null);
  t.same(rig.onDrive(0, 32), Buffer.concat([fill(1, 4), fill(2, 4), fill(1, 8), fill(0, 8), fill(3, 4), fill(0, 4)]));
  t.end();
});

t.test('FUA: on the medium before done, and read from there', (t) => {
  const rig = new Rig();
  t.equal(rig.tryWrite(0, fill(1), FUA), null);
  rig.write(0, fill(2, 4));
  const image = rig.memory.next();
  image.buffer.fill(0);
  rig.powerLoss(new (rig.memory.constructor as typeof import('./rig.js').KillableMemory)(image.buffer), 'another boot');
  t.same(rig.read(0, 8), fill(1), 'without the cache memory');
  rig.write(0, fill(5, 4));
  t.same(rig.read(0, 8, FUA), Buffer.concat([fill(5, 4), fill(1, 4)]));
  t.same(rig.volume.dirtyRuns(0, 64), [], 'a FUA read brings newer data to the medium first');
  t.end();
});

t.test('a flush syncs what the destager and an earlier process left unsynced, and only that', (t) => {
  const rig = new Rig();
  let syncs = 0;
  const count = () => {
    const sync = rig.drive.sync.bind(rig.drive);
    rig.drive.sync = (done) => {
      syncs++;
      sync(done);
    };
  };
  count();
  rig.write(0, fill(1));
  rig.clock.advance(1000);
  t.equal(rig.cache.stats().dirtySlots, 0, 'destaged');
  t.equal(syncs, 0);
  t.equal(rig.flush(), null);
  t.equal(syncs, 1, 'not synced by the destager: synced by the flush');
  t.equal(rig.flush(), null);
  t.equal(syncs, 1, 'nothing new: no sync');
  rig.write(0, fill(2));
  rig.clock.advance(1000);
  rig.restart();
  count();
  t.equal(rig.flush(), null);
  t.equal(syncs, 2, 'the process before may have left something');
  t.end();
});

t.test('a cache full of dirty data: writers wait, and go on when slots become clean', (t) => {
  const rig = new Rig({ slots: 10, drive: { latencyMs: [5, 5] } });
  let done = 0;
  for (let slot = 0; slot < 30; slot++) {
    rig.volume.write(HOST, slot * 32, 8, [fill(slot + 1)], (failure) => {
      t.equal(failure, null);
      done++;
    });
  }
  t.equal(done, 9, 'a tenth is left to readers');
  t.match(rig.cache.stats(), { waiting: 21, throttledWrites: 21 });
  t.same(rig.read(62 * 32, 8), fill(0), 'reads go on');
  rig.clock.settle(() => done === 30);
  t.equal(done, 30);
  for (let slot = 0; slot < 30; slot++) t.same(rig.read(slot * 32, 8), fill(slot + 1));
  t.end();
});

t.test('a drive without room: data stays, the log says it once, a full cache refuses new writes', (t) => {
  const rig = new Rig({ slots: 10 });
  const error = { kind: 'no-space' as const, message: 'the disk is full' };
  const { write } = rig.drive;
  rig.drive.write = (_offset, _buffers, done) => rig.clock.setImmediate(() => done(error));
  for (let slot = 0; slot < 9; slot++) rig.write(slot * 32, fill(slot + 1));
  rig.clock.advance(5000);
  t.equal(rig.logged.length, 1);
  t.match(rig.logged[0], /the disk is full/);
  t.same(rig.tryWrite(9 * 32, fill(10)), { kind: 'no-space', cause: 'the disk is full' });
  t.same(rig.tryWrite(0, fill(11)), null, 'what is dirty already can be written');
  t.same(rig.flush(), { kind: 'no-space', cause: 'the disk is full' });
  t.same(rig.read(32, 8), fill(2));
  rig.drive.write = write;
  rig.clock.advance(10_000);
  t.match(rig.cache.stats(), { dirtySlots: 0 });
  t.match(rig.logged.at(-1), /works again/);
  t.equal(rig.tryWrite(9 * 32, fill(10)), null);
  t.same(rig.onDrive(0, 8), fill(11));
  t.end();
});

t.test('one bad sector does not keep its neighbours dirty', (t) => {
  const rig = new Rig({ slots: 32 });
  rig.drive.badRange('write', 2 * 16384, 512);
  for (let slot = 0; slot < 5; slot++) rig.write(slot * 32, fill(slot + 1, 32));
  t.same(rig.flush(), { kind: 'medium-error', lba: 64, write: true });
  t.same(rig.volume.dirtyRuns(0, 1000), [[64, 32]]);
  rig.drive.repair();
  t.equal(rig.flush(), null);
  t.same(rig.volume.dirtyRuns(0, 1000), []);
  t.end();
});

t.test('no region can be assigned: the write is refused as it is', (t) => {
  const rig = new Rig();
  rig.region.refuse = { kind: 'no-space', cause: 'the pool is empty' };
  t.same(rig.tryWrite(0, fill(1)), { kind: 'no-space', cause: 'the pool is empty' });
  t.match(rig.cache.stats(), { dirtySlots: 0, freeSlots: 16 });
  t.same(rig.read(0, 8), fill(0));
  t.end();
});
