import fs from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SystemError } from '../../../native/index.js';
import { each } from './each.js';

const PAGE = 4096;
const TMPFS_MAGIC = 0x01021994;

for (const [name, native] of each) {
  t.test(name, async (t) => {
    const folder = t.testdir();
    const open = (file: string) => {
      const fd = fs.openSync(join(folder, file), 'w+');
      t.teardown(() => fs.closeSync(fd));
      return fd;
    };

    t.test('readNow gives what was just written, scattered', (t) => {
      const fd = open('read');
      const data = Buffer.from(Array.from({ length: 3 * PAGE }, (_, i) => i % 251));
      fs.writeSync(fd, data);
      const buffers = [Buffer.alloc(100), Buffer.alloc(0), Buffer.alloc(PAGE), Buffer.alloc(12)];
      const total = 100 + PAGE + 12;
      const got = native.readNow(fd, 512, buffers);
      if (got !== -1) {
        t.equal(got, total);
        t.ok(Buffer.concat(buffers).equals(data.subarray(512, 512 + total)));
      }
      const many = Array.from({ length: 2100 }, () => Buffer.alloc(1));
      t.ok([2100, -1].includes(native.readNow(fd, 0, many)), 'more buffers than one system call takes');
      t.ok([PAGE, -1].includes(native.readNow(fd, 2 * PAGE, [Buffer.alloc(2 * PAGE)])), 'short at the end');
      t.equal(native.readNow(fd, 0, []), 0);
      t.end();
    });

    t.test('writeMany writes each list at its place, in one go', (t) => {
      const fd = open('many');
      fs.writeSync(fd, Buffer.alloc(3 * PAGE, 0x2e));
      const letters = Array.from({ length: 1500 }, (_, i) => Buffer.from([65 + (i % 26)]));
      native.writeMany(fd, [PAGE, 7], [letters, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')]], (error) => {
        t.equal(error, null);
        const expected = Buffer.alloc(3 * PAGE, 0x2e);
        Buffer.concat(letters).copy(expected, PAGE);
        expected.write('abc', 7);
        t.ok(fs.readFileSync(join(folder, 'many')).equals(expected));
        native.writeMany(fd, [], [], (nothing) => {
          t.equal(nothing, null);
          t.end();
        });
      });
    });

    t.test('writeMany tells an error by its name', (t) => {
      open('refused');
      const fd = fs.openSync(join(folder, 'refused'), 'r');
      native.writeMany(fd, [0], [[Buffer.from('a')]], (error) => {
        fs.closeSync(fd);
        t.match(error, { code: 'EBADF' });
        t.end();
      });
      t.throws(() => native.writeMany(fd, [0, 1], [[]], () => {}), RangeError);
    });

    const inMemory = fs.existsSync('/dev/shm') && fs.statfsSync('/dev/shm').type === TMPFS_MAGIC;
    t.test('readNow of a file system in memory never leaves it to the thread pool', { skip: !inMemory }, (t) => {
      const path = fs.mkdtempSync('/dev/shm/lunarray-');
      t.teardown(() => fs.rmSync(path, { recursive: true }));
      const fd = fs.openSync(join(path, 'file'), 'w+');
      fs.writeSync(fd, Buffer.alloc(PAGE, 7));
      const buffers = [Buffer.alloc(512), Buffer.alloc(PAGE)];
      t.equal(native.readNow(fd, 512, buffers), PAGE - 512, 'what there is');
      t.equal(Buffer.concat(buffers).filter((byte) => byte === 7).length, PAGE - 512);
      fs.closeSync(fd);
      t.end();
    });

    t.test('writeNow writes or says that it would wait', (t) => {
      const fd = open('write');
      const wrote = native.writeNow(fd, 0, [Buffer.from('ab'), Buffer.from('c')]);
      t.ok(wrote === 3 || wrote === -1);
      t.equal(fs.fstatSync(fd).size, wrote === 3 ? 3 : 0);
      t.end();
    });

    t.test('preallocate gives space, keeps contents, makes longer', (t) => {
      const fd = open('pre');
      fs.writeSync(fd, Buffer.from('kept'), 0, 4, 5 * PAGE);
      native.preallocate(fd, 0, 64 * PAGE);
      const stat = fs.fstatSync(fd);
      t.equal(stat.size, 64 * PAGE);
      t.ok(stat.blocks * 512 >= 64 * PAGE);
      const back = Buffer.alloc(4);
      fs.readSync(fd, back, 0, 4, 5 * PAGE);
      t.equal(back.toString(), 'kept');
      t.end();
    });

    t.test('punchHole zeroes exactly the range and keeps the length', async (t) => {
      const fd = open('punch');
      fs.writeSync(fd, Buffer.alloc(4 * PAGE, 1));
      for (const [offset, bytes] of [
        [512, 2 * PAGE],
        [3 * PAGE + 512, 8 * PAGE],
      ] as const) {
        let before = true;
        await new Promise<void>((resolve, reject) => {
          native.punchHole(fd, offset, bytes, (error) => {
            t.notOk(before, 'not before it returns');
            error ? reject(error) : resolve();
          });
          before = false;
        });
      }
      const expected = Buffer.alloc(4 * PAGE, 1)
        .fill(0, 512, 512 + 2 * PAGE)
        .fill(0, 3 * PAGE + 512);
      t.ok(fs.readFileSync(join(folder, 'punch')).equals(expected));
    });

    t.test('seekData and seekHole', (t) => {
      const fd = open('seek');
      fs.ftruncateSync(fd, 1024 * PAGE);
      t.equal(native.seekData(fd, 0, 2048 * PAGE), -1, 'all hole');
      t.equal(native.seekHole(fd, 5, 2048 * PAGE), 5);
      fs.writeSync(fd, Buffer.alloc(16 * PAGE, 7), 0, 16 * PAGE, 512 * PAGE);
      t.equal(native.seekData(fd, 0, 2048 * PAGE), 512 * PAGE);
      t.equal(native.seekData(fd, 513 * PAGE + 1, 2048 * PAGE), 513 * PAGE + 1);
      t.equal(native.seekHole(fd, 512 * PAGE, 2048 * PAGE), 528 * PAGE);
      t.equal(native.seekData(fd, 528 * PAGE, 2048 * PAGE), -1);
      t.equal(native.seekHole(fd, 1024 * PAGE, 2048 * PAGE), -1, 'past the end');
      t.ok(native.seekData(fd, 0, 256 * PAGE) >= 256 * PAGE, 'nothing before the limit');
      fs.writeSync(fd, Buffer.alloc(PAGE, 7), 0, PAGE, 1023 * PAGE);
      t.equal(native.seekHole(fd, 1023 * PAGE, 2048 * PAGE), 1024 * PAGE, 'the end is a hole');
      t.end();
    });

    t.test('errors have the name of the system call and of the error', async (t) => {
      t.throws(() => native.readNow(999_999, 0, [Buffer.alloc(1)]), { code: 'EBADF' });
      t.throws(() => native.preallocate(999_999, 0, 1), SystemError);
      t.throws(() => native.seekData(999_999, 0, 2048 * PAGE), { code: 'EBADF', name: 'SystemError' });
      const error = await new Promise<SystemError | null>((done) => native.punchHole(999_999, 0, 1, done));
      t.match(error, { code: 'EBADF' });
      t.throws(() => native.readNow(-1, 0, []), RangeError);
      t.throws(() => native.readNow(0, 2 ** 53, []), RangeError);
      t.throws(() => native.readNow(0, 0.5, []), RangeError);
      t.throws(() => native.readNow(0, 0, [{} as Buffer]), TypeError);
      t.throws(() => native.punchHole(0, 0, 0, () => {}), RangeError);
    });

    t.test('map', { skip: native.map === null && 'only the addon can map' }, (t) => {
      const fd = open('map');
      native.preallocate(fd, 0, 4 * PAGE);
      const memory = native.map!(fd, 0, 4 * PAGE);
      t.equal(memory.length, 4 * PAGE);
      memory.write('through', PAGE);
      const back = Buffer.alloc(7);
      fs.readSync(fd, back, 0, 7, PAGE);
      t.equal(back.toString(), 'through');
      fs.writeSync(fd, Buffer.from('and back'), 0, 8, 0);
      t.equal(memory.toString('latin1', 0, 8), 'and back');
      t.throws(() => native.map!(999_999, 0, PAGE), { code: 'EBADF' });
      t.end();
    });

    t.test('populate', { skip: native.populate === null && 'only the addon can' }, async (t) => {
      const fd = open('populated');
      native.preallocate(fd, 0, 8 * PAGE);
      const second = native.map!(fd, 4 * PAGE, 4 * PAGE);
      second.write('kept', 100);
      let returned = false;
      const error = await new Promise<Error | null>((done) => {
        native.populate!(second, (failure) => done(returned ? failure : new Error('too early')));
        returned = true;
      });
      // Kernels before 5.14 do not know it.
      if (error !== null) t.match(error, { code: 'EINVAL' });
      t.equal(second.toString('latin1', 100, 104), 'kept');
      const back = Buffer.alloc(4);
      fs.readSync(fd, back, 0, 4, 4 * PAGE + 100);
      t.equal(back.toString(), 'kept', 'the part of the file that was asked for');
    });
  });
}
