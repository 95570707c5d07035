/** Codecs and copy loops, one thread, with `benchmark`; the addon beside its TypeScript twin. */
import Benchmark from 'benchmark';
import { native, nativeKind } from '../../native/index.js';
import { twin } from '../../native/twin.js';

export interface CodecRow {
  readonly name: string;
  readonly perSecond: number;
  /** Bytes worked on in each run; 0 where that says nothing. */
  readonly bytes: number;
}

const block = Buffer.alloc(4096, 0xa5);
const large = Buffer.alloc(256 * 1024, 0x5a);
const slots = Array.from({ length: 16 }, () => Buffer.alloc(16 * 1024, 0x5a));
const zeros = Buffer.alloc(16 * 1024);
const guard = new Uint16Array(1);
const into = Array.from({ length: 16 }, () => Buffer.alloc(16 * 1024));

export async function measureCodecs(say: (line: string) => void): Promise<CodecRow[]> {
  const rows: CodecRow[] = [];
  const sides =
    nativeKind === 'addon'
      ? ([
          ['addon', native],
          ['TypeScript', twin],
        ] as const)
      : ([['TypeScript', twin]] as const);
  const cases: { name: string; bytes: number; run: () => unknown }[] = [];
  for (const [side, loops] of sides) {
    cases.push(
      { name: `crc32c of 48 bytes, ${side}`, bytes: 48, run: () => loops.crc32c(block.subarray(0, 48), 0) },
      { name: `crc32c of 4 KiB, ${side}`, bytes: 4096, run: () => loops.crc32c(block, 0) },
      { name: `crc32c of 256 KiB, ${side}`, bytes: large.length, run: () => loops.crc32c(large, 0) },
      { name: `guard of 512 bytes, ${side}`, bytes: 512, run: () => loops.guards(block, 512, 520, guard) },
      { name: `compare 256 KiB with 16 slots, ${side}`, bytes: large.length, run: () => loops.compare([large], slots) },
      { name: `gather 256 KiB into 16 slots, ${side}`, bytes: large.length, run: () => loops.gather([large], 0, into) },
      { name: `zero test of 16 KiB, ${side}`, bytes: zeros.length, run: () => loops.isZero(zeros) },
    );
  }
  for (const one of cases) {
    const bench = new Benchmark(one.run, { maxTime: 0.5 });
    bench.run();
    rows.push({ name: one.name, perSecond: bench.hz, bytes: one.bytes });
    say(`${one.name}: ${Math.round(bench.hz).toLocaleString('en-US')}/s`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return rows;
}
