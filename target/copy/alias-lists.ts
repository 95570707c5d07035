/** Alias lists of one logical unit, one per I_T nexus (SPC-5 6.2.1). */
import { type AliasEntry, aliasBytes, isRemoval } from '../../wire/scsi/aliases.js';
import { ALIAS_BYTES_OF_LIST, ALIASES_OF_LIST } from './copy-limits.js';
import type { Budget } from './shared-means.js';

/** By alias value. */
export type Aliases = ReadonlyMap<string, AliasEntry>;

const none: Aliases = new Map();

const sizeOf = (aliases: Aliases) => [...aliases.values()].reduce((sum, entry) => sum + aliasBytes(entry), 0);

export class AliasLists {
  /** By I_T nexus. Maps are replaced, not changed: a copy goes on with the list that it began with. */
  private readonly lists = new Map<number, Aliases>();

  /** @param budget of the aliases of the array, in bytes */
  constructor(private readonly budget: Budget) {}

  of(nexus: number): Aliases {
    return this.lists.get(nexus) ?? none;
  }

  /** Adds, changes and removes entries, in their order. False: there would be too many; nothing is changed. */
  change(nexus: number, entries: readonly AliasEntry[]): boolean {
    const before = this.of(nexus);
    const after = new Map(before);
    for (const entry of entries) {
      if (isRemoval(entry)) after.delete(entry.alias);
      else after.set(entry.alias, entry);
    }
    const bytes = sizeOf(after);
    if (after.size > ALIASES_OF_LIST || bytes > ALIAS_BYTES_OF_LIST) return false;
    if (!this.budget.take(bytes - sizeOf(before))) return false;
    this.lists.set(nexus, after);
    return true;
  }

  /** I_T nexus loss. */
  forget(nexus: number): void {
    this.budget.take(-sizeOf(this.of(nexus)));
    this.lists.delete(nexus);
  }

  /** Logical unit reset. */
  clear(): void {
    for (const nexus of [...this.lists.keys()]) this.forget(nexus);
  }
}
