/** Gives regions back to their pool. */
import type { DriveDone, DriveError, ParityGroup } from '../disk/types.js';
import type { PlaceRun, Pool } from './pool.js';
import { REGION_BYTES } from './regions.js';

/** What is needed of the disk adapter. */
export interface ReclaimAdapter {
  punch(group: ParityGroup, offset: number, bytes: number, done: DriveDone): void;
  sync(group: ParityGroup, done: DriveDone): void;
}

/** One punch job: small enough that the jobs of hosts get their turn between two. */
const PUNCH_BYTES = 32 * REGION_BYTES;

/**
 * Punches the places, makes that durable, then makes them free, and that durable too. The order is what
 * keeps one LDEV's data from ever showing in another: whatever is free has been punched, after a kill or a loss
 * of power at any point as well. Until the end nothing hands the places out; a failure leaves them owned.
 */
export function reclaim(
  pool: Pool,
  places: readonly number[],
  adapter: ReclaimAdapter,
  done: (failure: string | null) => void,
): void {
  const runs = pool.runs(places);
  const groups = [...new Set(runs.map((run) => run.group))];
  const end = (error: DriveError | null) => {
    if (error !== null) {
      done(error.message);
      return;
    }
    pool.release(places);
    pool.sync((failure) => done(failure === null ? null : failure.message));
  };
  inTurn(
    pieces(runs),
    (job, next) => adapter.punch(job.group, job.offset, job.bytes, next),
    (error) => {
      if (error !== null) end(error);
      else inTurn(groups.values(), (group, next) => adapter.sync(group, next), end);
    },
  );
}

/** What of the runs the drives have allocated. */
function* pieces(runs: readonly PlaceRun[]): Generator<PlaceRun> {
  for (const { group, offset, bytes } of runs) {
    for (let at = offset; at < offset + bytes; at += PUNCH_BYTES) {
      const extents = group.extents(at, Math.min(PUNCH_BYTES, offset + bytes - at)).filter((each) => each.allocated);
      // One punch from the first to the last is less work than one for each.
      const last = extents.at(-1);
      const first = extents[0]?.offset ?? 0;
      if (last !== undefined) yield { group, offset: first, bytes: last.offset + last.bytes - first };
    }
  }
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
