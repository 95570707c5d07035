import fs from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { native } from '../../../native/index.js';
import { FileDrive } from '../../../target/disk/file-drive.js';
import { type FileIo, threadIo } from '../../../target/disk/file-io.js';
import type { DriveDone, DriveError } from '../../../target/disk/types.js';
import { eachIo } from './each-io.js';

const BYTES = 1 << 24;

function outcome(start: (done: DriveDone) => void): Promise<DriveError | null> {
  return new Promise((resolve) => start(resolve));
}

for (const [name, functions, io] of eachIo) {
  t.test(name, async (t) => {
    const folder = t.testdir();
    const open = (file: string, mode?: 'create' | 'existing') => {
      const drive = FileDrive.open(join(folder, file), file, BYTES, mode, { functions, io });
      t.teardown(() => drive.close());
      return drive;
    };

    t.test('keeps what is written, scattered and gathered, with its length', async (t) => {
      const drive = open('rw');
      t.equal(drive.failure, null);
      const data = Buffer.from(Array.from({ length: 5000 * 2 }, (_, i) => i % 253)).subarray(0, 9728);
      t.equal(await outcome((done) => drive.write(BYTES - 9728, [data.subarray(0, 1), data.subarray(1)], done)), null);
      t.equal(await outcome((done) => drive.sync(done)), null);
      const back = [Buffer.alloc(0), Buffer.alloc(5000), Buffer.alloc(0), Buffer.alloc(4728)];
      t.equal(await outcome((done) => drive.read(BYTES - 9728, back, done)), null);
      t.ok(Buffer.concat(back).equals(data));
      const now = Buffer.alloc(9728);
      if (drive.readNow(BYTES - 9728, [now])) t.ok(now.equals(data));
      t.equal(fs.statSync(join(folder, 'rw')).size, BYTES);
      drive.close();
      const again = open('rw', 'existing');
      now.fill(0);
      t.equal(await outcome((done) => again.read(BYTES - 9728, [now], done)), null);
      t.ok(now.equals(data), 'also when opened again');
    });

    t.test('more buffers than one system call takes', async (t) => {
      const drive = open('many');
      const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(512, 1 + (i % 255)));
      t.equal(await outcome((done) => drive.write(0, buffers, done)), null);
      const back = buffers.map(() => Buffer.alloc(512));
      t.equal(await outcome((done) => drive.read(0, back, done)), null);
      t.ok(Buffer.concat(back).equals(Buffer.concat(buffers)));
    });

    t.test('holes read as zeros, punching zeroes edges, extents tell', async (t) => {
      const drive = open('holes');
      t.same(drive.extents(4096, 8192), [{ offset: 4096, bytes: 8192, allocated: false }]);
      const zeros = Buffer.alloc(8192, 9);
      t.equal(await outcome((done) => drive.read(1 << 20, [zeros], done)), null);
      t.ok(zeros.equals(Buffer.alloc(8192)));
      await outcome((done) => drive.write(1 << 20, [Buffer.alloc(1 << 18, 7)], done));
      t.same(drive.extents(0, BYTES), [
        { offset: 0, bytes: 1 << 20, allocated: false },
        { offset: 1 << 20, bytes: 1 << 18, allocated: true },
        { offset: (1 << 20) + (1 << 18), bytes: BYTES - (1 << 20) - (1 << 18), allocated: false },
      ]);
      t.same(drive.extents(0, BYTES, 1), [{ offset: 0, bytes: 1 << 20, allocated: false }], 'no more than asked for');
      t.same(
        drive.extents(0, BYTES, 2).map(({ allocated }) => allocated),
        [false, true],
      );
      t.same(drive.extents((1 << 20) + 512, 512), [{ offset: (1 << 20) + 512, bytes: 512, allocated: true }]);
      t.equal(await outcome((done) => drive.punch((1 << 20) + 512, 1 << 17, done)), null);
      const back = Buffer.alloc(1 << 18);
      await outcome((done) => drive.read(1 << 20, [back], done));
      t.ok(back.equals(Buffer.alloc(1 << 18, 7).fill(0, 512, 512 + (1 << 17))));
      t.same(
        drive.extents((1 << 20) + 4096, (1 << 17) - 4096).map(({ allocated }) => allocated),
        [false],
        'whole file-system blocks inside are given back',
      );
      t.equal(fs.statSync(join(folder, 'holes')).size, BYTES);
    });

    t.test('a missing file fails every operation as missing, and is not made', async (t) => {
      const drive = open('missing', 'existing');
      t.match(drive.failure, { kind: 'missing' });
      t.notOk(drive.readNow(0, [Buffer.alloc(512)]));
      for (const start of [
        (done: DriveDone) => drive.read(0, [Buffer.alloc(512)], done),
        (done: DriveDone) => drive.write(0, [Buffer.alloc(512)], done),
        (done: DriveDone) => drive.punch(0, 512, done),
        (done: DriveDone) => drive.sync(done),
      ]) {
        t.match(await outcome(start), { kind: 'missing', message: /^missing: / });
      }
      t.same(drive.extents(0, 512), [{ offset: 0, bytes: 512, allocated: true }], 'nothing is called absent');
      t.notOk(fs.existsSync(join(folder, 'missing')));
    });

    t.test('another length is refused, not corrected', async (t) => {
      fs.writeFileSync(join(folder, 'short'), Buffer.alloc(4096, 1));
      const drive = open('short');
      t.match(drive.failure, { kind: 'wrong-length', message: /4096 bytes instead of/ });
      t.equal(fs.statSync(join(folder, 'short')).size, 4096);
      t.match(await outcome((done) => drive.read(0, [Buffer.alloc(512)], done)), { kind: 'wrong-length' });
    });

    t.test('a file cut short under the drive is noticed by reads', async (t) => {
      const drive = open('cut');
      fs.truncateSync(join(folder, 'cut'), 4096);
      t.notOk(drive.readNow(4096, [Buffer.alloc(512)]));
      t.match(await outcome((done) => drive.read(0, [Buffer.alloc(8192)], done)), { kind: 'wrong-length' });
    });

    t.test('closing waits for what runs and refuses what comes', async (t) => {
      const drive = open('closing');
      const running = outcome((done) => drive.write(0, [Buffer.alloc(1 << 20, 1)], done));
      drive.close();
      const late = outcome((done) => drive.write(0, [Buffer.alloc(512, 2)], done));
      t.equal(await running, null);
      t.match(await late, { kind: 'io-error', message: /closed/ });
      drive.close();
      t.equal(fs.readFileSync(join(folder, 'closing'))[0], 1);
    });

    t.test('a folder that is not there', (t) => {
      const drive = FileDrive.open(join(folder, 'no', 'such'), 'lost', BYTES, 'create', { functions, io });
      t.match(drive.failure, { kind: 'missing', message: /^lost: / });
      t.end();
    });

    t.test('lengths that no drive has', (t) => {
      for (const bytes of [0, -512, 100, 1.5]) t.throws(() => FileDrive.open('x', 'x', bytes), RangeError);
      t.end();
    });
  });
}

t.test('no room on the disk is no-space, and a failed sync is not forgotten', async (t) => {
  const refused = (code: string) => ({ code, message: code });
  let syncs = 0;
  const io: FileIo = {
    ...threadIo(native),
    writeMany: (_fd, _offsets, _lists, done) => setImmediate(done, refused('ENOSPC')),
    sync: (_fd, done) => setImmediate(done, syncs++ === 0 ? refused('EIO') : null),
  };
  const drive = FileDrive.open(join(t.testdir(), 'd'), 'd', BYTES, 'create', { io });
  t.teardown(() => drive.close());
  t.match(await outcome((done) => drive.write(0, [Buffer.alloc(512)], done)), { kind: 'no-space' });
  t.match(await outcome((done) => drive.sync(done)), { kind: 'io-error' });
  t.match(await outcome((done) => drive.sync(done)), { kind: 'io-error' }, 'still');
});
