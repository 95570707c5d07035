/** Where a port sends hosts that log in (RFC 7143 11.13.5, status class 1). */
import { LoginStatus } from '../../../wire/iscsi/bhs.js';
import type { TextPair } from '../../../wire/iscsi/text.js';
import type { Address } from './parts.js';
import { formatAddress } from './send-targets.js';

export interface Redirection {
  readonly address: Address;
  /** Hosts may remember it; otherwise they come back to the first address for their next login. */
  readonly permanent: boolean;
}

export function redirectionStatus({ permanent }: Redirection): LoginStatus {
  return permanent ? LoginStatus.targetMovedPermanently : LoginStatus.targetMovedTemporarily;
}

/** RFC 7143 13.8: in a redirection the portal group tag must be left out. */
export function redirectionKey({ address }: Redirection): TextPair {
  return ['TargetAddress', formatAddress(address)];
}
