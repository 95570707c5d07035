/** The small parts under the session and lunctl: queue, tags, slices, workers, random numbers, statistics. */

import { Readable } from 'node:stream';
import t from 'tap';
import { zeroRuns } from '../../../initiator/copy/extents.js';
import { streamPieces } from '../../../initiator/copy/pieces.js';
import { inParallel, Turnstile } from '../../../initiator/copy/workers.js';
import { planFirstBurst, sliceOf } from '../../../initiator/data-out.js';
import type { SessionParameters } from '../../../initiator/login-negotiation.js';
import { SeededRandom } from '../../../initiator/perf/random.js';
import { LoadStatistics } from '../../../initiator/perf/statistics.js';
import { isReissuable } from '../../../initiator/reissuable.js';
import { TagTable } from '../../../initiator/tag-table.js';
import { ScsiTask } from '../../../initiator/task.js';
import { TaskQueue } from '../../../initiator/task-queue.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';

const task = (deadline = Number.POSITIVE_INFINITY): ScsiTask => {
  const made = new ScsiTask(Buffer.alloc(8), Buffer.alloc(6), () => {});
  made.deadline = deadline;
  return made;
};

t.test('the queue keeps order, lets some in front, drops the overdue', async (t) => {
  const queue = new TaskQueue();
  const tasks = Array.from({ length: 6 }, (_, index) => task(index % 2 === 0 ? 10 : 1000));
  for (const one of tasks.slice(2)) queue.push(one);
  t.equal(queue.shift(), tasks[2]);
  queue.unshift([tasks[0]!, tasks[1]!]);
  t.same(queue.removeOverdue(10), [tasks[0], tasks[4]]);
  t.equal(queue.length, 3);
  t.same([queue.shift(), queue.shift(), queue.shift()], [tasks[1], tasks[3], tasks[5]]);
  t.equal(queue.length, 0);
});

t.test('tags are not mistaken for those of earlier uses', async (t) => {
  const tags = new TagTable<string>();
  const first = tags.add('a');
  const second = tags.add('b');
  t.same([tags.get(first), tags.get(second), tags.size], ['a', 'b', 2]);
  tags.remove(first);
  tags.remove(first);
  t.equal(tags.size, 1);
  const third = tags.add('c');
  t.not(third, first);
  t.same([tags.get(first), tags.get(third), tags.get(0xffffffff), tags.get(12345)], [null, 'c', null, null]);
  for (let use = 0, tag = third; use < 40000; use += 1) {
    tags.remove(tag);
    tag = tags.add('again');
    if (tag >= 0x7fffffff || tag < 0) t.fail(`tag ${tag}`);
  }
  t.same([...tags].sort(), ['again', 'b']);
});

t.test('slices over a list of buffers', async (t) => {
  const parts = [Buffer.from('abc'), Buffer.from('defgh'), Buffer.from('i')];
  const cut = (offset: number, bytes: number) => Buffer.concat(sliceOf(parts, offset, bytes)).toString();
  t.same(
    [cut(0, 9), cut(0, 2), cut(2, 3), cut(3, 5), cut(7, 2), cut(8, 1)],
    ['abcdefghi', 'ab', 'cde', 'defgh', 'hi', 'i'],
  );
});

t.test('the first burst', async (t) => {
  const plan = (parameters: Partial<SessionParameters>, bytes: number) => {
    const burst = { immediate: 0, unsolicited: 0 };
    const defaults = {
      immediateData: true,
      initialR2T: false,
      firstBurstLength: 65536,
      maxSendDataSegmentLength: 8192,
    };
    planFirstBurst({ ...defaults, ...parameters } as SessionParameters, bytes, burst);
    return [burst.immediate, burst.unsolicited];
  };
  t.same(plan({}, 4096), [4096, 0]);
  t.same(plan({}, 100000), [8192, 65536 - 8192]);
  t.same(plan({ immediateData: false }, 100000), [0, 65536]);
  t.same(plan({ initialR2T: true }, 100000), [8192, 0]);
  t.same(plan({ initialR2T: true, immediateData: false }, 100000), [0, 0]);
  t.same(plan({ firstBurstLength: 512 }, 4096), [512, 0]);
});

t.test('what may be issued again', async (t) => {
  const safe = (opcode: number) => isReissuable(Buffer.from([opcode]), DeviceType.directAccess);
  t.same([0x28, 0x8a, 0x42, 0x93, 0x12].map(safe), [true, true, true, true, true]);
  t.same([0x89, 0x5f, 0x83, 0x16, 0xc2].map(safe), [false, false, false, false, false]);
  t.equal(isReissuable(Buffer.alloc(0), null), false);
  const onTape = (opcode: number) => isReissuable(Buffer.from([opcode]), DeviceType.sequentialAccess);
  t.same([0x00, 0x12, 0x34, 0x5e].map(onTape), [true, true, true, true]);
  t.same([0x08, 0x0a, 0x11, 0x91, 0x8a].map(onTape), [false, false, false, false, false], 'what moves a tape');
  const onAny = (opcode: number) => isReissuable(Buffer.from([opcode]), null);
  t.same([0x12, 0x28, 0x2a, 0x34, 0x42].map(onAny), [true, true, true, true, true], 'safe on disks and tapes');
  t.same([0x88, 0x8a, 0x8f, 0x91, 0x93].map(onAny), [false, false, false, false, false], 'it might be a tape');
  const long = (action: number) => isReissuable(Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 24, 0, action]), null);
  t.ok(long(0x09), 'READ(32)');
  t.notOk(long(0x0c), 'of 32 bytes too');
});

t.test('work in parallel: at most so many, ends at the first failure', async (t) => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await inParallel([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
    running -= 1;
    done.push(item);
  });
  t.equal(most, 2);
  t.same(done.sort(), [1, 2, 3, 4, 5]);
  const begun: number[] = [];
  await t.rejects(
    inParallel([1, 2, 3, 4, 5], 2, async (item) => {
      begun.push(item);
      await Promise.resolve();
      if (item === 2) throw new Error('two');
    }),
    { message: 'two' },
  );
  t.notOk(begun.includes(5));
});

t.test('a turnstile lets through in order, and not past a failure', async (t) => {
  const turnstile = new Turnstile();
  const passed: number[] = [];
  const [first, second, third] = [turnstile.take(), turnstile.take(), turnstile.take()];
  const late = third(async () => void passed.push(3));
  await first(async () => void passed.push(1));
  await second(async () => void passed.push(2));
  await late;
  t.same(passed, [1, 2, 3]);
  const failing = turnstile.take();
  const behind = turnstile.take()(async () => void passed.push(5));
  await t.rejects(
    failing(async () => Promise.reject(new Error('stuck'))),
    { message: 'stuck' },
  );
  await t.rejects(behind, { message: 'stuck' });
});

t.test('zeros in a buffer', async (t) => {
  const data = Buffer.alloc(1000);
  data[450] = 1;
  t.same(zeroRuns(data, 100), [
    { at: 0, length: 400, hole: true },
    { at: 400, length: 100, hole: false },
    { at: 500, length: 500, hole: true },
  ]);
  t.same(zeroRuns(Buffer.alloc(0), 100), []);
});

t.test('a stream in whole blocks, however it comes', async (t) => {
  const data = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
  for (const step of [1, 7, 256, 1000]) {
    const chunks = Array.from({ length: Math.ceil(1000 / step) }, (_, index) =>
      data.subarray(index * step, (index + 1) * step),
    );
    const pieces = [];
    for await (const piece of streamPieces(Readable.from(chunks), 256, 64)) pieces.push(piece);
    t.same(
      pieces.map(({ at, bytes, used }) => [at, bytes, used]),
      [
        [0, 256, 256],
        [256, 256, 256],
        [512, 256, 256],
        [768, 256, 232],
      ],
    );
    t.ok(
      Buffer.concat(pieces.map(({ data }) => data!))
        .subarray(0, 1000)
        .equals(data),
      `in steps of ${step}`,
    );
  }
});

t.test('the same seed, the same numbers', async (t) => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return [random.word(), random.below(10), random.below(2 ** 40), random.fill(Buffer.alloc(7)).toString('hex')];
  };
  t.same(draw(42), draw(42));
  t.notSame(draw(42), draw(43));
  const random = new SeededRandom(1);
  const buckets = new Array<number>(8).fill(0);
  for (let count = 0; count < 8000; count += 1) buckets[random.below(8)]! += 1;
  for (const count of buckets) t.ok(count > 850 && count < 1150, `${count} of about 1000`);
  for (let count = 0; count < 1000; count += 1) {
    const value = random.below(2 ** 45 + 3);
    if (!(Number.isInteger(value) && value >= 0 && value < 2 ** 45 + 3)) t.fail(String(value));
  }
});

t.test('statistics', async (t) => {
  const statistics = new LoadStatistics(4096);
  for (let index = 1; index <= 1000; index += 1) statistics.record(index % 4 !== 0, index / 1000);
  const interval = statistics.interval();
  t.same([interval.reads, interval.writes], [750, 250]);
  t.ok(Math.abs(interval.p50 - 500) < 5, `median ${interval.p50} µs`);
  t.same(statistics.interval(), { reads: 0, writes: 0, p50: 0, p99: 0 });
  const { total, reads, writes } = statistics.summary(2);
  t.match(total, { ios: 1000, bytes: 4096000, iops: 500, megabytesPerSecond: 2.048 });
  t.same([reads.ios, writes.ios], [750, 250]);
  t.ok(Math.abs(total.latency!.percentiles.p99! - 990) < 5);
  t.ok(Math.abs(total.latency!.max - 1000) < 5);
  t.equal(
    statistics.distribution().reduce((sum, bin) => sum + bin.ios, 0),
    1000,
  );
  t.equal(new LoadStatistics(1).summary(0).total.latency, null);
  t.same(new LoadStatistics(1).distribution(), []);
});
