/** The array against tgt on this machine: every workload in turn on both, alternating, several rounds. */
import { run } from '../support/run.js';
import { type Spread, spread } from './stats.js';
import { startLunarray, startTgt, type Target } from './targets.js';
import { type Measurement, type Workload, workloads } from './workloads.js';

export interface Row {
  readonly workload: Workload;
  readonly lunarray: Spread;
  readonly tgt: Spread | null;
  /** Ratio of each round's pair. */
  readonly ratio: Spread | null;
  /** Processor microseconds for each operation, medians. */
  readonly cpu: { readonly lunarray: number; readonly tgt: number | null };
}

export async function compareSystems(rounds: number, say: (line: string) => void): Promise<Row[]> {
  const lunarray = await startLunarray('2G');
  const tgt = await startTgt();
  if (!tgt) say('tgtd is not installed: no comparison');
  const rows: Row[] = [];
  try {
    for (const target of tgt ? [lunarray, tgt] : [lunarray]) await fill(target);
    for (const workload of workloads) {
      const ours: Measurement[] = [];
      const theirs: Measurement[] = [];
      await workload.run(lunarray);
      if (tgt) await workload.run(tgt);
      for (let round = 0; round < rounds; round++) {
        ours.push(await workload.run(lunarray));
        if (tgt) theirs.push(await workload.run(tgt));
      }
      const row: Row = {
        workload,
        lunarray: spread(ours.map((one) => one.iops)),
        tgt: tgt ? spread(theirs.map((one) => one.iops)) : null,
        ratio: tgt ? spread(ours.map((one, round) => one.iops / theirs[round]!.iops)) : null,
        cpu: {
          lunarray: spread(ours.map((one) => one.cpuMicros)).median,
          tgt: tgt ? spread(theirs.map((one) => one.cpuMicros)).median : null,
        },
      };
      rows.push(row);
      say(describe(row));
    }
  } finally {
    await lunarray.stop();
    await tgt?.stop();
  }
  return rows;
}

/** Writes the LU once, so that both read data and not holes. */
async function fill(target: Target): Promise<void> {
  const args = [
    'bench',
    '-f',
    'raw',
    '-t',
    'none',
    '-c',
    '1024',
    '-d',
    '4',
    '-s',
    '1M',
    '--pattern=165',
    '-w',
    target.url,
  ];
  await run('qemu-img', args, 120_000);
}

function describe(row: Row): string {
  const own = `${row.workload.name}: ${Math.round(row.lunarray.median)} IOPS, ${row.cpu.lunarray.toFixed(1)} µs CPU each`;
  if (!row.tgt || !row.ratio) return own;
  const ratio = `${row.ratio.median.toFixed(2)} × (${row.ratio.min.toFixed(2)}–${row.ratio.max.toFixed(2)})`;
  return `${own}; tgt ${Math.round(row.tgt.median)} IOPS, ${row.cpu.tgt!.toFixed(1)} µs; ratio ${ratio}`;
}
