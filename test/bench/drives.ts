/** What reaches the drives: parity groups against plain drives, and hosts that write faster than the drives take it. */
import { lunarray } from '../support/programs.js';
import { client } from './client-process.js';
import { type Spread, spread } from './stats.js';
import { fill, type Lunarray, luBytes, quiet, startLunarray } from './targets.js';

/** 256 KiB sequential writes to RAID 5 and to a plain drive, one after the other in each round. */
export interface GroupRow {
  readonly name: string;
  /** MiB a second. */
  readonly raid5: Spread;
  readonly plain: Spread;
  /** RAID 5 to plain, of each round's pair. */
  readonly ratio: Spread;
}

/** 4 KiB random writes to a cache that is full of dirty data. */
export interface PressureRow {
  readonly name: string;
  readonly iops: number;
  /** Microseconds: percentile, and `max`, to latency. */
  readonly latency: Readonly<Record<string, number>>;
}

/** 4 KiB random reads of data in the cache while RAID 5 is scrubbed, and when it is not. */
export interface ScrubRow {
  readonly iops: number;
  readonly iopsAlone: number;
  /** Seconds that the scrub of the 1 GiB takes when hosts do nothing. */
  readonly seconds: number;
}

export interface Drives {
  readonly scrub: ScrubRow;
  readonly groups: readonly GroupRow[];
  readonly pressure: readonly PressureRow[];
}

/** Of RAID 5 to plain. */
export const GROUP_GOAL = 0.6;
/** Microseconds that one write in a thousand may take, at most. */
export const PRESSURE_GOAL = 100_000;

type Say = (line: string) => void;

const DRIVE = '2G';
const PASSES = ['first pass', 'again'] as const;

export async function measureDrives(rounds: number, seconds: number, say: Say): Promise<Drives> {
  return {
    groups: await compareGroups(rounds, say),
    pressure: await underPressure(seconds, say),
    scrub: await underScrub(seconds, say),
  };
}

async function underScrub(seconds: number, say: Say): Promise<ScrubRow> {
  const array = await startLunarray({ cache: '2G', config: groupOf('raid5', 4) });
  const scrub = async (group: string[]) => {
    const { code, stdout, stderr } = await lunarray(['drive', 'scrub', ...group, '--json', '--data', array.data]);
    if (code !== 0) throw new Error(`lunarray drive scrub: ${stderr}`);
    return JSON.parse(stdout) as unknown;
  };
  const running = async () => ((await scrub([])) as { readonly running: boolean }[])[0]!.running;
  try {
    await fill(array);
    const shape = { depth: 32, blockBytes: 4096, rangeBytes: luBytes, write: false, digests: false };
    const load = { ...shape, seconds, urls: [array.url], pid: array.pid };
    const iopsAlone = (await client(load)).iops;
    await scrub(['1-1']);
    const { iops } = await client(load);
    const began = performance.now();
    while (await running()) await new Promise((resolve) => setTimeout(resolve, 250));
    const row = { iops, iopsAlone, seconds: (performance.now() - began) / 1000 };
    const [mine, alone] = [iops, iopsAlone].map(Math.round);
    say(
      `4 KiB random read while RAID 5 is scrubbed: ${mine} IOPS, ${alone} otherwise; the scrub takes ${row.seconds.toFixed(1)} s`,
    );
    return row;
  } finally {
    await array.stop();
  }
}

async function compareGroups(rounds: number, say: Say): Promise<GroupRow[]> {
  const speeds = PASSES.map(() => ({ raid5: [] as number[], plain: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [level, drives] of [
      ['plain', 1],
      ['raid5', 4],
    ] as const) {
      const array = await startLunarray({ cache: '256M', config: groupOf(level, drives) });
      try {
        for (const pass of speeds) {
          await quiet(array);
          pass[level].push(await writeAll(array));
        }
      } finally {
        await array.stop();
      }
    }
  }
  return speeds.map(({ raid5, plain }, pass) => {
    const row = {
      name: `256 KiB sequential write, depth 8, ${PASSES[pass]}`,
      raid5: spread(raid5),
      plain: spread(plain),
      ratio: spread(raid5.map((speed, round) => speed / plain[round]!)),
    };
    const [mine, other] = [row.raid5.median, row.plain.median].map(Math.round);
    say(`${row.name}: RAID 5 ${mine} MiB/s, plain ${other} MiB/s: ${row.ratio.median.toFixed(2)} ×`);
    if (row.ratio.median < GROUP_GOAL) say(`goal missed: ${row.name}: ${GROUP_GOAL} of plain wanted`);
    return row;
  });
}

function groupOf(level: string, drives: number, direct = false): object {
  const ids = Array.from({ length: drives }, (_, index) => `HDD-${index}`);
  return {
    drives: ids.map((id) => ({ id, capacity: DRIVE, direct })),
    parityGroups: [{ id: '1-1', level, drives: ids }],
  };
}

/** Writes the LU from its start to its end, four times the cache. @returns MiB a second */
async function writeAll(array: Lunarray): Promise<number> {
  const blockBytes = 256 << 10;
  const shape = { depth: 8, blockBytes, rangeBytes: luBytes, write: true, digests: false, onePass: true, seconds: 0 };
  const { iops } = await client({ ...shape, urls: [array.url], pid: array.pid });
  return (iops * blockBytes) / 2 ** 20;
}

async function underPressure(seconds: number, say: Say): Promise<PressureRow[]> {
  const rows: PressureRow[] = [];
  for (const [level, drives, direct] of [
    ['plain', 1, false],
    ['plain', 1, true],
    ['raid5', 4, false],
  ] as const) {
    const name = `${level === 'plain' ? 'a plain drive' : 'RAID 5'}${direct ? ' past the page cache' : ''}`;
    let array: Lunarray;
    try {
      array = await startLunarray({ cache: '64M', config: groupOf(level, drives, direct) });
    } catch (error) {
      if (!direct) throw error;
      say(`${name}: not possible here: ${(error as Error).message.split('\n')[0]}`);
      continue;
    }
    try {
      await fill(array);
      const shape = { depth: 32, blockBytes: 4096, rangeBytes: luBytes, write: true, digests: false };
      const load = { ...shape, seconds: seconds * 5, urls: [array.url], pid: array.pid };
      const { iops, latency } = await client(load);
      rows.push({ name, iops, latency });
      const ms = (key: string) => (latency[key]! / 1000).toFixed(1);
      say(
        `4 KiB random write, cache of 64 MiB, ${name}: ${Math.round(iops)} IOPS, p99.9 ${ms('p99.9')} ms, max ${ms('max')} ms`,
      );
      if (latency['p99.9']! > PRESSURE_GOAL) say(`goal missed: p99.9 of ${PRESSURE_GOAL / 1000} ms at most wanted`);
    } finally {
      await array.stop();
    }
  }
  return rows;
}
