import type { Sense } from '../../wire/scsi/sense.js';

/** Conditions kept per I_T nexus; more means the host does not look, and the oldest plain one goes. */
const MAX_PENDING = 16;
const NONE: readonly Sense[] = [];

/**
 * Unit attention conditions of one logical unit, a queue per I_T nexus (SAM-6 5.14, SPC-5 4.4.6).
 *
 * Reset conditions (ASC 29h) come first, power on before reset before I_T nexus loss, and a stronger one
 * clears the weaker ones; the others follow in the order in which they came. A condition is not queued twice.
 */
export class UnitAttentions {
  private readonly queues = new Map<number, Sense[]>();
  private total = 0;

  /** Begins to keep conditions for a nexus; known ones keep their queue. */
  attach(nexusId: number): void {
    if (!this.queues.has(nexusId)) this.queues.set(nexusId, []);
  }

  /** Forgets a nexus and what was pending for it. */
  detach(nexusId: number): void {
    this.total -= this.queues.get(nexusId)?.length ?? 0;
    this.queues.delete(nexusId);
  }

  /** Establishes a condition for one nexus, attaching it if need be. */
  establish(nexusId: number, condition: Sense): void {
    this.attach(nexusId);
    const queue = this.queues.get(nexusId)!;
    this.total -= queue.length;
    insert(queue, condition);
    this.total += queue.length;
  }

  /** Establishes a condition for every attached nexus but `exceptId` (the one that caused it). */
  establishForAll(condition: Sense, exceptId?: number): void {
    for (const nexusId of this.queues.keys()) {
      if (nexusId !== exceptId) this.establish(nexusId, condition);
    }
  }

  /** Whether anything is pending for a nexus. */
  pending(nexusId: number): boolean {
    return this.total !== 0 && (this.queues.get(nexusId)?.length ?? 0) !== 0;
  }

  /** What is pending, first to be reported first. */
  list(nexusId: number): readonly Sense[] {
    return this.queues.get(nexusId) ?? NONE;
  }

  /** Removes and returns the condition to be reported now. */
  take(nexusId: number): Sense | null {
    const condition = this.queues.get(nexusId)?.shift() ?? null;
    if (condition) this.total--;
    return condition;
  }

  /** Clears one kind of condition (ASC and ASCQ as in `Sense.asc`) for a nexus. */
  clear(nexusId: number, asc: number): void {
    const queue = this.queues.get(nexusId);
    if (!queue) return;
    const kept = queue.filter((condition) => condition.asc !== asc);
    this.total -= queue.length - kept.length;
    this.queues.set(nexusId, kept);
  }
}

/** Precedence of reset conditions (SAM-6 5.14.2, table of unit attention precedence); 9 for the others. */
function rank(condition: Sense): number {
  return condition.asc >> 8 === 0x29 ? condition.asc & 0xff : 9;
}

function insert(queue: Sense[], condition: Sense): void {
  const own = rank(condition);
  if (own < 9 && queue.length > 0 && rank(queue[0]!) <= own) return;
  if (own < 9) {
    while (queue.length > 0 && rank(queue[0]!) < 9) queue.shift();
    queue.unshift(condition);
    return;
  }
  if (queue.some((pending) => pending.asc === condition.asc)) return;
  if (queue.length === MAX_PENDING) {
    queue.splice(rank(queue[0]!) < 9 ? 1 : 0, 1);
  }
  queue.push(condition);
}
