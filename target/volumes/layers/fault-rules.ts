/**
 * Fault rules: which commands, task management functions and operations on blocks fail or wait. They are added and removed while the array
 * runs and are gone when it stops.
 */
import type { Random } from '../../base/random.js';
import type { Clock } from '../../disk/types.js';
import { ConfigError } from '../errors.js';
import { ldevName } from '../model.js';
import { ActiveFault, type FaultRule, type FunctionVerdict } from './active-fault.js';
import { checkFault, type FaultSpec, MAX_SEED } from './fault-spec.js';
import { disturbanceOfBoth, sumOf } from './fault-verdicts.js';
import type { FunctionFacts } from './function-faults.js';

const MAX_RULES = 1024;

export class FaultRules {
  private readonly rules = new Map<string, ActiveFault>();
  private nextId = 1;

  /**
   * `exists` tells whether there is an LDEV of this number; `changed` is called after each change with the
   * LDEV concerned, null for all.
   */
  constructor(
    private readonly exists: (ldev: number) => boolean,
    private readonly changed: (ldev: number | null) => void,
    private readonly random: Random,
    private readonly clock: Clock,
  ) {}

  /** Whether there may be such a rule. Throws ConfigError `bad-fault`, `bad-number`, `bad-name` or `ldev-unknown`. */
  check(spec: FaultSpec): void {
    checkFault(spec);
    if (spec.ldev !== undefined && !this.exists(spec.ldev)) {
      throw new ConfigError('ldev-unknown', `there is no LDEV ${ldevName(spec.ldev)}: create it first.`);
    }
  }

  /** Throws as `check` does, and ConfigError `fault-exists`. */
  add(spec: FaultSpec): FaultRule {
    this.check(spec);
    if (spec.id !== undefined && this.rules.has(spec.id)) {
      throw new ConfigError('fault-exists', `there is a fault rule "${spec.id}" already: remove it first.`);
    }
    if (this.rules.size >= MAX_RULES) {
      throw new ConfigError('bad-fault', `there are ${MAX_RULES} fault rules already: remove some first.`);
    }
    const seed = spec.seed ?? this.random.below(MAX_SEED + 1);
    const rule = new ActiveFault(spec, spec.id ?? this.freshId(), seed, this.clock);
    this.rules.set(rule.id, rule);
    this.changed(rule.ldev);
    return rule.view();
  }

  /** Throws ConfigError `fault-unknown`. */
  remove(id: string): void {
    const rule = this.rules.get(id);
    if (rule === undefined) {
      throw new ConfigError('fault-unknown', `there is no fault rule "${id}": list them to see which there are.`);
    }
    this.rules.delete(id);
    this.changed(rule.ldev);
  }

  /** Removes all of them, or those of one LDEV. */
  clear(ldev?: number): void {
    for (const [id, rule] of this.rules) {
      if (ldev === undefined || rule.ldev === ldev) this.rules.delete(id);
    }
    this.changed(ldev ?? null);
  }

  list(): FaultRule[] {
    return [...this.rules.values()].map((rule) => rule.view());
  }

  /** Rules of operations on blocks that cover an LDEV, in the order they were added. */
  covering(ldev: number): readonly ActiveFault[] {
    return this.of(ldev).filter((rule) => rule.of === 'blocks');
  }

  /** Rules of commands that cover an LDEV, in the order they were added. */
  ofCommands(ldev: number): readonly ActiveFault[] {
    return this.of(ldev).filter((rule) => rule.of === 'commands');
  }

  /** What rules make of a task management function: delays add up, else what is first holds. Null: nothing. */
  judgeFunction(facts: FunctionFacts): FunctionVerdict | null {
    const judge = (rule: ActiveFault) => (rule.of === 'functions' ? rule.judgeFunction(facts) : null);
    return sumOf(this.rules.values(), judge, both);
  }

  private of(ldev: number): ActiveFault[] {
    return [...this.rules.values()].filter((rule) => rule.ldev === null || rule.ldev === ldev);
  }

  private freshId(): string {
    while (this.rules.has(`fault-${this.nextId}`)) this.nextId++;
    return `fault-${this.nextId++}`;
  }
}

function both(first: FunctionVerdict, second: FunctionVerdict): FunctionVerdict {
  return { ...disturbanceOfBoth(first, second), response: first.response ?? second.response };
}
