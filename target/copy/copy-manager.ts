import { type CopyList, LIST_ID_BYTE } from '../../wire/scsi/extended-copy.js';
import { invalidFieldInParameterList, operationInProgress, type Sense } from '../../wire/scsi/sense.js';
import type { Clock } from '../base/clock.js';
import { AliasLists } from './alias-lists.js';
import { CopyLimits, KEPT_RESULTS, PIECES_OF_UNIT } from './copy-limits.js';
import { CopyOperation, type CopyState, type Issuer } from './copy-operation.js';
import type { SharedMeans } from './shared-means.js';
import { Turns } from './turns.js';

/** Since the start, for metrics. */
export interface CopyTotals {
  /** By how they ended. */
  readonly operations: Readonly<Record<Exclude<CopyState, 'running'>, number>>;
  readonly bytes: number;
  /** Of these, where the source held nothing. */
  readonly holeBytes: number;
}

/** The copy manager of one logical unit: its operations and their results, by I_T nexus and list identifier. */
export class CopyManager<I extends Issuer = Issuer> {
  /** Oldest first; those that have ended are kept for their results. */
  private operations: CopyOperation<I>[] = [];

  readonly turns: Turns;
  readonly aliases: AliasLists;

  private readonly ends = { completed: 0, failed: 0, stopped: 0 };
  private endedBytes = 0;
  private endedHoleBytes = 0;

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly shared: SharedMeans,
  ) {
    this.turns = new Turns(PIECES_OF_UNIT, shared.turns);
    this.aliases = new AliasLists(shared.aliases);
  }

  /** Those under way, and those that have ended and are kept; oldest first. */
  list(): readonly CopyOperation<I>[] {
    return this.operations;
  }

  /** What is under way included. */
  totals(): CopyTotals {
    const running = this.operations.filter((one) => one.running);
    const sum = (of: (one: CopyOperation<I>) => number) => running.reduce((all, one) => all + of(one), 0);
    return {
      operations: { ...this.ends },
      bytes: this.endedBytes + sum(({ bytes }) => bytes),
      holeBytes: this.endedHoleBytes + sum(({ holeBytes }) => holeBytes),
    };
  }

  /** Takes an operation up; what is known under its identifier is forgotten. `busy`: there are too many. */
  begin(issuer: I, list: CopyList, serviceAction: number): CopyOperation<I> | Sense | 'busy' {
    const operation = new CopyOperation(issuer, list, serviceAction, this.clock, this.shared.held);
    if (operation.identified) {
      const same = this.find(issuer, list.listId);
      if (same?.running && same.list.format !== list.format) {
        return invalidFieldInParameterList(LIST_ID_BYTE[list.format]);
      }
      if (same?.running) return operationInProgress();
      if (same) this.forget(same);
    }
    if (this.operations.filter(({ running }) => running).length >= CopyLimits.concurrent) return 'busy';
    this.operations.push(operation);
    return operation;
  }

  /** The operation that a nexus knows by this identifier. */
  find(issuer: Issuer, listId: number): CopyOperation<I> | null {
    const match = (one: CopyOperation<I>) =>
      one.identified && one.issuer.id === issuer.id && one.list.listId === listId;
    return this.operations.find(match) ?? null;
  }

  /** An operation has ended: its results are kept if they can be asked for. */
  ended(operation: CopyOperation<I>): void {
    const { state } = operation;
    if (state !== 'running') this.ends[state]++;
    this.endedBytes += operation.bytes;
    this.endedHoleBytes += operation.holeBytes;
    if (!operation.identified || operation.orphaned) this.forget(operation);
    const kept = this.operations.filter(({ running }) => !running);
    if (kept.length > KEPT_RESULTS) this.forget(oldestOfMost(kept));
  }

  forget(operation: CopyOperation<I>): void {
    operation.dropHeld();
    operation.dropTokens();
    this.operations = this.operations.filter((one) => one !== operation);
  }

  dropHeld(): void {
    for (const operation of this.operations) operation.dropHeld();
  }

  /** I_T nexus loss: results and aliases go; a copy in the background goes on (SPC-5 5.17.5, 6.2.1). */
  nexusLost(issuer: Issuer): void {
    this.aliases.forget(issuer.id);
    this.orphan((one) => one.issuer.id === issuer.id);
  }

  /** Nobody can ask for the results of these any more. */
  private orphan(concerns: (operation: CopyOperation<I>) => boolean): void {
    for (const operation of this.operations.filter(concerns)) {
      if (operation.running) operation.orphaned = true;
      else this.forget(operation);
    }
  }

  /** Stops the operations of issuers that `concerns` names. `done` runs when they transfer nothing any more. */
  stop(concerns: (issuer: I) => boolean, done: () => void): void {
    let left = 1;
    const one = () => {
      if (--left === 0) done();
    };
    for (const operation of this.operations) {
      if (!operation.running || !concerns(operation.issuer)) continue;
      left++;
      operation.stop(one);
    }
    one();
  }

  /** Logical unit reset: all stop, all results and aliases go. */
  reset(done: () => void): void {
    this.aliases.clear();
    this.orphan(() => true);
    this.stop(() => true, done);
  }
}

/** The oldest operation of the issuer that has the most: no issuer pushes out what others have. */
function oldestOfMost<I extends Issuer>(operations: readonly CopyOperation<I>[]): CopyOperation<I> {
  const counts = new Map<number, number>();
  for (const { issuer } of operations) counts.set(issuer.id, (counts.get(issuer.id) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return operations.find(({ issuer }) => counts.get(issuer.id) === most)!;
}
