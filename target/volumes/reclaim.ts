/** Gives the regions of deleted LDEVs back to their pool. */
import { firstAllocated } from '../disk/first-allocated.js';
import type { DriveDone, DriveError, ParityGroup } from '../disk/types.js';
import type { Background } from './background.js';
import type { PlaceRun, Pool } from './pool.js';
import { REGION_BYTES } from './regions.js';

/** What is needed of the disk adapter. */
export interface ReclaimAdapter {
  punch(group: ParityGroup, offset: number, bytes: number, done: DriveDone): void;
  sync(group: ParityGroup, done: DriveDone): void;
}

/** One punch job: small enough that the jobs of hosts get their turn between two. */
const PUNCH_BYTES = 32 * REGION_BYTES;
/** Looked through for data in one turn of the event loop: the twin reads it. */
const LOOK_BYTES = REGION_BYTES;
/** Places handled in one turn of the event loop. */
const PIECE = 1024;

/**
 * Punches the places, makes that durable, then makes them free, and that durable too. The order is what
 * keeps one LDEV's data from ever showing in another: whatever is free has been punched, after a kill or a loss
 * of power at any point as well. Until the end nothing hands the places out; a failure leaves them owned.
 *
 * @param places gone through twice; no place may come or go meanwhile
 * @param done not called when the array is closed before the end
 */
export function reclaim(
  pool: Pool,
  places: Iterable<number>,
  adapter: ReclaimAdapter,
  background: Background,
  done: (failure: string | null) => void,
): void {
  const groups = new Set<ParityGroup>();
  const end = (error: DriveError | null) => {
    if (background.closed) return;
    if (error !== null) {
      done(error.message);
      return;
    }
    const left = inPieces(places);
    const release = () => {
      const next = left.next();
      if (next.done !== true) pool.release(next.value);
      return next.done !== true;
    };
    background.inPieces(release, () => pool.sync((failure) => done(failure === null ? null : failure.message)));
  };
  const punch = (job: PlaceRun | null, next: DriveDone) => {
    if (job === null) background.soon(() => next(null));
    else {
      groups.add(job.group);
      adapter.punch(job.group, job.offset, job.bytes, next);
    }
  };
  inTurn(punches(pool, places), punch, (error) => {
    if (error !== null) end(error);
    else inTurn(groups.values(), (group, next) => adapter.sync(group, next), end);
  });
}

/** What of the places the drives have allocated; null: let others have a turn. */
function* punches(pool: Pool, places: Iterable<number>): Generator<PlaceRun | null> {
  for (const piece of inPieces(places)) {
    for (const { group, offset, bytes } of pool.runs(piece)) {
      const end = offset + bytes;
      for (let at = offset; at < end; ) {
        const data = firstAllocated(group, at, Math.min(LOOK_BYTES, end - at));
        if (data === null) {
          at += LOOK_BYTES;
          yield null;
          continue;
        }
        // One punch over all that follows is less work than looking where there is more.
        at = Math.min(data.offset + PUNCH_BYTES, end);
        yield { group, offset: data.offset, bytes: at - data.offset };
      }
    }
    yield null;
  }
}

function* inPieces(places: Iterable<number>): Generator<Uint32Array> {
  const piece = new Uint32Array(PIECE);
  let count = 0;
  for (const place of places) {
    piece[count++] = place;
    if (count < PIECE) continue;
    yield piece;
    count = 0;
  }
  if (count > 0) yield piece.subarray(0, count);
}

/** Runs `start` for one after the other, up to the first error. Many that end at once do not deepen the stack. */
function inTurn<T>(items: Iterator<T>, start: (item: T, next: DriveDone) => void, done: DriveDone): void {
  let looping = false;
  let again = false;
  const advance = () => {
    again = true;
    if (looping) return;
    looping = true;
    while (again) {
      again = false;
      const item = items.next();
      if (item.done === true) done(null);
      else start(item.value, (error) => (error === null ? advance() : done(error)));
    }
    looping = false;
  };
  advance();
}
