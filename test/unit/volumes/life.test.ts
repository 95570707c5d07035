/**
 * LDEVs are made, written, unmapped in part and in whole regions, deleted and the process killed in random order,
 * on real files. Every block must hold what was written last, zeros where nothing was: in particular nothing of
 * an LDEV that was there before. `SEED` replays one run.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import type { LdevVolume } from '../../../target/volumes/ldev-volume.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { flush, GiB, read, rig, unmap, write } from './fixture.js';

const SEEDS = process.env.LUNARRAY_SEED === undefined ? [1, 2, 3, 4] : [Number(process.env.LUNARRAY_SEED)];
const STEPS = 120;
const REGIONS = 12;
const STRIDE = REGION_BYTES / 512;
/** Blocks per write; eight places in each of six regions are written. */
const BLOCKS = 64;

const PLACES_PER_REGION = 8;

/** What one LDEV should hold: fill byte by place; 0 where it was unmapped and the region is the LDEV's still. */
type Model = Map<number, number>;

const lbaOf = (place: number) => Math.floor(place / 8) * STRIDE + (place % 8) * BLOCKS;

for (const seed of SEEDS) {
  t.test(`seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const array = rig(t);
    array.addPool(REGIONS * REGION_BYTES);
    const models = new Map<number, Model>();
    const regionsOf = (model: Model) => new Set([...model.keys()].map((place) => Math.floor(place / 8))).size;
    /** [LDEV, region] on their way back: a kill leaves some with the LDEV, empty. */
    let returning: [number, number][] = [];
    let fill = 0;
    const wrong: string[] = [];
    for (let step = 0; step < STEPS; step++) {
      const id = random.below(4);
      const model = models.get(id);
      const top = array.volumes.ldev(id)?.top;
      const place = random.below(48);
      const dice = random.below(22);
      if (model === undefined || top === undefined) {
        await array.volumes.settled();
        array.volumes.createLdev({ id, bytes: GiB });
        models.set(id, new Map());
      } else if (dice < 10) {
        fill = (fill % 255) + 1;
        const failure = await write(top, lbaOf(place), Buffer.alloc(BLOCKS * 512, fill));
        if (failure === null) model.set(place, fill);
        else if (failure.kind !== 'no-space') wrong.push(`step ${step}: ${failure.kind}`);
      } else if (dice < 12) {
        await unmap(top, lbaOf(place), BLOCKS);
        // Its region stays with the LDEV, so the place stays in the model.
        if (model.has(place)) model.set(place, 0);
      } else if (dice < 14) {
        await flush(top);
      } else if (dice >= 20) {
        const first = random.below(6);
        const end = first + 1 + random.below(6 - first);
        // With some blocks of the region before, which stays.
        const before = first > 0 ? 7 : 0;
        const failure = await unmap(top, first * STRIDE - before, (end - first) * STRIDE + before);
        if (failure !== null) wrong.push(`step ${step}: unmap: ${failure.kind}`);
        for (let region = first; region < end; region++) {
          for (let each = 0; each < PLACES_PER_REGION; each++) model.delete(region * PLACES_PER_REGION + each);
          returning.push([id, region]);
        }
        if (random.below(2) === 0) {
          await array.volumes.settled();
          returning = [];
        }
      } else if (dice < 17) {
        const deleted = array.volumes.deleteLdev(id);
        models.delete(id);
        if (random.below(2) === 0) await deleted;
        else deleted.catch(() => {});
      } else {
        // Deletions under way are broken off at whatever step they are.
        for (let turn = random.below(4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
        await new Promise<void>((resolve) => array.adapter.idle(resolve));
        array.kill();
        array.open();
        for (const [each, region] of returning) {
          const ldev = array.volumes.ldev(each) as LdevVolume | undefined;
          const empty = region * PLACES_PER_REGION;
          if (ldev !== undefined && ldev.regions.get(region) !== 0 && !models.get(each)!.has(empty)) {
            models.get(each)!.set(empty, 0);
          }
        }
        returning = [];
      }
      const assigned = [...models].reduce((sum, [each]) => sum + array.volumes.assignedBytes(each), 0) / REGION_BYTES;
      const expected = [...models.values()].reduce((sum, each) => sum + regionsOf(each), 0);
      if (assigned !== expected) wrong.push(`step ${step}: ${assigned} regions assigned, not ${expected}`);
    }
    await array.volumes.settled();
    for (const [id, model] of models) {
      for (let place = 0; place < 48; place++) {
        const data = await read(array.volumes.ldev(id)!.top, lbaOf(place), BLOCKS);
        const expected = model.get(place) ?? 0;
        if (!Buffer.isBuffer(data) || !data.equals(Buffer.alloc(BLOCKS * 512, expected))) {
          wrong.push(`LDEV ${id} place ${place}: not ${expected}`);
        }
      }
    }
    t.same(wrong, []);
    const inUse = [...models.keys()].reduce((sum, id) => sum + array.volumes.assignedBytes(id), 0);
    t.equal(array.volumes.pools()[0]!.freeBytes, REGIONS * REGION_BYTES - inUse, 'no region is lost');
    await array.stop();
  });
}
