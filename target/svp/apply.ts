/** The configuration and a running array's volumes: applied at the first start, compared later. */
import { join } from 'node:path';
import { ldevName } from '../volumes/model.js';
import type { DriveSpec } from '../volumes/storage.js';
import type { Volumes } from '../volumes/volumes.js';
import type { ArrayConfig, ConfigInput } from './config-schema.js';
import { formatAddress, formatRate, formatSize, parseAddress, parseLdev, parseRate, parseSize } from './units.js';

/** Whether nothing has been configured: the data directory is new. */
export function isNew(volumes: Volumes): boolean {
  return volumes.ports().length === 0 && volumes.parityGroups().length === 0;
}

/** Makes everything that a checked configuration describes. Throws ConfigError; the caller's transaction undoes. */
export function applyConfig(volumes: Volumes, config: ArrayConfig): void {
  if (config.rebuildRate !== undefined) {
    volumes.drives.settings.change({ rebuildRate: parseRate(config.rebuildRate) });
  }
  if (config.copyBack !== undefined) volumes.drives.settings.change({ copyBack: config.copyBack });
  const drives = new Map(config.drives.map((drive) => [drive.id, driveSpec(drive)]));
  for (const { id, level, drives: names, stripe, checksums } of config.parityGroups) {
    const specs = names.map((name) => drives.get(name)!);
    volumes.createParityGroup(id, level, specs, stripe === undefined ? null : parseSize(stripe), checksums);
  }
  for (const spare of config.spares ?? []) volumes.addSpare(driveSpec(spare));
  for (const { id, parityGroups } of config.pools) volumes.createPool(id, parityGroups);
  for (const { id, capacity, ...rest } of config.ldevs) {
    volumes.createLdev({ id: parseLdev(id)!, bytes: parseSize(capacity)!, ...rest });
  }
  for (const { id, listen, portGroup } of config.ports) {
    volumes.createPort({ name: id, listen: parseAddress(listen)!, ...(portGroup !== undefined && { portGroup }) });
  }
  for (const { luns, initiators, ...rest } of config.hostGroups) {
    const group = volumes.createHostGroup({ ...rest, initiators: initiators ?? ['*'] });
    for (const [lun, ldev] of Object.entries(luns ?? {})) volumes.mapLun(group.id, Number(lun), parseLdev(ldev)!);
  }
  for (const { name, secret, role, hostGroups } of config.users) {
    const ids = (hostGroups ?? []).map((group) => hostGroupId(volumes, group));
    volumes.addUser({ name, secret, role: role ?? 'initiator', hostGroups: ids });
  }
}

function driveSpec({ id, capacity, kind }: ArrayConfig['drives'][number]): DriveSpec {
  return { name: id, path: join('drives', id), bytes: parseSize(capacity)!, ...(kind !== undefined && { kind }) };
}

/** Differences between what the configuration says and what there is: one line each. Lists left out are not compared. */
export function compareConfig(volumes: Volumes, config: ConfigInput): string[] {
  const wanted = facts(config);
  const present = facts(describe(volumes), new Set(Object.keys(config)));
  const lines: string[] = [];
  for (const [item, fields] of wanted) {
    const there = present.get(item);
    if (there === undefined) lines.push(`${item} is in the configuration, not in the array`);
    else {
      for (const [field, value] of fields) {
        const now = there.get(field);
        if (value !== now)
          lines.push(`${item}: ${field} is ${now ?? 'none'} in the array, ${value} in the configuration`);
      }
    }
  }
  for (const item of present.keys()) {
    if (!wanted.has(item)) lines.push(`${item} is in the array, not in the configuration`);
  }
  for (const { name, secret, role = 'initiator' } of config.users ?? []) {
    const user = volumes.user(name, role);
    if (user !== undefined && user.secret !== secret) lines.push(`user ${name} (${role}): the secrets differ`);
  }
  return lines;
}

/** What there is, in the words of the configuration. */
function describe(volumes: Volumes): ConfigInput {
  const groups = new Map(volumes.hostGroups().map((group) => [group.id, `${group.port}/${group.name}`]));
  return {
    rebuildRate: formatRate(volumes.drives.settings.rebuildRate),
    copyBack: volumes.drives.settings.copyBack,
    drives: volumes
      .parityGroups()
      .flatMap((group) => group.drives.map(({ name, bytes, kind }) => ({ id: name, capacity: bytes, kind }))),
    parityGroups: volumes.parityGroups().map(({ name, level, drives, stripeBytes, checksums }) => ({
      id: name,
      level,
      drives: drives.map((drive) => drive.name),
      ...(stripeBytes !== null && { stripe: stripeBytes }),
      checksums,
    })),
    pools: volumes.pools().map(({ name, parityGroups }) => ({ id: name, parityGroups: [...parityGroups] })),
    ldevs: volumes.ldevs().map((ldev) => ({
      id: ldevName(ldev.id),
      capacity: ldev.blocks * ldev.blockSize,
      label: ldev.label,
      pool: ldev.pool,
      blockSize: ldev.blockSize,
      physicalBlockSize: ldev.physicalBlockSize,
      thin: ldev.thin,
      ...(ldev.tier && { tier: ldev.tier }),
      attribute: ldev.attribute as 'ordinary',
      readOnly: ldev.readOnly,
      protection: ldev.protection ?? 0,
      removable: ldev.removable === true,
      tape: ldev.tape === true,
    })),
    ports: volumes
      .ports()
      .map(({ name, listen, portGroup }) => ({ id: name, listen: formatAddress(listen), portGroup })),
    hostGroups: volumes.hostGroups().map(({ port, name, target, initiators, auth, luns }) => ({
      port,
      name,
      target,
      initiators: [...initiators],
      auth,
      luns: Object.fromEntries([...luns].map(([lun, ldev]) => [String(lun), ldevName(ldev)])),
    })),
    users: volumes.users().map(({ name, secret, role, hostGroups }) => ({
      name,
      secret,
      role,
      hostGroups: hostGroups.map((id) => groups.get(id) ?? String(id)),
    })),
  };
}

type Facts = Map<string, Map<string, string>>;

/** `LDEV 00:00` → field → comparable text, for the given lists. Fields left out take no part. */
function facts(config: ConfigInput, lists = new Set(Object.keys(config))): Facts {
  const all: Facts = new Map();
  const add = (list: keyof ConfigInput, item: string, fields: Readonly<Record<string, unknown>>) => {
    if (!lists.has(list)) return;
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    all.set(item, new Map(given.map(([field, value]) => [field, text(value)])));
  };
  if (config.rebuildRate !== undefined) {
    add('rebuildRate', 'rebuilds', { rate: formatRate(parseRate(config.rebuildRate)) });
  }
  if (config.copyBack !== undefined) add('copyBack', 'copying back', { setting: config.copyBack });
  for (const { id, capacity, kind } of config.drives ?? []) {
    add('drives', `drive ${id}`, { capacity: sizeText(capacity), kind });
  }
  for (const { id, stripe, ...rest } of config.parityGroups ?? []) {
    add('parityGroups', `parity group ${id}`, { ...rest, stripe: stripe === undefined ? undefined : sizeText(stripe) });
  }
  for (const { id, ...rest } of config.pools ?? []) add('pools', `pool ${id}`, rest);
  for (const { id, capacity, ...rest } of config.ldevs ?? []) {
    add('ldevs', `LDEV ${id.toUpperCase()}`, { capacity: sizeText(capacity), ...rest });
  }
  for (const { id, ...rest } of config.ports ?? []) add('ports', `port ${id}`, rest);
  for (const { port, name, initiators, luns, ...rest } of config.hostGroups ?? []) {
    add('hostGroups', `host group ${port}/${name}`, { ...rest, initiators: initiators && [...initiators].sort() });
    for (const [lun, ldev] of Object.entries(luns ?? {})) {
      add('hostGroups', `LUN path ${port}/${name}/${lun}`, { LDEV: ldev.toUpperCase() });
    }
  }
  for (const { name, role = 'initiator', hostGroups } of config.users ?? []) {
    add('users', `user ${name} (${role})`, { hostGroups: hostGroups && [...hostGroups].sort() });
  }
  return all;
}

function sizeText(size: string | number): string {
  return formatSize(parseSize(size)!);
}

function text(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value);
}

function hostGroupId(volumes: Volumes, group: string): number {
  const [port, name] = group.split('/') as [string, string];
  return volumes.hostGroup(port, name)!.id;
}
