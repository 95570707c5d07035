/** Drives that are predicted to fail: by their errors or by an administrator, and what becomes of that. */
import { join } from 'node:path';
import t from 'tap';
import type { Log } from '../../../target/base/log.js';
import { FileDrive } from '../../../target/disk/file-drive.js';
import type { DriveDone, DriveIo } from '../../../target/disk/types.js';
import type { DriveInfo } from '../../../target/volumes/drive-bay.js';
import { MiB, Rig, read, write } from './fixture.js';

const BYTES = 64 * MiB;

/** Reads and writes that a drive is still to fail. */
interface Faults {
  reads: number;
  writes: number;
}

/** The drive, with faults; they show only where the page cache does not help. */
function faulty(drive: DriveIo, faults: Faults): DriveIo {
  const fail = (done: DriveDone) => done({ kind: 'io-error', message: `${drive.name}: scratched` });
  const own: Partial<DriveIo> = {
    readNow: (offset, buffers) => faults.reads === 0 && drive.readNow(offset, buffers),
    read(offset, buffers, done) {
      if (faults.reads === 0) drive.read(offset, buffers, done);
      else {
        faults.reads--;
        fail(done);
      }
    },
    writeMany(writes, done) {
      if (faults.writes === 0) drive.writeMany(writes, done);
      else {
        faults.writes--;
        fail(done);
      }
    },
  };
  return new Proxy(drive, {
    get(target, name) {
      const value = own[name as keyof DriveIo] ?? target[name as keyof DriveIo];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

class Array4 {
  readonly faults = new Map<string, Faults>();
  readonly warnings: string[] = [];
  readonly told: string[] = [];
  rig: Rig;

  constructor(readonly dir: string) {
    this.rig = this.open();
    const drive = (name: string) => ({ name, path: name, bytes: BYTES });
    this.rig.volumes.createParityGroup('1-1', 'raid5', ['a', 'b', 'c', 'd'].map(drive));
    this.rig.volumes.createParityGroup('1-2', 'plain', ['p'].map(drive));
    this.rig.volumes.createPool('raid', ['1-1']);
    this.rig.volumes.createPool('plain', ['1-2']);
    for (const pool of ['raid', 'plain']) this.rig.volumes.createLdev({ bytes: 32 * MiB, pool });
    this.rig.volumes.createLdev({ bytes: 32 * MiB, pool: 'raid' });
  }

  open(): Rig {
    const log: Log = { info() {}, warn: (line) => this.warnings.push(line), error: (line) => this.warnings.push(line) };
    const rig = new Rig(this.dir, {
      log,
      openDrive: (path, name, bytes) => {
        const faults = { reads: 0, writes: 0 };
        this.faults.set(name, faults);
        return faulty(FileDrive.open(join(this.dir, 'drives', path), name, bytes), faults);
      },
    });
    rig.volumes.on('prediction-changed', ({ id, failurePredicted }) => this.told.push(`${id} ${failurePredicted}`));
    return rig;
  }

  async restart(): Promise<void> {
    await this.rig.stop();
    this.rig = this.open();
  }

  drive(name: string): DriveInfo {
    return this.rig.volumes.drives.list().find((each) => each.name === name)!;
  }

  /** Of each LDEV. */
  get predicted(): boolean[] {
    return this.rig.volumes.ldevs().map(({ failurePredicted }) => failurePredicted!);
  }

  /** Writes more than the cache holds, from the beginning of an LDEV. */
  async fill(ldev: number): Promise<void> {
    for (let at = 0; at < 16 * MiB; at += MiB) await write(this.top(ldev), at / 512, Buffer.alloc(MiB, `${at}`));
  }

  async readAll(ldev: number): Promise<void> {
    for (let at = 0; at < 16 * MiB; at += MiB) await read(this.top(ldev), at / 512, MiB / 512);
  }

  top(ldev: number) {
    return this.rig.volumes.ldev(ldev)!.top;
  }
}

t.test('eight failed reads: predicted, told once, for the LDEVs that have something there', async (t) => {
  const array = new Array4(t.testdir({ drives: {} }));
  await array.fill(0);
  array.faults.get('b')!.reads = 7;
  await array.readAll(0);
  t.match(array.drive('b'), { readErrors: 7, failurePredicted: false, state: 'good' });
  array.faults.get('b')!.reads = 2;
  await array.readAll(0);
  t.match(array.drive('b'), { readErrors: 9, writeErrors: 0, failurePredicted: true, state: 'good' });
  t.same(array.predicted, [true, false, false]);
  t.same(array.told, ['0 true']);
  t.same(
    array.warnings.filter((line) => line.includes('predicted')),
    ['drive b: failure predicted after 8 failed reads, 0 failed writes and 0 mended places'],
  );
  await array.fill(2);
  t.same(array.predicted, [true, false, true], 'once it has');

  await array.restart();
  t.match(array.drive('b'), { readErrors: 0, failurePredicted: true }, 'after a restart too');
  t.same(array.predicted, [true, false, true]);

  array.told.length = 0;
  array.rig.volumes.drives.fail('b');
  for (let turns = 0; array.told.length < 2 && turns < 500; turns++) await new Promise((wake) => setTimeout(wake, 10));
  t.match(array.drive('b'), { state: 'failed', failurePredicted: false }, 'what has failed is predicted to no more');
  t.same(array.told, ['0 false', '2 false']);
  array.rig.volumes.drives.replace('b');
  t.match(array.drive('b'), { state: 'rebuilding', failurePredicted: false, readErrors: 0 });
  await array.restart();
  t.equal(array.drive('b').failurePredicted, false);
  t.same(array.predicted, [false, false, false]);
  await array.rig.stop();
});

t.test('a drive without redundancy', async (t) => {
  const array = new Array4(t.testdir({ drives: {} }));
  await array.fill(1);
  array.faults.get('p')!.reads = 4;
  await array.readAll(1);
  array.faults.get('p')!.writes = 4;
  await array.fill(1);
  t.match(array.drive('p'), { readErrors: 4, writeErrors: 4, failurePredicted: true, state: 'good' });
  t.same(array.predicted, [false, true, false]);
  await array.rig.stop();
});

t.test('by an administrator', async (t) => {
  const array = new Array4(t.testdir({ drives: {} }));
  const { drives } = array.rig.volumes;
  await array.fill(0);
  t.equal(drives.predict('c', true).failurePredicted, true);
  t.equal(drives.predict('c', true).failurePredicted, true);
  t.same(array.told, ['0 true'], 'told once');
  drives.predict('a', true);
  drives.predict('c', false);
  t.same(array.predicted, [true, false, false], 'there is another one');
  drives.predict('a', false);
  t.same(array.told, ['0 true', '0 false']);
  t.throws(() => drives.predict('z', true), { code: 'drive-unknown' });
  await array.rig.stop();
});
