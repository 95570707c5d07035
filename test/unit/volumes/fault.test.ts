/** The fault-and-delay layer and its rules. */
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import type { BlockLayer, Done } from '../../../target/volumes/block-layer.js';
import { FaultLayer } from '../../../target/volumes/layers/fault.js';
import { type DelaySpec, drawDelay, MAX_DELAY_MS } from '../../../target/volumes/layers/fault-delay.js';
import { faultEffects } from '../../../target/volumes/layers/fault-effects.js';
import { FaultRules } from '../../../target/volumes/layers/fault-rules.js';
import type { FaultSpec } from '../../../target/volumes/layers/fault-spec.js';
import { codeOf, extents, flush, GiB, hostIo, read, rig, unmap, write } from './fixture.js';

const LDEV = 7;

/** Rules and a layer over one that always succeeds and notes its calls. */
function stage(...specs: FaultSpec[]) {
  const calls: string[] = [];
  const note = (name: string, done: Done) => {
    calls.push(name);
    done(null);
  };
  const next: BlockLayer = {
    read: (_io, _lba, _blocks, done) => note('read', () => done(null, [Buffer.from('data')], () => {})),
    write: (_io, _lba, _blocks, _data, done) => note('write', done),
    unmap: (_io, _lba, _blocks, done) => note('unmap', done),
    flush: (_io, _lba, _blocks, done) => note('flush', done),
    prefetch: (_io, _lba, _blocks, done) => note('prefetch', done),
    extents: (lba, blocks, _limit, done) => note('extents', () => done(null, [{ lba, blocks, mapped: true }])),
  };
  const clock = new SimulatedClock();
  const rules = new FaultRules(
    (id) => id === LDEV,
    () => {},
    seededRandom(1),
    clock,
  );
  for (const spec of specs) rules.add(spec);
  const marked: number[][] = [];
  const marks = {
    room: true,
    hasRoom: () => marks.room,
    mark: (lba: number, blocks: number) => {
      marked.push([lba, blocks]);
      return null;
    },
  };
  const layer = new FaultLayer(next, rules.covering(LDEV), marks, clock);
  return { calls, clock, rules, layer, marks, marked };
}

const one = Buffer.alloc(512);
const prefetch = (layer: BlockLayer) => new Promise((resolve) => layer.prefetch(hostIo, 0, 0, resolve));

t.test('an operation outside every rule goes on', async (t) => {
  const { calls, layer, rules } = stage(
    { op: 'write', effect: 'medium-error' },
    { op: 'read', lba: 100, blocks: 10, effect: 'medium-error' },
    { op: 'any', initiator: 'iqn.2001-04.com.example:other', effect: 'busy' },
  );
  t.same(await read(layer, 99, 1), Buffer.from('data'));
  t.same(await read(layer, 110, 5), Buffer.from('data'));
  t.equal(await unmap(layer, 0, 200), null);
  t.equal(await flush(layer), null);
  await prefetch(layer);
  t.same(calls, ['read', 'read', 'unmap', 'flush', 'prefetch']);
  t.same(
    rules.list().map((rule) => rule.hits),
    [0, 0, 0],
  );
});

t.test('a medium error is at the first block that the rule covers', async (t) => {
  const { calls, layer } = stage({ op: 'any', lba: 100, blocks: 10, effect: 'medium-error' });
  t.same(await read(layer, 90, 20), { kind: 'medium-error', lba: 100, write: false });
  t.same(await read(layer, 105, 20), { kind: 'medium-error', lba: 105, write: false });
  t.same(await write(layer, 100, one), { kind: 'medium-error', lba: 100, write: true });
  t.same(await unmap(layer, 0, 101), { kind: 'medium-error', lba: 100, write: true });
  t.same(await flush(layer, 50, 0), { kind: 'medium-error', lba: 100, write: false });
  t.same(calls, [], 'nothing was carried out');
  t.equal(await flush(layer, 110, 0), null);
});

t.test('one block, when only a first LBA is given', async (t) => {
  const { layer } = stage({ op: 'read', lba: 5, effect: 'hardware-error' });
  t.same(await read(layer, 4, 1), Buffer.from('data'));
  t.match(await read(layer, 5, 1), { kind: 'hardware-error' });
  t.same(await read(layer, 6, 1), Buffer.from('data'));
});

t.test('every n-th hit, up to a limit', async (t) => {
  const { layer, rules } = stage({ id: 'third', op: 'read', effect: 'not-ready', every: 3, limit: 2 });
  const failed: number[] = [];
  for (let n = 1; n <= 12; n++) if (!Buffer.isBuffer(await read(layer, 0, 1))) failed.push(n);
  t.same(failed, [3, 6]);
  t.match(rules.list(), [{ id: 'third', hits: 12, fired: 2, every: 3, limit: 2 }]);
});

t.test('delays pass on the clock; with an effect it comes after them; two rules add up', async (t) => {
  const { calls, clock, layer } = stage(
    { op: 'write', delayMs: 50 },
    { op: 'any', delayMs: 10 },
    { op: 'read', effect: 'busy', delayMs: 5 },
    { op: 'read', effect: 'medium-error' },
  );
  let written: unknown = 'waiting';
  layer.write(hostIo, 0, 1, [one], (failure) => {
    written = failure;
  });
  clock.advance(59);
  t.equal(written, 'waiting');
  clock.advance(1);
  t.equal(written, null);
  t.same(calls, ['write']);
  let answer: unknown = 'waiting';
  layer.read(hostIo, 0, 1, (failure) => {
    answer = failure;
  });
  clock.advance(14);
  t.equal(answer, 'waiting');
  clock.advance(1);
  t.same(answer, { kind: 'injected', status: 0x08 }, 'the first effect holds');
  t.same(calls, ['write']);
});

t.test('one initiator only, whatever the case of its name', async (t) => {
  const { layer } = stage({ op: 'read', initiator: 'IQN.2001-04.com.example:HOST', effect: 'busy' });
  t.match(await read(layer, 0, 1), { kind: 'injected' });
  t.same(await read(layer, 0, 1, { ...hostIo, initiator: 'iqn.2001-04.com.example:two' }), Buffer.from('data'));
});

t.test('every named effect makes a failure', async (t) => {
  for (const [name, effect] of faultEffects) {
    if (effect.recovered) continue;
    const { layer } = stage({ op: 'read', effect: name });
    const failure = await read(layer, 3, 1);
    t.notOk(Buffer.isBuffer(failure), name);
    t.same(failure, effect.failure(3, false), effect.meaning);
  }
});

t.test('delays of many rules add up to what a timer takes, and no less', async (t) => {
  const { layer, clock } = stage(
    ...Array.from({ length: 600 }, () => ({ op: 'read', delayMs: MAX_DELAY_MS }) as const),
  );
  let ended = false;
  layer.read(hostIo, 0, 1, () => {
    ended = true;
  });
  clock.advance(MAX_DELAY_MS - 1);
  t.notOk(ended);
  clock.advance(1);
  t.ok(ended);
});

t.test('rules that ask for nonsense are refused', async (t) => {
  const { rules } = stage();
  const refused = (spec: object, code: string) =>
    t.equal(
      codeOf(() => rules.add({ op: 'read', effect: 'busy', ...spec })),
      code,
      JSON.stringify(spec),
    );
  refused({ op: 'format' }, 'bad-fault');
  refused({ effect: 'flood' }, 'bad-fault');
  refused({ ldev: 8 }, 'ldev-unknown');
  refused({ lba: -1 }, 'bad-number');
  refused({ blocks: 0 }, 'bad-number');
  refused({ delayMs: 3_600_001 }, 'bad-number');
  refused({ every: 0 }, 'bad-number');
  refused({ every: 1.5 }, 'bad-number');
  refused({ limit: 0 }, 'bad-number');
  refused({ id: 'a b' }, 'bad-name');
  t.equal(
    codeOf(() => rules.add({ op: 'read' })),
    'bad-fault',
    'does nothing',
  );
  const refusedOf = (spec: FaultSpec) =>
    t.equal(
      codeOf(() => rules.add(spec)),
      'bad-fault',
      JSON.stringify(spec),
    );
  refusedOf({ function: 'abort-task' });
  refusedOf({ function: 'reset', response: 'rejected' });
  refusedOf({ function: 'any', response: 'no' });
  refusedOf({ function: 'any', effect: 'busy' });
  refusedOf({ function: 'any', lba: 1, response: 'rejected' });
  refusedOf({ function: 'any', blocks: 1, response: 'rejected' });
  refusedOf({ function: 'any', op: 'read', response: 'rejected' });
  refusedOf({ function: 'any', command: 'READ', response: 'rejected' });
  refusedOf({ function: 'any', connection: 'corrupt-header-digest' });
  refusedOf({ op: 'read', response: 'rejected' });
  refusedOf({ command: 'READ', response: 'rejected' });
  rules.add({ id: 'mine', op: 'read', effect: 'busy' });
  refused({ id: 'mine' }, 'fault-exists');
  t.equal(
    codeOf(() => rules.remove('other')),
    'fault-unknown',
  );
  for (let n = 1; n < 1024; n++) rules.add({ op: 'read', effect: 'busy' });
  refused({}, 'bad-fault');
});

t.test('on an LDEV: there while a rule covers it, and not otherwise', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { faults } = array.volumes;
  const a = array.volumes.createLdev({ bytes: GiB });
  const b = array.volumes.createLdev({ bytes: GiB });
  const bare = a.top;
  const onlyA = faults.add({ op: 'read', ldev: 0, effect: 'medium-error' });
  t.not(a.top, bare);
  t.match(await read(a.top, 0, 1), { kind: 'medium-error' });
  t.same(await read(b.top, 0, 1), Buffer.alloc(512));
  t.same((await extents(a.top, 0, 8)).length, 1, 'allocation can be asked for');
  faults.add({ op: 'any', effect: 'busy' });
  t.match(await read(b.top, 0, 1), { kind: 'injected' });
  const c = array.volumes.createLdev({ bytes: GiB });
  t.match(await read(c.top, 0, 1), { kind: 'injected' }, 'new LDEVs too');
  faults.remove(onlyA.id);
  t.match(await read(a.top, 0, 1), { kind: 'injected' });
  faults.clear();
  t.equal(a.top, bare, 'no layer, no cost');
  faults.add({ op: 'read', ldev: 1, effect: 'busy' });
  await array.volumes.deleteLdev(1);
  t.same(faults.list(), [], 'rules go with their LDEV');
  await array.stop();
});

t.test('any sense, by its key and codes', async (t) => {
  const { layer } = stage({ op: 'read', effect: '4/44/0' });
  const expected = { kind: 'injected', sense: { name: '4/44/0', key: 4, asc: 0x4400 } };
  t.same(await read(layer, 0, 1), expected);
  t.end();
});

t.test('a share of them, the same for the same seed', async (t) => {
  const fate = async (seed: number, probability: number) => {
    const { layer, rules } = stage({ op: 'read', effect: 'busy', probability, seed });
    const fates: boolean[] = [];
    for (let i = 0; i < 400; i++) fates.push(Buffer.isBuffer(await read(layer, 0, 1)));
    return { fates, rule: rules.list()[0]! };
  };
  const first = await fate(7, 0.25);
  t.ok(first.rule.fired > 60 && first.rule.fired < 140, `${first.rule.fired} of 400`);
  t.match(first.rule, { hits: 400, seed: 7 });
  t.same((await fate(7, 0.25)).fates, first.fates);
  t.notSame((await fate(8, 0.25)).fates, first.fates);
  t.equal((await fate(7, 1)).rule.fired, 400);
});

t.test('a delay between two bounds', async (t) => {
  const { layer, clock } = stage({ op: 'read', delayMs: 10, delayMaxMs: 30, seed: 3 });
  const waits = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const before = clock.now();
    let ended = false;
    layer.read(hostIo, 0, 1, () => {
      ended = true;
    });
    while (!ended) clock.advance(1);
    waits.add(Math.round((clock.now() - before) / 1e6));
  }
  t.equal(Math.min(...waits), 10);
  t.equal(Math.max(...waits), 30);
  t.ok(waits.size > 15);
});

t.test('delays that are distributed have the mean and the deviation asked for', (t) => {
  const random = seededRandom(11);
  const draw = (spec: DelaySpec) => Array.from({ length: 4000 }, () => drawDelay(spec, random));
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
  const deviation = (values: number[]) => Math.sqrt(mean(values.map((v) => (v - mean(values)) ** 2)));
  const near = (value: number, wanted: number) => t.ok(Math.abs(value - wanted) < wanted / 10, `${value}, ${wanted}`);
  const exponential = draw({ delayMs: 40, delayDistribution: 'exponential' });
  near(mean(exponential), 40);
  near(deviation(exponential), 40);
  const normal = draw({ delayMs: 100, delayDistribution: 'normal', delayDeviationMs: 15 });
  near(mean(normal), 100);
  near(deviation(normal), 15);
  const cut = draw({ delayMs: 10, delayDistribution: 'normal', delayDeviationMs: 15, delayMaxMs: 20 });
  t.equal(Math.min(...cut), 0, 'no negative time');
  t.equal(Math.max(...cut), 20);
  t.end();
});

t.test('the n-th alone; a rule with an end', async (t) => {
  const { layer, rules, clock } = stage({ op: 'read', effect: 'busy', skip: 4, limit: 1 });
  const failed: number[] = [];
  for (let n = 1; n <= 8; n++) if (!Buffer.isBuffer(await read(layer, 0, 1))) failed.push(n);
  t.same(failed, [5]);
  const storm = stage({ op: 'read', effect: 'task-set-full', every: 2, forMs: 1000 });
  const fates = async () => [await read(storm.layer, 0, 1), await read(storm.layer, 0, 1)].map(Buffer.isBuffer);
  t.same(await fates(), [true, false]);
  storm.clock.advance(1000);
  t.same(await fates(), [true, false], 'its last moment');
  storm.clock.advance(1);
  t.same(await fates(), [true, true]);
  t.match(storm.rules.list(), [{ hits: 6, fired: 2 }]);
  t.match(rules.list(), [{ hits: 8, fired: 1 }]);
  t.equal(clock.now(), 0);
});

t.test('blocks lost until they are written: marked as far as rule and read agree', async (t) => {
  const { layer, marked, marks } = stage({
    op: 'read',
    lba: 100,
    blocks: 10,
    effect: 'medium-error-until-written',
    limit: 2,
  });
  t.match(await read(layer, 96, 6), { kind: 'medium-error', lba: 100 });
  t.same(marked, [[100, 2]]);
  marks.room = false;
  t.match(await read(layer, 108, 6), { kind: 'hardware-error' }, 'no more marks');
  t.same(marked, [[100, 2]]);
});

t.test('what is random is checked', (t) => {
  const { rules } = stage();
  for (const spec of [
    { probability: 0 },
    { probability: 1.5 },
    { probability: Number.NaN },
    { seed: -1 },
    { seed: 2 ** 32 },
    { delayMs: 20, delayMaxMs: 10 },
    { effect: '3/11' },
    { effect: 'g/11/00' },
    { effect: 'medium-error-until-written' },
    { delayDistribution: 'uniform' },
    { delayDistribution: 'exponential' },
    { delayDistribution: 'normal', delayMs: 5 },
    { delayDistribution: 'lognormal', delayMs: 5 },
    { delayMs: 5, delayDeviationMs: 2 },
    { stallMs: 5 },
    { skip: -1 },
    { forMs: 0 },
    { port: 'CL1-A' },
    { connection: 'drop-before' },
    { command: 'READ(10)' },
    { op: undefined, command: 'READ(11)' },
    { op: undefined, command: '28/20' },
    { op: undefined, command: 'READ(10)', connection: 'cut' },
    { op: undefined, command: 'READ(10)', connection: 'drop-after', stallMs: 5 },
  ] as object[]) {
    t.throws(() => rules.add({ op: 'any', effect: 'busy', ...spec }), { code: /^bad-/ }, JSON.stringify(spec));
  }
  t.end();
});
