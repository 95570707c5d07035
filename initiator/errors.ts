/** The errors of the initiator library. Each has a stable `code`; docs/initiator.md lists them. */
import type { DecodedSense } from '../wire/scsi/sense-codec.js';

/** Base of all errors below. */
export abstract class InitiatorError extends Error {
  abstract readonly code: string;
}

/** No connection to the portal, or it broke and reconnecting did not help. */
export class ConnectError extends InitiatorError {
  override readonly name = 'ConnectError';
  readonly code = 'connect-failed';
}

/** The target refused the login (RFC 7143 11.13.5), or answered it with nonsense. */
export class LoginError extends InitiatorError {
  override readonly name = 'LoginError';
  readonly code = 'login-failed';
  constructor(
    message: string,
    /** Status-Class, or null when the login failed on this side. */
    readonly statusClass: number | null = null,
    /** Status-Detail. */
    readonly statusDetail: number | null = null,
  ) {
    super(message);
  }
}

/** The command ended with CHECK CONDITION. */
export class CheckCondition extends InitiatorError {
  override readonly name = 'CheckCondition';
  readonly code = 'check-condition';
  constructor(
    message: string,
    /** Decoded sense. */
    readonly sense: DecodedSense,
    /** Sense data as received. */
    readonly senseData: Buffer,
    readonly cdb: Buffer,
  ) {
    super(message);
  }
}

/** The command ended with a status other than GOOD, CONDITION MET and CHECK CONDITION. */
export class StatusError extends InitiatorError {
  override readonly name = 'StatusError';
  readonly code = 'scsi-status';
  constructor(
    message: string,
    readonly status: number,
    readonly cdb: Buffer,
  ) {
    super(message);
  }
}

/** No answer in time; the command has been aborted. Whether it was carried out is unknown. */
export class TimeoutError extends InitiatorError {
  override readonly name = 'TimeoutError';
  readonly code = 'timeout';
}

/** Protection information is wrong, or the unit keeps none. */
export class ProtectionError extends InitiatorError {
  override readonly name = 'ProtectionError';
  readonly code = 'protection';
  constructor(
    message: string,
    /** The block concerned; null: none in particular. */
    readonly lba: number | null,
  ) {
    super(message);
  }
}

/** The target broke the protocol, or rejected a PDU. */
export class ProtocolError extends InitiatorError {
  override readonly name = 'ProtocolError';
  readonly code = 'protocol';
}

/** The connection broke while the command was out, and it is not one that can safely be issued again. */
export class ConnectionLostError extends InitiatorError {
  override readonly name = 'ConnectionLostError';
  readonly code = 'connection-lost';
}

/** The session was closed, by `close()` or after reconnecting failed for good. */
export class ClosedError extends InitiatorError {
  override readonly name = 'ClosedError';
  readonly code = 'closed';
}
