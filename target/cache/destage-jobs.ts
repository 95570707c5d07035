/**
 * Cache → drive, the jobs. One job a slot at a time; the dirty runs of slots that are adjacent on the drive go
 * in one request. While a job is under way the sectors it writes are frozen where they stand: a write to them
 * goes to a fresh slot and the job's result then counts for that one, less the sectors rewritten.
 */
import type { DriveError } from '../disk/types.js';
import type { CacheCore } from './core.js';
import type { GroupFlow } from './group-flow.js';
import { countSectors, lowestSector, runLength, sectorMask } from './sectors.js';
import { SlotValues } from './slot-values.js';
import { SECTOR_BYTES, type SlotAddress } from './types.js';
import type { Volume } from './volume.js';

export interface DestageWaiter {
  /** Calls of `destaged` to come. */
  pending: number;
  /** @param sector first sector of the volume that the job was to write */
  destaged(error: DriveError | null, sector: number): void;
}

export interface DestageEntry {
  readonly index: number;
  readonly address: SlotAddress;
}

interface DestageJob {
  /** The slot that is the place now; its sectors `clean` are clean when the job succeeds. */
  index: number;
  /** The slot that is written from. */
  readonly source: number;
  readonly volume: Volume;
  readonly slot: number;
  readonly flow: GroupFlow;
  readonly sent: number;
  clean: number;
  pieces: number;
  error: DriveError | null;
  readonly waiters: DestageWaiter[];
  /** Those who need what has become dirty since. */
  readonly next: DestageWaiter[];
}

interface Piece {
  readonly job: DestageJob;
  readonly first: number;
  readonly count: number;
  readonly offset: number;
}

/** Of one request; more where a stripe is longer. */
const REQUEST_SECTORS = 2048;

export class DestageJobs {
  #stopped = false;
  readonly #core: CacheCore;
  readonly #jobs: SlotValues<DestageJob>;
  readonly #finished: (flow: GroupFlow, error: DriveError | null) => void;

  constructor(core: CacheCore, finished: (flow: GroupFlow, error: DriveError | null) => void) {
    this.#core = core;
    this.#jobs = new SlotValues(core.slots.count);
    this.#finished = finished;
  }

  /** What ends from now on changes nothing any more: it counts as dirty still. */
  stop(): void {
    this.#stopped = true;
  }

  busy(index: number): boolean {
    return this.#jobs.has(index);
  }

  rewritten(index: number, mask: number): void {
    const job = this.#jobs.get(index);
    if (job !== null) job.clean &= ~mask;
  }

  moved(old: number, fresh: number, mask: number): void {
    const job = this.#jobs.get(old);
    if (job === null) return;
    this.#jobs.delete(old);
    this.#jobs.add(fresh, job);
    job.index = fresh;
    job.clean &= ~mask;
  }

  /** Waits for the job of a slot, or, if it does not write all that is dirty, for the one after it. */
  join(index: number, waiter: DestageWaiter): void {
    const job = this.#jobs.get(index)!;
    waiter.pending++;
    const covered = (this.#core.memory.dirty(index) & ~job.clean) === 0;
    (covered ? job.waiters : job.next).push(waiter);
  }

  /** Waits for the job of a slot, whatever it writes. */
  wait(index: number, waiter: DestageWaiter): void {
    waiter.pending++;
    this.#jobs.get(index)!.waiters.push(waiter);
  }

  /** Writes dirty slots that have no job, in the order given: address order makes long requests. */
  submit(entries: readonly DestageEntry[], waiter: DestageWaiter | null): void {
    const pieces: Piece[] = [];
    for (const entry of entries) this.#plan(entry, waiter, pieces);
    this.#sendAll(pieces);
  }

  #sendAll(pieces: readonly Piece[]): void {
    for (let from = 0; from < pieces.length; ) {
      let to = from + 1;
      let sectors = pieces[from]!.count;
      while (to < pieces.length && follows(pieces[to - 1]!, pieces[to]!) && !endsAt(pieces[to]!, sectors)) {
        sectors += pieces[to++]!.count;
      }
      this.#send(pieces.slice(from, to));
      from = to;
    }
  }

  #plan({ index, address }: DestageEntry, waiter: DestageWaiter | null, pieces: Piece[]): void {
    const { memory, slots, volumes, flows } = this.#core;
    const dirty = memory.dirty(index);
    const flow = flows.of(address.group);
    if (waiter !== null) waiter.pending++;
    const job: DestageJob = {
      index,
      source: index,
      volume: volumes.get(slots.ownerOf(index)!.id)!,
      slot: slots.numbers[index]!,
      flow,
      sent: dirty,
      clean: dirty,
      pieces: 0,
      error: null,
      waiters: waiter === null ? [] : [waiter],
      next: [],
    };
    this.#jobs.add(index, job);
    flow.jobs++;
    slots.frozen[index] = dirty;
    slots.hold(index);
    for (let rest = dirty; rest !== 0; ) {
      const first = lowestSector(rest);
      const count = runLength(rest, first);
      rest &= ~sectorMask(first, count);
      job.pieces++;
      flow.inFlight += count * SECTOR_BYTES;
      pieces.push({ job, first, count, offset: address.offset + first * SECTOR_BYTES });
    }
  }

  #send(pieces: readonly Piece[]): void {
    const { adapter, slots } = this.#core;
    const { job, offset } = pieces[0]!;
    const buffers = pieces.map((piece) => slots.view(piece.job.source, piece.first, piece.count));
    adapter.destage(job.flow.group, offset, buffers, (error) => this.#sent(pieces, error));
  }

  #sent(pieces: readonly Piece[], error: DriveError | null): void {
    if (this.#stopped) return;
    if (error !== null && pieces.length > 1) {
      // One bad sector must not keep its neighbours dirty.
      for (const piece of pieces) this.#send([piece]);
      return;
    }
    for (const { job, count } of pieces) {
      job.flow.inFlight -= count * SECTOR_BYTES;
      if (error !== null) job.error = error;
      if (--job.pieces === 0) this.#complete(job);
    }
  }

  #complete(job: DestageJob): void {
    const { memory, slots, counters } = this.#core;
    const { index, volume, flow } = job;
    slots.frozen[job.source] = 0;
    this.#jobs.delete(index);
    flow.jobs--;
    if (job.error === null) {
      counters.destagedBytes += countSectors(job.sent) * SECTOR_BYTES;
      volume.written(flow.group);
      if (job.clean !== 0) memory.clearDirty(index, job.clean);
      if (memory.dirty(index) === 0) {
        flow.cleaned++;
        slots.becameClean(index);
      }
    } else {
      counters.destageFailures++;
    }
    slots.unhold(job.source);
    this.#finished(flow, job.error);
    this.#again(job);
    const sector = job.slot * 32 + lowestSector(job.sent);
    for (const waiter of job.waiters) waiter.destaged(job.error, sector);
  }

  /** The job that those in `next` wait for; before others hear of this one's end, so that they see it. */
  #again(job: DestageJob): void {
    if (job.next.length === 0) return;
    const pieces: Piece[] = [];
    const address = job.volume.backing.locate(job.slot);
    if (
      this.#core.memory.dirty(job.index) === 0 ||
      this.#core.slots.ownerOf(job.index) !== job.volume.own ||
      address === null
    ) {
      for (const waiter of job.next) waiter.destaged(null, 0);
      return;
    }
    // They are counted already.
    this.#plan({ index: job.index, address }, null, pieces);
    this.#jobs.get(job.index)!.waiters.push(...job.next);
    this.#sendAll(pieces);
  }
}

function follows(before: Piece, piece: Piece): boolean {
  return piece.job.flow === before.job.flow && piece.offset === before.offset + before.count * SECTOR_BYTES;
}

/** Whether a request of `sectors` sectors ends before the piece that follows it: where there are stripes, between two. */
function endsAt({ job, offset }: Piece, sectors: number): boolean {
  const { stripeBytes } = job.flow.group;
  if (stripeBytes === undefined) return sectors >= REQUEST_SECTORS;
  return offset % stripeBytes === 0 && sectors + stripeBytes / SECTOR_BYTES > REQUEST_SECTORS;
}
