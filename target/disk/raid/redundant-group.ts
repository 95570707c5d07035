import type { Log } from '../../base/log.js';
import { inParallel } from '../in-parallel.js';
import type {
  Clock,
  DriveDone,
  DriveError,
  DriveExtent,
  DriveIo,
  DriveWrite,
  ParityGroup,
  PersistentMemory,
} from '../types.js';
import { has, Recovery, type RedundantLevel } from './code.js';
import { GroupCore } from './group-core.js';
import { redundantExtents } from './group-extents.js';
import { type Member, type MemberStatus, Members } from './members.js';
import type { CopyRate } from './pace.js';
import { Rebuild } from './rebuild.js';
import { RedoLog } from './redo-log.js';
import { layoutOf, type RedundantShape } from './redundant-shape.js';
import { isWithin, replay, stripesOf } from './replay.js';
import { Scrub, type ScrubStatus } from './scrub.js';
import { ScrubNotes } from './scrub-notes.js';
import { StripeLocks } from './stripe-locks.js';
import { mapLayout, StripeMap } from './stripe-map.js';
import { StripePlanner } from './stripe-plan.js';
import { StripeReader } from './stripe-reader.js';
import { StripeWriter } from './stripe-writer.js';
import { Suspects } from './suspects.js';
import { UnderWay } from './under-way.js';
import { WriteGate } from './write-gate.js';

/** How long a bit of the stripe map stays set after the last write in its reach. */
const CLEAR_MS = 5_000;

export interface RedundantParts extends RedundantShape {
  /** By drive; left out: all are good. */
  readonly statuses?: readonly MemberStatus[];
  /** Of `redundantMemoryBytes`; the group closes it. */
  readonly memory: PersistentMemory;
  /** Of `underWayMemoryBytes`, which the group closes; null where that is 0. */
  readonly underWay: PersistentMemory | null;
  /** Of this run of the machine's kernel; empty: unknown. What the last one of another kernel had under way is gone. */
  readonly bootId: string;
  /** Of rebuilds; left out: as fast as drives and hosts let them. */
  readonly rate?: Readonly<CopyRate>;
  /** From the end of one scrub to the start of the next; 0, or left out: only when asked for. */
  readonly scrubDays?: number;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * A drive has failed, or a rebuild has come this far. Durable on return as far as it can be; that a drive failed
   * is noted in `memory` as well.
   */
  readonly changed: (position: number, status: MemberStatus) => void;
}

/**
 * Drives joined by mirrors or parity (code.ts, layout.ts). Reads and writes go on while drives are missing, as long as
 * the others hold what is needed; where they do not, and only there, the error is `io-error`.
 *
 * After an unclean end, what was being written while drives were missing is written again before anything else is
 * done; checks of stripes that were being written otherwise are made right in the background, or when needed before.
 */
export class RedundantGroup implements ParityGroup {
  readonly name: string;
  readonly level: RedundantLevel;
  readonly bytes: number;
  /** Of data in a stripe: writes that fill whole ones are the cheapest. */
  readonly stripeBytes: number;
  readonly #core: GroupCore;
  readonly #reader: StripeReader;
  readonly #writer: StripeWriter;
  readonly #scrub: Scrub;
  readonly #memory: PersistentMemory;
  #ready = false;
  #waiting: (() => void)[] = [];
  #checkpointing = false;
  #checkpointDue = false;
  /** Syncs asked for during a checkpoint. */
  #syncsDue: (() => void)[] = [];
  /** Run at the next checkpoint, with no write under way and everything synced. */
  readonly #whenQuiet: (() => void)[] = [];
  /** Positions of drives that were taken out, which a start would not know. */
  readonly #unnoted = new Set<number>();
  #clearTimer: { cancel(): void } | null = null;
  #clearFrom = 0;
  #rebuild: Rebuild | null = null;
  #closed = false;
  /** Stripes that the redo log is going to write at a start, from the first up to but not the second. */
  #replaying: readonly (readonly [number, number])[] = [];

  /** @throws RangeError for an impossible shape; StripeMapError when the memory is of another group, or damaged */
  static open(parts: RedundantParts): RedundantGroup {
    return new RedundantGroup(parts);
  }

  private constructor(parts: RedundantParts) {
    const { name, level, memory, clock, log } = parts;
    const { layout, geometry, logged } = layoutOf(parts);
    const places = mapLayout(geometry, logged);
    const underWay = parts.underWay && new UnderWay(parts.underWay, parts.bootId);
    const map = new StripeMap(memory, geometry, logged);
    const recovery = new Recovery(layout.code);
    const changed = (position: number, member: Member) => this.#changed(parts, map, position, member);
    const statuses = parts.drives.map((_, position): MemberStatus => {
      if (has(map.failed, position)) return { state: 'failed', rebuilt: 0 };
      return parts.statuses?.[position] ?? { state: 'good', rebuilt: 0 };
    });
    const members = new Members(parts.drives, statuses, layout, recovery, changed);
    this.name = name;
    this.level = level;
    this.bytes = layout.bytes;
    this.stripeBytes = layout.stripeBytes;
    this.#memory = memory;
    const marked = map.suspects(layout.stripes);
    // A stripe is marked, durably, before anything of it is under way.
    underWay?.leaveOut((write) => !isWithin(write, layout, marked));
    const suspects = new Suspects(underWay?.complete ? [] : marked);
    underWay?.open(suspects.count > 0, parts.bootId);
    this.#core = new GroupCore({
      name,
      layout,
      recovery,
      planner: new StripePlanner(layout.code, recovery),
      members,
      map,
      redo: logged ? new RedoLog(memory, places.logOffset, places.logBytes) : null,
      underWay,
      suspects,
      gate: new WriteGate(),
      locks: new StripeLocks(),
      rate: parts.rate ?? { bytesPerSecond: null },
      clock,
      log,
    });
    this.#reader = new StripeReader(this.#core);
    this.#writer = new StripeWriter(this.#core, () => this.#checkpoint());
    this.#scrub = new Scrub(this.#core, new ScrubNotes(memory), parts.scrubDays ?? 0);
    this.#recover();
  }

  get drives(): readonly DriveIo[] {
    return this.#core.parts.members.list.map(({ drive }) => drive);
  }

  get members(): readonly Member[] {
    return this.#core.parts.members.list;
  }

  /** Stripes of the group. */
  get stripes(): number {
    return this.#core.parts.layout.stripes;
  }

  /** Stripes whose checks are still to be made right after an unclean end. */
  get suspects(): number {
    return this.#core.parts.suspects.count;
  }

  get scrub(): ScrubStatus {
    return this.#scrub.status;
  }

  get failure(): DriveError | null {
    return this.#core.parts.members.failure;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    this.#core.hostOperations++;
    return this.#ready && this.#reader.readNow(offset, buffers);
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.#core.hostOperations++;
    this.#whenReady(() => this.#reader.read(offset, buffers, done));
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.writeMany([{ offset, buffers }], done);
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    this.#core.hostOperations++;
    this.#whenReady(() => {
      this.#writer.writeMany(writes, done);
      this.#clearLater();
    });
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    this.#core.hostOperations++;
    this.#whenReady(() => {
      this.#writer.punch(offset, bytes, done);
      this.#clearLater();
    });
  }

  extents(offset: number, bytes: number, limit = Number.POSITIVE_INFINITY): readonly DriveExtent[] {
    const { layout, members } = this.#core.parts;
    // What is going to be written is as good as there: nobody must take its place to be empty.
    const replayed = this.#replaying.some(([first, end]) => {
      return first * layout.stripeBytes < offset + bytes && offset < end * layout.stripeBytes;
    });
    if (replayed) return [{ offset, bytes, allocated: true }];
    return redundantExtents(layout, members, offset, bytes, limit);
  }

  /** A drive that cannot be synced is taken out, if the others can do without it. */
  sync(done: DriveDone): void {
    this.#whenReady(() => {
      // What was written in the midst of a failure is durable when the failure is noted, not before.
      if (this.#checkpointing) this.#syncsDue.push(() => this.sync(done));
      else {
        this.#syncDrives((error) => {
          // A drive was taken out for it: nor is this done before that is noted.
          if (this.#checkpointing) this.#syncsDue.push(() => done(error));
          else done(error);
        });
      }
    });
  }

  /** What has been synced needs no check at the next start. */
  close(): void {
    this.#closed = true;
    this.#clearTimer?.cancel();
    this.#rebuild?.stop();
    this.#scrub.stop();
    this.#core.parts.members.close();
    const { map, redo, gate, underWay } = this.#core.parts;
    if (this.#ready && this.#settled) {
      if (this.#clearFrom > 0) map.clear(this.#clearFrom);
      if (this.#clearFrom === map.moment && !gate.busy) redo?.forget();
    }
    underWay?.close();
    for (const { drive } of this.members) drive.close();
    this.#memory.close();
  }

  /** Whether the group can do without this drive too; not as long as checks may be wrong, which it would have to trust. */
  dispensable(position: number): boolean {
    return this.suspects === 0 && this.#core.parts.members.dispensable(position);
  }

  /** Takes a drive out, whatever that costs. */
  failDrive(position: number, failure: DriveError): void {
    this.#core.parts.members.fail(position, failure);
  }

  /**
   * A start would know that the drive has failed. Before that it cannot be replaced: what was being written is not safe
   * without it yet.
   */
  isNoted(position: number): boolean {
    return !this.#unnoted.has(position);
  }

  /** Resolves when that goes for all drives. */
  noted(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#core.unnoted) this.#core.notes.push(resolve);
      else resolve();
    });
  }

  /**
   * Puts a drive in the place of one that has failed and is noted, and rebuilds it in the background. The drive's old
   * content means nothing. The caller keeps the old drive, and closes it.
   */
  replaceDrive(position: number, drive: DriveIo): void {
    this.#core.parts.members.replace(position, drive);
    this.#startRebuild();
  }

  /** Nothing is left in shared memory of what has been written before: for who wants data to be gone. */
  wipeRemains(done: DriveDone): void {
    this.#whenReady(() => {
      const { redo, underWay } = this.#core.parts;
      underWay?.wipe();
      redo?.wipe();
      // Ends what is under way, and empties the log.
      this.#syncsDue.push(() => {
        const memories = [this.#memory, ...(underWay === null ? [] : [underWay])];
        const sync = (memory: Pick<PersistentMemory, 'sync'>, synced: DriveDone): void =>
          memory.sync((error) => synced(error && { kind: 'io-error', message: `shared memory: ${error.message}` }));
        inParallel(memories, sync, done);
      });
      this.#checkpoint();
    });
  }

  /** Begins to look at everything, and to make right what is not; false: that is going on already. */
  startScrub(): boolean {
    if (this.#ready) return this.#scrub.start();
    this.#waiting.push(() => this.#scrub.start());
    return true;
  }

  #changed(parts: RedundantParts, map: StripeMap, position: number, member: Member): void {
    const { state, rebuilt, failure, drive } = member;
    const note = (): void => {
      map.failed = state === 'failed' ? map.failed | (1 << position) : map.failed & ~(1 << position);
      parts.changed(position, { state, rebuilt });
    };
    if (state !== 'failed') {
      note();
      return;
    }
    parts.log.error(`parity group ${parts.name}: drive ${drive.name} failed${failure ? `: ${failure.message}` : ''}`);
    // A drive that was missing at the start: nothing is under way yet.
    if (this.#core === undefined) {
      note();
      return;
    }
    const { redo } = this.#core.parts;
    this.#core.epoch++;
    if (redo === null) {
      note();
    } else {
      // From here on stripes depend on all of their columns being written. If the process dies before the drive is
      // noted, all drives are taken to be good, and the log makes what was under way right on each.
      for (const writes of this.#core.unlogged) if (!redo.append(writes, () => {})) this.#core.refused.add(writes);
      this.#core.unlogged.clear();
      this.#unnoted.add(position);
      this.#core.notes.push(() => {
        this.#unnoted.delete(position);
        if (this.members[position] === member) note();
      });
    }
    this.#checkpoint();
  }

  #whenReady(run: () => void): void {
    if (this.#ready) run();
    else this.#waiting.push(run);
  }

  /** Does again what shared memory holds, then lets everything through. */
  #recover(): void {
    const { redo, underWay, layout, members, map } = this.#core.parts;
    const logged = redo === null ? [] : [...redo.entries()];
    const left = [...(underWay?.left ?? [])];
    const entries = [...logged, ...left.map(([, writes]) => writes)];
    // A drive that fails meanwhile must not empty the log.
    const synced = entries.length > 0 || (!members.whole && map.count > 0);
    this.#checkpointing = synced;
    this.#replaying = entries.flat().map((write) => stripesOf(write, layout.unit));
    replay(this.#core, entries, () => {
      const recovered = (): void => {
        for (const [handle] of left) this.#core.endRecord(handle);
        this.#recovered(entries.length);
      };
      // Without a drive, the others have to hold what was written before too.
      if (synced) this.#afterSync(recovered);
      else recovered();
    });
  }

  #recovered(entries: number): void {
    const { log, suspects, map } = this.#core.parts;
    if (entries > 0) log.warn(`parity group ${this.name}: ${entries} writes of an unclean end done again`);
    this.#ready = true;
    this.#replaying = [];
    this.#checkpointed();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
    if (suspects.count > 0) {
      log.warn(`parity group ${this.name}: parity of ${suspects.count} stripes is checked after an unclean end`);
      this.#checkSuspects();
    } else if (map.count > 0) this.#clearLater();
    this.#startRebuild();
    this.#scrub.open();
  }

  #checkSuspects(): void {
    const { suspects, locks, clock } = this.#core.parts;
    const stripe = suspects.first;
    if (stripe < 0 || this.#closed) {
      this.#clearLater();
      return;
    }
    locks.lockRange(stripe, stripe + 1, (unlock) => {
      this.#core.settle(stripe, (error) => {
        unlock();
        const next = () => this.#checkSuspects();
        if (error === null) clock.setImmediate(next);
        else clock.setTimeout(next, CLEAR_MS);
      });
    });
  }

  #startRebuild(): void {
    // Not from stripes that shared memory still has something for.
    if (this.#rebuild !== null || !this.#ready || this.#closed) return;
    const position = this.members.findIndex(({ state }) => state === 'rebuilding');
    if (position < 0) return;
    this.#rebuild = new Rebuild(this.#core, position, () => {
      // Writes to a whole group are not logged: it is whole only when the log is emptied.
      this.#whenQuiet.push(() => this.#rebuilt(position));
      this.#checkpoint();
    });
  }

  #rebuilt(position: number): void {
    const { members, log } = this.#core.parts;
    this.#rebuild = null;
    const { drive, state, rebuilt } = this.members[position]!;
    if (state === 'rebuilding' && rebuilt === this.stripes) {
      members.rebuilt(position, this.stripes);
      log.info(`parity group ${this.name}: drive ${drive.name} is rebuilt`);
    }
    this.#startRebuild();
  }

  /** Nothing is known that a start would have to put right. */
  get #settled(): boolean {
    return this.#core.parts.suspects.count === 0 && this.#core.unfinished.size === 0 && !this.#core.unnoted;
  }

  /** Holds writes back until those under way are durable and the redo log is empty. */
  #checkpoint(): void {
    if (this.#checkpointing) {
      this.#checkpointDue = true;
      return;
    }
    this.#checkpointing = true;
    const { gate } = this.#core.parts;
    gate.close(() => this.#afterSync(() => this.#checkpointed()));
  }

  #checkpointed(): void {
    this.#checkpointing = false;
    if (this.#checkpointDue) {
      this.#checkpointDue = false;
      this.#checkpoint();
      return;
    }
    this.#core.parts.gate.open();
    const syncs = this.#syncsDue;
    this.#syncsDue = [];
    for (const run of syncs) run();
  }

  #afterSync(done: () => void): void {
    const { redo, log } = this.#core.parts;
    this.#syncDrives((error) => {
      if (error !== null) log.error(`parity group ${this.name}: ${error.message}`);
      // Not before: without a drive that is noted, what the others had not synced would be lost with it.
      for (const run of this.#core.notes.splice(0)) run();
      const quiet = (): void => {
        for (const run of this.#whenQuiet.splice(0)) run();
      };
      if (redo === null) {
        quiet();
        this.#memory.sync(() => done());
        return;
      }
      redo.reset((failure) => {
        if (failure !== null) log.error(`parity group ${this.name}: ${failure.message}`);
        // Only then: to a drive that counts as rebuilt, entries of the time before would be done.
        quiet();
        this.#core.noted();
        this.#core.logUnfinished(done);
      });
    });
  }

  #syncDrives(done: DriveDone): void {
    const { members, map } = this.#core.parts;
    const { moment } = map;
    const present = [...members.list.keys()].filter((position) => members.list[position]!.state !== 'failed');
    const sync = (position: number, ended: DriveDone) => this.#core.syncDrive(position, ended);
    inParallel(present, sync, (error) => {
      if (error === null) this.#clearFrom = moment;
      done(error);
    });
  }

  /** Clears bits of the map that no write has needed for a while. */
  #clearLater(): void {
    if (this.#clearTimer !== null || this.#closed) return;
    const { clock, map, underWay } = this.#core.parts;
    const { moment } = map;
    this.#clearTimer = clock.setTimeout(() => {
      const settled = this.#settled;
      this.sync((error) => {
        this.#clearTimer = null;
        if (this.#closed) return;
        if (underWay !== null && this.#settled) underWay.unsettled = false;
        if (error === null && settled) map.clear(moment);
        if (map.count > 0) this.#clearLater();
      });
    }, CLEAR_MS);
  }
}
