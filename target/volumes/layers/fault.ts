/**
 * The fault-and-delay layer: fails or delays operations as fault rules say. It stands on top of an LDEV's
 * layers while a rule covers the LDEV, and is not there otherwise.
 *
 * A failed operation has not been carried out at all. A delayed one is carried out after the delay.
 */
import type { Clock } from '../../disk/types.js';
import type { BlockLayer, Done, ExtentsDone, Io, IoFailure, ReadDone } from '../block-layer.js';
import type { MarkedBlocks } from '../marked-blocks.js';
import type { ActiveFault, Verdict } from './active-fault.js';
import type { FaultOp } from './fault-spec.js';
import { delayOfBoth, sumOf } from './fault-verdicts.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};

export class FaultLayer implements BlockLayer {
  constructor(
    private readonly next: BlockLayer,
    private readonly rules: readonly ActiveFault[],
    private readonly marks: Pick<MarkedBlocks, 'mark' | 'hasRoom'>,
    private readonly clock: Clock,
  ) {}

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    const verdict = this.judge('read', io, lba, lba + blocks);
    if (verdict === null) {
      this.next.read(io, lba, blocks, done);
      return;
    }
    this.after(verdict, () => {
      if (verdict.failure !== null) done(this.lose(verdict) ?? verdict.failure, NO_DATA, nothing);
      else this.next.read(io, lba, blocks, done);
    });
  }

  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void {
    const verdict = this.judge('write', io, lba, lba + blocks);
    if (verdict === null) this.next.write(io, lba, blocks, data, done);
    else this.carryOut(verdict, done, () => this.next.write(io, lba, blocks, data, done));
  }

  unmap(io: Io, lba: number, blocks: number, done: Done): void {
    const verdict = this.judge('unmap', io, lba, lba + blocks);
    if (verdict === null) this.next.unmap(io, lba, blocks, done);
    else this.carryOut(verdict, done, () => this.next.unmap(io, lba, blocks, done));
  }

  flush(io: Io, lba: number, blocks: number, done: Done): void {
    const verdict = this.judge('flush', io, lba, endOrLast(lba, blocks));
    if (verdict === null) this.next.flush(io, lba, blocks, done);
    else this.carryOut(verdict, done, () => this.next.flush(io, lba, blocks, done));
  }

  prefetch(io: Io, lba: number, blocks: number, done: Done): void {
    const verdict = this.judge('prefetch', io, lba, endOrLast(lba, blocks));
    if (verdict === null) this.next.prefetch(io, lba, blocks, done);
    else this.carryOut(verdict, done, () => this.next.prefetch(io, lba, blocks, done));
  }

  /** Questions about allocation touch no medium: no rule covers them. */
  extents(lba: number, blocks: number, limit: number, done: ExtentsDone): void {
    this.next.extents(lba, blocks, limit, done);
  }

  private carryOut(verdict: Verdict, done: Done, forward: () => void): void {
    this.after(verdict, () => {
      if (verdict.failure !== null) done(verdict.failure);
      else forward();
    });
  }

  /** Marks what is lost for good, so that it fails below this layer too; null: done, or nothing to do. */
  private lose({ lost }: Verdict): IoFailure | null {
    if (lost === null) return null;
    if (this.marks.hasRoom(lost.lba, lost.blocks)) return this.marks.mark(lost.lba, lost.blocks, false);
    return { kind: 'hardware-error', cause: 'a fault rule has marked as many blocks as can be' };
  }

  private after(verdict: Verdict, run: () => void): void {
    if (verdict.delayMs > 0) this.clock.setTimeout(run, verdict.delayMs);
    else run();
  }

  /** Every rule counts the operation; delays add up, the first failure holds. Null: no rule fires. */
  private judge(op: FaultOp, io: Io, lba: number, end: number): Verdict | null {
    return sumOf(this.rules, (rule) => rule.judge(op, io, lba, end), both);
  }
}

/** Of two failures the first one holds, with what it loses. */
function both(first: Verdict, second: Verdict): Verdict {
  const { failure, lost } = first.failure === null ? second : first;
  return { delayMs: delayOfBoth(first, second), failure, lost };
}

/** SYNCHRONIZE CACHE and PRE-FETCH with no number of blocks go to the end of the LDEV. */
function endOrLast(lba: number, blocks: number): number {
  return blocks === 0 ? Number.POSITIVE_INFINITY : lba + blocks;
}
