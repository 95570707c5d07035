/** The addon's ring, by itself: many operations at a time against a model, and files that change or end under it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type FileRing, native } from '../../../native/index.js';
import { seededRandom } from '../../../target/base/random.js';
import { checkout } from '../../support/root.js';

const SECTOR = 512;

type Rest<All extends unknown[]> = All extends [unknown, ...infer Others] ? Others : never;

/** Operations as promises of their results. */
class Operations {
  readonly #ring: FileRing;
  readonly #waiting = new Map<number, { kept: unknown; done: (result: number) => void }>();
  #next = 0;
  /** Calls back into JavaScript. */
  calls = 0;

  constructor(open: NonNullable<typeof native.openRing>) {
    this.#ring = open((pairs, count) => {
      this.calls++;
      for (let i = 0; i < count; i++) {
        this.#waiting.get(pairs[2 * i]!)!.done(pairs[2 * i + 1]!);
        this.#waiting.delete(pairs[2 * i]!);
      }
    });
  }

  /** Keeps the buffers until the end, which the ring leaves to its caller. */
  start<Name extends keyof FileRing>(name: Name, ...rest: Rest<Parameters<FileRing[Name]>>): Promise<number> {
    const token = this.#next++;
    const ended = new Promise<number>((done) => this.#waiting.set(token, { kept: rest, done }));
    (this.#ring[name] as (...all: unknown[]) => void)(token, ...rest);
    return ended;
  }
}

function open(): Operations | null {
  try {
    return native.openRing === null ? null : new Operations(native.openRing);
  } catch {
    return null;
  }
}

const operations = open();

t.test('ring', { skip: operations === null && 'no io_uring here' }, async (t) => {
  const ring = operations!;
  const folder = t.testdir();
  const file = (name: string, bytes = 0) => {
    const fd = fs.openSync(join(folder, name), 'w+');
    fs.ftruncateSync(fd, bytes);
    t.teardown(() => fs.closeSync(fd));
    return fd;
  };

  const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
  t.test(`thousands of operations at a time, as a model says (LUNARRAY_SEED=${seed})`, async (t) => {
    const random = seededRandom(seed);
    const sectors = 8192;
    const fd = file('model', sectors * SECTOR);
    const model = Buffer.alloc(sectors * SECTOR);
    const before = ring.calls;
    let started = 0;
    for (let round = 0; round < 4; round++) {
      const ends: Promise<unknown>[] = [];
      // Each operation has its own place: the kernel does them in any order.
      for (let at = 0; at < sectors; ) {
        const offset = at * SECTOR;
        const length = Math.min(1 + random.below(6), sectors - at);
        const bytes = length * SECTOR;
        at += length;
        started++;
        const what = random.below(4);
        if (what === 0) {
          ends.push(ring.start('punchHole', fd, offset, bytes).then((got) => t.equal(got, 0)));
          model.fill(0, offset, offset + bytes);
        } else if (what === 1) {
          const data = random.bytes(bytes);
          const cut = random.below(bytes + 1);
          // Two writes of one request, the second in pieces.
          const lists = [[data.subarray(0, cut)], [data.subarray(cut, cut + 1), data.subarray(cut + 1)]];
          ends.push(ring.start('writeMany', fd, [offset, offset + cut], lists).then((got) => t.equal(got, bytes)));
          data.copy(model, offset);
        } else {
          const back = [Buffer.alloc(SECTOR), Buffer.alloc(0), Buffer.alloc(bytes - SECTOR)];
          const expected = Buffer.from(model.subarray(offset, offset + bytes));
          ends.push(
            ring
              .start('read', fd, offset, back)
              .then((got) => t.ok(got === bytes && Buffer.concat(back).equals(expected))),
          );
        }
        if (random.below(200) === 0) await new Promise((turn) => setImmediate(turn));
      }
      ends.push(ring.start('sync', fd).then((got) => t.equal(got, 0)));
      await Promise.all(ends);
    }
    t.ok(fs.readFileSync(join(folder, 'model')).equals(model));
    t.ok(ring.calls - before < started / 4, `${started} operations told in ${ring.calls - before} calls`);
  });

  t.test('never told before the call that asks returns; nothing to move is done', async (t) => {
    const fd = file('nothing', SECTOR);
    let returned = false;
    const ended = ring.start('read', fd, 0, []).then(() => t.ok(returned));
    returned = true;
    await ended;
    t.equal(await ring.start('writeMany', fd, [0], [[Buffer.alloc(0)]]), 0);
  });

  t.test('more buffers than one operation of the kernel takes', async (t) => {
    const fd = file('many');
    const letters = Array.from({ length: 5000 }, (_, i) => Buffer.from([65 + (i % 26)]));
    t.equal(await ring.start('writeMany', fd, [0], [letters]), 5000);
    const back = letters.map(() => Buffer.alloc(1));
    t.equal(await ring.start('read', fd, 0, back), 5000);
    t.ok(Buffer.concat(back).equals(Buffer.concat(letters)));
  });

  t.test('short at the end of the file, also when it comes nearer meanwhile', async (t) => {
    const fd = file('short', 1000);
    t.equal(await ring.start('read', fd, 512, [Buffer.alloc(400), Buffer.alloc(400)]), 488);
    t.equal(await ring.start('read', fd, 4096, [Buffer.alloc(1)]), 0);
    const large = file('cut', 1 << 22);
    const reads = Array.from({ length: 64 }, (_, i) => ring.start('read', large, i << 16, [Buffer.alloc(1 << 16)]));
    fs.ftruncateSync(large, 1 << 20);
    const got = await Promise.all(reads);
    t.ok(
      got.every((bytes, i) => bytes === 1 << 16 || (i >= 16 && bytes < 1 << 16 && bytes >= 0)),
      'whole, or short where nothing is left',
    );
  });

  t.test('a file that is removed goes on', async (t) => {
    const fd = file('gone');
    const data = Buffer.alloc(1 << 20, 7);
    const write = ring.start('writeMany', fd, [0], [[data]]);
    fs.unlinkSync(join(folder, 'gone'));
    t.equal(await write, 1 << 20);
    const back = Buffer.alloc(1 << 20);
    t.equal(await ring.start('read', fd, 0, [back]), 1 << 20);
    t.ok(back.equals(data));
  });

  t.test('errors are minus errno; one of several writes is enough', async (t) => {
    file('refused', 4096);
    const fd = fs.openSync(join(folder, 'refused'), 'r');
    t.teardown(() => fs.closeSync(fd));
    const lists = Array.from({ length: 600 }, () => [Buffer.alloc(1)]);
    const EBADF = -9;
    t.equal(
      await ring.start(
        'writeMany',
        fd,
        lists.map((_, i) => i),
        lists,
      ),
      EBADF,
    );
    t.equal(await ring.start('sync', 999_999), EBADF);
    t.equal(await ring.start('punchHole', 999_999, 0, 512), EBADF);
    t.throws(() => ring.start('read', fd, -1, []), RangeError);
    t.throws(() => ring.start('punchHole', fd, 0, 0), RangeError);
    t.throws(() => ring.start('writeMany', fd, [], []), RangeError);
  });

  const module = fileURLToPath(
    new URL(`../../../native/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  );
  /** Runs a script in a process of its own that has `native` and a pipe nobody writes to, `silent`. */
  const inProcess = (script: string) => {
    const pipe = join(folder, 'pipe');
    if (!fs.existsSync(pipe)) spawnSync('mkfifo', [pipe]);
    const text = `const fs = require('node:fs');
      import(${JSON.stringify(module)}).then(({ native }) => {
        const silent = fs.openSync(${JSON.stringify(pipe)}, fs.constants.O_RDWR);
        const told = [];
        const ring = native.openRing((pairs, count) => told.push(...pairs.subarray(0, 2 * count)));
        ${script}
      })`;
    const loader = module.endsWith('.ts') ? ['--import', 'tsx'] : [];
    const began = Date.now();
    const ran = spawnSync(process.execPath, [...loader, '-e', text], { encoding: 'utf8', timeout: 20_000 });
    return { code: ran.status, text: ran.stdout + ran.stderr, took: Date.now() - began };
  };
  const read = 'globalThis.kept = [Buffer.alloc(512)]; ring.read(1, silent, 0, kept);';

  t.test('a process ends with operations under way that never end', (t) => {
    const asked = 'setTimeout(() => process.exit(3), 50);';
    t.match(inProcess(`${read} ${asked}`), { code: 3, text: '' });
    t.match(inProcess(`${read} process.exit(4);`), { code: 4, text: '' }, 'not yet given to the kernel');
    t.match(inProcess(`${read} setTimeout(() => native.exitNow(5), 50);`), { code: 5, text: '' });
    t.end();
  });

  t.test('a process does not end by itself before its operations have, and does then', (t) => {
    // Told by another process, since a timer of this one would keep it too.
    const feed = "require('node:child_process').spawn('sh', ['-c', 'sleep 0.1; echo -n 123 >&3'], options).unref();";
    const options = "const options = { stdio: ['ignore', 'ignore', 'ignore', silent] };";
    const tell = "process.on('exit', () => console.log(told.join()));";
    t.match(
      inProcess(`globalThis.kept = [Buffer.alloc(3)]; ring.read(1, silent, 0, kept); ${tell} ${options} ${feed}`),
      {
        code: 0,
        text: '1,3\n',
      },
    );
    const idle = inProcess(`${tell}`);
    t.match(idle, { code: 0, text: '\n' }, 'a ring without work does not keep it');
    t.end();
  });

  t.test('a worker ends with operations under way', (t) => {
    const addon = join(checkout, 'native', 'build', 'Release', 'lunarray.node');
    // The addon itself: a worker cannot load modules written in TypeScript.
    const source = `
      const addon = require(${JSON.stringify(addon)});
      const { workerData } = require('node:worker_threads');
      const ring = addon.openRing(new Float64Array(512), () => {});
      ring.read(1, workerData, 0, [Buffer.alloc(512)]);
      setTimeout(() => process.exit(6), 50);`;
    const worker = `
      const { Worker } = require('node:worker_threads');
      const worker = new Worker(${JSON.stringify(source)}, { eval: true, workerData: silent });
      worker.on('exit', (code) => console.log('worker', code));`;
    t.match(inProcess(worker), { code: 0, text: 'worker 6\n' });
    t.end();
  });
});
