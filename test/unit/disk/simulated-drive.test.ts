import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { SimulatedDrive, type SimulatedDriveOptions } from '../../../target/disk/simulated-drive.js';
import type { DriveDone, DriveError } from '../../../target/disk/types.js';

const SECTOR = 512;
const SECTORS = 64;

function build(seed: number, options: SimulatedDriveOptions = {}) {
  const clock = new SimulatedClock();
  return { clock, drive: new SimulatedDrive('sim', SECTORS * SECTOR, clock, seededRandom(seed), options) };
}

function run(clock: SimulatedClock, start: (done: DriveDone) => void): DriveError | null {
  let outcome: DriveError | null | undefined;
  start((error) => {
    outcome = error;
  });
  clock.settle(() => outcome !== undefined);
  if (outcome === undefined) throw new Error('never ended');
  return outcome;
}

/** First byte of every sector. */
function stamps(clock: SimulatedClock, drive: SimulatedDrive): number[] {
  const data = Buffer.alloc(SECTORS * SECTOR);
  run(clock, (done) => drive.read(0, [data], done));
  return Array.from({ length: SECTORS }, (_, i) => data[i * SECTOR]!);
}

t.test('synced data survives a cut; unsynced may be lost, reordered, torn, but nothing else appears', (t) => {
  let lost = 0;
  let kept = 0;
  let torn = 0;
  for (let seed = 0; seed < 200; seed++) {
    const { clock, drive } = build(seed);
    run(clock, (done) => drive.write(0, [Buffer.alloc(32 * SECTOR, 1)], done));
    run(clock, (done) => drive.sync(done));
    run(clock, (done) => drive.write(0, [Buffer.alloc(8 * SECTOR, 2)], done));
    run(clock, (done) => drive.write(4 * SECTOR, [Buffer.alloc(8 * SECTOR, 3)], done));
    run(clock, (done) => drive.punch(20 * SECTOR, 4 * SECTOR, done));
    let ended = false;
    drive.write(40 * SECTOR, [Buffer.alloc(8 * SECTOR, 4)], () => {
      ended = true;
    });
    const next = drive.cut();
    const found = stamps(clock, next);
    clock.settle();
    if (ended) t.fail('an operation ended after the cut');
    const allowed = (sector: number): number[] => {
      if (sector < 4) return [1, 2];
      if (sector < 8) return [1, 2, 3];
      if (sector < 12) return [1, 3];
      if (sector >= 20 && sector < 24) return [0, 1];
      if (sector < 32) return [1];
      return sector >= 40 && sector < 48 ? [0, 4] : [0];
    };
    for (const [sector, value] of found.entries()) {
      if (!allowed(sector).includes(value)) t.fail(`seed ${seed}: sector ${sector} holds ${value}`);
    }
    found[0] === 2 ? kept++ : lost++;
    if (found[40] === 4 && found[47] === 0) torn++;
    if (found.lastIndexOf(4) > 40 && found.slice(40, found.lastIndexOf(4)).some((value) => value !== 4)) {
      t.fail('the torn write is no prefix');
    }
  }
  t.ok(lost > 20 && kept > 20 && torn > 20, `lost ${lost}, kept ${kept}, torn ${torn}`);
  t.end();
});

t.test('a kill loses nothing that ended, a cut after it may', (t) => {
  let lost = 0;
  for (let seed = 0; seed < 50; seed++) {
    const { clock, drive } = build(seed);
    run(clock, (done) => drive.write(0, [Buffer.alloc(SECTOR, 1)], done));
    run(clock, (done) => drive.write(SECTOR, [Buffer.alloc(SECTOR, 1)], done));
    drive.write(2 * SECTOR, [Buffer.alloc(4 * SECTOR, 1)], () => t.fail('ended after the kill'));
    const next = drive.kill();
    const found = stamps(clock, next);
    t.same(found.slice(0, 2), [1, 1]);
    if (stamps(clock, next.cut())[0] === 0) lost++;
  }
  t.ok(lost > 10);
  t.end();
});

t.test('a sync that is overtaken by a newer one does not bring old data back', (t) => {
  for (let seed = 0; seed < 100; seed++) {
    const { clock, drive } = build(seed, { latencyMs: [1, 100] });
    run(clock, (done) => drive.write(0, [Buffer.alloc(SECTOR, 1)], done));
    drive.sync(() => {});
    run(clock, (done) => drive.write(0, [Buffer.alloc(SECTOR, 2)], done));
    run(clock, (done) => drive.sync(done));
    clock.settle();
    t.equal(stamps(clock, drive.cut())[0], 2);
  }
  t.end();
});

t.test('errors on demand, for a place, at random; a failed write changes a prefix', (t) => {
  const { clock, drive } = build(1);
  drive.fail('write');
  const failed = run(clock, (done) => drive.write(0, [Buffer.alloc(8 * SECTOR, 1)], done));
  t.match(failed, { kind: 'io-error', message: /^sim: write failed at 0/ });
  const prefix = stamps(clock, drive).lastIndexOf(1) + 1;
  t.ok(
    stamps(clock, drive)
      .slice(0, prefix)
      .every((value) => value === 1),
  );
  drive.fail('sync', { kind: 'no-space', message: 'full' });
  t.match(
    run(clock, (done) => drive.sync(done)),
    { kind: 'no-space' },
  );
  t.equal(
    run(clock, (done) => drive.sync(done)),
    null,
  );

  drive.badRange('read', 10 * SECTOR, SECTOR);
  const buffer = Buffer.alloc(SECTOR);
  t.match(
    run(clock, (done) => drive.read(10 * SECTOR, [buffer], done)),
    { kind: 'io-error' },
  );
  t.match(
    run(clock, (done) => drive.read(9 * SECTOR, [buffer, buffer], done)),
    { kind: 'io-error' },
  );
  t.equal(
    run(clock, (done) => drive.read(9 * SECTOR, [buffer], done)),
    null,
  );
  drive.repair();
  t.equal(
    run(clock, (done) => drive.read(10 * SECTOR, [buffer], done)),
    null,
  );

  const unlucky = build(2, { errorRates: { write: 0.5 } });
  let errors = 0;
  for (let i = 0; i < 100; i++) {
    if (run(unlucky.clock, (done) => unlucky.drive.write(0, [buffer], done)) !== null) errors++;
  }
  t.ok(errors > 20 && errors < 80);
  t.end();
});

t.test('latency comes from the clock, and operations overtake one another', (t) => {
  const { clock, drive } = build(3, { latencyMs: [5, 10] });
  const order: number[] = [];
  for (let i = 0; i < 10; i++) drive.write(i * SECTOR, [Buffer.alloc(SECTOR, 1)], () => order.push(i));
  clock.advance(4);
  t.same(order, []);
  clock.advance(6);
  t.equal(order.length, 10);
  t.notSame(
    order,
    [...order].sort((a, b) => a - b),
  );
  t.end();
});

t.test('one seed, one history', (t) => {
  const history = () => {
    const { clock, drive } = build(9, { latencyMs: [1, 9], errorRates: { write: 0.2 }, readNowShare: 0.5 });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 40; i++) {
      drive.write((i % 16) * SECTOR, [Buffer.alloc(2 * SECTOR, i + 1)], (error) => outcomes.push(error?.message ?? i));
      outcomes.push(drive.readNow(0, [Buffer.alloc(SECTOR)]));
      if (i % 8 === 0) clock.advance(5);
    }
    return [outcomes, stamps(clock, drive.cut())];
  };
  t.same(history(), history());
  t.end();
});

t.test(
  'what a drive does wrong without a word: writes elsewhere or not at all, reads of elsewhere, changed bits',
  (t) => {
    const { clock, drive } = build(11);
    const write = (sector: number, value: number) =>
      run(clock, (done) => drive.write(sector * SECTOR, [Buffer.alloc(SECTOR, value)], done));
    for (let sector = 0; sector < SECTORS; sector++) write(sector, sector + 1);
    const before = stamps(clock, drive);
    drive.misbehave({ dropWrite: 1 });
    t.equal(write(3, 200), null);
    drive.misbehave({});
    t.same(stamps(clock, drive), before, 'acknowledged, and not done');

    drive.misbehave({ misdirectWrite: 1 });
    t.equal(write(3, 201), null);
    drive.misbehave({});
    const after = stamps(clock, drive);
    t.equal(after.filter((value, sector) => value !== before[sector]).length, 1);
    t.not(after.indexOf(201), -1);
    t.not(after.indexOf(201), 3);

    drive.misbehave({ misdirectRead: 1 });
    const seen = new Set<number>();
    const buffer = Buffer.alloc(SECTOR);
    for (let i = 0; i < 20; i++) {
      run(clock, (done) => drive.read(0, [buffer], done));
      seen.add(buffer[0]!);
    }
    t.ok(seen.size > 5);
    drive.misbehave({});

    run(clock, (done) => drive.sync(done));
    drive.flip(7 * SECTOR);
    const data = Buffer.alloc(SECTOR);
    run(clock, (done) => drive.read(7 * SECTOR, [data], done));
    t.equal(data.filter((byte) => byte !== 8).length, 1, 'one byte changed');
    const left = drive.cut();
    run(clock, (done) => left.read(7 * SECTOR, [buffer], done));
    t.ok(buffer.equals(data), 'for good');
    t.end();
  },
);
