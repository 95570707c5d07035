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
  const jobs = [...pieces(pool.runs(places))];
  const groups = [...new Set(jobs.map((job) => job.group))];
  const end = (error: DriveError | null) => {
    if (error !== null) {
      done(error.message);
      return;
    }
    pool.release(places);
    pool.sync((failure) => done(failure === null ? null : failure.message));
  };
  inTurn(
    jobs,
    (job, next) => adapter.punch(job.group, job.offset, job.bytes, next),
    (error) => {
      if (error !== null) end(error);
      else inTurn(groups, (group, next) => adapter.sync(group, next), end);
    },
  );
}

function* pieces(runs: readonly PlaceRun[]): Generator<PlaceRun> {
  for (const { group, offset, bytes } of runs) {
    for (let at = 0; at < bytes; at += PUNCH_BYTES) {
      yield { group, offset: offset + at, bytes: Math.min(PUNCH_BYTES, bytes - at) };
    }
  }
}

/** Runs `start` for one after the other, up to the first error. Deep lists do not deepen the stack. */
function inTurn<T>(items: readonly T[], start: (item: T, next: DriveDone) => void, done: DriveDone): void {
  let index = 0;
  let running = false;
  let returned = false;
  const advance = () => {
    if (running) return;
    running = true;
    while (index < items.length) {
      returned = false;
      start(items[index++]!, (error) => {
        if (error !== null) {
          index = Number.POSITIVE_INFINITY;
          done(error);
        } else if (running) returned = true;
        else advance();
      });
      if (!returned) {
        running = false;
        return;
      }
    }
    running = false;
    if (index === items.length) {
      index = Number.POSITIVE_INFINITY;
      done(null);
    }
  };
  advance();
}
