import t from 'tap';
import { native } from '../../../../native/index.js';
import { seededRandom } from '../../../../target/base/random.js';
import { createCode, has, Recovery, type RedundantLevel } from '../../../../target/disk/raid/code.js';
import { StripeLayout } from '../../../../target/disk/raid/layout.js';
import { newChecks, type StripePiece, StripePlanner } from '../../../../target/disk/raid/stripe-plan.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);

const kinds = [
  ['raid1+0', 2],
  ['raid1+0', 8],
  ['raid5', 3],
  ['raid5', 4],
  ['raid5', 8],
  ['raid6', 4],
  ['raid6', 8],
  ['raid6', 16],
] as const satisfies readonly (readonly [RedundantLevel, number])[];

function columnsOf(level: RedundantLevel, drives: number, bytes: number) {
  const random = seededRandom(seed);
  const code = createCode(level, drives);
  const columns = Array.from({ length: code.data }, () => random.bytes(bytes));
  for (const factors of code.factors) {
    const check = Buffer.alloc(bytes);
    native.combine([check], columns.slice(0, code.data), factors);
    columns.push(check);
  }
  return { random, code, columns };
}

t.test('every column that can be recovered is, out of those present', (t) => {
  t.comment(`LUNARRAY_SEED=${seed}`);
  for (const [level, drives] of kinds) {
    const { code, columns } = columnsOf(level, drives, 64);
    const recovery = new Recovery(code);
    for (let a = 0; a < drives; a++) {
      for (let b = a; b < drives; b++) {
        const lost = (1 << a) | (1 << b);
        for (let column = 0; column < drives; column++) {
          const sum = recovery.sum(column, lost);
          if (sum === null) {
            if (level === 'raid6' || a === b) t.fail(`${level} of ${drives} without ${a} and ${b}: no ${column}`);
            continue;
          }
          if (sum.some((factor, from) => factor !== 0 && has(lost, from))) t.fail('out of a lost column');
          const result = Buffer.alloc(64);
          native.combine([result], columns, sum);
          if (!result.equals(columns[column]!)) t.fail(`${level} of ${drives} without ${a} and ${b}: wrong ${column}`);
        }
      }
    }
    const two = recovery.complete(0b11);
    t.equal(
      two,
      level === 'raid6' || (level === 'raid1+0' && drives > 2),
      `${level} of ${drives} without the first two`,
    );
  }
  t.end();
});

t.test('a mirror pair that is lost takes nothing else along', (t) => {
  const recovery = new Recovery(createCode('raid1+0', 8));
  const lost = (1 << 1) | (1 << 5);
  t.equal(recovery.sum(1, lost), null);
  t.ok(recovery.sum(0, lost));
  t.ok(recovery.sum(2, lost));
  t.equal(recovery.complete(lost), false);
  t.end();
});

t.test('numbers of drives that are refused', (t) => {
  for (const [level, drives] of [
    ['raid5', 2],
    ['raid6', 3],
    ['raid1+0', 3],
    ['raid5', 17],
  ] as const) {
    t.throws(() => createCode(level, drives), RangeError);
  }
  t.end();
});

t.test('left-symmetric rotation, as Linux md has it', (t) => {
  const table = (level: RedundantLevel, drives: number) => {
    const layout = new StripeLayout(createCode(level, drives), 16384, 8);
    const { data } = layout.code;
    return Array.from({ length: drives }, (_, stripe) =>
      Array.from({ length: drives }, (_, drive) => {
        const column = layout.columnOf(stripe, drive);
        return column < data ? String(stripe * data + column) : 'PQ'[column - data]!;
      }).join(' '),
    );
  };
  t.same(table('raid5', 4), ['0 1 2 P', '4 5 P 3', '8 P 6 7', 'P 9 10 11']);
  t.same(table('raid6', 4), ['Q 0 1 P', '2 3 P Q', '5 P Q 4', 'P Q 6 7']);
  t.end();
});

t.test('places: each byte once, drive and column inverse to each other', (t) => {
  for (const [level, drives] of kinds) {
    const layout = new StripeLayout(createCode(level, drives), 16384, drives * 2 + 1);
    for (let stripe = 0; stripe < layout.stripes; stripe++) {
      const seen = new Set<number>();
      for (let column = 0; column < drives; column++) {
        const drive = layout.driveOf(stripe, column);
        seen.add(drive);
        if (layout.columnOf(stripe, drive) !== column) t.fail(`${level} of ${drives}: stripe ${stripe}`);
      }
      if (seen.size !== drives) t.fail(`${level} of ${drives}: two columns on one drive`);
    }
    const random = seededRandom(seed);
    for (let round = 0; round < 20; round++) {
      const offset = random.below(layout.bytes / 512) * 512;
      const bytes = 512 * (1 + random.below((layout.bytes - offset) / 512));
      let at = offset;
      layout.place(offset, bytes, (stripe, column, inUnit, length) => {
        const position = (stripe * layout.code.data + column) * layout.unit + inUnit;
        if (position !== at || inUnit + length > layout.unit) t.fail(`${level}: ${position} instead of ${at}`);
        at += length;
      });
      if (at !== offset + bytes) t.fail(`${level}: not all of the range`);
    }
  }
  t.pass();
  t.end();
});

t.test('plans: checks come out right whatever is written, missing or unreadable', (t) => {
  t.comment(`LUNARRAY_SEED=${seed}`);
  const unit = 4096;
  for (const [level, drives] of kinds) {
    const { random, code, columns } = columnsOf(level, drives, unit);
    const recovery = new Recovery(code);
    const planner = new StripePlanner(code, recovery);
    for (let round = 0; round < 200; round++) {
      const pieces: StripePiece[] = [];
      const after = columns.map((column) => Buffer.from(column));
      for (let column = 0; column < code.data; column++) {
        for (let at = 0; random.below(2) === 0 && at < unit; ) {
          const end = Math.min(unit, at + 512 * (1 + random.below(8)));
          const data = random.below(4) === 0 ? null : random.bytes(end - at);
          pieces.push({ column, at, end, data });
          if (data === null) after[column]!.fill(0, at, end);
          else data.copy(after[column]!, at);
          at = end + 512 * random.below(3);
        }
      }
      if (pieces.length === 0) continue;
      for (const [check, factors] of code.factors.entries()) {
        native.combine([after[code.data + check]!], after.slice(0, code.data), factors);
      }
      const missing = random.below(2) << random.below(drives);
      const also = random.below(2) << random.below(drives);
      const unreadable = missing | also;
      const bad = Array.from({ length: drives }, (_, column) => ({ column, at: 0, end: unit }));
      const plan = planner.plan(
        pieces,
        missing,
        bad.filter(({ column }) => has(also, column)),
        false,
      );
      if (plan === null) {
        if (recovery.complete(unreadable)) t.fail(`${level} of ${drives}: no plan without ${unreadable}`);
        continue;
      }
      for (const { column } of plan.reads) if (has(unreadable, column)) t.fail('reads what cannot be read');
      const old = plan.reads.map((range) => ({ ...range, data: columns[range.column]!.subarray(range.at, range.end) }));
      const result = columns.map((column) => Buffer.from(column));
      for (const { column, at, end, data } of [...pieces, ...newChecks(plan, old)]) {
        if (data === null) result[column]!.fill(0, at, end);
        else data.copy(result[column]!, at);
      }
      for (let column = 0; column < drives; column++) {
        if (has(missing, column) || result[column]!.equals(after[column]!)) continue;
        t.fail(`${level} of ${drives}, round ${round}: column ${column}, missing ${missing}, unreadable ${unreadable}`);
      }
    }
  }
  t.pass();
  t.end();
});

t.test('a full stripe reads nothing; a small write reads as few columns as will do', (t) => {
  const reads = (level: RedundantLevel, drives: number, written: number) => {
    const code = createCode(level, drives);
    const pieces = Array.from({ length: written }, (_, column) => ({
      column,
      at: 0,
      end: 512,
      data: Buffer.alloc(512),
    }));
    return new StripePlanner(code, new Recovery(code)).plan(pieces, 0, [], false)!.reads.length;
  };
  t.equal(reads('raid5', 8, 7), 0);
  t.equal(reads('raid6', 8, 6), 0);
  t.equal(reads('raid1+0', 8, 1), 0);
  t.equal(reads('raid5', 8, 1), 2, 'read-modify-write: the column and P');
  t.equal(reads('raid5', 8, 5), 2, 'reconstruct-write: the two other columns');
  t.equal(reads('raid6', 8, 1), 3);
  t.equal(reads('raid6', 8, 4), 2);
  t.end();
});
