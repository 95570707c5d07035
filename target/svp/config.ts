/** Reads and checks a configuration: its shape against the schema, then what the schema cannot say. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { Ajv } from 'ajv';
import { DEFAULT_KIND } from '../volumes/drive-kinds.js';
import { LOWEST_RATE } from '../volumes/drive-settings.js';
import { checkIscsiName } from '../volumes/naming.js';
import { LEVELS } from '../volumes/open-group.js';
import { canHaveSums } from '../volumes/sums.js';
import { MIN_TAPE_BYTES, suitsTape } from '../volumes/tape-ldevs.js';
import { faultProblems } from './config-faults.js';
import { type ArrayConfig, type ConfigInput, ConfigSchema } from './config-schema.js';
import { completeConfig } from './default-config.js';
import { ArrayError } from './errors.js';
import { type Problem, schemaProblems, tellProblems } from './schema-problems.js';
import { humanSize, parseAddress, parseLdev, parseRate, parseSize } from './units.js';

/** Text formats of the schema: what is accepted, and how to tell a person. */
const FORMATS: Readonly<Record<string, { readonly accepts: (text: string) => boolean; readonly hint: string }>> = {
  size: { accepts: (text) => (parseSize(text) ?? 0) > 0, hint: 'a size such as "10G"' },
  rate: { accepts: (text) => text === 'max' || (parseSize(text) ?? 0) > 0, hint: '"max" or a size such as "50M"' },
  ldev: { accepts: (text) => parseLdev(text) !== null, hint: 'an LDEV number such as "00:1A"' },
  address: { accepts: (text) => parseAddress(text) !== null, hint: 'HOST:PORT such as "127.0.0.1:3260"' },
  http: { accepts: (text) => text === 'off' || parseAddress(text) !== null, hint: '"off" or HOST:PORT' },
  'iscsi-name': { accepts: isIscsiName, hint: 'an iSCSI name such as "iqn.2001-04.com.example:disk1"' },
  initiator: { accepts: (text) => text === '*' || isIscsiName(text), hint: '"*" or an iSCSI name' },
};

/** A cache larger than the machine's memory would be slower than the drives. Its directory, in one buffer, would do for 2 TiB. */
const CACHE_LIMITS = { minimum: 16 * 2 ** 20, maximum: Math.min(totalmem(), 2 ** 40) };

function isIscsiName(text: string): boolean {
  try {
    checkIscsiName(text);
    return true;
  } catch {
    return false;
  }
}

let validate: ReturnType<Ajv['compile']> | null = null;

function validator() {
  if (validate === null) {
    // Used once or a few times, so what making it faster takes is lost.
    const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true, code: { optimize: false } });
    for (const [format, { accepts }] of Object.entries(FORMATS)) ajv.addFormat(format, accepts);
    validate = ajv.compile(ConfigSchema);
  }
  return validate;
}

/** Everything wrong with `input`, in the order of the file; empty: it is a ConfigInput. */
export function configProblems(input: unknown): Problem[] {
  const check = validator();
  if (!check(input)) return schemaProblems(check.errors ?? [], (format) => FORMATS[format]?.hint);
  return [...ruleProblems(completeConfig(input as ConfigInput))];
}

/** Returns `input` as a configuration; throws ArrayError `bad-config` naming `source` and the first problem. */
export function checkConfig(input: unknown, source: string): ConfigInput {
  const problems = configProblems(input);
  if (problems.length === 0) return input as ConfigInput;
  const told = tellProblems(problems);
  throw new ArrayError('bad-config', `${source}: ${told}. The fields are described in docs/configuration.md.`);
}

/** Reads a configuration file. Throws ArrayError `bad-config`. */
export function readConfig(path: string): ConfigInput {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ArrayError('bad-config', `cannot read the configuration: ${(error as Error).message}.`);
  }
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    throw new ArrayError('bad-config', `${path} is not JSON: ${(error as Error).message}.`);
  }
  return checkConfig(input, path);
}

function* ruleProblems(config: ArrayConfig): Generator<Problem> {
  yield* duplicates(config);
  yield* references(config);
  yield* amounts(config);
  yield* faultProblems(config);
}

function* duplicates(config: ArrayConfig): Generator<Problem> {
  const lists: readonly (readonly [string, string, readonly string[]])[] = [
    ['drives', 'id', config.drives.map((d) => d.id)],
    ['spares', 'id', (config.spares ?? []).map((d) => d.id)],
    ['parityGroups', 'id', config.parityGroups.map((g) => g.id)],
    ['pools', 'id', config.pools.map((p) => p.id)],
    ['ldevs', 'id', config.ldevs.map((l) => l.id.toUpperCase())],
    ['ports', 'id', config.ports.map((p) => p.id)],
    ['ports', 'listen', config.ports.map((p) => (p.listen.endsWith(':0') ? '' : p.listen))],
    ['hostGroups', 'name', config.hostGroups.map((g) => `${g.port}/${g.name}`.toLowerCase())],
    ['hostGroups', 'target', config.hostGroups.map((g) => (g.target === undefined ? '' : `${g.port}/${g.target}`))],
    ['faults', 'id', (config.faults ?? []).map((f) => f.id ?? '')],
    ['users', 'name', config.users.map((u) => `${u.role ?? 'initiator'} ${u.name}`)],
  ];
  for (const [list, field, keys] of lists) {
    const first = new Map<string, number>();
    for (const [index, key] of keys.entries()) {
      const earlier = first.get(key);
      if (earlier === undefined) {
        if (key !== '') first.set(key, index);
      } else yield { path: `${list}[${index}].${field}`, message: `"${key}" is already used by ${list}[${earlier}]` };
    }
  }
}

function* references(config: ArrayConfig): Generator<Problem> {
  const drives = new Set(config.drives.map((d) => d.id));
  const kinds = new Map(config.drives.map(({ id, kind = DEFAULT_KIND }) => [id, kind]));
  const groups = new Set(config.parityGroups.map((g) => g.id));
  const pools = new Set(config.pools.map((p) => p.id));
  const ports = new Set(config.ports.map((p) => p.id));
  const ldevs = new Set(config.ldevs.map((l) => l.id.toUpperCase()));
  const hostGroups = new Set(config.hostGroups.map((g) => `${g.port}/${g.name}`));
  const owners = new Map<string, string>();
  const owned = function* (item: string, path: string): Generator<Problem> {
    const owner = owners.get(item);
    if (owner !== undefined) yield { path, message: `${item} is already used by ${owner}` };
    owners.set(item, path);
  };
  for (const [s, spare] of (config.spares ?? []).entries()) {
    if (drives.has(spare.id)) yield { path: `spares[${s}].id`, message: `"${spare.id}" is already used by drives` };
  }
  for (const [g, group] of config.parityGroups.entries()) {
    const first = kinds.get(group.drives[0]!);
    for (const [d, drive] of group.drives.entries()) {
      const path = `parityGroups[${g}].drives[${d}]`;
      const kind = kinds.get(drive);
      if (kind === undefined) yield { path, message: `there is no drive "${drive}"` };
      else yield* owned(`drive "${drive}"`, path);
      if (kind !== undefined && first !== undefined && kind !== first) {
        yield { path, message: `drive "${drive}" is of kind ${kind}, "${group.drives[0]}" of kind ${first}` };
      }
    }
  }
  for (const [p, pool] of config.pools.entries()) {
    for (const [g, group] of pool.parityGroups.entries()) {
      const path = `pools[${p}].parityGroups[${g}]`;
      if (!groups.has(group)) yield { path, message: `there is no parity group "${group}"` };
      else yield* owned(`parity group "${group}"`, path);
    }
  }
  for (const [l, ldev] of config.ldevs.entries()) {
    if (ldev.pool === undefined && config.pools.length > 1) {
      yield { path: `ldevs[${l}].pool`, message: 'missing; there is more than one pool' };
    } else if (ldev.pool !== undefined && !pools.has(ldev.pool)) {
      yield { path: `ldevs[${l}].pool`, message: `there is no pool "${ldev.pool}"` };
    } else if (ldev.tier !== undefined && !tiersOf(config, ldev.pool).has(ldev.tier)) {
      yield { path: `ldevs[${l}].tier`, message: `its pool has no parity group of ${ldev.tier} drives` };
    }
  }
  for (const [g, group] of config.hostGroups.entries()) {
    if (!ports.has(group.port)) yield { path: `hostGroups[${g}].port`, message: `there is no port "${group.port}"` };
    const mapped = new Map<string, string>();
    for (const [lun, ldev] of Object.entries(group.luns ?? {})) {
      const path = `hostGroups[${g}].luns.${lun}`;
      const other = mapped.get(ldev.toUpperCase());
      if (other !== undefined) yield { path, message: `LDEV ${ldev} is already LUN ${other} of this host group` };
      mapped.set(ldev.toUpperCase(), lun);
      if (Number(lun) > 16383) yield { path, message: 'LUNs go up to 16383' };
      if (!ldevs.has(ldev.toUpperCase())) yield { path, message: `there is no LDEV "${ldev}"` };
    }
  }
  for (const [u, user] of config.users.entries()) {
    for (const [g, group] of (user.hostGroups ?? []).entries()) {
      if (!hostGroups.has(group)) {
        yield { path: `users[${u}].hostGroups[${g}]`, message: `there is no host group "${group}"` };
      }
    }
  }
}

/** Kinds of drives in a pool; left out: the only one. */
function tiersOf({ pools, parityGroups, drives }: ArrayConfig, id = pools[0]!.id): Set<string> {
  const groups = pools.find((pool) => pool.id === id)!.parityGroups;
  const names = parityGroups.filter((group) => groups.includes(group.id)).flatMap((group) => group.drives);
  return new Set(drives.filter((drive) => names.includes(drive.id)).map(({ kind = DEFAULT_KIND }) => kind));
}

function* amounts(config: ArrayConfig): Generator<Problem> {
  if (config.cache !== undefined) {
    const bytes = parseSize(config.cache)!;
    if (bytes < CACHE_LIMITS.minimum || bytes > CACHE_LIMITS.maximum) {
      const maximum = `${humanSize(CACHE_LIMITS.maximum)}, the memory of this machine`;
      yield { path: 'cache', message: `must be 16M to ${maximum}` };
    }
  }
  if (config.rebuildRate !== undefined && (parseRate(config.rebuildRate) ?? LOWEST_RATE) < LOWEST_RATE) {
    yield { path: 'rebuildRate', message: 'must be 1M or more, or "max"' };
  }
  for (const [g, group] of config.parityGroups.entries()) {
    const { minimum, maximum, multiple } = LEVELS[group.level];
    const { length } = group.drives;
    if (length < minimum || length > maximum || length % multiple !== 0) {
      const each = multiple === 1 ? '' : `, a multiple of ${multiple}`;
      const range = minimum === maximum ? `exactly ${minimum}` : `${minimum} to ${maximum}${each}`;
      yield {
        path: `parityGroups[${g}].drives`,
        message: `level "${group.level}" has ${range} ${maximum === 1 ? 'drive' : 'drives'}`,
      };
    }
    if (group.stripe !== undefined && parseSize(group.stripe)! % 16384 !== 0) {
      yield { path: `parityGroups[${g}].stripe`, message: 'must be a multiple of 16K' };
    }
    if (group.checksums && !canHaveSums(group.level)) {
      yield { path: `parityGroups[${g}].checksums`, message: `level "${group.level}" has none` };
    }
  }
  for (const [l, ldev] of config.ldevs.entries()) {
    const { blockSize = 512, physicalBlockSize = blockSize } = ldev;
    if (physicalBlockSize < blockSize) {
      yield { path: `ldevs[${l}].physicalBlockSize`, message: `must not be below the block size ${blockSize}` };
    } else if (parseSize(ldev.capacity)! % physicalBlockSize !== 0) {
      yield { path: `ldevs[${l}].capacity`, message: `must be a multiple of the block size ${physicalBlockSize}` };
    } else if (ldev.tape) {
      if (!suitsTape(ldev)) {
        yield { path: `ldevs[${l}].tape`, message: 'is not for block sizes, attribute or protection' };
      }
      if (parseSize(ldev.capacity)! < MIN_TAPE_BYTES) {
        yield { path: `ldevs[${l}].capacity`, message: 'must be 1M at least for a tape' };
      }
    }
  }
}
