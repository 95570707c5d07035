import type { Nexus } from './nexus.js';

/**
 * The medium of a removable logical unit: whether it is in, and which I_T nexuses prevent its removal (SPC-5 4.17). It
 * is in when the array starts; hosts eject and load it, and nobody else.
 */
export class RemovableMedium {
  present = true;
  private readonly preventing = new Set<number>();

  /** Whether any nexus prevents removal. */
  get removalPrevented(): boolean {
    return this.preventing.size > 0;
  }

  prevents(nexus: Nexus): boolean {
    return this.preventing.has(nexus.id);
  }

  prevent(nexus: Nexus): void {
    this.preventing.add(nexus.id);
  }

  /** Others may still prevent it. */
  allow(nexus: Nexus): void {
    this.preventing.delete(nexus.id);
  }

  /** I_T nexus loss ends what that nexus prevented. */
  nexusLost(nexus: Nexus): void {
    this.allow(nexus);
  }

  /** A logical unit reset ends prevention by all; the medium stays where it is. */
  reset(): void {
    this.preventing.clear();
  }
}
