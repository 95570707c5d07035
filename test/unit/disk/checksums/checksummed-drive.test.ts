import t from 'tap';
import { SimulatedClock } from '../../../../target/base/clock.js';
import { seededRandom } from '../../../../target/base/random.js';
import { sumsBytes } from '../../../../target/disk/checksums/checksummed.js';
import { ChecksummedDrive } from '../../../../target/disk/checksums/checksummed-drive.js';
import { SimulatedDrive, type SimulatedDriveOptions } from '../../../../target/disk/simulated-drive.js';
import type { DriveDone, DriveError } from '../../../../target/disk/types.js';

const BLOCK = 512;
/** Five pages of sums, the last in part. */
const BLOCKS = 4 * 1024 + 100;
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

let made = 0;

class World {
  readonly clock = new SimulatedClock();
  readonly random = seededRandom(seed + made++);
  drive!: ChecksummedDrive;

  constructor(
    options: SimulatedDriveOptions = {},
    readonly pages?: number,
    public data = new SimulatedDrive('d', BLOCKS * BLOCK, this.clock, this.random, options),
    public sums = new SimulatedDrive('d.sums', sumsBytes(BLOCKS * BLOCK), this.clock, this.random, options),
  ) {
    this.open();
  }

  open(): void {
    this.drive = new ChecksummedDrive(this.data, this.sums, this.pages);
  }

  run(start: (done: DriveDone) => void): DriveError | null {
    let outcome: DriveError | null | undefined;
    start((error) => {
      outcome = error;
    });
    this.clock.settle(() => outcome !== undefined);
    if (outcome === undefined) throw new Error('never ended');
    return outcome;
  }

  write(block: number, count: number, value: number): DriveError | null {
    return this.run((done) => this.drive.write(block * BLOCK, [Buffer.alloc(count * BLOCK, value)], done));
  }

  /** Numbers of the bad blocks; data is in `seen`. */
  bad(block: number, count: number): number[] {
    this.seen = Buffer.alloc(count * BLOCK);
    const error = this.run((done) => this.drive.read(block * BLOCK, [this.seen], done));
    if (error !== null && error.kind !== 'corrupt') throw new Error(error.message);
    return (error?.bad ?? []).flatMap(({ offset, bytes }) =>
      Array.from({ length: bytes / BLOCK }, (_, index) => offset / BLOCK + index),
    );
  }

  seen = Buffer.alloc(0);
}

t.test('what was written is read; what was never written, and what was punched, is zeros', (t) => {
  const w = new World();
  w.write(1000, 50, 7);
  t.same(w.bad(0, BLOCKS), []);
  t.ok(w.seen.subarray(1000 * BLOCK, 1050 * BLOCK).equals(Buffer.alloc(50 * BLOCK, 7)));
  w.run((done) => w.drive.punch(1020 * BLOCK, 10 * BLOCK, done));
  w.open();
  t.same(w.bad(1000, 50), []);
  t.ok(w.seen.subarray(20 * BLOCK, 30 * BLOCK).equals(Buffer.alloc(10 * BLOCK)));
  t.end();
});

t.test('blocks that are not what was written are named, and no others', (t) => {
  const w = new World();
  w.write(0, BLOCKS, 1);
  w.write(2000, 100, 2);
  w.data.flip(5 * BLOCK);
  w.data.misbehave({ dropWrite: 1 });
  w.write(1022, 4, 9);
  w.data.misbehave({ misdirectWrite: 1 });
  w.write(3000, 1, 3);
  w.data.misbehave({});
  w.run((done) => w.data.punch(4095 * BLOCK, 2 * BLOCK, done));
  const bad = w.bad(0, BLOCKS);
  const elsewhere = bad.filter((block) => ![5, 1022, 1023, 1024, 1025, 3000, 4095, 4096].includes(block));
  t.equal(bad.length, 8 + elsewhere.length);
  t.ok(elsewhere.length <= 1, 'where the misdirected write went');
  const error = w.run((done) => w.drive.read(5 * BLOCK, [Buffer.alloc(BLOCK)], done));
  t.match(error, { kind: 'corrupt', message: 'd: block 5 does not hold what was written to it' });
  t.same(
    w.bad(6, 1000),
    elsewhere.filter((block) => block >= 6 && block < 1006),
    'what is not bad can be read',
  );
  t.end();
});

t.test('the same data in two places is not the same', (t) => {
  const w = new World();
  w.write(0, 1, 4);
  w.write(1, 1, 4);
  w.data.misbehave({ misdirectRead: 1 });
  let found = 0;
  for (let i = 0; i < 10; i++) found += w.bad(0, 1).length;
  t.ok(found >= 9, 'nearly always: at random it may be the right place');
  t.end();
});

t.test('written anew, a block is good again', (t) => {
  const w = new World();
  w.write(0, 10, 1);
  w.data.flip(3 * BLOCK);
  t.same(w.bad(0, 10), [3]);
  w.write(3, 1, 1);
  t.same(w.bad(0, 10), []);
  t.end();
});

t.test('a lost block fails until it is written or punched; it is found allocated', (t) => {
  const w = new World();
  w.run((done) => w.drive.markLost(10 * BLOCK, 3 * BLOCK, done));
  w.open();
  t.same(w.bad(0, 100), [10, 11, 12]);
  t.match(
    w.run((done) => w.drive.read(10 * BLOCK, [Buffer.alloc(BLOCK)], done)),
    { kind: 'corrupt', message: 'd: block 10 is lost', bad: [{ lost: true }] },
  );
  t.ok(w.drive.extents(10 * BLOCK, BLOCK)[0]!.allocated);
  w.write(11, 1, 5);
  w.run((done) => w.drive.punch(12 * BLOCK, BLOCK, done));
  t.same(w.bad(0, 100), [10]);
  t.end();
});

t.test('what a lost block holds is vouched for by no sum, whenever power is lost in the midst of writing it', (t) => {
  for (let round = 0; round < 300; round++) {
    const w = new World({ latencyMs: [0, 3] });
    w.run((done) => w.drive.markLost(0, 2 * BLOCK, done));
    w.run((done) => w.drive.sync(done));
    w.drive.write(0, [Buffer.alloc(2 * BLOCK, 6)], () => {});
    w.clock.advance(w.random.below(12));
    w.data = w.data.cut();
    w.sums = w.sums.cut();
    w.open();
    const data = Buffer.alloc(2 * BLOCK);
    const { bad = [] } = w.run((done) => w.drive.read(0, [data], done)) ?? {};
    // A sum that speaks of data which is not there yet would be taken for the one that is wrong.
    if (bad.some(({ lost }) => !lost)) t.fail(`round ${round}: neither lost nor what was written`);
    for (const block of [0, 1]) {
      const isBad = bad.some(({ offset, bytes }) => offset <= block * BLOCK && offset + bytes > block * BLOCK);
      if (!isBad && data[block * BLOCK] !== 6) t.fail(`round ${round}: a lost block came back`);
    }
  }
  t.pass();
  t.end();
});

t.test('compare: data against sums, with nothing read but those', (t) => {
  const w = new World();
  w.write(0, 4, 1);
  w.run((done) => w.drive.markLost(2 * BLOCK, BLOCK, done));
  w.data.badRange('read', 0, 4 * BLOCK);
  const candidate = Buffer.alloc(4 * BLOCK, 1);
  candidate[BLOCK] = 9;
  let found: unknown;
  w.run((done) =>
    w.drive.compare(0, candidate, (error, bad) => {
      found = bad;
      done(error);
    }),
  );
  t.same(found, [
    { offset: BLOCK, bytes: BLOCK, lost: false },
    { offset: 2 * BLOCK, bytes: BLOCK, lost: true },
  ]);
  t.end();
});

t.test('readNow: when data and sums are at hand and agree', (t) => {
  const w = new World({ readNowShare: 1 });
  w.write(1020, 8, 3);
  const buffer = Buffer.alloc(8 * BLOCK);
  t.ok(w.drive.readNow(1020 * BLOCK, [buffer]), 'across two pages');
  t.ok(buffer.equals(Buffer.alloc(8 * BLOCK, 3)));
  t.ok(w.drive.readNow(1000 * BLOCK, [buffer]));
  w.data.flip(1021 * BLOCK);
  t.notOk(w.drive.readNow(1020 * BLOCK, [buffer]));

  const slow = new World();
  slow.write(0, 8, 3);
  t.notOk(slow.drive.readNow(0, [buffer]), 'the data is not at hand');
  const half = new World(
    { readNowShare: 1 },
    16,
    undefined,
    new SimulatedDrive('s', sumsBytes(BLOCKS * BLOCK), w.clock, w.random),
  );
  t.notOk(half.drive.readNow(0, [buffer]), 'the sums are not');
  t.end();
});

t.test('errors of either drive are errors of the whole', (t) => {
  const w = new World();
  w.write(0, 8, 1);
  w.open();
  w.sums.fail('read', { kind: 'io-error', message: 'no sums' });
  t.match(
    w.run((done) => w.drive.read(0, [Buffer.alloc(BLOCK)], done)),
    { message: 'no sums' },
  );
  t.same(w.bad(0, 8), [], 'read again, it is good');
  w.sums.fail('write', { kind: 'no-space', message: 'full' });
  t.match(w.write(0, 8, 2), { kind: 'no-space' });
  w.sums.fail('sync');
  t.ok(w.run((done) => w.drive.sync(done)));
  w.data.fail('write');
  t.ok(w.write(0, 8, 2));
  t.equal(w.write(0, 8, 3), null);
  w.open();
  t.same(w.bad(0, 8), []);
  t.end();
});

t.test('sums are synced when something has been written since', (t) => {
  const w = new World();
  const sync = () => w.run((done) => w.drive.sync(done));
  const refused = { kind: 'io-error', message: 'not synced' } as const;
  w.sums.fail('sync', refused);
  t.match(sync(), refused, 'what an earlier process wrote');
  t.equal(sync(), null);
  w.sums.fail('sync', refused);
  t.equal(sync(), null, 'nothing to be done');
  w.write(5, 1, 1);
  t.match(sync(), refused);
  w.sums.fail('sync', refused);
  t.match(sync(), refused, 'not done the first time');
  t.equal(sync(), null);
  w.sums.fail('sync', refused);
  w.run((done) => w.drive.punch(0, 2048 * BLOCK, done));
  t.match(sync(), refused);
  t.end();
});

t.test('a sync that finds another one under way ends no earlier', (t) => {
  for (let round = 0; round < 50; round++) {
    const w = new World({ latencyMs: [0, 5] });
    w.run((done) => w.drive.sync(done));
    w.write(0, 8, 3);
    w.drive.sync(() => {});
    w.clock.advance(w.random.below(4));
    w.run((done) => w.drive.sync(done));
    w.data = w.data.cut();
    w.sums = w.sums.cut();
    w.open();
    if (w.bad(0, 8).length > 0 || w.seen[0] !== 3) t.fail(`round ${round}: not durable`);
  }
  t.pass();
  t.end();
});

t.test('sums that could not be written go with the next write of their page', (t) => {
  const w = new World({}, 1);
  w.sums.fail('write', { kind: 'no-space', message: 'full' });
  // A prefix of the data may be there, but its sums are certain to be in memory only.
  t.ok(w.write(300, 1, 2));
  w.write(2000, 1, 1);
  w.write(0, 1, 1);
  w.open();
  t.same(w.bad(300, 1), []);
  t.end();
});

for (const pages of [1, 2, 100]) {
  t.test(`random operations side by side, ${pages} pages in memory: nothing is overtaken`, (t) => {
    const w = new World({ latencyMs: [0, 9], readNowShare: 0.5 }, pages);
    const model = Buffer.alloc(BLOCKS * BLOCK);
    for (let round = 0; round < 40; round++) {
      // Of one round nothing overlaps, but much is next to each other in a block of sums.
      let open = 0;
      for (let block = w.random.below(50); block < BLOCKS; ) {
        const count = Math.min(BLOCKS - block, 1 + w.random.below(w.random.below(8) === 0 ? 1500 : 20));
        const at = block * BLOCK;
        const bytes = count * BLOCK;
        const ended: DriveDone = (error) => {
          if (error !== null) t.fail(error.message);
          open--;
        };
        const kind = w.random.below(6);
        open++;
        if (kind < 3) {
          const data = Buffer.alloc(bytes, w.random.below(256));
          const half = at + Math.floor(count / 2) * BLOCK;
          data.copy(model, at);
          const writes = [
            { offset: at, buffers: [data.subarray(0, half - at)] },
            { offset: half, buffers: [data.subarray(half - at)] },
          ].filter(({ buffers }) => buffers[0]!.length > 0);
          w.drive.writeMany(writes, ended);
        } else if (kind < 4) {
          model.fill(0, at, at + bytes);
          w.drive.punch(at, bytes, ended);
        } else {
          const data = Buffer.alloc(bytes);
          const expected = Buffer.from(model.subarray(at, at + bytes));
          w.drive.read(at, [data], (error) => {
            ended(error);
            if (!data.equals(expected)) t.fail(`round ${round}: wrong data`);
          });
        }
        block += count + w.random.below(100);
      }
      w.clock.settle(() => open === 0);
      if (open > 0) t.fail('not ended');
    }
    w.open();
    t.same(w.bad(0, BLOCKS), []);
    t.ok(w.seen.equals(model));
    t.end();
  });
}

t.test('sums that their drive has lost are written again from memory', async (t) => {
  const w = new World();
  t.equal(w.write(0, 2000, 7), null);
  w.sums.flip(0);
  w.sums.flip(4096 + 512);
  const check = (): number => {
    let wrong: number | null = null;
    w.drive.checkSums(0, BLOCKS * BLOCK, (error, found) => {
      if (error !== null) throw new Error(error.message);
      wrong = found;
    });
    w.clock.settle(() => wrong !== null);
    return wrong!;
  };
  t.same(w.bad(0, 2000), [], 'nobody sees it yet');
  t.equal(check(), 2);
  t.equal(check(), 0);
  w.open();
  t.same(w.bad(0, 2000), [], 'nor does the next start');
  t.equal(w.write(100, 1, 8), null);
  t.equal(check(), 0);
});
