/** Runs `lunctl` in this process and keeps what it prints. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Test } from 'tap';
import { main } from '../../../initiator/cli/program.js';
import { type ConfigInput, type LunArray, startArray } from '../../../target/index.js';
import { collector } from '../../support/collector.js';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as bytes. */
  readonly bytes: Buffer;
}

/** @param input standard input */
export async function lunctl(args: readonly string[], input: Readable = Readable.from([])): Promise<Run> {
  const out = collector();
  const err = collector();
  const code = await main(args, { in: input, out: out.stream, err: err.stream });
  return { code, out: out.bytes().toString(), err: err.bytes().toString(), bytes: out.bytes() };
}

type Ldevs = NonNullable<ConfigInput['ldevs']>;

const DISKS: Ldevs = [
  { id: '00:00', capacity: '64M' },
  { id: '00:01', capacity: '64M', blockSize: 4096 },
];

/** An array with LUN 0 (512-byte blocks) and LUN 1 (4096), or what is given, for as long as the test runs. */
export async function array(
  t: Test,
  ldevs: Ldevs = DISKS,
): Promise<{ array: LunArray; portal: string; url(lun: number): string }> {
  const running = await startArray({
    polling: 0,
    config: {
      cache: '16M',
      ldevs,
      ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
    },
  });
  t.teardown(() => running.stop());
  const [port] = running.ports;
  return {
    array: running,
    portal: `iscsi://${port!.host}:${port!.port}`,
    url: (lun) => running.luns.find((one) => one.lun === lun)!.url,
  };
}

/** A directory that goes when the test ends. */
export function scratch(t: Test): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'lunctl-test-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}
