/** A fault rule that is in force, with its counters: what it makes of an operation or a command. */
import { type CommandPattern, commandPattern } from '../../../wire/scsi/command-pattern.js';
import { type Random, seededRandom } from '../../base/random.js';
import type { Clock } from '../../disk/types.js';
import type { Io, IoFailure } from '../block-layer.js';
import { foldIscsiName } from '../naming.js';
import { drawDelay } from './fault-delay.js';
import { type FaultEffect, faultEffect } from './fault-effects.js';
import type { ConnectionFault, FaultOp, FaultSpec } from './fault-spec.js';
import { type FaultResponse, type FunctionFacts, faultFunctions, faultResponses } from './function-faults.js';

export interface FaultRule extends FaultSpec {
  readonly id: string;
  readonly seed: number;
  /** Operations, commands or functions that the rule covered. */
  readonly hits: number;
  /** Of these, how many it did something to. */
  readonly fired: number;
}

/** What becomes of one operation. */
export interface Verdict {
  readonly delayMs: number;
  /** Null: it goes on after the delay. */
  readonly failure: IoFailure | null;
  /** Blocks that cannot be read any more from now on; null: none. */
  readonly lost: { readonly lba: number; readonly blocks: number } | null;
}

/** What becomes of one command. */
export interface CommandVerdict extends Omit<Verdict, 'lost'> {
  readonly connection: ConnectionFault | null;
  /** Null: a stall has no end of its own. */
  readonly stallMs: number | null;
}

/** What becomes of one task management function. */
export interface FunctionVerdict extends Omit<CommandVerdict, 'failure'> {
  /** Null: it is carried out. */
  readonly response: FaultResponse | null;
}

/** What of a command rules look at. */
export interface CommandFacts {
  readonly cdb: Buffer;
  /** As the command table has it; undefined: the operation code tells. */
  readonly name: string | undefined;
  /** 0 and 0: it addresses no blocks. */
  readonly lba: number;
  readonly blocks: number;
  readonly writes: boolean;
  readonly initiator: string;
  readonly port: string;
}

/** A probability is as fine as that. */
const SHARES = 2 ** 30;

export class ActiveFault {
  readonly ldev: number | null;
  private readonly from: number;
  private readonly to: number;
  /** The rule says which blocks: commands that address none are not covered. */
  private readonly bounded: boolean;
  private readonly pattern: CommandPattern | null;
  private readonly initiator: string | null;
  private readonly effect: FaultEffect | null;
  private readonly random: Random;
  private readonly addedAt: number;
  private hits = 0;
  private fired = 0;

  constructor(
    private readonly spec: FaultSpec,
    readonly id: string,
    private readonly seed: number,
    private readonly clock: Clock,
  ) {
    this.random = seededRandom(seed);
    this.addedAt = clock.now();
    this.ldev = spec.ldev ?? null;
    this.bounded = spec.lba !== undefined || spec.blocks !== undefined;
    this.from = spec.lba ?? 0;
    const blocks = spec.blocks ?? (spec.lba === undefined ? Number.POSITIVE_INFINITY : 1);
    this.to = this.from + blocks;
    this.pattern = spec.command === undefined ? null : commandPattern(spec.command);
    this.initiator = spec.initiator === undefined ? null : foldIscsiName(spec.initiator);
    this.effect = spec.effect === undefined ? null : faultEffect(spec.effect);
  }

  /** What it covers. */
  get of(): 'blocks' | 'commands' | 'functions' {
    if (this.spec.function !== undefined) return 'functions';
    return this.pattern === null ? 'blocks' : 'commands';
  }

  view(): FaultRule {
    return { ...this.spec, id: this.id, seed: this.seed, hits: this.hits, fired: this.fired };
  }

  /** Counts an operation on blocks; null if the rule leaves it alone. */
  judge(op: FaultOp, io: Io, lba: number, end: number): Verdict | null {
    const { op: covered = 'any' } = this.spec;
    if (covered !== 'any' && covered !== op) return null;
    if (lba >= this.to || end <= this.from || !this.isOf(io.initiator) || !this.fires()) return null;
    const write = op === 'write' || op === 'unmap';
    const first = Math.max(lba, this.from);
    return {
      delayMs: drawDelay(this.spec, this.random),
      failure: this.effect?.failure(first, write) ?? null,
      lost: this.effect?.lasting ? { lba: first, blocks: Math.min(end, this.to) - first } : null,
    };
  }

  /** Counts a command; null if the rule leaves it alone. */
  judgeCommand(command: CommandFacts): CommandVerdict | null {
    const { cdb, name, lba, blocks } = command;
    if (!this.pattern!(cdb, name)) return null;
    if (this.bounded && (lba >= this.to || lba + blocks <= this.from)) return null;
    if (this.spec.port !== undefined && this.spec.port !== command.port) return null;
    if (!this.isOf(command.initiator) || !this.fires()) return null;
    return {
      delayMs: drawDelay(this.spec, this.random),
      failure: this.effect?.failure(Math.max(lba, this.from), command.writes) ?? null,
      connection: this.spec.connection ?? null,
      stallMs: this.spec.stallMs ?? null,
    };
  }

  /** Counts a task management function; null if the rule leaves it alone. */
  judgeFunction({ code, ldev, initiator, port }: FunctionFacts): FunctionVerdict | null {
    const { spec } = this;
    const covered = faultFunctions.get(spec.function!) ?? code;
    if (covered !== code || (this.ldev !== null && this.ldev !== ldev)) return null;
    if (spec.port !== undefined && spec.port !== port) return null;
    if (!this.isOf(initiator) || !this.fires()) return null;
    return {
      delayMs: drawDelay(spec, this.random),
      response: spec.response === undefined ? null : faultResponses.get(spec.response)!,
      connection: spec.connection ?? null,
      stallMs: spec.stallMs ?? null,
    };
  }

  private isOf(initiator: string): boolean {
    return this.initiator === null || this.initiator === foldIscsiName(initiator);
  }

  /** Counts a hit, and tells whether it is one on which the rule acts. */
  private fires(): boolean {
    const { skip = 0, every = 1, limit = Number.POSITIVE_INFINITY, probability = 1, forMs } = this.spec;
    this.hits++;
    const counted = this.hits - skip;
    if (counted <= 0 || counted % every !== 0 || this.fired >= limit) return false;
    if (forMs !== undefined && this.clock.now() - this.addedAt > forMs * 1e6) return false;
    if (probability < 1 && this.random.below(SHARES) >= probability * SHARES) return false;
    this.fired++;
    return true;
  }
}
