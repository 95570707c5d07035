import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import { SimulatedDrive, type SimulatedDriveOptions } from '../../../target/disk/simulated-drive.js';
import type { DriveError } from '../../../target/disk/types.js';

const SECTOR = 512;
const SECTORS = 96 * 3;
const STRIPE = 16384;
const first = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
const rounds = process.env.LUNARRAY_SEED === undefined ? 40 : 1;

/** Per sector: the change submitted last. */
const latest = new Array<number>(SECTORS).fill(0);

/** What one sector may hold: values written since the last certain one. 0 is a hole. */
type Allowed = Set<number>;

/** One adapter on three simulated drives, with a model of what every sector may hold. */
function world(seed: number, options: SimulatedDriveOptions) {
  const clock = new SimulatedClock();
  const random = seededRandom(seed);
  let drives = [0, 1, 2].map((i) => new SimulatedDrive(`d${i}`, (SECTORS * SECTOR) / 3, clock, random, options));
  const regroup = () => createParityGroup('1-1', 'raid0', drives, STRIPE);
  return {
    clock,
    random,
    group: regroup(),
    adapter: new DiskAdapter('DKA-1', clock, { concurrency: 1 + random.below(5) }),
    after(what: 'cut' | 'kill') {
      drives = drives.map((drive) => drive[what]());
      return regroup();
    },
  };
}

function stamp(value: number, sectors: number): Buffer {
  const data = Buffer.alloc(sectors * SECTOR);
  for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(value, i);
  return data;
}

function range(random: { below(limit: number): number }): [number, number] {
  const at = random.below(SECTORS);
  return [at, 1 + random.below(Math.min(70, SECTORS - at))];
}

t.test('without faults: every read sees the jobs submitted before it, no more and no less', (t) => {
  for (let seed = first; seed < first + rounds; seed++) {
    const { clock, random, group, adapter } = world(seed, { latencyMs: [0, 4], readNowShare: 0.4 });
    const model = new Uint32Array(SECTORS);
    let open = 0;
    let value = 0;
    const ended = (error: DriveError | null) => {
      if (error !== null) t.fail(`LUNARRAY_SEED=${seed}: ${error.message}`);
      open--;
    };
    for (let step = 0; step < 300; step++) {
      const [at, sectors] = range(random);
      open++;
      switch (random.below(5)) {
        case 0:
        case 1: {
          value++;
          const data = stamp(value, sectors);
          const cut = random.below(data.length);
          adapter.destage(group, at * SECTOR, [data.subarray(0, cut), data.subarray(cut)], ended);
          model.fill(value, at, at + sectors);
          break;
        }
        case 2:
          adapter.punch(group, at * SECTOR, sectors * SECTOR, ended);
          model.fill(0, at, at + sectors);
          break;
        case 3:
          adapter.sync(group, ended);
          break;
        default: {
          const expected = model.slice(at, at + sectors);
          const buffer = Buffer.alloc(sectors * SECTOR);
          adapter.stage(group, at * SECTOR, [buffer], random.below(2) ? 'host' : 'background', (error) => {
            ended(error);
            for (const [i, wanted] of expected.entries()) {
              const got = buffer.readUInt32LE(i * SECTOR);
              if (got !== wanted) t.fail(`LUNARRAY_SEED=${seed}: sector ${at + i} read ${got}, not ${wanted}`);
            }
          });
        }
      }
      if (random.below(4) === 0) clock.advance(random.below(6));
    }
    let idle = false;
    adapter.idle(() => {
      idle = true;
    });
    clock.settle();
    if (open !== 0 || !idle) t.fail(`LUNARRAY_SEED=${seed}: ${open} jobs never ended`);
    const stats = adapter.stats();
    for (const queue of Object.values(stats)) {
      if (queue.depth !== 0 || queue.submitted !== queue.completed)
        t.fail(`LUNARRAY_SEED=${seed}: ${JSON.stringify(stats)}`);
    }
  }
  t.pass(`LUNARRAY_SEED=${first} and ${rounds - 1} after it`);
  t.end();
});

t.test('with faults and a cut: what a sync covered survives, nothing else appears, every job ends once', (t) => {
  for (let seed = first; seed < first + rounds; seed++) {
    const errorRates = { read: 0.05, write: 0.05, punch: 0.05, sync: 0.1 };
    const { clock, random, group, adapter, after } = world(seed, { latencyMs: [0, 4], readNowShare: 0.4, errorRates });
    const allowed: Allowed[] = Array.from({ length: SECTORS }, () => new Set([0]));
    /** Per sector: the change that ended last without an error, if no later one has begun. */
    const settled: (number | null)[] = new Array(SECTORS).fill(0);
    let running = true;
    let value = 0;
    for (let step = 0; step < 200; step++) {
      const [at, sectors] = range(random);
      let ends = 0;
      const once = () => {
        if (!running || ++ends > 1) t.fail(`LUNARRAY_SEED=${seed}: a job ended ${running ? 'twice' : 'after the cut'}`);
      };
      switch (random.below(4)) {
        case 0:
        case 1: {
          const punch = random.below(3) === 0;
          const mine = punch ? 0 : ++value;
          const token = ++value;
          for (let i = at; i < at + sectors; i++) {
            allowed[i]!.add(mine);
            settled[i] = null;
            latest[i] = token;
          }
          const ended = (error: DriveError | null) => {
            once();
            for (let i = at; i < at + sectors; i++) if (error === null && latest[i] === token) settled[i] = mine;
          };
          if (punch) adapter.punch(group, at * SECTOR, sectors * SECTOR, ended);
          else adapter.destage(group, at * SECTOR, [stamp(mine, sectors)], ended);
          break;
        }
        case 2: {
          const covered = settled.map((mine, i) => [i, mine, latest[i]] as const).filter(([, mine]) => mine !== null);
          adapter.sync(group, (error) => {
            once();
            if (error !== null) return;
            for (const [i, mine, token] of covered) if (latest[i] === token) allowed[i] = new Set([mine!]);
          });
          break;
        }
        default:
          adapter.stage(group, at * SECTOR, [Buffer.alloc(sectors * SECTOR)], 'host', once);
      }
      if (random.below(3) === 0) clock.advance(random.below(8));
    }
    const survivor = after('cut');
    running = false;
    clock.settle();
    const found = Buffer.alloc(SECTORS * SECTOR);
    const read = () => {
      let failed = true;
      survivor.read(0, [found], (error) => {
        failed = error !== null;
      });
      clock.settle();
      return !failed;
    };
    while (!read());
    for (const [i, may] of allowed.entries()) {
      const got = found.readUInt32LE(i * SECTOR);
      if (!may.has(got)) t.fail(`LUNARRAY_SEED=${seed}: sector ${i} holds ${got}, not one of ${[...may]}`);
    }
    latest.fill(0);
  }
  t.pass(`LUNARRAY_SEED=${first} and ${rounds - 1} after it`);
  t.end();
});
