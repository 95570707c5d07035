import t from 'tap';
import { fill, HOST, Rig } from './rig.js';

/** Reads and keeps the buffers. */
function keep(rig: Rig, sector: number, sectors: number) {
  let held: { data: readonly Buffer[]; release: () => void } | null = null;
  rig.volume.read(HOST, sector, sectors, (_failure, data, release) => {
    held = { data, release };
  });
  rig.clock.settle(() => held !== null);
  return held!;
}

t.test('what was handed to a reader does not change when it is overwritten', (t) => {
  const rig = new Rig();
  rig.write(0, fill(1, 32));
  const reader = keep(rig, 4, 8) as { data: readonly Buffer[]; release: () => void };
  rig.write(6, fill(2, 4));
  t.same(Buffer.concat(reader.data), fill(1, 8), 'the reader still has the old data');
  t.same(rig.read(0, 32), Buffer.concat([fill(1, 6), fill(2, 4), fill(1, 22)]), 'others read the new');
  t.match(rig.cache.stats(), { freshSlots: 1, dirtySlots: 1, pinnedSlots: 1, freeSlots: 14 });
  reader.release();
  t.match(rig.cache.stats(), { pinnedSlots: 0, freeSlots: 15 }, 'the old slot is free again');
  t.end();
});

t.test('a kill between the commit of the fresh slot and the drop of the old one', (t) => {
  for (let killAt = 1; ; killAt++) {
    const rig = new Rig();
    rig.write(0, fill(1, 32));
    const reader = keep(rig, 0, 32) as { data: readonly Buffer[]; release: () => void };
    rig.memory.killAt = rig.memory.commits + killAt;
    let acknowledged = false;
    try {
      rig.volume.write(HOST, 6, 4, [fill(2, 4)], () => {
        acknowledged = true;
      });
    } catch {
      // killed
    }
    rig.restart();
    t.equal(rig.cache.recovered.slots, 1, 'one slot counts');
    const fresh = Buffer.concat([fill(1, 6), fill(2, 4), fill(1, 22)]);
    const got = rig.read(0, 32);
    t.ok(
      got.equals(fresh) || (!acknowledged && got.equals(fill(1, 32))),
      `old or new after a kill in commit ${killAt}`,
    );
    t.same(reader.data.length, 1);
    if (acknowledged) break;
  }
  t.end();
});

t.test('readers cannot pin more than half of what is not dirty: beyond that they get copies', (t) => {
  const rig = new Rig({ slots: 8, volumeSlots: 8 });
  for (let slot = 0; slot < 8; slot++) {
    rig.write(slot * 32, fill(slot + 1, 32));
    t.equal(rig.flush(), null);
  }
  const readers = Array.from({ length: 8 }, (_, slot) => keep(rig, slot * 32, 8)) as {
    data: readonly Buffer[];
    release: () => void;
  }[];
  const { pinnedSlots, copiedReads } = rig.cache.stats();
  t.equal(pinnedSlots, 4);
  t.equal(copiedReads, 4);
  rig.write(0, fill(9, 32));
  readers.forEach((reader, slot) => {
    t.same(Buffer.concat(reader.data), fill(slot + 1));
    reader.release();
  });
  t.equal(rig.cache.stats().pinnedSlots, 0);
  t.end();
});

t.test('an unmapped slot that is being sent goes adrift, its dirty rest is kept', (t) => {
  const rig = new Rig();
  rig.write(0, fill(1, 32));
  const reader = keep(rig, 0, 32) as { data: readonly Buffer[]; release: () => void };
  t.equal(rig.unmap(0, 16), null);
  t.same(rig.read(0, 32), Buffer.concat([fill(0, 16), fill(1, 16)]));
  t.same(Buffer.concat(reader.data), fill(1, 32), 'the reader sees none of it');
  reader.release();
  t.equal(rig.flush(), null);
  t.same(rig.onDrive(0, 32), Buffer.concat([fill(0, 16), fill(1, 16)]));
  t.end();
});
