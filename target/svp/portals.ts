import { networkInterfaces } from 'node:os';
import type { Portal } from '../scsi/surroundings.js';

interface ListeningPort {
  readonly port: { readonly name: string };
  /** Really listened on. */
  readonly address: { readonly host: string; readonly port: number };
}

/** Which of this machine's own addresses a listener on any of them takes, by what it listens on. */
const wildcards: Readonly<Record<string, readonly string[]>> = { '0.0.0.0': ['IPv4'], '::': ['IPv4', 'IPv6'] };

/** The addresses that ports are reached at. */
export function portalsOf(ports: readonly ListeningPort[]): readonly Portal[] {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return ports.flatMap(({ port, address }) => {
    const families = wildcards[address.host];
    const hosts =
      families === undefined
        ? [address.host]
        : own.filter(({ family }) => families.includes(family)).map((one) => one.address);
    // A link-local address may have its interface behind it.
    return hosts.map((host) => ({ port: port.name, host: host.replace(/%.*$/, ''), tcpPort: address.port }));
  });
}
