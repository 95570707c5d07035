/** One load on one LU, driven by somebody else's client. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { binary } from '../support/programs.js';
import type { Target } from './targets.js';

const exec = promisify(execFile);

export interface Measurement {
  /** Operations a second. */
  readonly iops: number;
  /** Target's processor microseconds for each operation. */
  readonly cpuMicros: number;
}

export interface Workload {
  readonly name: string;
  /** Size of Lunarray's cache; the LU has 1 GiB. */
  readonly cache: '2G' | '256M' | '128M';
  /** What is to be reached: ratio to tgt, and to the bare responder. None: shown only. */
  readonly goal: { readonly tgt?: number; readonly bare?: number };
  readonly blockBytes: number;
  /** The bare responder takes part: it knows reads only. */
  readonly bare: boolean;
  /** The page cache is dropped before each run, for both. */
  readonly cold: boolean;
  run(target: Target): Promise<Measurement>;
}

type Shape = Omit<Workload, 'run' | 'bare' | 'cold'> & { readonly depth: number; readonly cold?: boolean };

/** libiscsi's iscsi-perf: reads only. */
function iscsiPerf(shape: Shape, random: boolean): Workload {
  const { depth, blockBytes } = shape;
  return {
    cold: false,
    ...shape,
    name: `${shape.name} (iscsi-perf)`,
    bare: shape.cache === '2G',
    async run(target) {
      const args = ['-m', String(depth), '-b', String(blockBytes / 512), '-t', String(seconds), target.url];
      const before = target.cpuSeconds();
      const { stdout } = await exec('iscsi-perf', random ? ['-r', ...args] : args, { timeout: 120_000 });
      const cpu = target.cpuSeconds() - before;
      const iops = Number(/.*iops average (\d+)/s.exec(stdout)?.[1]);
      if (!(iops > 0)) throw new Error(`iscsi-perf said: ${stdout.slice(-300)}`);
      return { iops, cpuMicros: (cpu / (iops * seconds)) * 1e6 };
    },
  };
}

/** QEMU's block layer over libiscsi. */
function qemuBench(shape: Shape, count: number, write: boolean, step: number): Workload {
  const { depth, blockBytes } = shape;
  return {
    cold: false,
    ...shape,
    name: `${shape.name} (qemu-img bench${write ? ' -w' : ''})`,
    bare: false,
    async run(target) {
      const args = ['bench', '-f', 'raw', '-t', 'none', '-c', String(count), '-d', String(depth)];
      args.push('-s', String(blockBytes), '-S', String(step), ...(write ? ['-w'] : []), target.url);
      const before = target.cpuSeconds();
      const { stdout } = await exec('qemu-img', args, { timeout: 120_000 });
      const cpu = target.cpuSeconds() - before;
      const taken = Number(/completed in ([\d.]+)/.exec(stdout)?.[1]);
      if (!(taken > 0)) throw new Error(`qemu-img said: ${stdout.slice(-300)}`);
      return { iops: count / taken, cpuMicros: (cpu / count) * 1e6 };
    },
  };
}

/** Our own initiator, which costs the machine less per operation than libiscsi does: more is left for the target. */
function lunctlPerf(shape: Shape, write: boolean): Workload {
  const { depth, blockBytes } = shape;
  return {
    cold: false,
    ...shape,
    name: `${shape.name} (lunctl perf)`,
    bare: false,
    async run(target) {
      const [program, ...first] = binary('initiator/cli/lunctl');
      const args = ['perf', '--json', '--op', write ? 'write' : 'read', '--time', `${seconds}s`];
      args.push('--depth', String(depth), '--block', String(blockBytes), target.url);
      const before = target.cpuSeconds();
      const { stdout } = await exec(program, [...first, ...args], { timeout: 120_000 });
      const cpu = target.cpuSeconds() - before;
      const { ios } = (JSON.parse(stdout) as { total: { ios: number } }).total;
      if (!(ios > 0)) throw new Error(`lunctl said: ${stdout.slice(-300)}`);
      return { iops: ios / seconds, cpuMicros: (cpu / ios) * 1e6 };
    },
  };
}

export let seconds = 3;
export function setSeconds(value: number): void {
  seconds = value;
}

const KiB = 1024;
/** A step that is odd in blocks visits the whole LU in a scattered order: qemu-img has no random mode. */
const SCATTERED = 40_009 * 4 * KiB;
const small = { blockBytes: 4 * KiB, depth: 32, cache: '2G' } as const;
const large = { blockBytes: 256 * KiB, depth: 8, cache: '2G' } as const;

export const workloads: readonly Workload[] = [
  iscsiPerf({ ...small, name: '4 KiB random read, depth 32', goal: { tgt: 4, bare: 0.85 } }, true),
  iscsiPerf({ ...small, depth: 1, name: '4 KiB random read, depth 1', goal: { tgt: 2.5 } }, true),
  iscsiPerf({ ...large, name: '256 KiB sequential read, depth 8', goal: { tgt: 1.3 } }, false),
  qemuBench({ ...small, name: '4 KiB sequential read, depth 32', goal: {} }, 200_000, false, 4 * KiB),
  qemuBench({ ...small, name: '4 KiB scattered write, depth 32', goal: { tgt: 2.5 } }, 100_000, true, SCATTERED),
  qemuBench({ ...large, name: '256 KiB sequential write, depth 8', goal: { tgt: 2 } }, 4000, true, 256 * KiB),
  lunctlPerf({ ...small, name: '4 KiB random read, depth 32', goal: { tgt: 4 } }, false),
  lunctlPerf({ ...small, depth: 1, name: '4 KiB random read, depth 1', goal: { tgt: 2.5 } }, false),
  lunctlPerf({ ...small, name: '4 KiB random write, depth 32', goal: { tgt: 2.5 } }, true),
  iscsiPerf(
    { ...small, cache: '256M', name: '4 KiB random read, depth 32, cache a quarter of the LU', goal: {} },
    true,
  ),
  qemuBench(
    { ...small, cache: '256M', name: '4 KiB scattered write, depth 32, cache a quarter of the LU', goal: {} },
    100_000,
    true,
    SCATTERED,
  ),
  iscsiPerf(
    { ...small, cache: '128M', cold: true, name: '4 KiB random read, depth 32, nothing in memory', goal: { tgt: 1 } },
    true,
  ),
];
