/**
 * Fault rules: which operations on which LDEVs fail or wait. They are added and removed while the array runs
 * and are gone when it stops.
 */
import { type Random, seededRandom } from '../../base/random.js';
import type { Io, IoFailure } from '../block-layer.js';
import { ConfigError } from '../errors.js';
import { ldevName } from '../model.js';
import { checkInteger, checkName, foldIscsiName } from '../naming.js';
import { type FaultEffect, faultEffect, faultEffects } from './fault-effects.js';

export const faultOps = ['read', 'write', 'unmap', 'flush', 'prefetch', 'any'] as const;
export type FaultOp = (typeof faultOps)[number];

/** A rule as it is asked for. At least one of `effect` and `delayMs` is given. */
export interface FaultSpec {
  /** Made up when left out. */
  readonly id?: string;
  /** LDEV number; every LDEV when left out. */
  readonly ldev?: number;
  readonly op: FaultOp;
  /** First block; 0 when left out. */
  readonly lba?: number;
  /** Blocks from `lba` on; when left out one with `lba`, all without. */
  readonly blocks?: number;
  /** Only operations of this initiator. */
  readonly initiator?: string;
  /** A name from `faultEffects`, or any sense as `KEY/ASC/ASCQ` in hexadecimal digits: `3/11/00`. */
  readonly effect?: string;
  /** The operation waits so long first. */
  readonly delayMs?: number;
  /** Then it waits for any time between `delayMs` (0 when left out) and this, each as likely. */
  readonly delayMaxMs?: number;
  /** Only this share of the operations that the rule covers (0 … 1), at random; 1 when left out. */
  readonly probability?: number;
  /** Of what is random: the same operations meet the same fate again. Made up when left out. */
  readonly seed?: number;
  /** Only every n-th operation that the rule covers; 1 (each) when left out. */
  readonly every?: number;
  /** Does nothing more after so many times; no limit when left out. */
  readonly limit?: number;
}

/** A rule that is in force. */
export interface FaultRule extends FaultSpec {
  readonly id: string;
  readonly seed: number;
  /** Operations that the rule covered. */
  readonly hits: number;
  /** Of these, how many it delayed or failed. */
  readonly fired: number;
}

/** What becomes of one operation. */
export interface Verdict {
  readonly delayMs: number;
  /** Null: it goes on after the delay. */
  readonly failure: IoFailure | null;
}

const MAX_RULES = 1024;
const MAX_DELAY_MS = 3_600_000;
/** A probability is as fine as that. */
const SHARES = 2 ** 30;
const MAX_SEED = 2 ** 32 - 1;

export class FaultRules {
  private readonly rules = new Map<string, ActiveRule>();
  private nextId = 1;

  /**
   * `exists` tells whether there is an LDEV of this number; `changed` is called after each change with the
   * LDEV concerned, null for all.
   */
  constructor(
    private readonly exists: (ldev: number) => boolean,
    private readonly changed: (ldev: number | null) => void,
    private readonly random: Random,
  ) {}

  /** Throws ConfigError `bad-fault`, `bad-number`, `bad-name`, `fault-exists` or `ldev-unknown`. */
  add(spec: FaultSpec): FaultRule {
    this.check(spec);
    const rule = new ActiveRule(spec, spec.id ?? this.freshId(), spec.seed ?? this.random.below(MAX_SEED + 1));
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

  /** Rules that cover an LDEV, in the order they were added. */
  covering(ldev: number): readonly ActiveRule[] {
    return [...this.rules.values()].filter((rule) => rule.ldev === null || rule.ldev === ldev);
  }

  private freshId(): string {
    while (this.rules.has(`fault-${this.nextId}`)) this.nextId++;
    return `fault-${this.nextId++}`;
  }

  private check(spec: FaultSpec): void {
    if (spec.id !== undefined) {
      checkName('fault rule', spec.id);
      if (this.rules.has(spec.id)) {
        throw new ConfigError('fault-exists', `there is a fault rule "${spec.id}" already: remove it first.`);
      }
    }
    if (this.rules.size >= MAX_RULES) {
      throw new ConfigError('bad-fault', `there are ${MAX_RULES} fault rules already: remove some first.`);
    }
    if (!faultOps.includes(spec.op)) {
      throw new ConfigError('bad-fault', `"${spec.op}" is no operation: give one of ${faultOps.join(', ')}.`);
    }
    if (spec.effect === undefined && spec.delayMs === undefined && spec.delayMaxMs === undefined) {
      throw new ConfigError('bad-fault', 'the rule does nothing: give an effect, a delay, or both.');
    }
    if (spec.effect !== undefined && faultEffect(spec.effect) === null) {
      const known = [...faultEffects.keys()].join(', ');
      throw new ConfigError('bad-fault', `"${spec.effect}" is no effect: give KEY/ASC/ASCQ, or one of ${known}.`);
    }
    if (spec.probability !== undefined && !(spec.probability > 0 && spec.probability <= 1)) {
      throw new ConfigError('bad-number', `probability ${spec.probability}: above 0 and at most 1 are possible.`);
    }
    if (spec.ldev !== undefined && !this.exists(spec.ldev)) {
      throw new ConfigError('ldev-unknown', `there is no LDEV ${ldevName(spec.ldev)}: create it first.`);
    }
    const limits = [
      ['first LBA', spec.lba, 0, Number.MAX_SAFE_INTEGER],
      ['number of blocks', spec.blocks, 1, Number.MAX_SAFE_INTEGER],
      ['delay in milliseconds', spec.delayMs, 0, MAX_DELAY_MS],
      ['longest delay in milliseconds', spec.delayMaxMs, spec.delayMs ?? 0, MAX_DELAY_MS],
      ['seed', spec.seed, 0, MAX_SEED],
      ['"every"', spec.every, 1, Number.MAX_SAFE_INTEGER],
      ['limit', spec.limit, 1, Number.MAX_SAFE_INTEGER],
    ] as const;
    for (const [what, value, low, high] of limits) if (value !== undefined) checkInteger(what, value, low, high);
  }
}

/** One rule with its counters. */
export class ActiveRule {
  readonly ldev: number | null;
  private readonly from: number;
  private readonly to: number;
  private readonly initiator: string | null;
  private readonly effect: FaultEffect | null;
  private readonly random: Random;
  private hits = 0;
  private fired = 0;

  constructor(
    private readonly spec: FaultSpec,
    readonly id: string,
    private readonly seed: number,
  ) {
    this.random = seededRandom(seed);
    this.ldev = spec.ldev ?? null;
    this.from = spec.lba ?? 0;
    const blocks = spec.blocks ?? (spec.lba === undefined ? Number.POSITIVE_INFINITY : 1);
    this.to = this.from + blocks;
    this.initiator = spec.initiator === undefined ? null : foldIscsiName(spec.initiator);
    this.effect = spec.effect === undefined ? null : faultEffect(spec.effect);
  }

  view(): FaultRule {
    return { ...this.spec, id: this.id, seed: this.seed, hits: this.hits, fired: this.fired };
  }

  /** Counts an operation; null if the rule leaves it alone. */
  judge(op: FaultOp, io: Io, lba: number, end: number): Verdict | null {
    if (this.spec.op !== 'any' && this.spec.op !== op) return null;
    if (lba >= this.to || end <= this.from) return null;
    if (this.initiator !== null && this.initiator !== foldIscsiName(io.initiator)) return null;
    this.hits++;
    if (this.hits % (this.spec.every ?? 1) !== 0) return null;
    if (this.spec.limit !== undefined && this.fired >= this.spec.limit) return null;
    const { probability = 1 } = this.spec;
    if (probability < 1 && this.random.below(SHARES) >= probability * SHARES) return null;
    this.fired++;
    const write = op === 'write' || op === 'unmap';
    return {
      delayMs: this.delay(),
      failure: this.effect === null ? null : this.effect.failure(Math.max(lba, this.from), write),
    };
  }

  private delay(): number {
    const { delayMs = 0, delayMaxMs } = this.spec;
    return delayMaxMs === undefined ? delayMs : delayMs + this.random.below(delayMaxMs - delayMs + 1);
  }
}
