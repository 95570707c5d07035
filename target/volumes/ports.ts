/** The ports of the array. */
import { ConfigError } from './errors.js';
import type { TargetPort } from './model.js';
import { checkInteger, checkName } from './naming.js';
import type { ConfigStore } from './store.js';

export interface PortSpec {
  readonly name: string;
  readonly listen: TargetPort['listen'];
  /** Target port group; 1 when left out. */
  readonly portGroup?: number;
  /** The lowest free one when left out. */
  readonly relativeId?: number;
}

const MAX_PORTS = 65535;

export class Ports {
  private ports: readonly TargetPort[];

  constructor(private readonly store: ConfigStore) {
    this.ports = store.paths.ports();
  }

  /** By relative target port identifier. */
  all(): readonly TargetPort[] {
    return this.ports;
  }

  /** Throws ConfigError `port-unknown`. */
  get(name: string): TargetPort {
    const port = this.ports.find((each) => each.name === name);
    if (port !== undefined) return port;
    const known = this.ports.map((each) => each.name).join(', ') || 'none yet';
    throw new ConfigError('port-unknown', `there is no port "${name}": there is ${known}.`);
  }

  /** Throws ConfigError `bad-name`, `bad-number` or `port-exists`. */
  create(spec: PortSpec): TargetPort {
    checkName('port', spec.name);
    checkListen(spec.listen);
    const portGroup = spec.portGroup ?? 1;
    const relativeId = spec.relativeId ?? this.freeRelativeId();
    checkInteger('target port group', portGroup, 1, MAX_PORTS);
    checkInteger('relative target port identifier', relativeId, 1, MAX_PORTS);
    // Default target names fold the case (RFC 3722), so names that differ in nothing else would clash there.
    const clash = this.ports.find(
      (each) => each.name.toLowerCase() === spec.name.toLowerCase() || each.relativeId === relativeId,
    );
    if (clash !== undefined) {
      throw new ConfigError(
        'port-exists',
        `port "${spec.name}" (${relativeId}): there is "${clash.name}" (${clash.relativeId}) already: choose another.`,
      );
    }
    const port = { name: spec.name, relativeId, portGroup, listen: { ...spec.listen } };
    this.store.transaction(() => this.store.paths.insertPort(port));
    this.ports = [...this.ports, port].sort((a, b) => a.relativeId - b.relativeId);
    return port;
  }

  /** Where it listens from the next start on. Throws ConfigError `port-unknown` or `bad-number`. */
  setListen(name: string, listen: TargetPort['listen']): TargetPort {
    const port = this.get(name);
    checkListen(listen);
    this.store.transaction(() => this.store.paths.setListen(name, listen));
    const changed = { ...port, listen: { ...listen } };
    this.ports = this.ports.map((each) => (each === port ? changed : each));
    return changed;
  }

  private freeRelativeId(): number {
    let id = 1;
    while (this.ports.some((port) => port.relativeId === id)) id++;
    return id;
  }
}

function checkListen(listen: TargetPort['listen']): void {
  if (listen.host === '') throw new ConfigError('bad-name', 'the address to listen on is empty: give HOST:PORT.');
  checkInteger('TCP port', listen.port, 0, 65535);
}
