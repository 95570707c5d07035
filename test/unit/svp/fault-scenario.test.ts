import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { FaultScenarios, type Scenario } from '../../../target/svp/fault-scenario.js';
import type { ArrayView } from '../../../target/svp/view.js';
import { FaultRules } from '../../../target/volumes/layers/fault-rules.js';
import { AccessState } from '../../../wire/scsi/target-port-groups.js';
import { checkout } from '../../support/root.js';

function stage() {
  const clock = new SimulatedClock();
  const lines: string[] = [];
  const states: [at: number, group: number, state: AccessState, transitionMs: number][] = [];
  const faults = new FaultRules(
    (id) => id === 0,
    () => {},
    seededRandom(1),
    clock,
  );
  const array = {
    volumes: {
      faults,
      ports: () => [
        { name: 'CL1-A', portGroup: 1 },
        { name: 'CL2-A', portGroup: 2 },
      ],
      ldev: () => undefined,
    },
    units: {
      setAccessState: (group: number, state: AccessState, transitionMs: number) =>
        states.push([clock.now() / 1e6, group, state, transitionMs]),
    },
  } as unknown as ArrayView;
  const note = (line: string) => lines.push(line);
  const scenarios = new FaultScenarios(array, clock, { info: note, warn: note, error: note });
  return { clock, lines, states, faults, scenarios };
}

t.test('the documented example, step by step', async (t) => {
  const { clock, states, faults, scenarios } = stage();
  const scenario = JSON.parse(readFileSync(join(checkout, 'docs/examples/scenario.json'), 'utf8')) as Scenario;
  const ids = () => faults.list().map(({ id }) => id);
  t.match(scenarios.play(scenario), { name: 'path trouble', steps: 5, done: 1, nextMs: 5000, lastMs: 15000 });
  t.same(ids(), ['slow'], 'what is due at 0 is done at once');
  clock.advance(4999);
  t.same(states, []);
  clock.advance(1);
  t.same(states, [[5000, 1, AccessState.standby, 2000]]);
  clock.advance(5000);
  t.same(ids(), ['slow', 'cut']);
  t.match(scenarios.list(), [{ done: 3, nextMs: 5000 }]);
  clock.advance(5000);
  t.same(ids(), []);
  t.same(states.at(-1), [15000, 1, AccessState.activeOptimized, 0]);
  t.same(scenarios.list(), []);
  t.equal(clock.pending, 0);
});

t.test('docs/fault-injection.md shows that example', async (t) => {
  const text = readFileSync(join(checkout, 'docs/fault-injection.md'), 'utf8');
  t.ok(text.includes(readFileSync(join(checkout, 'docs/examples/scenario.json'), 'utf8')));
});

t.test('steps are taken in the order of their times', async (t) => {
  const { clock, faults, scenarios } = stage();
  scenarios.play({
    steps: [
      { at: 20, remove: 'one' },
      { at: 10, add: { id: 'one', sense: 'busy' } },
    ],
  });
  clock.advance(15);
  t.equal(faults.list().length, 1);
  clock.advance(10);
  t.equal(faults.list().length, 0);
});

t.test('what would be refused refuses the whole', async (t) => {
  const { faults, scenarios, states } = stage();
  const refused = (step: object, code: string, message: RegExp) =>
    t.throws(() => scenarios.play({ steps: [{ at: 0, clear: true }, step] } as Scenario), { code, message });
  faults.add({ id: 'stays', effect: 'busy' });
  refused({ at: 5, add: { sense: 'sunspots' } }, 'bad-fault', /^steps\[1\]: "sunspots"/);
  refused({ at: 5, add: { ldev: '00:01', sense: 'busy' } }, 'ldev-unknown', /00:01/);
  refused({ at: 5, add: { command: 'any', port: 'CL9-Z', sense: 'busy' } }, 'port-unknown', /CL9-Z/);
  const one = /^steps\[1\]: a step does one thing: add, remove, clear, accessState/;
  refused({ at: 5 }, 'bad-fault', one);
  refused({ at: 5, clear: true, remove: 'x' }, 'bad-fault', one);
  refused({ at: 5, accessState: { portGroup: 9, state: 'standby' } }, 'port-group-unknown', /9: there is 1, 2/);
  refused({ at: 5, accessState: { portGroup: 1, ldev: '00:01', state: 'standby' } }, 'ldev-unknown', /00:01/);
  t.equal(faults.list().length, 1, 'nothing was done');
  t.same(states, []);
  t.same(scenarios.list(), []);
});

t.test('a step that cannot be taken ends it, in words', async (t) => {
  const { clock, faults, lines, scenarios } = stage();
  scenarios.play({
    name: 'mine',
    steps: [
      { at: 10, remove: 'nobody' },
      { at: 20, add: { sense: 'busy' } },
    ],
  });
  clock.advance(30);
  t.same(faults.list(), []);
  t.match(lines, [/mine ends at its step 1: there is no fault rule "nobody"/]);
  t.same(scenarios.list(), []);
});

t.test('stopped: no further step', async (t) => {
  const { clock, faults, scenarios } = stage();
  for (let n = 0; n < 16; n++) scenarios.play({ steps: [{ at: 10, add: { sense: 'busy' } }] });
  t.throws(() => scenarios.play({ steps: [{ at: 10, clear: true }] }), { code: 'bad-fault', message: /16/ });
  scenarios.stop();
  clock.advance(30);
  t.same(faults.list(), []);
  t.equal(clock.pending, 0);
});

t.test('a first step that cannot be taken is told to who plays', async (t) => {
  const { faults, scenarios } = stage();
  faults.add({ id: 'same', op: 'read', effect: 'busy' });
  const steps = [{ at: 0, add: { id: 'same', op: 'read', sense: 'busy' } }] as never;
  t.throws(() => scenarios.play({ steps }), { code: 'bad-fault', message: /step 1/ });
  t.same(scenarios.list(), []);
});
