import type { ArrayConfig } from './config-schema.js';
import { type Address, formatAddress } from './units.js';

/** Where the first port listens when nothing says otherwise. */
export const DEFAULT_LISTEN: Address = { host: '127.0.0.1', port: 3260 };
export const DEFAULT_HTTP = '127.0.0.1:9326';
export const DEFAULT_CACHE = '256M';
export const DEFAULT_POLLING = 200;

const LDEVS: ArrayConfig['ldevs'] = [
  { id: '00:00', capacity: '1G' },
  { id: '00:01', capacity: '10G' },
  { id: '00:02', capacity: '100G' },
  { id: '00:03', capacity: '10T' },
  { id: '00:04', capacity: '1G', blockSize: 4096 },
  { id: '00:10', capacity: '48M', attribute: 'command-device', label: 'command device' },
];

/** The array that `lunarray serve` makes without a configuration file: thin LDEVs on two ports, open to any initiator. */
export function defaultConfig(listen: Address = DEFAULT_LISTEN): ArrayConfig {
  const luns = Object.fromEntries(LDEVS.map((ldev, lun) => [String(lun), ldev.id]));
  const second = listen.port === 0 || listen.port === 65535 ? 0 : listen.port + 1;
  return {
    drives: [
      { id: 'HDD000', capacity: '16T' },
      { id: 'HDD001', capacity: '16T' },
    ],
    parityGroups: [{ id: '1-1', level: 'raid0', drives: ['HDD000', 'HDD001'] }],
    pools: [{ id: 'POOL0', parityGroups: ['1-1'] }],
    ldevs: LDEVS,
    ports: [
      { id: 'CL1-A', listen: formatAddress(listen), portGroup: 1 },
      { id: 'CL2-A', listen: formatAddress({ host: listen.host, port: second }), portGroup: 1 },
    ],
    hostGroups: [
      { port: 'CL1-A', name: 'default', luns },
      { port: 'CL2-A', name: 'default', luns },
    ],
  };
}
