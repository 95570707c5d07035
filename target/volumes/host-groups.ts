/** Host groups: who is admitted on a port, and what LUN paths it then sees. */
import { ConfigError } from './errors.js';
import type { LdevVolume } from './ldev-volume.js';
import { type AuthMethod, type HostGroup, ldevName } from './model.js';
import { checkInteger, checkIscsiName, checkName, defaultTarget, foldIscsiName } from './naming.js';
import type { Ports } from './ports.js';
import type { ConfigStore } from './store.js';

export interface HostGroupSpec {
  readonly port: string;
  readonly name: string;
  /** Target IQN. When left out: the array's IQN and the port, for all but the port's first group its name too. */
  readonly target?: string;
  /** iSCSI names, or `*` for any. None when left out. */
  readonly initiators?: readonly string[];
  /** `none` when left out. */
  readonly auth?: AuthMethod;
}

/** Highest LUN of the flat space addressing method (SAM-6 4.7.7.3). */
export const MAX_LUN = 16383;
const AUTH_METHODS: readonly AuthMethod[] = ['none', 'chap', 'mutual-chap'];
const MAX_INITIATORS = 1024;

/** One host group; changed in place, so that every nexus sees the change. */
class MutableHostGroup implements HostGroup {
  readonly luns = new Map<number, number>();
  initiators: readonly string[] = [];

  constructor(
    readonly id: number,
    readonly port: string,
    readonly name: string,
    readonly target: string,
    public auth: AuthMethod,
  ) {}
}

export class HostGroups {
  private readonly groups = new Map<number, MutableHostGroup>();

  constructor(
    private readonly store: ConfigStore,
    private readonly ports: Ports,
    ldevs: readonly LdevVolume[],
  ) {
    const idByUid = new Map(ldevs.map((ldev) => [ldev.uid, ldev.id]));
    for (const row of store.paths.hostGroups()) {
      const group = new MutableHostGroup(row.id, row.port, row.name, row.target, row.auth);
      group.initiators = row.initiators;
      for (const { lun, uid } of row.luns) group.luns.set(lun, idByUid.get(uid)!);
      this.groups.set(row.id, group);
    }
  }

  all(port?: string): readonly HostGroup[] {
    const groups = [...this.groups.values()];
    return port === undefined ? groups : groups.filter((group) => group.port === port);
  }

  /** Throws ConfigError `host-group-unknown`. */
  get(id: number): HostGroup {
    return this.mutable(id);
  }

  find(port: string, name: string): HostGroup | undefined {
    return this.all(port).find((group) => group.name === name);
  }

  byTarget(port: string, target: string): HostGroup | undefined {
    const folded = foldIscsiName(target);
    return this.all(port).find((group) => group.target === folded);
  }

  /** Paths to an LDEV as [host group, LUN]. */
  paths(ldev: number): [HostGroup, number][] {
    const paths: [HostGroup, number][] = [];
    for (const group of this.groups.values()) {
      for (const [lun, id] of group.luns) if (id === ldev) paths.push([group, lun]);
    }
    return paths;
  }

  /** Throws ConfigError. */
  create(spec: HostGroupSpec): HostGroup {
    const port = this.ports.get(spec.port).name;
    checkName('host group', spec.name);
    // Default target names fold the case (RFC 3722), so names that differ in nothing else would clash there.
    if (this.all(port).some((group) => group.name.toLowerCase() === spec.name.toLowerCase())) {
      throw new ConfigError(
        'host-group-exists',
        `port ${port} has a host group "${spec.name}" already: choose another name.`,
      );
    }
    const auth = spec.auth ?? 'none';
    checkAuth(auth);
    const initiators = [...new Set((spec.initiators ?? []).map(checkInitiator))].sort();
    checkInteger('number of initiators', initiators.length, 0, MAX_INITIATORS);
    const target = this.freeTarget(port, spec);
    const row = { port, name: spec.name, target, auth };
    const id = this.store.transaction(() => {
      const made = this.store.paths.insertHostGroup(row);
      for (const initiator of initiators) this.store.paths.insertInitiator(made, initiator);
      return made;
    });
    const group = new MutableHostGroup(id, port, spec.name, target, auth);
    group.initiators = initiators;
    this.groups.set(id, group);
    return group;
  }

  /** With its LUN paths. Throws ConfigError `host-group-unknown`. */
  delete(id: number): HostGroup {
    const group = this.mutable(id);
    this.store.transaction(() => this.store.paths.deleteHostGroup(id));
    this.groups.delete(id);
    return group;
  }

  /** Throws ConfigError `host-group-unknown` or `bad-name`. */
  setAuth(id: number, auth: AuthMethod): HostGroup {
    const group = this.mutable(id);
    checkAuth(auth);
    this.store.transaction(() => this.store.paths.setAuth(id, auth));
    group.auth = auth;
    return group;
  }

  /** Throws ConfigError `host-group-unknown`, `bad-iscsi-name` or `initiator-exists`. */
  addInitiator(id: number, initiator: string): HostGroup {
    const group = this.mutable(id);
    const name = checkInitiator(initiator);
    if (group.initiators.includes(name)) {
      throw new ConfigError('initiator-exists', `host group "${group.name}" admits "${name}" already.`);
    }
    checkInteger('number of initiators', group.initiators.length + 1, 0, MAX_INITIATORS);
    this.store.transaction(() => this.store.paths.insertInitiator(id, name));
    group.initiators = [...group.initiators, name].sort();
    return group;
  }

  /** Throws ConfigError `host-group-unknown` or `initiator-unknown`. */
  removeInitiator(id: number, initiator: string): HostGroup {
    const group = this.mutable(id);
    const name = foldIscsiName(initiator);
    if (!group.initiators.includes(name)) {
      throw new ConfigError(
        'initiator-unknown',
        `host group "${group.name}" does not list "${name}": it lists ${group.initiators.join(', ') || 'none'}.`,
      );
    }
    this.store.transaction(() => this.store.paths.deleteInitiator(id, name));
    group.initiators = group.initiators.filter((each) => each !== name);
    return group;
  }

  /** Throws ConfigError `host-group-unknown`, `bad-number`, `lun-taken` or `ldev-mapped-twice`. */
  map(id: number, lun: number, ldev: LdevVolume): HostGroup {
    const group = this.mutable(id);
    checkInteger('LUN', lun, 0, MAX_LUN);
    const taken = group.luns.get(lun);
    if (taken !== undefined) {
      throw new ConfigError(
        'lun-taken',
        `host group "${group.name}" has LDEV ${ldevName(taken)} at LUN ${lun}: choose another LUN, or unmap it first.`,
      );
    }
    for (const [other, mapped] of group.luns) {
      if (mapped !== ldev.id) continue;
      throw new ConfigError(
        'ldev-mapped-twice',
        `host group "${group.name}" has LDEV ${ldev.name} at LUN ${other} already: unmap it there first.`,
      );
    }
    this.store.transaction(() => this.store.paths.insertLun(id, lun, ldev.uid));
    group.luns.set(lun, ldev.id);
    return group;
  }

  /** Throws ConfigError `host-group-unknown` or `lun-unknown`. */
  unmap(id: number, lun: number): HostGroup {
    const group = this.mutable(id);
    if (!group.luns.has(lun)) {
      const known = [...group.luns.keys()].join(', ') || 'none';
      throw new ConfigError('lun-unknown', `host group "${group.name}" has no path at LUN ${lun}: it has ${known}.`);
    }
    this.store.transaction(() => this.store.paths.deleteLun(id, lun));
    group.luns.delete(lun);
    return group;
  }

  private mutable(id: number): MutableHostGroup {
    const group = this.groups.get(id);
    if (group !== undefined) return group;
    throw new ConfigError('host-group-unknown', `there is no host group ${id}: list them to see which there are.`);
  }

  private freeTarget(port: string, spec: HostGroupSpec): string {
    const { iqn } = this.store.identity;
    const portTarget = defaultTarget(iqn, port, null);
    const fallback = this.byTarget(port, portTarget) === undefined ? null : spec.name;
    const target = checkIscsiName(spec.target ?? defaultTarget(iqn, port, fallback));
    const other = this.byTarget(port, target);
    if (other === undefined) return target;
    throw new ConfigError('target-exists', `host group "${other.name}" has the target name ${target}: choose another.`);
  }
}

/** Whether a host group lets an initiator log in, by its name. */
export function admits(group: HostGroup, initiator: string): boolean {
  return group.initiators.includes('*') || group.initiators.includes(foldIscsiName(initiator));
}

function checkInitiator(name: string): string {
  return name === '*' ? name : checkIscsiName(name);
}

function checkAuth(auth: AuthMethod): void {
  if (AUTH_METHODS.includes(auth)) return;
  throw new ConfigError(
    'bad-name',
    `"${String(auth)}" is no way to authenticate: give one of ${AUTH_METHODS.join(', ')}.`,
  );
}
