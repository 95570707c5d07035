/**
 * iSCSI URLs as libiscsi and QEMU write them:
 *
 *   iscsi://[user[%secret]@]host[:port][/target-name[/lun]][?key=value[&key=value]...]
 *
 * `host` is a name, an IPv4 address or an IPv6 address in brackets. Only the target name is percent-decoded:
 * `%` separates user and secret, so these two are taken as they stand. A secret that holds `/` or `?`
 * goes into the environment (`LIBISCSI_CHAP_PASSWORD`).
 */
import type { ChapCredentials, DigestOffer } from './options.js';

/** The registered iSCSI port (RFC 7143 12.7). */
export const DEFAULT_PORT = 3260;

/** A TCP endpoint of a target. */
export interface Portal {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What a URL says. Parts it leaves out are null. */
export interface IscsiUrl extends Portal {
  readonly target: string | null;
  readonly lun: number | null;
  /** How the initiator proves itself. */
  readonly chap: ChapCredentials | null;
  /** How the target must prove itself to the initiator. */
  readonly mutualChap: ChapCredentials | null;
  readonly headerDigest: DigestOffer | null;
  readonly dataDigest: DigestOffer | null;
  readonly errorRecoveryLevel: number | null;
  readonly connections: number | null;
}

/** A URL that cannot be used; `message` says where and what would be right. */
export class UrlError extends Error {
  override readonly name = 'UrlError';
  readonly code = 'bad-url';
}

const FORM = 'iscsi://[user[%secret]@]host[:port]/target-iqn/lun';
/** LUNs above 16383 need extended addressing, which libiscsi's URLs do not express either. */
const MAX_LUN = 16383;

/**
 * Parses a URL. `environment` supplies the CHAP names and secrets a URL leaves out
 * (`LIBISCSI_CHAP_USERNAME`, `_PASSWORD`, `_TARGET_USERNAME`, `_TARGET_PASSWORD`).
 * @throws UrlError
 */
export function parseUrl(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): IscsiUrl {
  if (!text.startsWith('iscsi://')) {
    throw new UrlError(`"${withoutSecret(text)}" does not start with iscsi:// (expected ${FORM})`);
  }
  const [beforeQuery, query] = cut(text.slice('iscsi://'.length), text.indexOf('?') - 'iscsi://'.length);
  const at = beforeQuery.lastIndexOf('@');
  const login = at < 0 ? null : beforeQuery.slice(0, at);
  const [authority, path] = cut(beforeQuery.slice(at + 1), beforeQuery.slice(at + 1).indexOf('/'));
  const parameters = parseQuery(query);
  const chap = credentialsOf(login, environment);
  return {
    ...parsePortal(authority),
    ...parsePath(path),
    chap,
    // A target is not asked to prove itself to an initiator that does not prove itself (RFC 7143 12.1.3).
    mutualChap: chap && mutualCredentials(parameters, environment),
    headerDigest: parameters.header_digest ?? null,
    dataDigest: parameters.data_digest ?? null,
    errorRecoveryLevel: parameters.erl ?? null,
    connections: parameters.connections ?? null,
  };
}

/**
 * Parses `host[:port]`, with IPv6 addresses in brackets. The port defaults to 3260.
 * @throws UrlError
 */
export function parsePortal(text: string): Portal {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]/@%\s]+))(?::(\d+))?$/.exec(text);
  if (!match)
    throw new UrlError(`"${withoutSecret(text)}" is not host[:port]; IPv6 addresses stand in brackets, as [::1]:3260`);
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port < 1 || port > 65535) throw new UrlError(`port ${match[3]} is outside 1 to 65535`);
  return { host: (match[1] ?? match[2])!, port };
}

/** Writes a portal as it stands in a URL. */
export function formatPortal(portal: Portal): string {
  return `${portal.host.includes(':') ? `[${portal.host}]` : portal.host}:${portal.port}`;
}

/** Writes the URL of a logical unit, without secrets. */
export function formatUrl(portal: Portal, target: string, lun?: number): string {
  const escaped = target.replace(/[%/?#@]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `iscsi://${formatPortal(portal)}/${escaped}${lun === undefined ? '' : `/${lun}`}`;
}

/** A text that should be a URL, as it may be shown: what may be user and secret, or an argument, is left out. */
export function withoutSecret(text: string): string {
  const at = text.lastIndexOf('@');
  const shown = at < 0 ? text : `…${text.slice(at)}`;
  return cut(cut(shown, shown.indexOf('?'))[0], shown.indexOf('%'))[0];
}

/** Splits at `index`, dropping the character there; the second part is null if `index` is negative. */
function cut(text: string, index: number): [string, string | null] {
  return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + 1)];
}

function parsePath(path: string | null): { target: string | null; lun: number | null } {
  if (path === null || path === '') return { target: null, lun: null };
  const [name, lunText] = cut(path, path.indexOf('/'));
  const target = percentDecode(name);
  if (target === '') throw new UrlError(`the target name is empty (expected ${FORM})`);
  if (Buffer.byteLength(target) > 223)
    throw new UrlError('the target name is longer than 223 bytes (RFC 7143 4.2.7.1)');
  if (lunText === null || lunText === '') return { target, lun: null };
  const lun = /^\d+$/.test(lunText) ? Number(lunText) : Number.NaN;
  if (!(lun <= MAX_LUN)) throw new UrlError(`LUN "${lunText}" is not a number from 0 to ${MAX_LUN}`);
  return { target, lun };
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UrlError(`"${text}" holds a % that two hexadecimal digits do not follow`);
  }
}

function credentialsOf(
  login: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): ChapCredentials | null {
  const separator = login === null ? -1 : login.indexOf('%') >= 0 ? login.indexOf('%') : login.indexOf(':');
  const [loginUser, loginSecret] = login === null ? ['', null] : cut(login, separator);
  const user = loginUser || environment.LIBISCSI_CHAP_USERNAME;
  const secret = loginSecret || environment.LIBISCSI_CHAP_PASSWORD;
  if (user && secret) return { user, secret };
  if (loginUser) {
    throw new UrlError(`user "${loginUser}" has no secret: write ${loginUser}%SECRET@ or set LIBISCSI_CHAP_PASSWORD`);
  }
  return null;
}

function mutualCredentials(
  parameters: QueryParameters,
  environment: Readonly<Record<string, string | undefined>>,
): ChapCredentials | null {
  const user = parameters.target_user || environment.LIBISCSI_CHAP_TARGET_USERNAME;
  const secret = parameters.target_password || environment.LIBISCSI_CHAP_TARGET_PASSWORD;
  return user && secret ? { user, secret } : null;
}

interface QueryParameters {
  target_user?: string;
  target_password?: string;
  header_digest?: DigestOffer;
  data_digest?: DigestOffer;
  erl?: number;
  connections?: number;
}

/** Arguments that are numbers, with what they may be. */
const NUMBERS = { erl: [0, 2], connections: [1, 64] } as const;

function parseQuery(query: string | null): QueryParameters {
  const parameters: QueryParameters = {};
  for (const pair of (query ?? '').split('&').filter((part) => part !== '')) {
    const [key, value] = cut(pair, pair.indexOf('='));
    if (key === 'target_user' || key === 'target_password') parameters[key] = value ?? '';
    else if (key === 'header_digest' || key === 'data_digest') parameters[key] = digestArgument(key, value);
    else if (key === 'erl' || key === 'connections') parameters[key] = numberArgument(key, value);
    else throw unknownArgument(key, query!);
  }
  return parameters;
}

/** The key is not shown where it may be a part of a secret. */
function unknownArgument(key: string, query: string): UrlError {
  if (query.includes('@'))
    return new UrlError('a ? comes before the @: such a secret goes into LIBISCSI_CHAP_PASSWORD');
  const which = query.includes('target_password') ? '' : ` "${key}"`;
  return new UrlError(
    `unknown URL argument${which} (known: target_user, target_password, header_digest, data_digest, erl, connections)`,
  );
}

function digestArgument(key: string, value: string | null): DigestOffer {
  if (value === 'crc32c') return 'CRC32C';
  if (value === 'none') return 'None';
  throw new UrlError(`${key}=${value ?? ''}: expected crc32c or none`);
}

function numberArgument(key: keyof typeof NUMBERS, value: string | null): number {
  const [low, high] = NUMBERS[key];
  const number = /^\d+$/.test(value ?? '') ? Number(value) : Number.NaN;
  if (number >= low && number <= high) return number;
  throw new UrlError(`${key}=${value ?? ''}: expected a number from ${low} to ${high}`);
}
