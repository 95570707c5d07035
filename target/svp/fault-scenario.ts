/**
 * Fault scenarios: timed lists of what an administrator would do by hand. They run in the array, on its clock, and are
 * gone when it stops.
 */
import { type Static, Type } from '@sinclair/typebox';
import { type AccessStateName, accessStateNames } from '../../wire/scsi/target-port-groups.js';
import type { Log } from '../base/log.js';
import type { Clock } from '../disk/types.js';
import { MAX_TRANSITION_SECONDS } from '../scsi/asymmetric-access.js';
import { ConfigError } from '../volumes/errors.js';
import { changeAccessState, checkAccessChange } from './access-states.js';
import { FaultRuleSchema, faultSpec, portNames } from './fault-schema.js';
import type { ArrayView } from './view.js';

const strict = { additionalProperties: false };
const MAX_STEPS = 1024;
const MAX_PLAYING = 16;
/** A day. */
const MAX_AT_MS = 86_400_000;

const at = Type.Integer({ minimum: 0, maximum: MAX_AT_MS, description: 'Milliseconds after the beginning.' });
/** One of them in each step. */
const actions = {
  add: FaultRuleSchema,
  remove: Type.String({ minLength: 1, maxLength: 32 }),
  clear: Type.Literal(true),
  accessState: Type.Object(
    {
      portGroup: Type.Integer({ minimum: 1, maximum: 65535 }),
      state: Type.Union(Object.keys(accessStateNames).map((name) => Type.Literal(name as AccessStateName))),
      ldev: Type.Optional(Type.String({ pattern: '^[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}$' })),
      transitionSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_TRANSITION_SECONDS })),
    },
    strict,
  ),
};
const StepSchema = Type.Composite([Type.Object({ at }), Type.Partial(Type.Object(actions))], strict);

export const ScenarioSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    steps: Type.Array(StepSchema, { minItems: 1, maxItems: MAX_STEPS }),
  },
  strict,
);
export type Scenario = Static<typeof ScenarioSchema>;
type Step = Scenario['steps'][number];

export interface ScenarioState {
  readonly id: number;
  readonly name: string;
  readonly steps: number;
  /** Steps taken. */
  readonly done: number;
  /** Milliseconds from now to the next step, and to the last. */
  readonly nextMs: number;
  readonly lastMs: number;
}

type Target = Pick<ArrayView, 'volumes' | 'units'>;

interface Playing {
  readonly id: number;
  readonly name: string;
  /** In the order in which they are taken. */
  readonly steps: readonly Step[];
  readonly startedAt: number;
  done: number;
  timer: { cancel(): void } | null;
}

export class FaultScenarios {
  private readonly playing = new Map<number, Playing>();
  private nextId = 1;

  constructor(
    private readonly target: Target,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Begins a scenario; steps at 0 are taken before it returns. Throws ConfigError `bad-fault` and what a rule is refused
   * with; nothing has been done then.
   */
  play({ name, steps }: Scenario): ScenarioState {
    if (this.playing.size >= MAX_PLAYING) {
      throw new ConfigError('bad-fault', `${MAX_PLAYING} scenarios are played already: stop them first.`);
    }
    for (const [index, each] of steps.entries()) this.check(each, index);
    const id = this.nextId++;
    const scenario: Playing = {
      id,
      name: name ?? `scenario-${id}`,
      steps: [...steps].sort((a, b) => a.at - b.at),
      startedAt: this.clock.now(),
      done: 0,
      timer: null,
    };
    this.playing.set(id, scenario);
    const failure = this.proceed(scenario);
    if (failure !== null) throw failure;
    return this.state(scenario);
  }

  /** Those that have steps to come. */
  list(): ScenarioState[] {
    return [...this.playing.values()].map((scenario) => this.state(scenario));
  }

  /** No further step of any is taken; the rules that they added stay. */
  stop(): void {
    for (const { timer } of this.playing.values()) timer?.cancel();
    this.playing.clear();
  }

  private state({ id, name, steps, done, startedAt }: Playing): ScenarioState {
    const now = (this.clock.now() - startedAt) / 1e6;
    const left = (next: Step | undefined) => (next === undefined ? 0 : Math.max(0, Math.round(next.at - now)));
    return { id, name, steps: steps.length, done, nextMs: left(steps[done]), lastMs: left(steps.at(-1)) };
  }

  /** Takes the steps that are due, then waits for the next one. @returns why it has ended with one that cannot be taken */
  private proceed(scenario: Playing): ConfigError | null {
    const { steps, startedAt, name } = scenario;
    for (; scenario.done < steps.length; scenario.done++) {
      const next = steps[scenario.done]!;
      const wait = next.at - (this.clock.now() - startedAt) / 1e6;
      if (wait > 0) {
        scenario.timer = this.clock.setTimeout(() => this.proceed(scenario), wait);
        return null;
      }
      try {
        this.take(next);
      } catch (error) {
        this.playing.delete(scenario.id);
        const at = `fault scenario ${name} ends at its step ${scenario.done + 1}`;
        this.log.warn(`${at}: ${(error as Error).message}`);
        return new ConfigError('bad-fault', `${at}: ${(error as Error).message}`);
      }
    }
    this.playing.delete(scenario.id);
    return null;
  }

  private take(next: Step): void {
    const { volumes } = this.target;
    const { add, remove, clear, accessState } = next;
    if (add !== undefined) volumes.faults.add(faultSpec(add, portNames(volumes)));
    if (remove !== undefined) volumes.faults.remove(remove);
    if (clear !== undefined) volumes.faults.clear();
    if (accessState !== undefined) changeAccessState(this.target, accessState.portGroup, accessState);
  }

  private check({ at: _at, ...action }: Step, index: number): void {
    const { volumes } = this.target;
    const { add, accessState } = action;
    try {
      if (Object.keys(action).length !== 1)
        throw new ConfigError('bad-fault', `a step does one thing: ${Object.keys(actions).join(', ')}.`);
      if (add !== undefined) volumes.faults.check(faultSpec(add, portNames(volumes)));
      if (accessState !== undefined) checkAccessChange(this.target, accessState.portGroup, accessState);
    } catch (error) {
      if (error instanceof ConfigError) throw new ConfigError(error.code, `steps[${index}]: ${error.message}`);
      throw error;
    }
  }
}
