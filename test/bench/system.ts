/** The array against tgt and a bare responder on this machine: every workload in turn on each, several rounds. */
import { writeFileSync } from 'node:fs';
import { type Spread, spread } from './stats.js';
import { fill, startBare, startLunarray, startTgt, type Target } from './targets.js';
import { type Measurement, type Workload, workloads } from './workloads.js';

/** What was measured of one target. */
export interface Result {
  readonly iops: Spread;
  /** Processor microseconds for each operation, median. */
  readonly cpuMicros: number;
}

export interface Row {
  readonly workload: Workload;
  readonly lunarray: Result;
  readonly tgt: Result | null;
  readonly bare: Result | null;
  /** Lunarray to the other, of each round's pair. */
  readonly ratio: { readonly tgt: Spread | null; readonly bare: Spread | null };
}

export async function compareSystems(rounds: number, say: (line: string) => void): Promise<Row[]> {
  const tgt = await startTgt();
  if (tgt === null) say('tgtd is not installed: no comparison');
  const rows: Row[] = [];
  try {
    if (tgt !== null) await fill(tgt);
    for (const cache of new Set(workloads.map((workload) => workload.cache))) {
      const lunarray = await startLunarray({ cache });
      try {
        await fill(lunarray);
        for (const workload of workloads.filter((each) => each.cache === cache)) {
          const row = await measure(workload, lunarray, tgt, rounds);
          if (row === null) say(`${workload.name}: not possible here: dropping the page cache takes root`);
          else {
            rows.push(row);
            say(describe(row));
          }
        }
      } finally {
        await lunarray.stop();
      }
    }
  } finally {
    await tgt?.stop();
  }
  return rows;
}

async function measure(workload: Workload, lunarray: Target, tgt: Target | null, rounds: number): Promise<Row | null> {
  const bare = workload.bare ? await startBare(workload.blockBytes) : null;
  try {
    if (workload.cold && !dropPageCache()) return null;
    const targets = [lunarray, tgt, bare];
    const measured: Measurement[][] = [[], [], []];
    // The first round warms up and does not count.
    for (let round = 0; round <= rounds; round++) {
      for (const [index, target] of targets.entries()) {
        if (target === null) continue;
        if (workload.cold) dropPageCache();
        const measurement = await workload.run(target);
        if (round > 0) measured[index]!.push(measurement);
      }
    }
    const [own, theirs, floor] = measured as [Measurement[], Measurement[], Measurement[]];
    return {
      workload,
      lunarray: result(own)!,
      tgt: result(theirs),
      bare: result(floor),
      ratio: { tgt: ratios(own, theirs), bare: ratios(own, floor) },
    };
  } finally {
    await bare?.stop();
  }
}

function result(measurements: readonly Measurement[]): Result | null {
  if (measurements.length === 0) return null;
  return {
    iops: spread(measurements.map((one) => one.iops)),
    cpuMicros: spread(measurements.map((one) => one.cpuMicros)).median,
  };
}

function ratios(own: readonly Measurement[], others: readonly Measurement[]): Spread | null {
  return others.length === 0 ? null : spread(own.map((one, round) => one.iops / others[round]!.iops));
}

/** Clean pages only: what is dirty is written first, or stays. */
function dropPageCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return true;
  } catch {
    return false;
  }
}

/** Goals of a row that were not reached. */
export function missed({ workload: { goal }, ratio }: Row): string[] {
  const lines: string[] = [];
  for (const other of ['tgt', 'bare'] as const) {
    const wanted = goal[other];
    const got = ratio[other]?.median;
    if (wanted !== undefined && got !== undefined && got < wanted) {
      lines.push(`${got.toFixed(2)} of ${other}, ${wanted} wanted`);
    }
  }
  return lines;
}

function describe(row: Row): string {
  const text = [`${row.workload.name}: ${shown(row.lunarray)}`];
  for (const other of ['tgt', 'bare'] as const) {
    const theirs = row[other];
    const ratio = row.ratio[other];
    if (theirs === null || ratio === null) continue;
    text.push(
      `${other} ${shown(theirs)}: ${ratio.median.toFixed(2)} × (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
    );
  }
  return text.join('; ');
}

function shown({ iops, cpuMicros }: Result): string {
  return `${Math.round(iops.median)} IOPS, ${cpuMicros.toFixed(1)} µs CPU`;
}
