/** Regions against a model, and what a scan at open makes of the records in shared memory. */
import fc from 'fast-check';
import t from 'tap';
import type { DriveExtent, ParityGroup, PersistentMemory } from '../../../target/disk/types.js';
import { Pool } from '../../../target/volumes/pool.js';
import { regionRecordBytes } from '../../../target/volumes/region-records.js';
import { GroupRegions, indexOfPlace, REGION_BYTES, RegionTable } from '../../../target/volumes/regions.js';
import { codeOf } from './fixture.js';

const SEED = Number(process.env.LUNARRAY_SEED ?? 20261120);

/** Memory that is what was committed: an uncommitted store does not survive `reopen`. */
class Memory implements PersistentMemory {
  readonly buffer: Buffer;
  constructor(readonly kept: Buffer) {
    this.buffer = Buffer.alloc(kept.length, kept);
  }
  commit(offset: number, bytes: number): void {
    this.buffer.copy(this.kept, offset, offset, offset + bytes);
  }
  sync(done: (error: Error | null) => void): void {
    done(null);
  }
  close(): void {}
}

function group(regions: number, allocated: readonly number[] = []): ParityGroup {
  return {
    name: 'pg',
    level: 'plain',
    bytes: regions * REGION_BYTES,
    drives: [],
    failure: null,
    extents(offset: number, bytes: number): DriveExtent[] {
      const list: DriveExtent[] = [];
      for (let at = offset; at < offset + bytes; at += REGION_BYTES) {
        list.push({ offset: at, bytes: REGION_BYTES, allocated: allocated.includes(at / REGION_BYTES) });
      }
      return list;
    },
  } as unknown as ParityGroup;
}

function open(kept: Buffer, regions: number, id = 1, soiled: number[] = [], allocated: readonly number[] = []) {
  return new GroupRegions(
    group(regions, allocated),
    id,
    '12345678',
    () => new Memory(kept),
    (_group, places) => soiled.push(...places.map(indexOfPlace)),
  );
}

t.test('any order of assignments, releases and restarts agrees with a model', async (t) => {
  const REGIONS = 70;
  const step = fc.oneof(
    fc.record({ do: fc.constant('assign' as const), uid: fc.integer({ min: 1, max: 4 }), region: fc.nat(99) }),
    fc.record({ do: fc.constant('release' as const), uid: fc.integer({ min: 1, max: 4 }), region: fc.nat(99) }),
    fc.record({ do: fc.constant('restart' as const) }),
  );
  t.comment(`seed ${SEED}`);
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 300 }), (steps) => {
      const kept = [Buffer.alloc(regionRecordBytes(REGIONS)), Buffer.alloc(regionRecordBytes(REGIONS / 2))];
      const model = new Map<string, number>();
      let pool = new Pool('pool');
      let tables = new Map<number, RegionTable>();
      const restart = () => {
        pool = new Pool('pool');
        tables = new Map([1, 2, 3, 4].map((uid) => [uid, new RegionTable()]));
        for (const [index, memory] of kept.entries()) {
          const regions = open(memory, index === 0 ? REGIONS : REGIONS / 2, index + 1);
          regions.probeHoles();
          regions.scan((uid, region, place) => tables.get(uid)!.add(region, place));
          pool.add(regions);
        }
      };
      restart();
      for (const each of steps) {
        if (each.do === 'restart') restart();
        else {
          const key = `${each.uid}/${each.region}`;
          const table = tables.get(each.uid)!;
          if (each.do === 'assign' && !model.has(key)) {
            const assigned = pool.assign(each.uid, table, each.region);
            if (assigned !== model.size < REGIONS * 1.5) throw new Error('full too early or too late');
            if (assigned) model.set(key, table.get(each.region));
          }
          if (each.do === 'release' && model.has(key)) {
            pool.release([table.remove(each.region)]);
            model.delete(key);
          }
        }
        if (new Set(model.values()).size !== model.size) throw new Error('a place was given twice');
        if (pool.free !== REGIONS * 1.5 - model.size) throw new Error('free count');
        for (const [uid, table] of tables) {
          for (let region = 0; region < 100; region++) {
            if (table.get(region) !== (model.get(`${uid}/${region}`) ?? 0)) throw new Error('lookup');
          }
        }
      }
    }),
    { seed: SEED, numRuns: 60 },
  );
  t.pass('no counterexample');
});

t.test('a record counts from its last store on', async (t) => {
  const kept = Buffer.alloc(regionRecordBytes(4));
  open(kept, 4).records.take(2, 9, 77);
  const found: number[][] = [];
  open(kept, 4).scan((uid, region, place) => found.push([uid, region, indexOfPlace(place)]));
  t.same(found, [[9, 77, 2]]);
  kept.writeInt32LE(0, 4096 + 2 * 8 + 4);
  t.equal(open(kept, 4).free, 4, 'region number without owner: free');
});

t.test('two million records are found', async (t) => {
  const count = 2 ** 21;
  const kept = Buffer.alloc(regionRecordBytes(count));
  const words = new Int32Array(kept.buffer, kept.byteOffset + 4096, count * 2);
  for (let index = 0; index < count; index++) words.set([index, 1], index * 2);
  const table = new RegionTable();
  const started = performance.now();
  const regions = open(kept, count);
  regions.scan((_uid, region, place) => table.add(region, place));
  t.comment(`${(performance.now() - started).toFixed(1)} ms`);
  t.equal(table.assigned, count);
  t.equal(regions.free, 0);
  t.equal(regions.take(1, count), 0);
});

t.test('memory of another array, group or version is refused', async (t) => {
  const kept = Buffer.alloc(regionRecordBytes(4));
  open(kept, 4, 1);
  t.equal(
    codeOf(() => open(kept, 4, 2)),
    'damaged',
    'another group',
  );
  kept[0]! ^= 1;
  t.equal(
    codeOf(() => open(kept, 4, 1)),
    'damaged',
    'not ours',
  );
});

t.test('free regions that hold data are set aside until they have been punched', async (t) => {
  const kept = Buffer.alloc(regionRecordBytes(12));
  const soiled: number[] = [];
  const allocated = [1, 2, 9];
  const regions = open(kept, 12, 1, soiled, allocated);
  t.equal(regions.probeHoles(), true);
  const taken: number[] = [];
  for (let place = regions.take(5, 0); place !== 0; place = regions.take(5, taken.length))
    taken.push(indexOfPlace(place));
  t.same(taken, [0, 3, 4, 5, 6, 7, 8, 10, 11]);
  t.same(soiled, [1, 2, 9]);
  regions.release(2);
  t.equal(indexOfPlace(regions.take(5, 99)), 2, 'punched and released: handed out');
});

t.test('where holes cannot be told, free regions are handed out unlooked at', async (t) => {
  const kept = Buffer.alloc(regionRecordBytes(2));
  const soiled: number[] = [];
  const regions = open(kept, 2, 1, soiled, [0, 1]);
  t.equal(regions.probeHoles(), false);
  t.equal(indexOfPlace(regions.take(5, 0)), 0);
  t.same(soiled, []);
});

t.test('a sync covers what was changed before it, and callers during one wait for the next', async (t) => {
  const syncs: ((error: Error | null) => void)[] = [];
  const memory = new Memory(Buffer.alloc(regionRecordBytes(8)));
  memory.sync = (done) => syncs.push(done);
  const { records } = new GroupRegions(
    group(8),
    1,
    '12345678',
    () => memory,
    () => {},
  );
  const ended: string[] = [];
  records.sync(() => ended.push('nothing to do'));
  t.same(ended, ['nothing to do']);
  records.take(0, 1, 0);
  records.sync(() => ended.push('first'));
  records.take(1, 1, 1);
  records.sync(() => ended.push('second'));
  t.equal(syncs.length, 1);
  syncs[0]!(null);
  t.same(ended, ['nothing to do', 'first']);
  t.equal(syncs.length, 2);
  syncs[1]!(new Error('no'));
  records.sync(() => ended.push('third'));
  t.equal(syncs.length, 3, 'a failed sync is tried again');
  syncs[2]!(null);
  t.same(ended, ['nothing to do', 'first', 'second', 'third']);
});

t.test('runs join adjacent places of one group', async (t) => {
  const pool = new Pool('pool');
  const [a, b] = [1, 2].map((id) => open(Buffer.alloc(regionRecordBytes(4)), 4, id));
  pool.add(a!);
  pool.add(b!);
  const place = (group: number, index: number) => group * 2 ** 24 + index;
  const runs = pool.runs([place(2, 0), place(1, 3), place(1, 1), place(1, 0)]);
  t.same(
    runs.map((run) => [run.group === a!.group, run.offset / REGION_BYTES, run.bytes / REGION_BYTES]),
    [
      [true, 0, 2],
      [true, 3, 1],
      [false, 0, 1],
    ],
  );
});
