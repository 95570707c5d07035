/** Scrubs of parity groups as an administrator sees them. */
import { RedundantGroup } from '../disk/raid/redundant-group.js';
import type { ScrubStatus } from '../disk/raid/scrub.js';
import type { GroupEntry } from './drive-bay.js';
import { ConfigError } from './errors.js';

export interface ScrubInfo extends ScrubStatus {
  readonly parityGroup: string;
}

export class Scrubs {
  /** @param groups by name */
  constructor(private readonly groups: ReadonlyMap<string, GroupEntry>) {}

  /** Of the parity groups with redundancy. */
  list(): ScrubInfo[] {
    return [...this.groups].flatMap(([parityGroup, { regions }]) => {
      const { group } = regions;
      return group instanceof RedundantGroup ? [{ parityGroup, ...group.scrub }] : [];
    });
  }

  /** Begins one, unless one is going on. Throws ConfigError `parity-group-unknown` or `no-redundancy`. */
  start(name: string): ScrubInfo {
    const group = this.groups.get(name)?.regions.group;
    if (group === undefined) {
      const known = [...this.groups.keys()].join(', ') || 'none yet';
      throw new ConfigError('parity-group-unknown', `there is no parity group "${name}": there is ${known}.`);
    }
    if (!(group instanceof RedundantGroup)) {
      throw new ConfigError('no-redundancy', `parity group "${name}" has no redundancy: there is nothing to compare.`);
    }
    group.startScrub();
    return { parityGroup: name, ...group.scrub };
  }
}
