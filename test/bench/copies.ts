/** A copy that the array makes by itself against the same copy through an initiator on the same machine. */
import { binary } from '../support/programs.js';
import { run } from '../support/run.js';
import { type Spread, spread } from './stats.js';
import { fill, luBytes, quiet, startLunarray } from './targets.js';

/** 1 GiB without holes, from one LDEV to another, all of it in the cache. */
export interface CopyRow {
  readonly name: string;
  /** MiB a second. */
  readonly speed: Spread;
  /** EXTENDED COPY to this, of each round's pair; null: it is EXTENDED COPY. */
  readonly ratio: Spread | null;
}

/** EXTENDED COPY to each of the others. */
export const COPY_GOAL = 3;

type Way = (from: string, to: string) => Promise<number>;

/** Each gives the seconds that it took. */
const WAYS: readonly (readonly [name: string, way: Way])[] = [
  ['EXTENDED COPY (`lunctl xcopy`)', (from, to) => lunctl(['xcopy', from, to])],
  [
    'read and written by `qemu-img convert`',
    async (from, to) => {
      const began = performance.now();
      const shape = ['-n', '-f', 'raw', '-O', 'raw', '-t', 'none', '-S', '0', '-m', '16', '-W'];
      const { code, stderr } = await run('qemu-img', ['convert', ...shape, from, to], 120_000);
      if (code !== 0) throw new Error(`qemu-img convert: ${stderr}`);
      return (performance.now() - began) / 1000;
    },
  ],
  [
    'read and written by `lunctl write --from-lu`',
    // Holes that are to be written keep the array from doing it by itself.
    (from, to) => lunctl(['write', '--holes', 'write', '--no-detect-zeros', '--no-sync', '--from-lu', from, to]),
  ],
];

export async function measureCopies(rounds: number, say: (line: string) => void): Promise<CopyRow[]> {
  const array = await startLunarray({ cache: '3G', ldevs: 2 });
  const speeds = WAYS.map(() => [] as number[]);
  try {
    await fill(array);
    const other = array.url.replace(/\/0$/, '/1');
    // The first one, into memory that has not been used before, is not counted.
    for (let round = -1; round < rounds; round++) {
      for (const [index, [, way]] of WAYS.entries()) {
        await quiet(array);
        const speed = luBytes / 2 ** 20 / (await way(array.url, other));
        if (round >= 0) speeds[index]!.push(speed);
      }
    }
  } finally {
    await array.stop();
  }
  return WAYS.map(([name], index) => {
    const ratio = index === 0 ? null : spread(speeds[0]!.map((speed, round) => speed / speeds[index]![round]!));
    const row = { name, speed: spread(speeds[index]!), ratio };
    const than = ratio === null ? '' : `: EXTENDED COPY is ${ratio.median.toFixed(2)} × as fast`;
    say(`copy of 1 GiB, ${name}: ${Math.round(row.speed.median)} MiB/s${than}`);
    if (ratio !== null && ratio.median < COPY_GOAL) say(`goal missed: ${COPY_GOAL} × ${name} wanted`);
    return row;
  });
}

async function lunctl(args: readonly string[]): Promise<number> {
  const [program, ...first] = binary('initiator/cli/lunctl');
  const { code, stdout, stderr } = await run(program, [...first, ...args, '--json'], 120_000);
  if (code !== 0) throw new Error(`lunctl ${args[0]}: ${stderr}`);
  return (JSON.parse(stdout) as { readonly seconds: number }).seconds;
}
