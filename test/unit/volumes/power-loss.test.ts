/**
 * LDEVs on simulated drives and memory, through kills of the process and losses of power.
 *
 * Fault model: drives as in target/disk/simulated-drive.ts, memory as in simulated-memory.ts. The configuration
 * store is a real file and durable, as its every transaction is synced.
 *
 * Expected: what was flushed is there; what was not is any of the values since; never anything of another or
 * an earlier LDEV. `SEED` replays one run.
 */
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { SimulatedDrive } from '../../../target/disk/simulated-drive.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { flush, GiB, hostIo, type RigOptions, read, rig, unmap, write } from './fixture.js';
import { SimulatedMemory } from './simulated-memory.js';

const SEEDS = process.env.LUNARRAY_SEED === undefined ? [1, 2, 3] : [Number(process.env.LUNARRAY_SEED)];
const STEPS = 100;
const REGIONS = 8;
const STRIDE = REGION_BYTES / 512;
const LDEVS = 3;
const PLACES = 20;
/** Blocks per write. */
const BLOCKS = 16;

/** Four places in each of five regions. */
const lbaOf = (place: number) => Math.floor(place / 4) * STRIDE + (place % 4) * BLOCKS;

/** A write's data: `value` in each block. */
function filled(value: number): Buffer {
  const data = Buffer.alloc(BLOCKS * 512);
  for (let block = 0; block < BLOCKS; block++) data.writeUInt32LE(value, block * 512);
  return data;
}

for (const seed of SEEDS) {
  t.test(`seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const clock = new SimulatedClock();
    const drives = new Map<string, SimulatedDrive>();
    const memories = new Map<string, SimulatedMemory>();
    let boot = 1;
    const options = (): RigOptions => ({
      clock,
      bootId: `boot-${boot}`,
      openDrive: (_path, name, bytes) => {
        const drive = drives.get(name) ?? new SimulatedDrive(name, bytes, clock, random, { latencyMs: [0, 3] });
        drives.set(name, drive);
        return drive;
      },
      memory: (name, bytes) => {
        const memory = memories.get(name) ?? new SimulatedMemory(Buffer.alloc(bytes), clock);
        memories.set(name, memory);
        return memory;
      },
    });
    /** Lets simulated time pass until `work` has ended. */
    const ended = async <T>(work: Promise<T>): Promise<T> => {
      let over = false;
      const mark = () => {
        over = true;
      };
      work.then(mark, mark);
      for (let turn = 0; !over; turn++) {
        if (turn > 20_000) throw new Error('nothing ends it');
        clock.advance(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return work;
    };

    /** No cut comes while the cache starts: that is for the cache's tests. */
    const started = () => ended(new Promise<void>((resolve) => memories.get('cache')!.sync(() => resolve())));

    const array = rig(t, options());
    await started();
    array.addPool(REGIONS * REGION_BYTES);
    /**
     * LDEV → place → versions since the last flush, oldest first, each the values found in its blocks. A cut
     * leaves any mixture of them, which is one version from then on.
     */
    const models = new Map<number, Map<number, number[][]>>();
    const wrong: string[] = [];
    let next = 1;
    const top = (id: number) => array.volumes.ldev(id)!.top;
    /** Reads everything: after a cut any version will do, otherwise the newest only. */
    const verify = async (step: number, cut: boolean) => {
      for (const [id, model] of models) {
        const places = Array.from({ length: PLACES }, (_, place) => place);
        const contents = await ended(Promise.all(places.map((place) => read(top(id), lbaOf(place), BLOCKS))));
        for (const [place, data] of contents.entries()) {
          const versions = model.get(place) ?? [[0]];
          const allowed = cut ? versions.flat() : versions.at(-1)!;
          if (!Buffer.isBuffer(data)) {
            wrong.push(`step ${step}: LDEV ${id} place ${place}: ${data.kind}`);
            continue;
          }
          const found = new Set<number>();
          for (let block = 0; block < BLOCKS; block++) found.add(data.readUInt32LE(block * 512));
          if ([...found].some((value) => !allowed.includes(value))) {
            wrong.push(`step ${step}: LDEV ${id} place ${place}: ${[...found]}, not ${allowed}`);
          }
          if (cut) model.set(place, [[...found]]);
        }
      }
    };

    for (let step = 0; step < STEPS; step++) {
      const id = random.below(LDEVS);
      const model = models.get(id);
      const place = random.below(PLACES);
      const dice = random.below(30);
      if (model === undefined) {
        await ended(array.volumes.settled());
        array.volumes.createLdev({ id, bytes: GiB });
        models.set(id, new Map());
      } else if (dice < 14) {
        const value = next++;
        const fua = dice < 4;
        const work = write(top(id), lbaOf(place), filled(value), 512, { ...hostIo, fua });
        const failure = await ended(work);
        if (failure === null) {
          model.set(place, fua ? [[value]] : [...(model.get(place) ?? [[0]]), [value]]);
        } else if (failure.kind !== 'no-space') wrong.push(`step ${step}: ${failure.kind}`);
      } else if (dice < 15) {
        await ended(unmap(top(id), lbaOf(place), BLOCKS));
        model.set(place, [...(model.get(place) ?? []), [0]]);
      } else if (dice < 16) {
        // A whole region: it goes back to the pool, at some time.
        const region = Math.floor(place / 4);
        await ended(unmap(top(id), region * STRIDE, STRIDE));
        for (let each = region * 4; each < region * 4 + 4; each++) {
          model.set(each, [...(model.get(each) ?? [[0]]), [0]]);
        }
      } else if (dice < 20) {
        const failure = await ended(flush(top(id)));
        if (failure !== null) wrong.push(`step ${step}: flush: ${failure.kind}`);
        for (const [each, versions] of model) model.set(each, versions.slice(-1));
      } else if (dice < 23) {
        const deleted = array.volumes.deleteLdev(id);
        models.delete(id);
        if (random.below(2) === 0) await ended(deleted);
      } else {
        // A flush and a write that are not answered any more.
        void flush(top(id));
        const value = next++;
        void write(top(id), lbaOf(place), filled(value), 512, { ...hostIo, fua: true });
        const versions = model.get(place) ?? [[0]];
        model.set(place, [...versions, [...versions.at(-1)!, value]]);
        for (let turn = random.below(12); turn > 0; turn--) {
          clock.advance(1);
          await new Promise((resolve) => setImmediate(resolve));
        }
        const cut = dice >= 26;
        for (const [name, drive] of drives) drives.set(name, cut ? drive.cut() : drive.kill());
        for (const [name, memory] of memories) memories.set(name, cut ? memory.cut(random) : memory.kill());
        if (cut) boot++;
        array.kill();
        array.open(options());
        await started();
        await verify(step, cut);
      }
    }
    await verify(STEPS, false);
    t.same(wrong, []);
    await ended(array.volumes.settled());
    array.kill();
  });
}
