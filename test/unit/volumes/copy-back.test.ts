/** Copy-back: what a spare holds goes to the drive it stood in for, once that is replaced. */
import { join } from 'node:path';
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { FileDrive } from '../../../target/disk/file-drive.js';
import { SimulatedDrive } from '../../../target/disk/simulated-drive.js';
import type { DriveIo } from '../../../target/disk/types.js';
import { CopyBack } from '../../../target/volumes/copy-back.js';
import { copyBackDrive } from '../../../target/volumes/copy-back-drive.js';
import { monitored } from '../../../target/volumes/monitored-drive.js';
import { hostIo, MiB, Rig, read, write } from './fixture.js';

t.setTimeout(120_000);

const BYTES = 64 * MiB;
const DATA = 60 * MiB;
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

/** A RAID 5 group of a to d, with a spare s that took the place of a; whole. */
async function standing(dir: string): Promise<Rig> {
  const rig = new Rig(dir);
  const drive = (name: string) => ({ name, path: name, bytes: BYTES });
  rig.volumes.createParityGroup('1-1', 'raid5', ['a', 'b', 'c', 'd'].map(drive));
  rig.volumes.addSpare(drive('s'));
  rig.volumes.createPool('pool', ['1-1']);
  rig.volumes.createLdev({ id: 0, bytes: 100 * MiB });
  for (let at = 0; at < DATA; at += MiB) await put(rig, at, 1);
  rig.volumes.drives.fail('a');
  await until(rig, 's', 'good');
  return rig;
}

const find = (rig: Rig, name: string) => rig.volumes.drives.list().find((drive) => drive.name === name)!;
const states = (rig: Rig) => rig.volumes.drives.list().map(({ name, state }) => `${name} ${state}`);

async function until(rig: Rig, name: string, state: string): Promise<void> {
  for (let i = 0; i < 2000 && find(rig, name).state !== state; i++) await new Promise((wake) => setTimeout(wake, 10));
}

const content = (at: number, version: number) => Buffer.alloc(MiB, `${version} ${at} `);

function put(rig: Rig, at: number, version: number) {
  return write(rig.volumes.ldev(0)!.top, at / 512, content(at, version), 512, { ...hostIo, fua: true });
}

/** MiB that do not hold what was written; those below `changed` have been written twice. */
async function wrong(rig: Rig, changed = 0): Promise<number> {
  let count = 0;
  for (let at = 0; at < DATA; at += MiB) {
    const data = await read(rig.volumes.ldev(0)!.top, at / 512, MiB / 512);
    if (!content(at, at < changed ? 2 : 1).equals(data as Buffer)) count++;
  }
  return count;
}

t.test('the new drive gets all, also what is written meanwhile; the spare is one again', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = await standing(dir);
  const { drives } = rig.volumes;
  drives.settings.change({ rebuildRate: 8 * MiB });
  t.match(drives.replace('a'), { name: 'a', state: 'copy-back', progress: 0 });
  t.same(states(rig), ['a copy-back', 'b good', 'c good', 'd good', 's good']);
  for (let at = 0; at < 20 * MiB; at += MiB) await put(rig, at, 2);
  t.equal(find(rig, 'a').state, 'copy-back');
  drives.settings.change({ rebuildRate: null });
  await until(rig, 'a', 'good');
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good', 's spare']);
  t.equal(find(rig, 'a').parityGroup, '1-1');
  await rig.stop();

  rig = new Rig(dir, existing(dir, ['s']));
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good', 's spare']);
  rig.volumes.drives.settings.change({ rebuildRate: MiB });
  rig.volumes.drives.fail('c');
  t.equal(await wrong(rig, 20 * MiB), 0, 'out of what was copied');
  await rig.stop();
});

t.test('it begins anew after a restart', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = await standing(dir);
  rig.volumes.drives.settings.change({ rebuildRate: MiB });
  rig.volumes.drives.replace('a');
  await new Promise((wake) => setTimeout(wake, 50));
  rig.kill();
  await new Promise((wake) => setTimeout(wake, 50));
  rig = new Rig(dir);
  t.equal(find(rig, 'a').state, 'copy-back');
  rig.volumes.drives.settings.change({ rebuildRate: null });
  await until(rig, 'a', 'good');
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good', 's spare']);
  rig.volumes.drives.settings.change({ rebuildRate: MiB });
  rig.volumes.drives.fail('d');
  t.equal(await wrong(rig), 0);
  await rig.stop();
});

t.test('what stood in for it fails in the midst: the new drive is rebuilt', async (t) => {
  const rig = await standing(t.testdir({ drives: {} }));
  rig.volumes.drives.settings.change({ rebuildRate: MiB });
  rig.volumes.drives.replace('a');
  await put(rig, 0, 2);
  rig.volumes.drives.fail('s');
  await until(rig, 'a', 'rebuilding');
  rig.volumes.drives.settings.change({ rebuildRate: null });
  await until(rig, 'a', 'good');
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good', 's failed']);
  t.equal(await wrong(rig, MiB), 0);
  await rig.stop();
});

t.test('the new drive fails in the midst: what stood in for it stays', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = await standing(dir);
  await rig.stop();
  let faults = 0;
  const openDrive = (path: string, name: string, bytes: number) => {
    const drive: DriveIo = FileDrive.open(join(dir, 'drives', path), name, bytes);
    const own: Partial<DriveIo> = {
      writeMany(writes, done) {
        if (writes[0]!.offset < 8 * MiB) drive.writeMany(writes, done);
        else {
          faults++;
          done({ kind: 'io-error', message: 'a: scratched' });
        }
      },
    };
    if (name !== 'a') return drive;
    return new Proxy(drive, {
      get(target, key) {
        const value = own[key as keyof DriveIo] ?? target[key as keyof DriveIo];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  rig = new Rig(dir, { openDrive });
  rig.volumes.drives.replace('a');
  await until(rig, 'a', 'failed');
  t.equal(faults, 1);
  t.same(states(rig), ['a failed', 'b good', 'c good', 'd good', 's good']);
  t.equal(await wrong(rig), 0);
  rig.volumes.drives.fail('b');
  t.equal(await wrong(rig), 0, 'without another');
  await rig.stop();
});

t.test('a new drive that cannot be made is told as failed, and may be replaced again', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = await standing(dir);
  await rig.stop();
  let broken = true;
  rig = new Rig(dir, {
    openDrive(path, name, bytes) {
      if (broken && name === 'a') throw new Error('no such slot');
      return FileDrive.open(join(dir, 'drives', path), name, bytes);
    },
  });
  t.match(rig.volumes.drives.replace('a'), { state: 'failed' });
  broken = false;
  t.match(rig.volumes.drives.replace('a'), { state: 'copy-back' });
  await until(rig, 'a', 'good');
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good', 's spare']);
  await rig.stop();
});

t.test('what was being written when a drive is exchanged is waited for', (t) => {
  const clock = new SimulatedClock();
  const random = seededRandom(seed);
  const made = (name: string) => new SimulatedDrive(name, MiB, clock, random, { latencyMs: [5, 5] });
  const drive = monitored(made('from'), { reads: 0, writes: 0 }, () => {});
  const order: string[] = [];
  drive.write(0, [Buffer.alloc(512)], () => order.push('first'));
  drive.exchange(made('both'), () => order.push('exchanged'));
  drive.write(4096, [Buffer.alloc(512)], () => order.push('second'));
  t.same(order, []);
  clock.settle();
  t.same(order, ['exchanged', 'first', 'second'], 'what came later is not');
  drive.exchange(made('to'), () => order.push('at once'));
  t.equal(order.at(-1), 'at once');
  t.end();
});

t.test('writes, punches and the copy in any order: both drives hold the same', (t) => {
  const bytes = 4 * MiB;
  for (let round = 0; round < 20; round++) {
    const clock = new SimulatedClock();
    const random = seededRandom(seed + round);
    const made = (name: string) => new SimulatedDrive(name, bytes, clock, random, { latencyMs: [0, 5] });
    const [from, to] = [made('from'), made('to')];
    const both = copyBackDrive(from, to);
    let ended: unknown = 'not yet';
    new CopyBack(both, bytes, clock, { bytesPerSecond: null }, (error) => {
      ended = error;
    }).start();
    let open = 0;
    const slots = bytes / 65536;
    for (let job = 0; job < 60; job++) {
      const offset = random.below(slots) * 65536 + 512 * random.below(64);
      open++;
      const done = () => open--;
      if (random.below(4) === 0) both.punch(offset, 16384, done);
      else both.write(offset, [Buffer.alloc(16384, job + 1)], done);
      // As for any drive: what overlaps comes one after the other.
      clock.settle(() => open === 0);
    }
    clock.settle(() => ended !== 'not yet' && open === 0);
    t.equal(ended, null);
    const contents = [from, to].map((drive) => {
      const data = Buffer.alloc(bytes);
      let read = false;
      drive.read(0, [data], () => {
        read = true;
      });
      clock.settle(() => read);
      return data;
    });
    t.ok(contents[0]!.equals(contents[1]!), `round ${round}`);
  }
  t.end();
});

/** As after the first start: drives that are not there are not made, but for those given. */
function existing(dir: string, made: readonly string[]) {
  return {
    openDrive: (path: string, name: string, bytes: number) =>
      FileDrive.open(join(dir, 'drives', path), name, bytes, made.includes(name) ? 'create' : 'existing'),
  };
}
