/** Settings of the process that no host sees, kept in `settings.json` of the data directory. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { defaultLimits } from '../ports/iscsi/limits.js';
import type { AuthMethod } from '../volumes/model.js';
import type { ConfigInput } from './config-schema.js';
import { DEFAULT_CACHE, DEFAULT_HOST_TIMEOUT, DEFAULT_HTTP, DEFAULT_POLLING } from './default-config.js';
import { parseAddress, parseRate, parseSize } from './units.js';

export interface Settings {
  readonly cacheBytes: number;
  /** Directory of the second side of the cache, or `off`. */
  readonly cacheDuplex: string;
  /** Microseconds. */
  readonly polling: number;
  /** HOST:PORT, or `off`. */
  readonly http: string;
  /** What discovery sessions have to prove. */
  readonly discoveryAuth: AuthMethod;
  /** Ids of the drives that are read and written past the page cache. */
  readonly directDrives: readonly string[];
  /** Bytes a second that sanitize operations overwrite at most; null: as fast as drives and hosts let them. */
  readonly sanitizeRate: number | null;
  /** Seconds of silence after which a host's connection is given up. */
  readonly hostTimeout: number;
  /** Of iSCSI sessions, at most. */
  readonly errorRecoveryLevel: 0 | 1 | 2;
  readonly maxConnections: number;
}

const AUTH_METHODS: readonly unknown[] = ['none', 'chap', 'mutual-chap'] satisfies AuthMethod[];
const LEVELS: readonly unknown[] = [0, 1, 2];

/** A saved state of the process besides its settings. */
interface Saved extends Settings {
  /** It ended with everything on its drives. */
  readonly settled: boolean;
}

/**
 * What `config` says, else what the last start used, else the defaults. A damaged file counts as none, but for what it
 * may have kept from strangers: discovery asks for CHAP then.
 */
export function settle(file: string, config: ConfigInput, warn: (line: string) => void): Settings {
  const found = read(file);
  const saved = found ?? ({ discoveryAuth: 'chap' } satisfies Partial<Saved>);
  if (found === null) {
    warn(`${file} is damaged: defaults are used, and discovery asks for CHAP unless the configuration says otherwise`);
  }
  return {
    cacheBytes: parseSize(config.cache ?? saved.cacheBytes ?? DEFAULT_CACHE)!,
    cacheDuplex: config.cacheDuplex ?? saved.cacheDuplex ?? 'off',
    polling: config.polling ?? saved.polling ?? DEFAULT_POLLING,
    http: config.http ?? saved.http ?? DEFAULT_HTTP,
    discoveryAuth: config.discoveryAuth ?? saved.discoveryAuth ?? 'none',
    directDrives: config.drives?.filter(({ direct }) => direct).map(({ id }) => id) ?? saved.directDrives ?? [],
    sanitizeRate: config.sanitizeRate === undefined ? (saved.sanitizeRate ?? null) : parseRate(config.sanitizeRate),
    hostTimeout: config.hostTimeout ?? saved.hostTimeout ?? DEFAULT_HOST_TIMEOUT,
    errorRecoveryLevel: config.errorRecoveryLevel ?? saved.errorRecoveryLevel ?? defaultLimits.errorRecoveryLevel,
    maxConnections: config.maxConnections ?? saved.maxConnections ?? defaultLimits.connectionsPerSession,
  };
}

/** @param settled everything is on the drives, and stays so until this is called again */
export function saveSettings(file: string, settings: Settings, settled: boolean): void {
  const saved: Saved = { ...settings, settled };
  writeFileSync(`${file}.new`, `${JSON.stringify(saved, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

/** Whether the last array ended with everything on its drives. */
export function endedSettled(file: string): boolean {
  return read(file)?.settled ?? false;
}

/** Empty: there is no file; null: it is damaged. */
function read(file: string): Partial<Saved> | null {
  if (!existsSync(file)) return {};
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8'));
    const { cacheBytes, cacheDuplex, polling, http, directDrives, discoveryAuth, settled, sanitizeRate, hostTimeout } =
      saved;
    const { errorRecoveryLevel, maxConnections } = saved;
    return {
      ...(Number.isSafeInteger(cacheBytes) && cacheBytes > 0 && { cacheBytes }),
      ...(typeof cacheDuplex === 'string' && cacheDuplex !== '' && { cacheDuplex }),
      ...(Number.isSafeInteger(polling) && polling >= 0 && { polling }),
      ...(typeof settled === 'boolean' && { settled }),
      ...(typeof http === 'string' && (http === 'off' || parseAddress(http) !== null) && { http }),
      ...(Array.isArray(directDrives) && { directDrives: directDrives.map(String) }),
      ...(Number.isSafeInteger(sanitizeRate) && sanitizeRate > 0 && { sanitizeRate }),
      ...(Number.isSafeInteger(hostTimeout) && hostTimeout >= 4 && { hostTimeout }),
      ...(LEVELS.includes(errorRecoveryLevel) && { errorRecoveryLevel }),
      ...(Number.isSafeInteger(maxConnections) &&
        maxConnections >= 1 &&
        maxConnections <= defaultLimits.connectionsPerSession && { maxConnections }),
      ...(AUTH_METHODS.includes(discoveryAuth) && { discoveryAuth }),
    };
  } catch {
    return null;
  }
}
