/**
 * fdatasync that fails once: the kernel forgets which pages it could not write and calls the next one good. Nothing
 * that was on its way then may be vouched for by a later SYNCHRONIZE CACHE.
 */
import { join } from 'node:path';
import t from 'tap';
import { native } from '../../../native/index.js';
import { systemClock } from '../../../target/base/clock.js';
import { Cache } from '../../../target/cache/cache.js';
import type { CachedVolume } from '../../../target/cache/types.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { FileDrive } from '../../../target/disk/file-drive.js';
import { type FileIo, threadIo } from '../../../target/disk/file-io.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import type { IoFailure } from '../../../target/volumes/block-layer.js';
import { FUA, fill, HOST, KillableMemory, Region } from './rig.js';

type Ended = Promise<IoFailure | null>;
const write = (volume: CachedVolume, sector: number, hints = HOST): Ended =>
  new Promise((done) => volume.write(hints, sector, 8, [fill(1)], done));
const flush = (volume: CachedVolume): Ended => new Promise((done) => volume.flush(0, Number.POSITIVE_INFINITY, done));

t.test('every later flush of what went there fails too, of other groups it does not', async (t) => {
  let syncFails = false;
  const pool = threadIo(native);
  const io: FileIo = {
    ...pool,
    sync(fd, done) {
      if (!syncFails) return pool.sync(fd, done);
      syncFails = false;
      setImmediate(done, { message: 'EIO: i/o error, fdatasync', code: 'EIO' });
    },
  };
  const folder = t.testdir();
  const errors: string[] = [];
  const log = { info() {}, warn() {}, error: (message: string) => void errors.push(message) };
  const adapter = new DiskAdapter('DKA', systemClock);
  const memory = new KillableMemory(Buffer.alloc(Cache.memoryBytes(2 ** 20)));
  const cache = Cache.open({ memory, adapter, clock: systemClock, log });
  const [bad, good] = ['bad', 'good'].map((name, id) => {
    const drive = FileDrive.open(join(folder, name), name, 2 ** 20, 'create', { io });
    t.teardown(() => drive.close());
    return cache.attach(id, new Region(createParityGroup(name, 'plain', [drive]), 0, 64));
  }) as [CachedVolume, CachedVolume];
  for (const volume of [bad, good]) t.equal(await write(volume, 0, FUA), null);

  syncFails = true;
  t.equal(await write(bad, 8), null);
  t.match(await flush(bad), { kind: 'hardware-error', cause: /sync of bad: .*EIO/ });

  t.match(await flush(bad), { kind: 'hardware-error', cause: /sync of bad: .*EIO/ }, 'nothing is dirty any more');
  t.match(await write(bad, 16, FUA), { kind: 'hardware-error' });
  t.equal(await write(good, 8, FUA), null);
  t.match(await new Promise((done) => cache.destageAll(done)), { kind: 'hardware-error' }, 'a stop is not a clean one');
  t.match(errors, [/sync of bad: .*EIO.*may be lost/], 'said once');
  cache.close();
});
