/** Settings of a session and their defaults. */
import { hostname } from 'node:os';
import type { Environment } from './environment.js';

/** CHAP name and secret. */
export interface ChapCredentials {
  readonly user: string;
  readonly secret: string;
}

/** Value of HeaderDigest and DataDigest offered at login, best first (RFC 7143 13.1). One alone is a demand. */
export type DigestOffer = 'CRC32C' | 'None' | 'CRC32C,None' | 'None,CRC32C';

/** Attempts to get back a broken connection. */
export interface ReconnectOptions {
  /** Attempts in a row before the session is given up. */
  readonly attempts: number;
  /** Delay before the second attempt, in milliseconds; doubles with each. The first follows at once. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** What a caller may set; everything has a default. */
export interface SessionOptions {
  /** InitiatorName; by default one that holds this machine's name. */
  readonly initiatorName?: string;
  readonly initiatorAlias?: string;
  /** ISID, six bytes (RFC 7143 11.12.5). Random by default, the same for all reconnects of a session. */
  readonly isid?: Buffer;
  readonly chap?: ChapCredentials | null;
  /** The target must prove itself with these. Needs `chap`. */
  readonly mutualChap?: ChapCredentials | null;
  readonly headerDigest?: DigestOffer;
  readonly dataDigest?: DigestOffer;
  /** Offered value of InitialR2T; false asks for unsolicited data. */
  readonly initialR2T?: boolean;
  readonly immediateData?: boolean;
  /** Largest data segment this side takes, in bytes. */
  readonly maxRecvDataSegmentLength?: number;
  readonly maxBurstLength?: number;
  readonly firstBurstLength?: number;
  readonly maxOutstandingR2T?: number;
  /** 0: a connection that breaks is made anew; 1: what is lost on it is asked for again; 2: another takes over its tasks. */
  readonly errorRecoveryLevel?: number;
  /** Connections of the session, as many as the target lets be made. */
  readonly connections?: number;
  readonly connectTimeoutMs?: number;
  readonly loginTimeoutMs?: number;
  /** Until a command is aborted; 0 for never. */
  readonly commandTimeoutMs?: number;
  /** A silent connection is pinged after this time and dropped after twice that; 0 for never. */
  readonly pingIntervalMs?: number;
  /** False: a broken connection closes the session. */
  readonly reconnect?: false | Partial<ReconnectOptions>;
  /** Clock, random source and network; simulated ones in tests. */
  readonly environment?: Environment;
}

/** Settings with every default filled in. */
export interface ResolvedOptions extends Required<Omit<SessionOptions, 'isid' | 'reconnect' | 'environment'>> {
  readonly reconnect: ReconnectOptions | null;
}

const RECONNECT: ReconnectOptions = { attempts: 10, firstDelayMs: 100, maxDelayMs: 5000 };

/** Limits of RFC 7143 13.10 to 13.17, by option. */
const RANGES = {
  maxRecvDataSegmentLength: [512, 0xffffff],
  maxBurstLength: [512, 0xffffff],
  firstBurstLength: [512, 0xffffff],
  maxOutstandingR2T: [1, 65535],
  errorRecoveryLevel: [0, 2],
  connections: [1, 64],
} as const;

/**
 * Fills in defaults and checks ranges.
 * @throws RangeError naming the option
 */
export function resolveOptions(options: SessionOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    initiatorName: options.initiatorName ?? defaultInitiatorName(),
    initiatorAlias: options.initiatorAlias ?? '',
    chap: options.chap ?? null,
    mutualChap: options.mutualChap ?? null,
    headerDigest: options.headerDigest ?? 'None,CRC32C',
    dataDigest: options.dataDigest ?? 'None,CRC32C',
    initialR2T: options.initialR2T ?? false,
    immediateData: options.immediateData ?? true,
    maxRecvDataSegmentLength: options.maxRecvDataSegmentLength ?? 262144,
    maxBurstLength: options.maxBurstLength ?? 1048576,
    firstBurstLength: options.firstBurstLength ?? 262144,
    maxOutstandingR2T: options.maxOutstandingR2T ?? 1,
    errorRecoveryLevel: options.errorRecoveryLevel ?? 0,
    connections: options.connections ?? 1,
    connectTimeoutMs: options.connectTimeoutMs ?? 5000,
    loginTimeoutMs: options.loginTimeoutMs ?? 10000,
    commandTimeoutMs: options.commandTimeoutMs ?? 30000,
    pingIntervalMs: options.pingIntervalMs ?? 5000,
    reconnect: options.reconnect === false ? null : { ...RECONNECT, ...options.reconnect },
  };
  for (const key of Object.keys(RANGES) as (keyof typeof RANGES)[]) {
    const [low, high] = RANGES[key];
    const value = resolved[key];
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new RangeError(`${key} is ${value}; it must be an integer from ${low} to ${high}`);
    }
  }
  if (resolved.firstBurstLength > resolved.maxBurstLength) {
    throw new RangeError('firstBurstLength is larger than maxBurstLength (RFC 7143 13.14)');
  }
  if (resolved.mutualChap && !resolved.chap) throw new RangeError('mutualChap needs chap');
  if (options.isid && options.isid.length !== 6) throw new RangeError('isid must be six bytes');
  return resolved;
}

function defaultInitiatorName(): string {
  const host = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-');
  return `iqn.2026-11.example.lunarray:host-${host}`;
}
