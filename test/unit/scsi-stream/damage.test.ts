/** Damaged places of a tape: what stands before them, and behind them where it can be found, is read all the same. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import type { IoFailure } from '../../../target/volumes/block-layer.js';
import type { Host } from '../scsi-primary/rig.js';
import {
  ERASE,
  filemarks,
  locate,
  Over,
  position,
  REWIND,
  read,
  record,
  SILI,
  seen,
  space,
  TapeRig,
  writeRecord,
} from './tape-rig.js';

const SECTOR = 512;
const FIRST = 8;
const MIB = 1024 * 1024;

/** Sectors of a tape that cannot be read from now on, until they are written. */
function lose({ layer }: TapeRig, lost: ReadonlySet<number>): void {
  const left = new Set(lost);
  const layerRead = layer.read.bind(layer);
  const layerWrite = layer.write.bind(layer);
  layer.read = (io, lba, blocks, done) => {
    const bad = [...left].find((sector) => sector >= lba && sector < lba + blocks);
    if (bad === undefined) layerRead(io, lba, blocks, done);
    else done({ kind: 'medium-error', lba: bad, write: false }, [], () => {});
  };
  layer.write = (io, lba, blocks, data, done) => {
    for (let sector = lba; sector < lba + blocks; sector++) left.delete(sector);
    layerWrite(io, lba, blocks, data, done);
  };
}

const flip = ({ layer }: TapeRig, sector: number) => {
  layer.data[sector * SECTOR + 20]! ^= 1;
};

/** Two files, and a third one whose last object is the last one of the tape; sectors of the objects. */
function threeFiles(host: Host): number[] {
  const at: number[] = [];
  let next = FIRST;
  for (let file = 0; file < 3; file++) {
    for (let i = 0; i < 3; i++) {
      writeRecord(host, record(1000, file * 3 + i));
      at.push(next);
      next += 3;
    }
    if (file < 2) {
      host.run(filemarks(1));
      at.push(next);
      next += 1;
    }
  }
  host.run(REWIND);
  return at;
}

for (const how of ['unreadable', 'wrong'] as const) {
  t.test(`the last object is ${how}: all before it is read, and then MEDIUM ERROR`, async (t) => {
    const rig = new TapeRig();
    const at = threeFiles(rig.host('a'));
    const next = rig.restarted();
    const last = at.at(-1)!;
    if (how === 'wrong') flip(next, last);
    else lose(next, new Set([last]));
    const problem = how === 'wrong' ? [3, 0x3100, null] : [3, 0x1100, null];
    const host = next.host('a');
    t.ok(host.run(read(1000)).data.equals(record(1000, 0)));
    host.run(space(Over.filemarks, 2));
    t.same(position(host), [8, 2]);
    for (const seed of [6, 7]) t.ok(host.run(read(1000)).data.equals(record(1000, seed)));
    t.same(seen(host.run(read(1000))), problem, 'and not the end of data');
    t.same(position(host), [10, 2]);
    t.same(seen(host.run(locate(11))), problem);
    t.same(seen(host.run(space(Over.blocks, 1))), problem);
    t.same(seen(host.run(space(Over.filemarks, 1))), problem);
    t.same(seen(host.run(space(Over.end, 0))), problem);
    t.same(position(host), [10, 2], 'where it begins');
    t.equal(host.run(space(Over.filemarks, -1)).status, 0);
    t.same(position(host), [7, 1]);
    t.equal(host.run(locate(1)).status, 0);
    t.ok(host.run(read(1000)).data.equals(record(1000, 1)));
    const again = new TapeRig();
    next.layer.data.copy(again.layer.data);
    if (how === 'unreadable') lose(again, new Set([last]));
    const third = again.host('a');
    t.same(seen(third.run(space(Over.end, 0))), problem, 'the next start says the same');
  });
}

t.test('what is written before the damage, or at it, ends the data there', async (t) => {
  for (const [name, number, cdb] of [
    ['WRITE at it', 10, null],
    ['WRITE before it', 3, null],
    ['ERASE', 10, ERASE],
  ] as const) {
    const rig = new TapeRig();
    const at = threeFiles(rig.host('a'));
    const next = rig.restarted();
    lose(next, new Set([at.at(-1)!]));
    const host = next.host('a');
    t.equal(host.run(locate(number)).status, 0);
    if (cdb === null) t.equal(writeRecord(host, record(3000, 99)).status, 0, name);
    else t.equal(host.run(cdb).status, 0, name);
    t.same(seen(host.run(read(10))), [8, 0x0005, 10], 'the end of data');
    host.run(filemarks(1));
    const again = next.restarted().host('a');
    again.run(locate(number));
    if (cdb === null) t.ok(again.run(read(3000)).data.equals(record(3000, 99)));
    t.same(seen(again.run(read(10))), [0, 0x0001, 10, 'FILEMARK']);
    t.same(seen(again.run(read(10))), [8, 0x0005, 10]);
  }
});

t.test('what follows the last synchronization is unreadable: MEDIUM ERROR there', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  for (let i = 0; i < 3; i++) writeRecord(host, record(1000, i));
  for (const [lost, readable] of [
    [FIRST + 6, 2],
    [FIRST + 7, 2],
    [FIRST + 9, 3],
  ] as const) {
    const next = rig.restarted();
    lose(next, new Set([lost]));
    const again = next.host('a');
    for (let i = 0; i < readable; i++) t.ok(again.run(read(1000)).data.equals(record(1000, i)));
    t.same(seen(again.run(read(1000))), [3, 0x1100, null]);
  }
});

t.test('all objects are unreadable; a path that fails is no damage', async (t) => {
  const rig = new TapeRig();
  const at = threeFiles(rig.host('a'));
  const next = rig.restarted();
  lose(next, new Set(Array.from({ length: 100 }, (_, i) => FIRST + i)));
  const host = next.host('a');
  t.same(seen(host.run(read(1000))), [3, 0x1100, null]);
  t.same(position(host), [0, 0]);
  const other = rig.restarted();
  flip(other, at.at(-1)!);
  const { layer } = other;
  const layerRead = layer.read.bind(layer);
  layer.read = (io, lba, blocks, done) => {
    const path: IoFailure = { kind: 'hardware-error', cause: 'a path' };
    if (blocks > 1) done(path, [], () => {});
    else layerRead(io, lba, blocks, done);
  };
  t.equal(other.host('a').run(read(1000)).sense?.name, 'hardware-error');
  layer.read = layerRead;
  t.ok(other.host('a').run(read(1000)).data.equals(record(1000, 0)), 'the next time it is looked for again');
  t.equal(layer.pinned, 0);
});

t.test('a damaged object in the midst, to which many lists lead, is gone around', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  for (let i = 0; i < 150; i++) {
    if (i % 10 === 9) host.run(filemarks(1));
    else writeRecord(host, record(100, i));
  }
  host.run(REWIND);
  const next = rig.restarted();
  flip(next, FIRST + 64);
  const again = next.host('a');
  again.run(space(Over.end, 0));
  for (const number of [130, 66, 40, 63]) {
    t.equal(again.run(locate(number)).status, 0, `${number}`);
    const { data } = again.run(read(100));
    t.ok(data.equals(record(100, number)));
    again.run(locate(140));
  }
  t.same(seen(again.run(locate(65))), [3, 0x3100, null], 'behind the damaged one: how long that is, nobody knows');
  t.equal(again.run(locate(64)).status, 0);
  t.same(seen(again.run(read(100))), [3, 0x3100, null]);
});

t.test('a record that looks like objects misleads nobody', async (t) => {
  const rig = new TapeRig({ blocks: 8192 });
  const host = rig.host('a');
  writeRecord(host, record(10, 1));
  // The sectors of a record, in the data of one that stands somewhere else.
  const image = Buffer.from(rig.layer.data.subarray(0, 64 * SECTOR));
  const shifted = Buffer.concat([image.subarray(128), Buffer.alloc(128)]);
  writeRecord(host, shifted);
  writeRecord(host, record(10, 2));
  host.run(REWIND);
  const next = rig.restarted();
  flip(next, FIRST + 1 + 65);
  const again = next.host('a');
  again.run(space(Over.end, 0));
  t.same(position(again), [2, 0]);
});

t.test(
  'any damage: what stands before it is read as it was written, and what stands behind it, or is MEDIUM ERROR',
  async (t) => {
    const seed = Number(process.env.LUNARRAY_SEED ?? 20261122);
    const random = seededRandom(seed);
    for (let round = 0; round < 12; round++) {
      const rig = new TapeRig({ blocks: MIB / SECTOR });
      const host = rig.host('a');
      const written: (Buffer | null)[] = [];
      /** Sectors that follow the objects. */
      const ends: number[] = [];
      for (let i = 0; i < 90; i++) {
        const data = random.below(5) === 0 ? null : record(1 + random.below(random.below(4) === 0 ? 20_000 : 700), i);
        written.push(data);
        ends.push((ends.at(-1) ?? FIRST) + Math.ceil((128 + (data?.length ?? 0)) / SECTOR));
        if (data === null) host.run(filemarks(1, 0x01));
        else writeRecord(host, data);
        if (random.below(20) === 0) host.run(filemarks(0));
      }
      if (random.below(2) === 0) host.run(REWIND);
      const next = rig.restarted();
      const places = Array.from({ length: 1 + random.below(4) }, () => FIRST + random.below(ends.at(-1)!));
      if (random.below(2) === 0) for (const sector of places) flip(next, sector);
      else lose(next, new Set(places));
      const again = next.host('a');
      again.run(space(Over.end, 0));
      const all = position(again)[0];
      for (let tries = 0; tries < 40; tries++) {
        const number = random.below(written.length);
        const located = seen(again.run(locate(number)));
        const what = `seed ${seed} round ${round} object ${number} of ${all}`;
        const before = ends[number]! <= Math.min(...places);
        if (located !== null) {
          if (before) t.fail(`${what}: ${located}, before all damage`);
          const end = located[0] === 8 && number > all;
          if (located[0] !== 3 && !end) t.fail(`${what}: ${located}`);
          continue;
        }
        const result = again.run(read(20_000, SILI));
        const sense = seen(result);
        const expected = written[number] ?? null;
        if (before && sense !== null && sense[1] !== 0x0001) t.fail(`${what}: ${sense}, before all damage`);
        if (sense === null ? !(expected !== null && result.data.equals(expected)) : false)
          t.fail(`${what}: other data`);
        if (sense?.[1] === 0x0001 && expected !== null) t.fail(`${what}: a filemark`);
        if (sense?.[0] === 8 && number !== all) t.fail(`${what}: the end of data`);
      }
      t.equal(next.layer.pinned, 0);
    }
  },
);
