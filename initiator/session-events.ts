import type { AsyncMessage } from '../wire/iscsi/bhs.js';

export type SessionState = 'connecting' | 'open' | 'reconnecting' | 'closing' | 'closed';

/** Events of a session and their arguments. */
export interface SessionEvents {
  /** The connection broke; unless the session is then closed, it is being got back. */
  disconnected: [error: Error];
  reconnected: [];
  /** An attempt to get back failed; the next follows after `delayMs`. */
  retrying: [error: Error, delayMs: number];
  /** A unit attention was reported to a command, in words. */
  attention: [text: string, sense: Buffer];
  /** An asynchronous message other than a request to log out or a notice of a drop. */
  async: [message: AsyncMessage, data: Buffer];
  closed: [error: Error | null];
}
