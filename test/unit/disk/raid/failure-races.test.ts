/** Drives that fail, and are replaced, in the midst of what the group is just doing. */
import t from 'tap';
import { SimulatedClock } from '../../../../target/base/clock.js';
import { silentLog } from '../../../../target/base/log.js';
import { seededRandom } from '../../../../target/base/random.js';
import { RedundantGroup } from '../../../../target/disk/raid/redundant-group.js';
import { redundantMemoryBytes, underWayMemoryBytes } from '../../../../target/disk/raid/redundant-shape.js';
import { SimulatedDrive } from '../../../../target/disk/simulated-drive.js';
import type { DriveDone, DriveError } from '../../../../target/disk/types.js';
import { SimulatedMemory } from '../../volumes/simulated-memory.js';
import { RaidWorld, SECTOR, UNIT, type WorldOptions } from './raid-world.js';

const first = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
const GONE: DriveError = { kind: 'missing', message: 'gone' };

/** Full of data, synced. */
function world(seed: number, options: WorldOptions): RaidWorld {
  const made = new RaidWorld(seed, options);
  made.write(0, made.sectors.length);
  made.drain();
  made.sync();
  made.drain();
  return made;
}

/** A drive whose next sync ends when it is let. */
class Holding extends SimulatedDrive {
  release: (() => void) | null = null;

  override sync(done: DriveDone): void {
    if (this.release !== null) super.sync(done);
    else this.release = () => super.sync(done);
  }
}

t.test('a note of how far a rebuild is says nothing of a drive that came since', (t) => {
  const unit = 64 * 1024;
  const clock = new SimulatedClock();
  const parts = [clock, seededRandom(1), { latencyMs: [1, 1] }] as const;
  const bytes = 600 * 2 ** 20;
  const drives = ['a', 'b', 'c'].map((name) => new SimulatedDrive(name, bytes, ...parts));
  const shape = { name: 'g', level: 'raid5', drives, stripeBytes: unit } as const;
  const memory = new SimulatedMemory(Buffer.alloc(redundantMemoryBytes(shape)), clock);
  const underWay = new SimulatedMemory(Buffer.alloc(underWayMemoryBytes(shape)), clock);
  const group = RedundantGroup.open({
    ...shape,
    memory,
    underWay,
    bootId: 'boot',
    clock,
    log: silentLog,
    changed: () => {},
  });
  const run = (start: (done: DriveDone) => void): DriveError | null => {
    let result: DriveError | null | undefined;
    start((error) => {
      result = error;
    });
    clock.settle(() => result !== undefined, 100_000);
    return result!;
  };
  const data = Buffer.alloc(2 * unit * 16, 7);
  t.equal(
    run((done) => group.write(0, [data], done)),
    null,
  );
  t.equal(
    run((done) => group.sync(done)),
    null,
  );
  group.failDrive(1, GONE);
  clock.advance(50);
  const slow = new Holding('b1', bytes, ...parts);
  group.replaceDrive(1, slow);
  clock.settle(() => slow.release !== null, 100_000);
  group.failDrive(1, GONE);
  clock.advance(20);
  group.replaceDrive(1, new SimulatedDrive('b2', bytes, ...parts));
  slow.release!();
  clock.settle(() => group.members[1]!.state === 'good', 100_000);
  group.failDrive(0, GONE);
  const back = Buffer.alloc(data.length);
  t.equal(
    run((done) => group.read(0, [back], done)),
    null,
  );
  t.ok(back.equals(data), 'what the second one was filled with');
  t.end();
});

t.test('a sync that takes a drive out has not ended before that is noted', (t) => {
  t.comment(`LUNARRAY_SEED=${first}`);
  for (let seed = first; seed < first + 10; seed++) {
    const w = world(seed, { level: 'raid5', drives: 4, stripes: 4, drive: { latencyMs: [0, 3] } });
    w.write(0, UNIT / SECTOR);
    w.drain();
    w.drives[0]!.fail('sync');
    w.sync();
    w.clock.settle(() => w.open === 0, 100_000);
    w.restart('cut');
    w.verify(`LUNARRAY_SEED=${seed}`, 'cut');
    t.equal(w.wrong, null);
  }
  t.end();
});

t.test('a new drive’s emptiness is not taken for data by a read under way', (t) => {
  t.comment(`LUNARRAY_SEED=${first}`);
  for (let seed = first; seed < first + 20; seed++) {
    const w = world(seed, { level: 'raid5', drives: 4, stripes: 4, drive: { latencyMs: [1, 3] } });
    w.mayFail = true;
    w.drives[0]!.badRange('read', 0, SECTOR);
    const buffer = Buffer.alloc(SECTOR);
    let ended: DriveError | null | undefined;
    w.group.read(0, [buffer], (error) => {
      ended = error;
    });
    w.clock.advance(w.below(80) / 10);
    w.failDrive(1);
    w.clock.settle(() => true);
    w.replaceDrive(1);
    w.clock.settle(() => ended !== undefined, 100_000);
    if (ended === null) t.ok(w.sectors[0]!.possible.has(buffer.readUInt32LE(0)), `LUNARRAY_SEED=${seed}`);
  }
  t.end();
});

t.test('what the redo log has no room for when a drive fails is not acknowledged before it is done again', (t) => {
  t.comment(`LUNARRAY_SEED=${first}`);
  const stripes = 112;
  const sectors = 2048;
  for (let seed = first; seed < first + 10; seed++) {
    const w = world(seed, { level: 'raid6', drives: 4, stripes, drive: { latencyMs: [0, 3] } });
    const position = w.below(4);
    w.drives[position]!.badRange('write', 0, stripes * UNIT);
    for (let i = 0; i < 3; i++) w.write(i * sectors, sectors);
    w.clock.settle(() => w.group.members[position]!.state === 'failed' && w.open <= seed % 3, 100_000);
    w.drives[position]!.repair();
    w.restart('kill');
    w.clock.advance(50);
    w.verify(`LUNARRAY_SEED=${seed}`, 'kill');
    t.equal(w.wrong, null);
  }
  t.end();
});
