import type { ArrayConfig, ConfigInput, LdevConfig } from './config-schema.js';
import { type Address, formatAddress } from './units.js';

/** Where the first port listens when nothing says otherwise. */
export const DEFAULT_LISTEN: Address = { host: '127.0.0.1', port: 3260 };
export const DEFAULT_HTTP = '127.0.0.1:9326';
export const DEFAULT_CACHE = '256M';
export const DEFAULT_POLLING = 200;
/** Seconds. */
export const DEFAULT_HOST_TIMEOUT = 30;

const LDEVS: LdevConfig[] = [
  { id: '00:00', capacity: '1G' },
  { id: '00:01', capacity: '10G', physicalBlockSize: 4096 },
  { id: '00:02', capacity: '100G' },
  { id: '00:03', capacity: '10T' },
  { id: '00:04', capacity: '1G', blockSize: 4096 },
  { id: '00:10', capacity: '48M', attribute: 'command-device', label: 'command device' },
];

/**
 * The configuration with every list in it: what `input` leaves out is as `lunarray serve` makes it without a
 * file. `listen` is where the first default port listens; the second takes the port above, or any free one.
 */
export function completeConfig(input: ConfigInput, listen: Address = DEFAULT_LISTEN): ArrayConfig {
  const drives = input.drives ?? [
    { id: 'HDD000', capacity: '8T' },
    { id: 'HDD001', capacity: '8T' },
  ];
  const level = drives.length > 1 ? 'raid0' : 'plain';
  const parityGroups = input.parityGroups ?? [{ id: '1-1', level, drives: drives.map((drive) => drive.id) }];
  const ldevs = input.ldevs ?? LDEVS;
  const ports = input.ports ?? [
    { id: 'CL1-A', listen: formatAddress(listen), portGroup: 1 },
    { id: 'CL2-A', listen: formatAddress({ host: listen.host, port: portAbove(listen.port) }), portGroup: 2 },
  ];
  const luns = Object.fromEntries(ldevs.map((ldev, lun) => [String(lun), ldev.id]));
  return {
    ...input,
    drives,
    parityGroups,
    pools: input.pools ?? [{ id: 'POOL0', parityGroups: parityGroups.map((group) => group.id) }],
    ldevs,
    ports,
    hostGroups: input.hostGroups ?? ports.map((port) => ({ port: port.id, name: 'default', luns })),
    users: input.users ?? [],
  };
}

function portAbove(port: number): number {
  return port === 0 || port === 65535 ? 0 : port + 1;
}
