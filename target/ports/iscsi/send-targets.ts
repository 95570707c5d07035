/** The answer to SendTargets (RFC 7143 13.3, appendix C): targets the initiator may see, with all their portals. */
import type { TextPair } from '../../../wire/iscsi/text.js';
import { admits } from '../../volumes/host-groups.js';
import { foldIscsiName } from '../../volumes/naming.js';
import type { Address, PortParts } from './parts.js';
import { portalGroupTag } from './parts.js';

export interface SendTargetsQuery {
  /** Value of the key: `All`, a target name, or empty for the session's own target. */
  readonly value: string;
  readonly initiatorName: string;
  /** Null in a discovery session. */
  readonly ownTarget: string | null;
  /** Address the connection came in on: what a wildcard listener is reached at. */
  readonly localAddress: string;
}

/** Null: the value is not allowed in this type of session. */
export function sendTargets(parts: PortParts, query: SendTargetsQuery): TextPair[] | null {
  // RFC 7143 13.3: All in discovery sessions only, the empty value in normal ones only.
  if (query.value === 'All' && query.ownTarget !== null) return null;
  if (query.value === '' && query.ownTarget === null) return null;
  const only = query.value === 'All' ? null : query.value === '' ? query.ownTarget! : foldIscsiName(query.value);
  const addresses = new Map<string, string[]>();
  for (const { port, address } of parts.allPorts()) {
    for (const group of parts.volumes.hostGroups(port.name)) {
      if (only !== null && group.target !== only) continue;
      if (!admits(group, query.initiatorName)) continue;
      const portal = `${formatAddress(reachable(address, query.localAddress))},${portalGroupTag(port)}`;
      const known = addresses.get(group.target);
      if (known === undefined) addresses.set(group.target, [portal]);
      else known.push(portal);
    }
  }
  const pairs: TextPair[] = [];
  for (const [target, portals] of addresses) {
    pairs.push(['TargetName', target]);
    for (const portal of portals) pairs.push(['TargetAddress', portal]);
  }
  return pairs;
}

function reachable(address: Address, localAddress: string): Address {
  const wildcard = address.host === '0.0.0.0' || address.host === '::';
  return wildcard ? { host: localAddress, port: address.port } : address;
}

/** RFC 7143 13.8: an IPv6 address in brackets; an IPv4 one mapped into IPv6 as what it is. */
export function formatAddress({ host, port }: Address): string {
  const plain = host.startsWith('::ffff:') && host.includes('.') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
