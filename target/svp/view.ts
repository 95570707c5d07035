import type { Cache } from '../cache/cache.js';
import type { ChannelAdapter } from '../channel/channel-adapter.js';
import type { DiskAdapter } from '../disk/disk-adapter.js';
import type { IscsiPort } from '../ports/iscsi/port.js';
import type { LogicalUnits } from '../scsi/logical-units.js';
import type { HostGroup, TargetPort } from '../volumes/model.js';
import { ldevName } from '../volumes/model.js';
import type { Volumes } from '../volumes/volumes.js';
import type { Captures } from './captures.js';
import type { LunReply } from './control/api.js';
import type { FaultScenarios } from './fault-scenario.js';
import { ldevKind } from './ldev-kind.js';
import type { Tracer } from './trace/tracer.js';
import { type Address, formatAddress, formatSize } from './units.js';

/** One port with what serves it. */
export interface PortView {
  readonly port: TargetPort;
  readonly adapter: ChannelAdapter;
  readonly endpoint: IscsiPort;
  /** Where it really listens. */
  readonly address: Address;
}

/** What the control endpoint and the metrics see of a running array. */
export interface ArrayView {
  readonly dataDir: string;
  readonly volumes: Volumes;
  readonly units: LogicalUnits;
  readonly cache: Cache;
  readonly cacheBytes: number;
  readonly adapter: DiskAdapter;
  readonly ports: readonly PortView[];
  readonly captures: Captures;
  readonly tracer: Tracer;
  readonly scenarios: FaultScenarios;
  readonly metricsUrl: string | null;
  uptimeSeconds(): number;
}

/** LUN paths as hosts may use them, by port, host group, LUN. */
export function lunPaths(array: ArrayView): LunReply[] {
  return array.ports.flatMap((port) =>
    array.volumes
      .hostGroups(port.port.name)
      .flatMap((group) =>
        [...group.luns].sort(([a], [b]) => a - b).map(([lun, id]) => lunPath(array, port, group, lun, id)),
      ),
  );
}

export function lunPath(
  array: ArrayView,
  { port, address }: PortView,
  group: HostGroup,
  lun: number,
  id: number,
): LunReply {
  const ldev = array.volumes.ldev(id)!;
  return {
    url: `iscsi://${formatAddress({ ...address, host: reachable(address.host) })}/${group.target}/${lun}`,
    port: port.name,
    hostGroup: `${port.name}/${group.name}`,
    lun,
    ldev: ldevName(id),
    capacity: formatSize(ldev.blocks * ldev.blockSize),
    kind: ldevKind(ldev),
  };
}

/** A host on this machine cannot connect to "any address". */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
