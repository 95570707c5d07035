/** Composition root: puts the parts of an array together, starts and stops them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, silentLog } from './base/log.js';
import type { CaptureRequest } from './svp/captures.js';
import { checkConfig } from './svp/config.js';
import type { ConfigInput } from './svp/config-schema.js';
import { DataDirectory } from './svp/data-directory.js';
import { ArrayError } from './svp/errors.js';
import { RunningArray } from './svp/running-array.js';
import { parseAddress } from './svp/units.js';
import { lunPaths } from './svp/view.js';
import type { FaultSpec } from './volumes/layers/fault-spec.js';
import type { Volumes } from './volumes/volumes.js';

export interface ArrayOptions {
  /** Data directory; when left out a temporary one, which `stop` removes. */
  readonly dataDir?: string;
  /**
   * What the array consists of, as in a configuration file (docs/configuration.md). Applied when the
   * directory is new; compared afterwards. `{ ldevs: [{ id: '00:00', capacity: '1G' }] }` is enough.
   */
  readonly config?: ConfigInput;
  /** HOST:PORT of the first port, or `configured`; left out, any free port unless there are `config.ports`. */
  readonly listen?: string;
  /** HOST:PORT of `/metrics`, `off` (also when left out) or `configured`. */
  readonly http?: string;
  /** Microseconds to keep polling after I/O; as configured when left out. */
  readonly polling?: number;
  /** Serves the `lunarray` subcommands on the data directory. False when left out. */
  readonly control?: boolean;
  /** Fault rules in force from the start. */
  readonly faults?: readonly FaultSpec[];
  /** Writes what hosts and array exchange to a file from the start (docs/capture.md). */
  readonly capture?: CaptureRequest;
  /** Where messages go; nowhere when left out. */
  readonly log?: Log;
  /** Called for what a person should know about the start: what was recovered, differences to `config`. */
  readonly note?: (line: string) => void;
}

/** One LUN path. */
export interface ArrayLun {
  /** `iscsi://127.0.0.1:3260/iqn…/0`. */
  readonly url: string;
  readonly port: string;
  /** `CL1-A/default`. */
  readonly hostGroup: string;
  readonly lun: number;
  /** `00:1A`. */
  readonly ldev: string;
  /** `10G`. */
  readonly capacity: string;
  /** `thin`, `full` or `command-device`; with ` read-only` if hosts may not write. */
  readonly kind: string;
}

export interface ArrayPort {
  readonly name: string;
  readonly host: string;
  /** The one really listened on. */
  readonly port: number;
}

/** A running array. */
export interface LunArray {
  readonly dataDir: string;
  readonly ports: readonly ArrayPort[];
  /** LUN paths as they are now. */
  readonly luns: readonly ArrayLun[];
  /** URL of the metrics, null when off. */
  readonly metricsUrl: string | null;
  /** LDEVs, host groups, LUN paths, users, fault rules: to be changed while it runs. */
  readonly volumes: Volumes;
  /** Ends sessions, destages, syncs, closes. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

/**
 * Starts an array in this process. Installs no signal handlers and prints nothing.
 * @throws ArrayError `bad-config`, `port-busy`, `data-unusable`, `data-in-use`, `no-space` or
 * `refused` (the file of a capture); nothing is left running.
 */
export async function startArray(options: ArrayOptions = {}): Promise<LunArray> {
  const config = checkConfig(options.config ?? {}, 'config');
  for (const name of ['listen', 'http'] as const) {
    const text = options[name];
    if (text === undefined || text === 'configured' || (name === 'http' && text === 'off')) continue;
    if (parseAddress(text) === null) throw new ArrayError('bad-config', `${name}: "${text}" is not HOST:PORT.`);
  }
  const temporary = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'lunarray-')) : null;
  const removeTemporary = () => {
    if (temporary !== null) rmSync(temporary, { recursive: true, force: true });
  };
  try {
    const directory = DataDirectory.open(options.dataDir ?? temporary!);
    const log = options.log ?? silentLog;
    const array = await RunningArray.start(directory, config, { ...options, log }, removeTemporary);
    return handle(array);
  } catch (error) {
    removeTemporary();
    throw error;
  }
}

function handle(array: RunningArray): LunArray {
  return {
    dataDir: array.dataDir,
    volumes: array.volumes,
    get ports() {
      return array.ports.map(({ port, address }) => ({ name: port.name, ...address }));
    },
    get luns() {
      return lunPaths(array);
    },
    get metricsUrl() {
      return array.metricsUrl;
    },
    stop: () => array.stop(),
  };
}
