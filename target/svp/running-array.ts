/** One array from its data directory to its open ports, and back. */
import type { ArrayOptions } from '../array.js';
import { systemClock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { systemRandom } from '../base/random.js';
import { Cache } from '../cache/cache.js';
import { ChannelAdapter } from '../channel/channel-adapter.js';
import type { IscsiLimits } from '../ports/iscsi/limits.js';
import { IscsiPort } from '../ports/iscsi/port.js';
import type { LogicalUnits } from '../scsi/logical-units.js';
import { ConfigError } from '../volumes/errors.js';
import type { TargetPort } from '../volumes/model.js';
import type { Volumes } from '../volumes/volumes.js';
import { compareConfig } from './apply.js';
import { duplexOf, removeCacheSides } from './cache-sides.js';
import { type CaptureRequest, Captures } from './captures.js';
import type { ConfigInput } from './config-schema.js';
import type { DataDirectory } from './data-directory.js';
import { completeConfig, DEFAULT_HTTP, DEFAULT_LISTEN } from './default-config.js';
import { ArrayError } from './errors.js';
import { FaultScenarios } from './fault-scenario.js';
import { faultSpec, portNames } from './fault-schema.js';
import { createLogicalUnits } from './logical-unit-parts.js';
import { otherCacheMemory } from './memory-files.js';
import { metricsOf } from './metrics.js';
import { listenMetrics, type MetricsText } from './metrics-server.js';
import { portalsOf } from './portals.js';
import { endedSettled, type Settings, saveSettings, settle } from './settings.js';
import { closeStorage, destageAll, openStorage, openStore, type Storage } from './storage.js';
import { Tracer } from './trace/tracer.js';
import { type Address, formatAddress, humanSize, parseAddress } from './units.js';
import type { ArrayView, PortView } from './view.js';

/** Commands that have arrived get so long to finish at a stop, then destaging has the rest. */
const PORT_GRACE_MS = 1_000;
const DESTAGE_LIMIT_MS = 2_500;

/** Where the ports of a library's array listen when nothing says otherwise. */
const ANY_FREE = '127.0.0.1:0';

export type StartOptions = ArrayOptions & { readonly log: Log };

export class RunningArray implements ArrayView {
  readonly dataDir: string;
  readonly units: LogicalUnits;
  readonly metrics: () => Promise<MetricsText>;
  metricsUrl: string | null = null;
  readonly ports: PortView[] = [];
  readonly captures: Captures;
  readonly tracer: Tracer;
  readonly scenarios: FaultScenarios;
  private readonly startedAt = systemClock.now();
  /** What to close at a stop, the last first. */
  private readonly servers: (() => Promise<void>)[] = [];
  private stopping: Promise<void> | null = null;

  private constructor(
    private readonly directory: DataDirectory,
    private readonly storage: Storage,
    private readonly settings: Settings,
    private readonly log: Log,
    private readonly stopped: () => void,
  ) {
    this.dataDir = directory.path;
    const told = {
      managementUrls: () => (this.metricsUrl === null ? [] : [this.metricsUrl]),
      portals: () => portalsOf(this.ports),
    };
    this.units = createLogicalUnits(storage.volumes, told, { bytesPerSecond: settings.sanitizeRate }, log);
    this.metrics = metricsOf(this);
    this.tracer = new Tracer(() => this.ports.map(({ adapter }) => adapter), systemClock);
    this.scenarios = new FaultScenarios(this, systemClock, log);
    this.captures = new Captures(() => storage.volumes.ports().map((port) => port.name), systemClock, log);
  }

  /**
   * @param config checked
   * @param stopped called at the end of `stop`
   */
  static async start(
    directory: DataDirectory,
    config: ConfigInput,
    options: StartOptions,
    stopped: () => void,
  ): Promise<RunningArray> {
    const store = openStore(directory);
    let array: RunningArray | null = null;
    try {
      const settings = settle(directory.file('settings.json'), config, options.log.warn);
      const storage = await openResized(directory, store, settings, config, options);
      array = new RunningArray(directory, storage, settings, options.log, stopped);
      tellStart(storage, config, options.note ?? (() => {}));
      array.addFaults(config, options);
      if (options.capture !== undefined) await array.capture(options.capture);
      await array.open(config, options);
      storage.memory.populate?.();
      return array;
    } catch (error) {
      if (array !== null) await array.close();
      else {
        store.close();
        directory.disown();
      }
      throw error;
    }
  }

  get volumes(): Volumes {
    return this.storage.volumes;
  }

  get cache() {
    return this.storage.cache;
  }

  get cacheBytes(): number {
    return this.settings.cacheBytes;
  }

  get adapter() {
    return this.storage.adapter;
  }

  uptimeSeconds(): number {
    return (systemClock.now() - this.startedAt) / 1e9;
  }

  stop(): Promise<void> {
    this.stopping ??= this.close().finally(this.stopped);
    return this.stopping;
  }

  private async open(config: ConfigInput, options: StartOptions): Promise<void> {
    this.save(false);
    const pollingUs = options.polling ?? this.settings.polling;
    for (const [index, port] of this.volumes.ports().entries()) {
      await this.openPort(port, listenAddress(port, index, options.listen, config), pollingUs);
    }
    await this.openMetrics(options.http ?? 'off', options.log);
    if (options.control) {
      const { listenControl } = await import('./control/endpoint.js');
      const control = await listenControl(this, this.metrics).catch((error) => this.directory.fail(error));
      this.servers.push(() => control.close());
    }
  }

  private addFaults(config: ConfigInput, options: StartOptions): void {
    const { faults } = this.volumes;
    for (const fault of options.faults ?? []) faults.add(fault);
    for (const [index, fault] of (config.faults ?? []).entries()) {
      try {
        faults.add(faultSpec(fault, portNames(this.volumes)));
      } catch (error) {
        const line = `faults[${index}]: ${(error as Error).message}`;
        // An LDEV that has been deleted since is no reason not to start.
        if (this.storage.first || !(error instanceof ConfigError) || error.code !== 'ldev-unknown') {
          throw new ArrayError('bad-config', line, { cause: error });
        }
        options.log.warn(`${line} The rule is left out.`);
      }
    }
  }

  private async capture(request: CaptureRequest): Promise<void> {
    await this.captures.start(request).catch((error: Error) => {
      throw new ArrayError('refused', `capture: ${error.message}`, { cause: error });
    });
  }

  private save(settled: boolean): void {
    this.directory.guard(() => saveSettings(this.directory.file('settings.json'), this.settings, settled));
  }

  /** Not worth a failing stop: it only spares a question should the cache memory be missing later. */
  private noteSettled(): void {
    try {
      this.save(true);
    } catch (error) {
      this.log.warn((error as Error).message);
    }
  }

  private async openPort(configured: TargetPort, listen: Address, pollingUs: number): Promise<void> {
    const port: TargetPort = { ...configured, listen };
    const adapter = new ChannelAdapter(port, { units: this.units, clock: systemClock, log: this.log });
    const endpoint = new IscsiPort(port, {
      volumes: this.volumes,
      adapter,
      allPorts: () => this.ports,
      clock: systemClock,
      random: systemRandom,
      log: this.log,
      discoveryAuth: () => this.settings.discoveryAuth,
      judgeFunction: (facts) => this.volumes.faults.judgeFunction(facts),
      limits: { pollingUs, ...sessionLimits(this.settings), ...silence(this.settings.hostTimeout) },
    });
    this.captures.attach(endpoint);
    try {
      const address = await endpoint.listen();
      this.ports.push({ port, adapter, endpoint, address });
    } catch (error) {
      throw listenError(`port ${port.name}`, listen, '--listen', error as NodeJS.ErrnoException);
    }
  }

  private async openMetrics(wanted: string, log: Log): Promise<void> {
    const text = wanted === 'configured' ? this.settings.http : wanted;
    if (text === 'off') return;
    const address = parseAddress(text)!;
    try {
      const server = await listenMetrics(address, this.metrics);
      this.metricsUrl = `http://${formatAddress(server.address)}/metrics`;
      this.servers.push(() => server.close());
    } catch (error) {
      const failure = listenError('metrics', address, '--http', error as NodeJS.ErrnoException);
      // Nobody asked for the default address, so it is no reason not to start.
      if (wanted !== 'configured' || text !== DEFAULT_HTTP) throw failure;
      log.warn(`${failure.message} Going on without.`);
    }
  }

  private async close(): Promise<void> {
    try {
      this.tracer.close();
      this.scenarios.stop();
      for (const close of this.servers.reverse()) await close();
      await Promise.all(this.ports.map(({ endpoint }) => endpoint.close(PORT_GRACE_MS)));
      this.units.close();
      const left = await destageAll(this.cache, DESTAGE_LIMIT_MS);
      if (left !== null) this.log.warn(`not everything was destaged (${left}); the next start takes the rest up`);
      await closeStorage(this.storage);
      if (left === null) this.noteSettled();
      // Last: their disk may be one that does not answer.
      await this.captures.close();
    } finally {
      this.storage.store.close();
      this.directory.disown();
    }
  }
}

/** Opens the storage with the cache size wanted; when that has changed, after destaging the old cache. */
async function openResized(
  directory: DataDirectory,
  store: Storage['store'],
  settings: Settings,
  config: ConfigInput,
  { log }: StartOptions,
): Promise<Storage> {
  const complete = completeConfig(config);
  const settled = endedSettled(directory.file('settings.json'));
  const before = directory.guard(() => otherCacheMemory(directory, settings.cacheBytes));
  if (before !== null) {
    const old = await openStorage(
      directory,
      store,
      { bytes: before, settled, duplex: duplexOf(directory) },
      complete,
      log,
      settings.directDrives,
    );
    const left = await destageAll(old.cache, DESTAGE_LIMIT_MS * 20);
    await closeStorage(old);
    if (left !== null) {
      throw new ArrayError(
        'data-unusable',
        `the size of the cache cannot be changed to ${humanSize(settings.cacheBytes)}, as it holds data that could not be destaged: ${left}. Start with the old size first.`,
      );
    }
    directory.guard(() => saveSettings(directory.file('settings.json'), settings, true));
    directory.guard(() => removeCacheSides(directory));
  }
  const bytes = Cache.memoryBytes(settings.cacheBytes);
  const duplex = settings.cacheDuplex === 'off' ? null : settings.cacheDuplex;
  const file = { bytes, settled: settled || before !== null, duplex };
  return openStorage(directory, store, file, complete, log, settings.directDrives);
}

function tellStart(
  { cache, dropped, first, volumes }: Storage,
  config: ConfigInput,
  note: (line: string) => void,
): void {
  if (cache.recovered.slots > 0) note(`recovered ${humanSize(cache.recovered.bytes)} of written data from the cache`);
  if (dropped > 0) note(`dropped ${dropped} cache slots of LDEVs that were deleted`);
  if (first) return;
  for (const line of compareConfig(volumes, config)) note(`differs: ${line}`);
}

/**
 * Where a port listens: the first one as asked for; those after it that were at their default address follow, so
 * that two arrays on one machine need one option each.
 */
function listenAddress(port: TargetPort, index: number, listen: string | undefined, config: ConfigInput): Address {
  const asked = listen ?? (config.ports === undefined ? ANY_FREE : 'configured');
  if (asked === 'configured') return port.listen;
  const first = parseAddress(asked)!;
  if (index === 0) return first;
  const isDefault = port.listen.host === DEFAULT_LISTEN.host && port.listen.port === DEFAULT_LISTEN.port + index;
  if (!isDefault || config.ports !== undefined) return port.listen;
  return { host: first.host, port: first.port === 0 || first.port + index > 65535 ? 0 : first.port + index };
}

/** Half of the time until the ping, half until its answer. */
function silence(hostTimeout: number): { pingAfterMs: number; pingTimeoutMs: number } {
  const half = hostTimeout * 500;
  return { pingAfterMs: half, pingTimeoutMs: half };
}

function sessionLimits({ errorRecoveryLevel, maxConnections }: Settings): Partial<IscsiLimits> {
  return { errorRecoveryLevel, connectionsPerSession: maxConnections };
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'is not allowed to you (ports below 1024 are the administrator’s)',
  ENOTFOUND: 'is no known host',
};

function listenError(what: string, address: Address, option: string, error: NodeJS.ErrnoException): ArrayError {
  const reason = LISTEN_ERRORS[error.code ?? ''] ?? `cannot be listened on (${error.message})`;
  return new ArrayError(
    'port-busy',
    `${what}: ${formatAddress(address)} ${reason}. Choose another with ${option} HOST:PORT; port 0 takes any free one.`,
    { cause: error },
  );
}
