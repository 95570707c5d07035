/** Discovery sessions and SendTargets (RFC 7143 4.3, appendix C). */
import type { TextPair } from '../wire/iscsi/text.js';
import { ProtocolError } from './errors.js';
import type { SessionOptions } from './options.js';
import { Session } from './session.js';
import { type Portal, parsePortal, parseUrl } from './url.js';
import { optionsOf } from './url-options.js';

/** A target and where it can be reached. */
export interface DiscoveredTarget {
  readonly name: string;
  readonly alias: string | null;
  readonly portals: readonly (Portal & { readonly portalGroup: number | null })[];
}

/**
 * Asks a portal for the targets this initiator may see.
 * @param url `iscsi://[user%secret@]host[:port]`; a target in it is ignored
 * @throws UrlError, ConnectError, LoginError, ProtocolError
 */
export async function discover(url: string, options: SessionOptions = {}): Promise<DiscoveredTarget[]> {
  const parsed = parseUrl(url);
  const session = await Session.open(parsed, null, { ...optionsOf(parsed), ...options, reconnect: false });
  try {
    return targetsOf(await session.text([['SendTargets', 'All']]), parsed);
  } finally {
    await session.close();
  }
}

/**
 * Targets of a SendTargets answer. A target without an address is at the portal that was asked (RFC 7143
 * appendix C).
 * @throws ProtocolError
 */
export function targetsOf(answer: readonly TextPair[], asked: Portal): DiscoveredTarget[] {
  const targets: { name: string; alias: string | null; portals: (Portal & { portalGroup: number | null })[] }[] = [];
  for (const [key, value] of answer) {
    if (key === 'TargetName') {
      targets.push({ name: value, alias: null, portals: [] });
      continue;
    }
    const target = targets.at(-1);
    if (!target) throw new ProtocolError(`${key} without a TargetName before it`);
    if (key === 'TargetAlias') target.alias = value;
    if (key === 'TargetAddress') {
      const [address, tag] = value.split(',');
      target.portals.push({ ...parsePortal(address!), portalGroup: tag === undefined ? null : Number(tag) });
    }
  }
  for (const target of targets) {
    if (target.portals.length === 0) target.portals.push({ host: asked.host, port: asked.port, portalGroup: null });
  }
  return targets;
}
