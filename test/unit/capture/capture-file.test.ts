/** Files of a capture: rotation, what a slow or full disk does, and what is not overwritten. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type CaptureDisk, systemDisk } from '../../../target/ports/capture/capture-disk.js';
import { CaptureFile, numbered } from '../../../target/ports/capture/capture-file.js';
import { SECTION_MAGIC } from '../../../wire/capture/pcapng.js';

const noFailure = (error: Error) => t.fail(error.message);
/** What follows the preamble. */
const textOf = (path: string) => readFileSync(path).subarray(SECTION_MAGIC.length).toString();

t.test('names of older files', async (t) => {
  t.equal(numbered('/a.b/run.pcapng', 0), '/a.b/run.pcapng');
  t.equal(numbered('/a.b/run.pcapng', 2), '/a.b/run.2.pcapng');
  t.equal(numbered('/a.b/run', 1), '/a.b/run.1');
});

t.test('one file: all of it, readable by its owner only', async (t) => {
  const path = join(t.testdir(), 'run.pcapng');
  const file = await CaptureFile.create(path, { maxSize: 1e6, files: 2 }, systemDisk, SECTION_MAGIC, noFailure);
  const blocks = Array.from({ length: 3000 }, (_, index) => Buffer.from(`block ${index};`));
  for (const block of blocks) file.write(block);
  await file.end(Buffer.from('end'));
  t.equal(
    readFileSync(path, 'latin1'),
    Buffer.concat([SECTION_MAGIC, ...blocks, Buffer.from('end')]).toString('latin1'),
  );
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(file.packets, 3000);
  t.equal(file.dropped, 0);
  file.write(Buffer.from('late'));
  await file.end(null);
  t.equal(file.packets, 3000, 'nothing is taken after the end');
});

t.test('rotation keeps the newest files, each of which begins with the preamble', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'run.pcapng');
  const file = await CaptureFile.create(path, { maxSize: 14, files: 3 }, systemDisk, SECTION_MAGIC, noFailure);
  for (const text of ['aaaa', 'bbbb', 'cccc', 'a very long block of its own', 'dddd', 'eeee', 'ffff']) {
    file.write(Buffer.from(text));
  }
  await file.end(null);
  t.equal(textOf(path), 'ffff');
  t.equal(textOf(join(dir, 'run.1.pcapng')), 'ddddeeee');
  t.equal(textOf(join(dir, 'run.2.pcapng')), 'a very long block of its own');
  t.notOk(existsSync(join(dir, 'run.3.pcapng')));
  t.equal(statSync(join(dir, 'run.1.pcapng')).mode & 0o777, 0o600);
});

t.test('rotation neither overwrites nor moves a file that is no capture', async (t) => {
  for (const name of ['run.1.pcapng', 'run.2.pcapng']) {
    const dir = t.testdir({ [name]: 'do not lose me' });
    const path = join(dir, 'run.pcapng');
    const failures: string[] = [];
    const file = await CaptureFile.create(path, { maxSize: 8, files: 3 }, systemDisk, SECTION_MAGIC, ({ message }) =>
      failures.push(message),
    );
    for (const text of ['aaaa', 'bbbb', 'cccc', 'dddd']) file.write(Buffer.from(text));
    await file.end(null);
    t.equal(readFileSync(join(dir, name), 'utf8'), 'do not lose me');
    t.same(failures, [`${name} exists and is no capture file`]);
    t.ok(existsSync(path), 'what has been captured stays');
  }
});

t.test('older files that somebody has taken away are not missed', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'run.pcapng');
  const file = await CaptureFile.create(path, { maxSize: 8, files: 3 }, systemDisk, SECTION_MAGIC, noFailure);
  rmSync(path);
  for (const text of ['aaaa', 'bbbb']) file.write(Buffer.from(text));
  await file.end(null);
  t.equal(textOf(path), 'bbbb');
  t.notOk(existsSync(join(dir, 'run.1.pcapng')));
});

t.test('one file only: it begins anew', async (t) => {
  const path = join(t.testdir(), 'run.pcapng');
  const file = await CaptureFile.create(path, { maxSize: 20, files: 1 }, systemDisk, SECTION_MAGIC, noFailure);
  for (let i = 0; i < 10; i++) file.write(Buffer.from(`12345678-${i}`));
  await file.end(null);
  t.equal(readFileSync(path).subarray(4).toString(), '12345678-9');
});

t.test('an earlier capture is replaced, whatever its mode; anything else is not', async (t) => {
  const dir = t.testdir({ notes: 'do not lose me', empty: '' });
  const create = (name: string) =>
    CaptureFile.create(join(dir, name), { maxSize: 1e6, files: 1 }, systemDisk, SECTION_MAGIC, noFailure);
  writeFileSync(join(dir, 'old.pcapng'), Buffer.concat([SECTION_MAGIC, Buffer.from('old')]));
  chmodSync(join(dir, 'old.pcapng'), 0o644);
  await (await create('old.pcapng')).end(null);
  t.equal(statSync(join(dir, 'old.pcapng')).mode & 0o777, 0o600);
  t.equal(statSync(join(dir, 'old.pcapng')).size, 4);
  await (await create('empty')).end(null);
  mkdirSync(join(dir, 'folder'));
  symlinkSync(join(dir, 'old.pcapng'), join(dir, 'link'));
  for (const name of ['notes', 'folder', 'link']) await t.rejects(create(name), { message: /no capture file/ }, name);
  t.equal(readFileSync(join(dir, 'notes'), 'utf8'), 'do not lose me');
  await t.rejects(create('missing/run.pcapng'), { code: 'ENOENT' });
});

t.test('a disk that does not take anything: packets are left out, memory is bounded', async (t) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let appended = 0;
  let calls = 0;
  const slow: CaptureDisk = {
    create: async () => ({
      async append(parts) {
        if (calls++ > 0) await held;
        for (const part of parts) appended += part.length;
      },
      close: async () => {},
    }),
    rename: async () => {},
  };
  const file = await CaptureFile.create('x', { maxSize: 2 ** 40, files: 2 }, slow, SECTION_MAGIC, noFailure);
  const block = Buffer.alloc(2 ** 20);
  for (let i = 0; i < 100; i++) file.write(block);
  t.equal(file.packets, 100);
  t.equal(file.dropped, 68, 'of 100 MiB 32 wait');
  release();
  await file.end(null);
  t.equal(appended, 4 + 32 * 2 ** 20);
});

t.test('a failing disk ends it, once, and what comes later is dropped', async (t) => {
  for (const failsAt of ['append', 'rename', 'create'] as const) {
    const failures: string[] = [];
    let closed = 0;
    let creates = 0;
    const failing = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const disk: CaptureDisk = {
      async create() {
        if (creates++ > 0 && failsAt === 'create') throw failing;
        let appends = 0;
        return {
          async append() {
            if (appends++ > 0 && failsAt === 'append') throw failing;
          },
          async close() {
            closed++;
          },
        };
      },
      async rename() {
        if (failsAt === 'rename') throw failing;
      },
    };
    let told = () => {};
    const ended = new Promise<void>((resolve) => {
      told = resolve;
    });
    const file = await CaptureFile.create('x', { maxSize: 8, files: 2 }, disk, SECTION_MAGIC, (error) => {
      failures.push(error.message);
      told();
    });
    for (let i = 0; i < 5; i++) file.write(Buffer.alloc(4));
    await ended;
    const { packets } = file;
    file.write(Buffer.alloc(4));
    await file.end(null);
    t.same(failures, ['no space left'], failsAt);
    t.equal(file.packets, packets);
    t.ok(closed > 0);
  }
});

t.test('a first write that fails leaves nothing open', async (t) => {
  let closed = 0;
  const disk: CaptureDisk = {
    create: async () => ({
      append: () => Promise.reject(new Error('full')),
      close: async () => {
        closed++;
      },
    }),
    rename: async () => {},
  };
  await t.rejects(CaptureFile.create('x', { maxSize: 8, files: 2 }, disk, SECTION_MAGIC, noFailure), {
    message: 'full',
  });
  t.equal(closed, 1);
});
