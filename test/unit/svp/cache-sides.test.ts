import {
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { Cache } from '../../../target/cache/cache.js';
import { DIRECTORY_OFFSET } from '../../../target/cache/layout.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { openCacheSides, removeCacheSides } from '../../../target/svp/cache-sides.js';
import { DataDirectory } from '../../../target/svp/data-directory.js';

const OWNER = '12345678';
const HOST = { priority: 'host', fua: false, dpo: false } as const;
const bytes = Cache.memoryBytes(1 << 20);

/** An array's cache memory; starts follow each other without a clean stop. */
class SmallArray {
  readonly directory: DataDirectory;
  readonly first: string;
  readonly second: string;
  logged: string[] = [];
  sides = { good: 0, wanted: 0 };
  private cache!: Cache;
  private volume!: ReturnType<Cache['attach']>;

  constructor(readonly folder: string) {
    this.directory = DataDirectory.open(join(folder, 'data'));
    mkdirSync(join(folder, 'other'));
    this.first = join(folder, 'data', 'cache.mem');
    this.second = join(folder, 'other', `cache-${OWNER}.mem`);
  }

  async start(settled = false, duplex: string | null = join(this.folder, 'other')): Promise<void> {
    this.logged = [];
    const add = (message: string) => void this.logged.push(message);
    const log = { info: add, warn: add, error: add };
    const clock = new SimulatedClock();
    const { memory, sides } = await openCacheSides(this.directory, { bytes, settled, duplex }, OWNER, log);
    this.sides = sides();
    this.cache = Cache.open({ memory, adapter: new DiskAdapter('DKA', clock), clock, log, owner: OWNER, sides });
    this.volume = this.cache.attach(3, { locate: () => null, assign: () => null });
  }

  write(value: number): void {
    this.volume.write(HOST, 5, 8, [Buffer.alloc(4096, value)], (failure) => t.equal(failure, null));
  }

  read(): number {
    let value = -1;
    this.volume.read(HOST, 5, 8, (_failure, data, release) => {
      value = data[0]!.every((byte) => byte === data[0]![0]) ? data[0]![0]! : -1;
      release();
    });
    return value;
  }
}

function damage(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(4096, 0xee), 0, 4096, offset);
}

const losses: Readonly<Record<string, (path: string) => void>> = {
  removed: (path) => rmSync(path),
  'cut short': (path) => truncateSync(path, 4096),
  emptied: (path) => truncateSync(path, 0),
  'header damaged': (path) => damage(path, 0),
  'directory damaged': (path) => damage(path, DIRECTORY_OFFSET),
  'replaced by something else': (path) => {
    rmSync(path);
    mkdirSync(path);
  },
};

for (const [how, lose] of Object.entries(losses)) {
  for (const side of ['first', 'second'] as const) {
    t.test(`${side} side ${how}`, async (t) => {
      const array = new SmallArray(t.testdir());
      await array.start(true);
      t.same(array.sides, { good: 2, wanted: 2 });
      array.write(1);
      await array.start();
      t.equal(array.read(), 1);
      array.write(2);
      lose(array[side]);
      await array.start();
      t.equal(array.read(), 2, 'nothing is lost');
      t.match(array.logged.join('\n'), `cache side ${array[side]} is lost`);
      const stays = how === 'replaced by something else';
      t.same(array.sides, { good: stays ? 1 : 2, wanted: 2 });
      array.write(3);
      if (stays) {
        await array.start();
        t.equal(array.read(), 3, 'with one side');
        rmSync(array[side], { recursive: true });
        await array.start();
        t.equal(array.read(), 3, 'made anew when that can be done');
        t.same(array.sides, { good: 2, wanted: 2 });
      }
      rmSync(side === 'first' ? array.second : array.first);
      await array.start();
      t.equal(array.read(), 3, 'nor with the other side after that');
    });
  }
}

t.test('no side: refused, unless nothing can have been in it', async (t) => {
  const array = new SmallArray(t.testdir());
  await array.start(true);
  array.write(1);
  rmSync(array.first);
  damage(array.second, 0);
  await t.rejects(array.start(), { code: 'data-unusable', message: /no side of the cache can be used/ });
  await array.start(true);
  t.equal(array.read(), 0);
  t.same(array.sides, { good: 2, wanted: 2 });
});

t.test('an old copy put back does not count, neither does a side that was away', async (t) => {
  const array = new SmallArray(t.testdir());
  await array.start(true);
  array.write(1);
  const copy = join(array.folder, 'copy');
  copyFileSync(array.first, copy);
  await array.start();
  await array.start();
  array.write(2);
  copyFileSync(copy, array.first);
  await array.start();
  t.equal(array.read(), 2);
  t.match(array.logged.join('\n'), /older than the other side/);
  const away = join(array.folder, 'away');
  renameSync(join(array.folder, 'other'), away);
  await array.start();
  t.same(array.sides, { good: 1, wanted: 2 });
  t.match(array.logged.join('\n'), /cannot be made/);
  array.write(3);
  renameSync(away, join(array.folder, 'other'));
  await array.start();
  t.equal(array.read(), 3);
  t.same(array.sides, { good: 2, wanted: 2 });
});

t.test('added, moved and given up', async (t) => {
  const array = new SmallArray(t.testdir());
  await array.start(true, null);
  t.same(array.sides, { good: 1, wanted: 1 });
  array.write(1);
  await array.start();
  t.same(array.sides, { good: 2, wanted: 2 });
  t.ok(existsSync(array.second));
  const third = join(array.folder, 'third');
  mkdirSync(third);
  rmSync(array.first);
  await array.start(false, third);
  t.equal(array.read(), 1);
  t.notOk(existsSync(array.second));
  t.same(readdirSync(third), [`cache-${OWNER}.mem`]);
  await array.start(false, null);
  t.equal(array.read(), 1);
  t.same(readdirSync(third), []);
  await array.start();
  removeCacheSides(array.directory);
  t.notOk(existsSync(array.first));
  t.notOk(existsSync(array.second));
});
