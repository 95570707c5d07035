import { nexusLossOccurred, powerOnOrReset, type Sense } from '../../wire/scsi/sense.js';
import type { Nexus } from '../scsi/nexus.js';

/** Initiator ports remembered; a forgotten one is told of power on again, which is harmless. */
const LIMIT = 4096;

/** Which I_T nexuses have been seen since the array started, so that a login raises the right unit attention. */
export class KnownPorts {
  private readonly seen = new Set<string>();

  /**
   * Condition that a new session begins with: power on or reset at first, I_T nexus loss later (SAM-6 6.3.1, 6.3.4).
   * The general code 29h/00h: hosts such as libiscsi's iscsi-ls know no other.
   */
  greet(nexus: Nexus): Sense {
    const name = `${nexus.initiatorPort}\n${nexus.hostGroup.target}\n${nexus.port.relativeId}`;
    // Deleted and added again, it is the youngest.
    const known = this.seen.delete(name);
    this.seen.add(name);
    if (this.seen.size > LIMIT) {
      for (const oldest of this.seen) {
        this.seen.delete(oldest);
        break;
      }
    }
    return known ? nexusLossOccurred() : powerOnOrReset();
  }
}
