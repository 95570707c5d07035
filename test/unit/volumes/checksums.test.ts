/** Parity groups with and without checksums: what is made, what is found at the next start, what a new drive gets. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Log } from '../../../target/base/log.js';
import { FileDrive } from '../../../target/disk/file-drive.js';
import type { RaidLevel } from '../../../target/disk/types.js';
import { hostIo, MiB, Rig, read, write } from './fixture.js';

const BYTES = 64 * MiB;
const fua = { ...hostIo, fua: true };
const data = Buffer.alloc(MiB, 'what was written');

class Array4 {
  readonly warnings: string[] = [];
  readonly dir: string;
  rig: Rig;

  constructor(t: Test, level: RaidLevel, checksums?: boolean) {
    this.dir = t.testdir({ drives: {} });
    this.rig = this.#open('create');
    const drives = ['a', 'b', 'c', 'd'].map((name) => ({ name, path: name, bytes: BYTES }));
    this.rig.volumes.createParityGroup('1-1', level, drives, null, checksums);
    this.rig.volumes.createPool('pool', ['1-1']);
    this.rig.volumes.createLdev({ id: 0, bytes: 100 * MiB });
  }

  async write(): Promise<void> {
    t.equal(await write(this.top, 0, data, 512, fua), null);
  }

  /** The cache is empty afterwards. @param between with the drives' files closed */
  async restart(between = () => {}): Promise<void> {
    await this.rig.stop();
    between();
    rmSync(join(this.dir, 'cache.mem'));
    this.rig = this.#open('existing');
  }

  file(name: string): string {
    return join(this.dir, 'drives', name);
  }

  get top() {
    return this.rig.volumes.ldev(0)!.top;
  }

  async reads(): Promise<boolean> {
    return data.equals((await read(this.top, 0, data.length / 512)) as Buffer);
  }

  #open(mode: 'create' | 'existing'): Rig {
    const log: Log = { info() {}, warn: (line) => this.warnings.push(line), error: (line) => this.warnings.push(line) };
    return new Rig(this.dir, {
      log,
      openDrive: (path, name, bytes) => FileDrive.open(this.file(path), name, bytes, mode),
    });
  }
}

/** Something else writes over what a drive's file holds of the data. */
function spoil(path: string): void {
  const file = readFileSync(path);
  const at = file.indexOf('what was written');
  file.fill('nobody has done this', at, at + 3000);
  writeFileSync(path, file);
}

t.test('what was changed behind the array is read as it was written, and put right', async (t) => {
  const array = new Array4(t, 'raid5');
  t.match(array.rig.volumes.parityGroups(), [{ checksums: true }]);
  await array.write();
  await array.restart(() => spoil(array.file('b')));
  t.ok(await array.reads());
  t.match(array.warnings, [/^parity group 1-1: b: block \d+ does not hold what was written to it/]);
  await array.restart();
  t.notOk(readFileSync(array.file('b')).includes('nobody has done this'));
  t.ok(await array.reads());
  await array.rig.stop();
});

t.test('without checksums it is not found out', async (t) => {
  const array = new Array4(t, 'raid5', false);
  t.match(array.rig.volumes.parityGroups(), [{ checksums: false }]);
  await array.write();
  await array.restart(() => spoil(array.file('b')));
  t.match(array.rig.volumes.parityGroups(), [{ checksums: false }]);
  t.notOk(await array.reads());
  t.same(array.warnings, [], 'nothing is missed');
  t.notOk(existsSync(array.file('b.sums')));
  await array.rig.stop();
});

t.test('levels without redundancy have none', async (t) => {
  const array = new Array4(t, 'raid0');
  t.match(array.rig.volumes.parityGroups(), [{ checksums: false }]);
  t.notOk(existsSync(array.file('a.sums')));
  const more = [
    { name: 'e', path: 'e', bytes: BYTES },
    { name: 'f', path: 'f', bytes: BYTES },
  ];
  t.throws(() => array.rig.volumes.createParityGroup('1-2', 'raid0', more, null, true), { code: 'bad-name' });
  await array.rig.stop();
});

t.test('a drive whose checksums are missing goes on without, until it is replaced', async (t) => {
  const array = new Array4(t, 'raid5');
  await array.write();
  await array.restart(() => rmSync(array.file('b.sums')));
  t.match(array.warnings, [/^drive b: its checksums are missing \(b\.sums\)/]);
  t.match(array.rig.volumes.parityGroups(), [{ checksums: false }]);
  t.ok(await array.reads());
  await array.rig.stop();

  rmSync(array.file('b'));
  array.rig = new Rig(array.dir);
  array.rig.volumes.drives.fail('b');
  await array.rig.volumes.drives.settled();
  array.rig.volumes.drives.replace('b');
  const state = () => array.rig.volumes.drives.list().find(({ name }) => name === 'b')!.state;
  for (let i = 0; i < 500 && state() !== 'good'; i++) await new Promise((wake) => setTimeout(wake, 10));
  t.equal(state(), 'good');
  await array.restart(() => spoil(array.file('b')));
  t.match(array.rig.volumes.parityGroups(), [{ checksums: true }]);
  t.ok(await array.reads());
  await array.rig.stop();
});

t.test('no drive takes the file of another one’s checksums', async (t) => {
  const array = new Array4(t, 'raid5');
  const drive = (path: string) => [{ name: 'z', path, bytes: BYTES }];
  t.throws(() => array.rig.volumes.createParityGroup('1-2', 'plain', drive('a.sums')), { code: 'drive-exists' });
  await array.rig.stop();
});
