/**
 * Copy sources and destinations as the sender of the command may see them: it reaches what its I_T nexus, or another
 * one that its initiator could log in by, maps, and nothing else. The answer for what is masked from it is the one
 * for what does not exist (CVE-2020-28374 is the lack of that).
 */
import { BlockList, isIPv6 } from 'node:net';
import { iscsiNameOf } from '../../../../wire/scsi/aliases.js';
import type { BlockRange } from '../../../../wire/scsi/block-ranges.js';
import { tokenCommand } from '../../../../wire/scsi/cdb-build.js';
import type { DesignatorAddress, PortalAddress, UnitAddress } from '../../../../wire/scsi/cscd.js';
import { encodeLun } from '../../../../wire/scsi/lun.js';
import { CopyOut } from '../../../../wire/scsi/opcodes.js';
import { encodePopulateList } from '../../../../wire/scsi/token-lists.js';
import type { Aliases } from '../../../copy/alias-lists.js';
import type { CopyTarget, OwnTarget, Reply, ReplyDone } from '../../../copy/copy-target.js';
import type { PopulatedRod } from '../../../copy/rod/populated-rod.js';
import { TapeLimits } from '../../../tape/tape-limits.js';
import type { Ldev } from '../../../volumes/model.js';
import { foldIscsiName } from '../../../volumes/naming.js';
import type { LogicalUnit, Path, Reached } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { Status, Task, TaskAttribute, type TaskOwner } from '../../task.js';
import { unitDesignators } from '../primary/identity.js';

/** Task tags of the copy manager's commands: nothing asks for them. */
const NO_TAG = -1;
const NO_LUN = encodeLun(0);
const CDB_BYTES = 16;
/** Internet protocol number. */
const TCP = 6;

type Matches = (ldev: Ldev, path: Path) => boolean;

function designates(cscd: DesignatorAddress, ldev: Ldev): boolean {
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

/** POPULATE TOKEN of the copy manager: the blocks are for a ROD of a copy, and there is no token. */
export class PopulateTask extends Task {
  constructor(
    readonly rod: PopulatedRod,
    ...parts: ConstructorParameters<typeof Task>
  ) {
    super(...parts);
  }
}

/** A logical unit that was reached; each command asks anew whether it still may be. */
class ReachedTarget implements OwnTarget {
  constructor(
    /** Got the EXTENDED COPY command, from `sender`. */
    private readonly manager: LogicalUnit,
    private readonly sender: Nexus,
    private readonly reached: Reached,
    /** What it was found by. */
    private readonly matches: Matches,
  ) {}

  get identity(): LogicalUnit {
    return this.reached.unit;
  }

  get deviceType(): number {
    return this.reached.unit.deviceType;
  }

  get streamBlockLength(): number {
    return this.reached.unit.tape?.blockLength ?? 0;
  }

  get longestStreamBlock(): number {
    return TapeLimits.blockBytes;
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
    return this.submit(cdb, dataOut, done, null);
  }

  populate(rod: PopulatedRod, ranges: readonly BlockRange[], done: ReplyDone): () => void {
    const list = encodePopulateList({ immediate: false, inactivityTimeout: 0, rodType: null, ranges });
    return this.submit(tokenCommand(CopyOut.populateToken, 0, list.length), [list], done, rod);
  }

  private submit(cdb: Buffer, dataOut: readonly Buffer[], done: ReplyDone, rod: PopulatedRod | null): () => void {
    const { unit } = this.reached;
    const same: Matches = (ldev, path) => ldev === unit.ldev && this.matches(ldev, path);
    const now = this.manager.neighbours.reach(this.sender, same);
    const tasks = this.manager.tasks;
    if (now === null || now.unit !== unit || tasks === null) {
      done(null);
      return () => {};
    }
    const padded = Buffer.alloc(CDB_BYTES);
    cdb.copy(padded);
    const bytes = dataOut.reduce((sum, { length }) => sum + length, 0);
    const owner = ownerOf(dataOut, bytes, done);
    const parts = [owner, now.nexus, NO_LUN, padded, NO_TAG, TaskAttribute.simple, bytes, 0] as const;
    const task = rod === null ? new Task(...parts) : new PopulateTask(rod, ...parts);
    task.delegated = true;
    tasks.submit(unit, task);
    return () => {
      // What writes data is short, and counted. What does not may be long, and ends in its midst.
      if (task.running) task.aborted ||= bytes === 0;
      else if (!task.finished) task.fail(Status.taskAborted);
    };
  }
}

/** The first logical unit in the sender's reach that matches. */
function reach(manager: LogicalUnit, sender: Nexus, matches: Matches): ReachedTarget | null {
  const reached = manager.neighbours.reach(sender, matches);
  return reached === null ? null : new ReachedTarget(manager, sender, reached, matches);
}

function portalOf({ surroundings }: LogicalUnit, { family, host, port, lun }: PortalAddress): Matches {
  const names = new Set<string>();
  for (const portal of surroundings.portals()) {
    const addresses = new BlockList();
    addresses.addAddress(portal.host, isIPv6(portal.host) ? 'ipv6' : 'ipv4');
    if (portal.tcpPort === port && addresses.check(host, family)) names.add(portal.port);
  }
  return (_ldev, { hostGroup, lun: at }) => at === lun && names.has(hostGroup.port);
}

/**
 * A portal has the targets of several host groups. What the sender has under the LUN in its own comes first; of others,
 * it must be the same LDEV in all that it reaches.
 */
function atPortal(manager: LogicalUnit, sender: Nexus, address: PortalAddress): CopyTarget | null {
  if (address.protocol !== TCP) return null;
  const matches = portalOf(manager, address);
  const own: Matches = (ldev, path) => path.hostGroup.id === sender.hostGroup.id && matches(ldev, path);
  const ownUnderLun = reach(manager, sender, own);
  if (ownUnderLun !== null) return ownUnderLun;
  const found = reach(manager, sender, matches);
  const isOther: Matches = (ldev, path) => ldev.id !== found?.identity.ldev.id && matches(ldev, path);
  return reach(manager, sender, isOther) === null ? found : null;
}

/** @param aliases of the sender, as they were when its command began */
export function resolveCscd(
  manager: LogicalUnit,
  sender: Nexus,
  aliases: Aliases,
  address: UnitAddress,
): CopyTarget | null {
  if (address.kind === 'designator') return reach(manager, sender, (ldev) => designates(address, ldev));
  if (address.kind === 'portal') return atPortal(manager, sender, address);
  const entry = aliases.get(address.alias);
  const name = entry === undefined ? null : iscsiNameOf(entry);
  if (name === null) return null;
  const target = foldIscsiName(name);
  return reach(manager, sender, (_ldev, { hostGroup, lun }) => lun === address.lun && hostGroup.target === target);
}

/** The logical unit that got the command itself. */
export function ownUnit(manager: LogicalUnit, sender: Nexus): OwnTarget | null {
  return reach(manager, sender, (ldev) => ldev.id === manager.ldev.id);
}
