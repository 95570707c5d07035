/**
 * Copy sources and destinations as the sender of the command may see them: it reaches what its I_T nexus, or another
 * one that its initiator could log in by, maps, and nothing else. The answer for what is masked from it is the one
 * for what does not exist (CVE-2020-28374 is the lack of that).
 */
import type { Cscd } from '../../../../wire/scsi/extended-copy.js';
import { encodeLun } from '../../../../wire/scsi/lun.js';
import type { CopyTarget, Reply, ReplyDone } from '../../../copy/copy-target.js';
import type { Ldev } from '../../../volumes/model.js';
import type { LogicalUnit, Reached } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { Status, Task, TaskAttribute, type TaskOwner } from '../../task.js';
import { unitDesignators } from '../primary/identity.js';

/** Task tags of the copy manager's commands: nothing asks for them. */
const NO_TAG = -1;
const NO_LUN = encodeLun(0);
const CDB_BYTES = 16;

function names(cscd: Cscd, ldev: Ldev): boolean {
  return unitDesignators(ldev).some(
    ({ association, codeSet, type, value }) =>
      association === cscd.association &&
      codeSet === cscd.codeSet &&
      type === cscd.designatorType &&
      value.equals(cscd.designator),
  );
}

function replyOf(task: Task): Reply {
  return { status: task.status, sense: task.sense, data: task.dataIn, release: () => task.release() };
}

/** Gives the data of a command of the copy manager, and takes its end. */
function ownerOf(data: readonly Buffer[], bytes: number, done: ReplyDone): TaskOwner {
  return {
    fetchDataOut(task) {
      task.dataOut.push(...data);
      task.dataOutLength = bytes;
      task.dataOutArrived();
    },
    respond: (task) => done(replyOf(task)),
  };
}

/** A logical unit that was reached; each command asks anew whether it still may be. */
class ReachedTarget implements CopyTarget {
  constructor(
    /** Got the EXTENDED COPY command, from `sender`. */
    private readonly manager: LogicalUnit,
    private readonly sender: Nexus,
    private readonly reached: Reached,
  ) {}

  get identity(): LogicalUnit {
    return this.reached.unit;
  }

  get blockSize(): number {
    return this.reached.unit.blockSize;
  }

  get blocks(): number {
    return this.reached.unit.blocks;
  }

  get thin(): boolean {
    return this.reached.unit.ldev.thin;
  }

  send(cdb: Buffer, dataOut: readonly Buffer[], done: ReplyDone): () => void {
    const { unit } = this.reached;
    const now = this.manager.neighbours.reach(this.sender, (ldev) => ldev === unit.ldev);
    const tasks = this.manager.tasks;
    if (now === null || now.unit !== unit || tasks === null) {
      done(null);
      return () => {};
    }
    const padded = Buffer.alloc(CDB_BYTES);
    cdb.copy(padded);
    const bytes = dataOut.reduce((sum, { length }) => sum + length, 0);
    const owner = ownerOf(dataOut, bytes, done);
    const task = new Task(owner, now.nexus, NO_LUN, padded, NO_TAG, TaskAttribute.simple, bytes, 0);
    task.delegated = true;
    tasks.submit(unit, task);
    return () => {
      if (!task.running && !task.finished) task.fail(Status.taskAborted);
    };
  }
}

/** The first logical unit in the sender's reach whose LDEV matches. */
function reach(manager: LogicalUnit, sender: Nexus, matches: (ldev: Ldev) => boolean): CopyTarget | null {
  const reached = manager.neighbours.reach(sender, matches);
  return reached === null ? null : new ReachedTarget(manager, sender, reached);
}

export function resolveCscd(manager: LogicalUnit, sender: Nexus, cscd: Cscd): CopyTarget | null {
  return reach(manager, sender, (ldev) => names(cscd, ldev));
}

/** The logical unit that got the command itself. */
export function ownUnit(manager: LogicalUnit, sender: Nexus): CopyTarget | null {
  return reach(manager, sender, (ldev) => ldev.id === manager.ldev.id);
}
