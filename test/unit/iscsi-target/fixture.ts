/** A port on loopback with a fake channel adapter behind it, for hosts that speak raw PDUs (host.ts). */
import { EventEmitter } from 'node:events';
import type { Test } from 'tap';
import { SimulatedClock, systemClock } from '../../../target/base/clock.js';
import type { Log } from '../../../target/base/log.js';
import { seededRandom } from '../../../target/base/random.js';
import type { TaskManagementFunction, TaskManagementOutcome } from '../../../target/channel/task-management.js';
import type { Clock } from '../../../target/disk/types.js';
import type { IscsiLimits } from '../../../target/ports/iscsi/limits.js';
import type { Address, Channel, Directory, PortParts } from '../../../target/ports/iscsi/parts.js';
import { IscsiPort } from '../../../target/ports/iscsi/port.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { Status, type Task } from '../../../target/scsi/task.js';
import type { AuthMethod, ChapUser, HostGroup, TargetPort } from '../../../target/volumes/model.js';
import { Host } from './host.js';

export const TARGET = 'iqn.2026-01.org.example:array.cl1-a';
export const INITIATOR = 'iqn.2026-01.org.example:host';

export const group = (over: Partial<HostGroup> = {}): HostGroup => ({
  id: 1,
  port: 'CL1-A',
  name: 'default',
  target: TARGET,
  initiators: ['*'],
  auth: 'none',
  luns: new Map([[0, 0]]),
  ...over,
});

export class FakeDirectory extends EventEmitter implements Directory {
  groups: HostGroup[] = [group()];
  chapUsers: ChapUser[] = [];
  tapes = new Set<number>();
  hostGroups(port?: string) {
    return this.groups.filter((each) => port === undefined || each.port === port);
  }
  hostGroupByTarget(port: string, iqn: string) {
    return this.groups.find((each) => each.port === port && each.target === iqn);
  }
  users() {
    return this.chapUsers;
  }
  ldev(id: number) {
    return { id, tape: this.tapes.has(id) };
  }
}

/** Runs each task as `run` says; by default GOOD. Completion goes the way the real adapter's does. */
export class FakeChannel implements Channel {
  readonly nexuses = new Set<Nexus>();
  readonly tasks: Task[] = [];
  readonly managed: { fn: string; lun: string; tag: number | null }[] = [];
  released = 0;
  run: (task: Task) => void = (task) => task.good();
  outcome: TaskManagementOutcome = 'complete';

  attach(nexus: Nexus): void {
    this.nexuses.add(nexus);
  }
  detach(nexus: Nexus): void {
    this.nexuses.delete(nexus);
    for (const task of this.tasks) if (task.nexus === nexus) this.abort(task);
  }
  submit(task: Task): void {
    this.tasks.push(task);
    task.onFinish = () => {
      if (task.aborted) {
        task.release();
        task.owner.dropped?.(task);
      } else task.owner.respond(task);
    };
    this.run(task);
  }
  abort(task: Task): void {
    if (task.finished) return;
    task.aborted = true;
    task.fail(Status.taskAborted);
  }
  manage(
    nexus: Nexus,
    fn: TaskManagementFunction,
    lun: Buffer,
    tag: number | null,
    done: (outcome: TaskManagementOutcome, information?: number) => void,
  ): void {
    this.managed.push({ fn, lun: lun.toString('hex'), tag });
    for (const task of this.tasks) {
      if (task.nexus === nexus && fn.startsWith('abort') && (tag === null || task.tag === tag)) this.abort(task);
    }
    done(this.outcome);
  }
}

export interface Bench {
  readonly port: IscsiPort;
  readonly address: Address;
  readonly channel: FakeChannel;
  readonly directory: FakeDirectory;
  readonly lines: string[];
  readonly portals: { port: TargetPort; address: Address }[];
  /** A connection that has not logged in. */
  connect(): Promise<Host>;
  /** A session in full feature phase. */
  login(keys?: Record<string, string>): Promise<Host>;
}

export interface BenchOptions {
  readonly limits?: Partial<IscsiLimits>;
  readonly clock?: Clock;
  readonly listen?: string;
  readonly discoveryAuth?: () => AuthMethod;
  readonly judgeFunction?: PortParts['judgeFunction'];
}

/** Everything is closed when the test ends. */
export async function openBench(t: Test, options: BenchOptions = {}): Promise<Bench> {
  const directory = new FakeDirectory();
  const channel = new FakeChannel();
  const lines: string[] = [];
  const log: Log = {
    info: (line) => lines.push(line),
    warn: (line) => lines.push(line),
    error: (line) => lines.push(`ERROR ${line}`),
  };
  const targetPort: TargetPort = {
    name: 'CL1-A',
    relativeId: 1,
    portGroup: 1,
    listen: { host: options.listen ?? '127.0.0.1', port: 0 },
  };
  const portals: { port: TargetPort; address: Address }[] = [];
  const port = new IscsiPort(targetPort, {
    volumes: directory,
    adapter: channel,
    allPorts: () => portals,
    clock: options.clock ?? systemClock,
    random: seededRandom(1),
    log,
    limits: { pollingUs: 0, ...options.limits },
    ...(options.discoveryAuth && { discoveryAuth: options.discoveryAuth }),
    ...(options.judgeFunction && { judgeFunction: options.judgeFunction }),
  });
  const address = await port.listen();
  portals.push({ port: targetPort, address });
  const hosts: Host[] = [];
  t.teardown(async () => {
    for (const host of hosts) host.destroy();
    await port.close(0);
    const internal = lines.find((line) => line.startsWith('ERROR'));
    if (internal !== undefined) throw new Error(internal);
  });
  const connect = async () => {
    const host = await Host.connect(address.port);
    hosts.push(host);
    return host;
  };
  return {
    port,
    address,
    channel,
    directory,
    lines,
    portals,
    connect,
    async login(keys = {}) {
      const host = await connect();
      await host.login({ InitiatorName: INITIATOR, TargetName: TARGET, ...keys });
      return host;
    },
  };
}

/** A clock whose time the test moves, but whose immediates run by themselves. */
export class TestClock extends SimulatedClock {
  override setImmediate(run: () => void): void {
    setImmediate(run);
  }
}
