import t from 'tap';
import { fill, HOST, Rig } from './rig.js';

t.test('a write is acknowledged and read back in the same call', (t) => {
  const rig = new Rig();
  let acknowledged = false;
  rig.volume.write(HOST, 8, 8, [fill(1)], (failure) => {
    t.equal(failure, null);
    acknowledged = true;
  });
  t.ok(acknowledged, 'done ran before write returned');
  let read = false;
  rig.volume.read(HOST, 8, 8, (failure, data, release) => {
    t.equal(failure, null);
    t.equal(data.length, 1, 'one view of one slot');
    t.same(Buffer.concat(data), fill(1));
    release();
    read = true;
  });
  t.ok(read, 'done ran before read returned');
  const stats = rig.cache.stats();
  t.match(stats, { reads: 1, writes: 1, readHits: 1, readMisses: 0, hitSectors: 8, dirtySlots: 1, pinnedSlots: 0 });
  t.end();
});

t.test('data in several buffers that do not end at sectors', (t) => {
  const rig = new Rig();
  const data = Buffer.from(Array.from({ length: 16 * 512 }, (_, at) => at * 7));
  const parts = [data.subarray(0, 100), data.subarray(100, 5000), data.subarray(5000)];
  rig.wait((done) => rig.volume.write(HOST, 24, 16, parts, done));
  t.same(rig.read(24, 16), data, 'over two slots');
  t.end();
});

t.test('unallocated space reads as zeros without taking slots', (t) => {
  const rig = new Rig();
  t.same(rig.read(5, 70), fill(0, 70));
  t.match(rig.cache.stats(), { freeSlots: 16, stagedBytes: 0 });
  t.end();
});

t.test('a miss is staged, once for commands that come together', (t) => {
  const rig = new Rig({ drive: { latencyMs: [1, 1] } });
  rig.write(0, fill(3, 32));
  t.equal(rig.flush(), null);
  rig.restart();
  const got: Buffer[] = [];
  for (let i = 0; i < 3; i++) {
    rig.volume.read(HOST, 4, 4, (failure, data, release) => {
      t.equal(failure, null);
      got.push(Buffer.concat(data));
      release();
    });
  }
  t.equal(got.length, 0);
  rig.clock.settle();
  t.same(got, [fill(3, 4), fill(3, 4), fill(3, 4)]);
  t.match(rig.cache.stats(), { stagedBytes: 4096, readMisses: 3, readHits: 0 }, 'a 4 KiB page, once');
  t.end();
});

t.test('only what is missing is staged; what is newer in the cache stays', (t) => {
  const rig = new Rig({ drive: { latencyMs: [1, 1] } });
  rig.write(0, fill(3, 32));
  t.equal(rig.flush(), null);
  rig.restart();
  rig.write(10, fill(4, 2));
  t.same(rig.read(0, 32), Buffer.concat([fill(3, 10), fill(4, 2), fill(3, 20)]));
  t.equal(rig.cache.stats().stagedBytes, 30 * 512);
  t.end();
});

t.test('a write while its slot is being staged', (t) => {
  const rig = new Rig({ drive: { latencyMs: [5, 5] } });
  rig.write(0, fill(3, 32));
  t.equal(rig.flush(), null);
  rig.restart();
  let read: Buffer | null = null;
  rig.volume.read(HOST, 0, 8, (_failure, data, release) => {
    read = Buffer.concat(data);
    release();
  });
  let written = 0;
  rig.volume.write(HOST, 16, 8, [fill(5)], () => written++);
  t.equal(written, 1, 'other sectors: at once');
  rig.volume.write(HOST, 2, 2, [fill(6, 2)], () => written++);
  t.equal(written, 1, 'sectors on their way: not yet');
  rig.clock.settle();
  t.equal(written, 2);
  t.ok(read !== null);
  t.same(rig.read(0, 32), Buffer.concat([fill(3, 2), fill(6, 2), fill(3, 12), fill(5), fill(3, 8)]));
  t.end();
});

t.test('a read of more than a command may take of the cache, and a write', (t) => {
  const rig = new Rig({ slots: 16, volumeSlots: 64 });
  const data = Buffer.from(Array.from({ length: 40 * 32 * 512 - 4096 }, (_, at) => at >>> 9));
  rig.write(3, data);
  t.same(rig.read(3, data.length / 512), data);
  t.end();
});
