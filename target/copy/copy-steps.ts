/** How a copy operation goes forward: pieces of work in turn, commands to logical units, and an end when it is told. */
import { Status } from '../../wire/scsi/status.js';
import type { CopyEnd, CopyOperation, Failure, Issuer } from './copy-operation.js';
import type { CopyTarget, Reply, ReplyDone } from './copy-target.js';
import type { Turns } from './turns.js';

/** What it needs of the logical unit that got the command. */
export interface CopyMeans {
  readonly turns: Turns;
  /** Runs something soon, after other events. */
  soon(run: () => void): void;
  /** The command that began it has been aborted. */
  aborted(): boolean;
}

export type PieceDone = (end: CopyEnd) => void;

/**
 * Gets the reply, which it releases; null: the logical unit cannot be reached. What does not end well after the operation
 * was told to stop, ends as `stopped`.
 */
export type Performed = (reply: Reply | null | Extract<Failure, 'stopped'>) => void;

export class CopySteps {
  constructor(
    readonly operation: CopyOperation<Issuer>,
    private readonly means: CopyMeans,
  ) {}

  /** Nothing further is to be sent for it. */
  get stopped(): boolean {
    return this.operation.stopped || this.means.aborted();
  }

  /** Does a piece of work when its turn has come. `done` runs once; if it went well, soon, after other events. */
  piece(work: (done: PieceDone) => void, done: PieceDone): void {
    if (this.stopped) {
      done('stopped');
      return;
    }
    const { operation, means } = this;
    let begun = false;
    const leave = means.turns.take(operation.list.priority, (release) => {
      begun = true;
      operation.giveUp = null;
      work((end) => {
        release();
        if (end === null) means.soon(() => done(null));
        else done(end);
      });
    });
    if (begun) return;
    operation.giveUp = () => {
      if (leave()) done('stopped');
    };
  }

  /** Sends a command, as `perform`. */
  send(target: CopyTarget, cdb: Buffer, data: readonly Buffer[], done: Performed): void {
    this.perform((ended) => target.send(cdb, data, ended), done);
  }

  /** @param begin sends a command, and returns what gives it up */
  perform(begin: (done: ReplyDone) => () => void, done: Performed): void {
    // What waited when the copy was stopped comes here too: nothing is sent for a host that is gone.
    if (this.stopped) {
      done('stopped');
      return;
    }
    let ended = false;
    const giveUp = begin((reply) => {
      ended = true;
      this.operation.giveUp = null;
      if (reply?.status === Status.good) this.operation.commands++;
      else if (this.stopped) {
        reply?.release();
        done('stopped');
        return;
      }
      done(reply);
    });
    if (!ended) this.operation.giveUp = giveUp;
  }
}
