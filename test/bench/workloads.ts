/** One load on one LU, driven by somebody else's client. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
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
  /** Ratio to tgt that must be reached, from the issue or the design; none: shown only. */
  readonly atLeast?: number;
  readonly blockBytes: number;
  run(target: Target): Promise<Measurement>;
}

/** libiscsi's iscsi-perf: reads only. */
function iscsiPerf(name: string, depth: number, blockBytes: number, random: boolean, atLeast?: number): Workload {
  return {
    name,
    blockBytes,
    ...(atLeast === undefined ? {} : { atLeast }),
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
function qemuBench(
  name: string,
  depth: number,
  blockBytes: number,
  count: number,
  write: boolean,
  step: number,
  atLeast?: number,
): Workload {
  return {
    name,
    blockBytes,
    ...(atLeast === undefined ? {} : { atLeast }),
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

export let seconds = 3;
export function setSeconds(value: number): void {
  seconds = value;
}

const KiB = 1024;
export const workloads: readonly Workload[] = [
  iscsiPerf('4 KiB random read, depth 32 (iscsi-perf)', 32, 4 * KiB, true, 2),
  iscsiPerf('4 KiB random read, depth 1 (iscsi-perf)', 1, 4 * KiB, true),
  iscsiPerf('256 KiB sequential read, depth 8 (iscsi-perf)', 8, 256 * KiB, false),
  qemuBench('4 KiB read, depth 32 (qemu-img bench)', 32, 4 * KiB, 100_000, false, 4 * KiB),
  // A step that is odd in blocks visits the whole LU in a scattered order: qemu-img has no random mode.
  qemuBench('4 KiB scattered write, depth 32 (qemu-img bench -w)', 32, 4 * KiB, 100_000, true, 40_009 * 4 * KiB),
  qemuBench('256 KiB sequential write, depth 8 (qemu-img bench -w)', 8, 256 * KiB, 4000, true, 256 * KiB),
];
