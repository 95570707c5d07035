/** The front door: a URL in, a logical unit out. */
import { LogicalUnit } from './logical-unit.js';
import type { SessionOptions } from './options.js';
import { Session } from './session.js';
import { parseUrl, UrlError, withoutSecret } from './url.js';
import { optionsOf } from './url-options.js';

/** Options of `connect`: the session's, and whether to wait until the unit is ready. */
export interface ConnectOptions extends SessionOptions {
  /** False: no command is sent, and pending unit attentions stay for the first one. */
  readonly ready?: boolean;
}

/**
 * Logs in to the target of a URL and clears its logical unit's pending unit attentions.
 * @param url `iscsi://[user%secret@]host[:port]/iqn/lun`
 * @throws UrlError, ConnectError, LoginError, CheckCondition if there is no such unit
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<LogicalUnit> {
  const parsed = parseUrl(url);
  if (parsed.target === null || parsed.lun === null) {
    throw new UrlError(`"${withoutSecret(url)}" names no logical unit (expected iscsi://host[:port]/target-iqn/lun)`);
  }
  const session = await Session.open(parsed, parsed.target, { ...optionsOf(parsed), ...options });
  const unit = new LogicalUnit(session, parsed.lun);
  if (options.ready === false) return unit;
  try {
    await unit.open();
  } catch (error) {
    await session.close();
    throw error;
  }
  return unit;
}
