import type { Sense } from '../../wire/scsi/sense.js';
import type { Nexus } from './nexus.js';

/** Errors kept per I_T nexus; more are in the log and the error history only. */
const MAX_PENDING = 16;

/**
 * Deferred errors of one logical unit (SPC-5 4.4.7): a command that was answered before it had ended (IMMED) has failed.
 * The next command of the same I_T nexus is not carried out, and ends with the sense of that.
 */
export class DeferredErrors {
  /** Whether anything is pending for anybody: looked at by each command. */
  pending = false;
  private readonly queues = new Map<Nexus, Sense[]>();

  /** @param sense of the failure, as it would have been told at once */
  add(nexus: Nexus, sense: Sense): void {
    const queue = this.queues.get(nexus) ?? [];
    if (queue.length === MAX_PENDING) return;
    queue.push({ ...sense, deferred: true });
    this.queues.set(nexus, queue);
    this.pending = true;
  }

  /** Removes and returns the oldest one of a nexus. */
  take(nexus: Nexus): Sense | null {
    const queue = this.queues.get(nexus);
    if (queue === undefined) return null;
    const sense = queue.shift()!;
    if (queue.length === 0) this.forget(nexus);
    return sense;
  }

  /** The nexus is gone. */
  forget(nexus: Nexus): void {
    this.queues.delete(nexus);
    this.pending = this.queues.size > 0;
  }

  /** Of all nexuses: a reset clears sense data (SAM-6 6.3.3). */
  reset(): void {
    this.queues.clear();
    this.pending = false;
  }
}
