/**
 * Fault model. A simulated drive keeps its contents in memory as sectors of 512 bytes.
 *
 * - An operation takes a random time from `latencyMs`; operations may therefore overtake one another. A write
 *   takes its bytes, and a read gives them, at its end: a buffer changed while a drive has it is found out.
 * - Writes and punches that ended are seen by every read, and survive `kill()` (the process dies).
 * - They survive `cut()` (power is lost) for certain only when a sync that was asked for after their end has
 *   ended itself. Of the others and of those still running, each survives or not at random, those that do in
 *   random order; the one submitted last is torn: a random number of its first sectors survive.
 * - A sector is never torn. Nothing is written where no write went, and synced bytes do not rot, but for what
 *   `misbehave` and `flip` ask for: writes that go to another place or are not done, reads of another place, changed bits.
 *   Nobody is told of those.
 * - A write or punch that fails leaves a random number of its first sectors changed.
 * - Errors come from `errorRates` at random, from `fail` on demand, from `badRange` for a place.
 * - `readNow` answers at random, as a page cache would, from ranges without errors.
 *
 * What happens depends on the seed of `random` and on the order of the calls only.
 */
import { inParallel } from './in-parallel.js';
import { overlap } from './range-list.js';
import { totalBytes } from './total-bytes.js';
import type { Clock, DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite, Random } from './types.js';

const SECTOR = 512;

export type SimulatedOperation = 'read' | 'write' | 'punch' | 'sync';

export interface SimulatedDriveOptions {
  /** Least and most time of an operation; default 0 to 0. */
  readonly latencyMs?: readonly [number, number];
  /** Share (0 … 1) of operations of a kind that fail with `io-error`. */
  readonly errorRates?: Readonly<Partial<Record<SimulatedOperation, number>>>;
  /** Share (0 … 1) of `readNow` calls that answer. */
  readonly readNowShare?: number;
}

/** What a drive does wrong without an error, as shares (0 … 1) of its operations. */
export interface Mischief {
  readonly misdirectRead?: number;
  readonly misdirectWrite?: number;
  readonly dropWrite?: number;
}

/** A write (with data) or punch (without). */
interface Change {
  readonly offset: number;
  readonly bytes: number;
  readonly data: Buffer | null;
}

interface Running {
  readonly operation: SimulatedOperation;
  readonly change: () => Change | null;
}

interface BadRange {
  readonly offset: number;
  readonly end: number;
  readonly operation: SimulatedOperation;
}

type Sectors = Map<number, Buffer>;

export class SimulatedDrive implements DriveIo {
  /** What reads see. */
  #current: Sectors = new Map();
  /** What is certain to survive a loss of power. */
  #durable: Sectors = new Map();
  /** Ended, not covered by a sync, in the order in which they ended. */
  #unsynced: Change[] = [];
  readonly #running = new Set<Running>();
  readonly #demanded: { readonly operation: SimulatedOperation; readonly error: DriveError }[] = [];
  readonly #bad: BadRange[] = [];
  #mischief: Mischief = {};
  #off = false;

  constructor(
    readonly name: string,
    readonly bytes: number,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly options: SimulatedDriveOptions = {},
  ) {}

  /** The next operation of this kind fails with this error; demands queue up. */
  fail(operation: SimulatedOperation, error: DriveError = ioError(this.name, operation, 0)): void {
    this.#demanded.push({ operation, error });
  }

  /** Every operation of this kind that touches the range fails. A write does not repair it. */
  badRange(operation: SimulatedOperation, offset: number, bytes: number): void {
    this.#bad.push({ offset, end: offset + bytes, operation });
  }

  /** From now on, until called again. */
  misbehave(mischief: Mischief): void {
    this.#mischief = mischief;
  }

  /** Changes a bit of a block, also of what a loss of power would leave; one never written then holds something. */
  flip(offset: number): void {
    const sector = Math.floor(offset / SECTOR);
    const at = this.random.below(SECTOR);
    for (const sectors of [this.#current, this.#durable]) {
      const changed = Buffer.from(sectors.get(sector) ?? Buffer.alloc(SECTOR));
      changed[at]! ^= 1;
      sectors.set(sector, changed);
    }
  }

  repair(): void {
    this.#bad.length = 0;
    this.#demanded.length = 0;
  }

  /**
   * Power is lost. What was running never ends, and this object does nothing any more.
   * @returns the drive as it is found when power comes back
   */
  cut(): SimulatedDrive {
    const last = [...this.#running].reverse().find(({ operation }) => operation === 'write');
    const torn = last?.change() ?? this.#unsynced.at(-1);
    const candidates = [...this.#unsynced, ...this.#interrupted(last)].filter((change) => change !== torn);
    const survivors = candidates.filter(() => this.random.below(2) === 0);
    for (let i = survivors.length - 1; i > 0; i--) {
      const j = this.random.below(i + 1);
      [survivors[i], survivors[j]] = [survivors[j]!, survivors[i]!];
    }
    for (const change of survivors) apply(this.#durable, change, change.bytes);
    if (torn !== undefined) apply(this.#durable, torn, this.#prefix(torn));
    return this.#successor(this.#durable);
  }

  /**
   * The process dies, the machine runs on: ended writes are there, of each running one a random prefix.
   * @returns the drive as the next process finds it
   */
  kill(): SimulatedDrive {
    for (const change of this.#interrupted()) this.#change(change, this.#prefix(change));
    const next = this.#successor(this.#current);
    next.#durable = this.#durable;
    next.#unsynced = this.#unsynced;
    return next;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    const share = this.options.readNowShare ?? 0;
    if (this.#off || this.random.below(1000) >= share * 1000) return false;
    if (this.#isBad('read', offset, totalBytes(buffers))) return false;
    this.#fill(this.#aim('misdirectRead', offset, totalBytes(buffers)), buffers);
    return true;
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const bytes = totalBytes(buffers);
    const from = this.#aim('misdirectRead', offset, bytes);
    this.#run('read', offset, bytes, noChange, done, () => this.#fill(from, buffers));
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const bytes = totalBytes(buffers);
    if (this.#chance(this.#mischief.dropWrite)) {
      this.#run('write', offset, bytes, noChange, done, () => {});
      return;
    }
    const to = this.#aim('misdirectWrite', offset, bytes);
    const change = () => ({ offset: to, bytes, data: Buffer.concat(buffers) });
    this.#run('write', offset, bytes, change, done, () => this.#change(change(), bytes));
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    inParallel(writes, ({ offset, buffers }, written) => this.write(offset, buffers, written), done);
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    const change = () => ({ offset, bytes, data: null });
    this.#run('punch', offset, bytes, change, done, () => this.#change(change(), bytes));
  }

  extents(offset: number, bytes: number, limit = Number.POSITIVE_INFINITY): readonly DriveExtent[] {
    const end = offset + bytes;
    const found: { offset: number; bytes: number; allocated: boolean }[] = [];
    let at = offset;
    const add = (to: number, allocated: boolean) => {
      const last = found.at(-1);
      if (to === at) return;
      if (last?.allocated === allocated) last.bytes += to - at;
      else found.push({ offset: at, bytes: to - at, allocated });
      at = to;
    };
    for (const sector of sectorsIn(this.#current, offset, end).sort((a, b) => a - b)) {
      add(Math.max(at, sector * SECTOR), false);
      add(Math.min(end, (sector + 1) * SECTOR), true);
    }
    add(end, false);
    return found.slice(0, limit);
  }

  sync(done: DriveDone): void {
    const covered = new Set(this.#unsynced);
    this.#run('sync', 0, this.bytes, noChange, done, () => {
      // A sync that overtook this one has made some of them durable already, and newer ones over them.
      const left = this.#unsynced.filter((change) => !covered.has(change));
      for (const change of this.#unsynced) if (covered.has(change)) apply(this.#durable, change, change.bytes);
      this.#unsynced = left;
    });
  }

  close(): void {
    this.#off = true;
  }

  #run(
    operation: SimulatedOperation,
    offset: number,
    bytes: number,
    change: () => Change | null,
    done: DriveDone,
    effect: () => void,
  ): void {
    if (this.#off) return;
    if (offset % SECTOR !== 0 || bytes % SECTOR !== 0 || offset + bytes > this.bytes) {
      throw new RangeError(`${this.name}: ${operation} of ${bytes} bytes at ${offset}`);
    }
    const error = this.#chooseError(operation, offset, bytes);
    const running: Running = { operation, change };
    this.#running.add(running);
    this.#later(() => {
      if (this.#off) return;
      this.#running.delete(running);
      if (error === null) effect();
      else {
        const partial = change();
        if (partial !== null) this.#change(partial, this.#prefix(partial));
      }
      done(error);
    });
  }

  #later(run: () => void): void {
    const [least, most] = this.options.latencyMs ?? [0, 0];
    if (most <= 0) this.clock.setImmediate(run);
    else this.clock.setTimeout(run, least + ((most - least) * this.random.below(1001)) / 1000);
  }

  #chooseError(operation: SimulatedOperation, offset: number, bytes: number): DriveError | null {
    const demanded = this.#demanded.findIndex((demand) => demand.operation === operation);
    if (demanded >= 0) return this.#demanded.splice(demanded, 1)[0]!.error;
    const rate = this.options.errorRates?.[operation] ?? 0;
    const unlucky = this.#chance(rate);
    return unlucky || this.#isBad(operation, offset, bytes) ? ioError(this.name, operation, offset) : null;
  }

  /** Where an operation goes. */
  #aim(kind: 'misdirectRead' | 'misdirectWrite', offset: number, bytes: number): number {
    if (!this.#chance(this.#mischief[kind])) return offset;
    return this.random.below((this.bytes - bytes) / SECTOR + 1) * SECTOR;
  }

  #chance(share = 0): boolean {
    return share > 0 && this.random.below(1_000_000) < share * 1_000_000;
  }

  #isBad(operation: SimulatedOperation, offset: number, bytes: number): boolean {
    return this.#bad.some((bad) => bad.operation === operation && overlap(bad, offset, offset + bytes));
  }

  #change(change: Change, bytes: number): void {
    const part = { ...change, bytes, data: change.data?.subarray(0, bytes) ?? null };
    apply(this.#current, part, bytes);
    this.#unsynced.push(part);
  }

  #fill(offset: number, buffers: readonly Buffer[]): void {
    const bytes = totalBytes(buffers);
    const data = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += SECTOR) this.#current.get((offset + at) / SECTOR)?.copy(data, at);
    let from = 0;
    for (const buffer of buffers) from += data.copy(buffer, 0, from);
  }

  /** What the operations running now would have changed. */
  #interrupted(except?: Running): Change[] {
    const changes: Change[] = [];
    for (const running of this.#running) {
      const change = running === except ? null : running.change();
      if (change !== null) changes.push(change);
    }
    return changes;
  }

  #prefix(change: Change): number {
    return this.random.below(change.bytes / SECTOR + 1) * SECTOR;
  }

  #successor(contents: Sectors): SimulatedDrive {
    this.#off = true;
    const next = new SimulatedDrive(this.name, this.bytes, this.clock, this.random, this.options);
    next.#current = new Map(contents);
    next.#durable = new Map(contents);
    next.#bad.push(...this.#bad);
    next.#mischief = this.#mischief;
    return next;
  }
}

/** Numbers of the sectors that hold something of a range: looks at whichever are fewer. */
function sectorsIn(sectors: Sectors, offset: number, end: number): number[] {
  const first = Math.floor(offset / SECTOR);
  const last = Math.ceil(end / SECTOR) - 1;
  if (last - first > sectors.size) return [...sectors.keys()].filter((sector) => sector >= first && sector <= last);
  const found: number[] = [];
  for (let sector = first; sector <= last; sector++) if (sectors.has(sector)) found.push(sector);
  return found;
}

function apply(sectors: Sectors, change: Change, bytes: number): void {
  if (change.data === null) {
    for (const sector of sectorsIn(sectors, change.offset, change.offset + bytes)) sectors.delete(sector);
    return;
  }
  for (let at = 0; at < bytes; at += SECTOR) {
    const sector = (change.offset + at) / SECTOR;
    sectors.set(sector, change.data.subarray(at, at + SECTOR));
  }
}

function ioError(name: string, operation: SimulatedOperation, offset: number): DriveError {
  return { kind: 'io-error', message: `${name}: ${operation} failed at ${offset}` };
}

function noChange(): null {
  return null;
}
