import { typeRules } from '../../wire/scsi/persistent-reservations.js';
import type { Log } from '../base/log.js';
import { type Command, reservationPolicy } from './command-table.js';
import type { LogicalUnit, Reservations } from './logical-unit.js';
import type { Nexus } from './nexus.js';
import type { Outcome } from './persistent-reservation/operations.js';
import {
  emptyState,
  identityKey,
  identityOf,
  isHolder,
  type NexusIdentity,
  type PersistentState,
  type Registration,
} from './persistent-reservation/state.js';

export interface SavedRegistration extends NexusIdentity {
  readonly key: bigint;
  readonly holder: boolean;
}

export interface SavedReservations {
  readonly generation: number;
  readonly type: number | null;
  readonly registrations: readonly SavedRegistration[];
}

/** Where reservations with APTPL go; `UnitTables` of the configuration store is one. */
export interface ReservationStore {
  reservations(ldev: number): SavedReservations | null;
  /** Durable when it returns; null: forget them. Throws if it cannot be. */
  saveReservations(ldev: number, saved: SavedReservations | null): void;
}

/** Reservations of one logical unit: RESERVE/RELEASE (SPC-2 5.5.1) and persistent ones (SPC-5 5.14). */
export class UnitReservations implements Reservations {
  /** Nexus that RESERVE(6) or RESERVE(10) gave the logical unit to. */
  private reserver: number | null = null;
  private state: PersistentState;
  /** `identityKey` of nexuses that were asked about; they live as long as their sessions. */
  private readonly keys = new WeakMap<Nexus, string>();

  /** @param store null: APTPL is refused */
  constructor(
    private readonly ldev: number,
    private readonly store: ReservationStore | null,
    private readonly log: Log,
  ) {
    this.state = restored(store?.reservations(ldev) ?? null);
  }

  get persistent(): PersistentState {
    return this.state;
  }

  get persists(): boolean {
    return this.store !== null;
  }

  /** Whether any nexus holds the logical unit by RESERVE. */
  get reserved(): boolean {
    return this.reserver !== null;
  }

  keyOf(nexus: Nexus): string {
    let key = this.keys.get(nexus);
    if (key === undefined) {
      key = identityKey(identityOf(nexus));
      this.keys.set(nexus, key);
    }
    return key;
  }

  conflict(nexus: Nexus, command: Command, cdb: Buffer): boolean {
    if (this.reserver === null && this.state.type === null) return false;
    const policy = reservationPolicy(command, cdb);
    if (this.reserver !== null && this.reserver !== nexus.id && policy.reserve === 'conflict') return true;
    if (this.state.type === null || policy.persistent === 'allowed') return false;
    const rules = typeRules.get(this.state.type)!;
    if (policy.persistent === 'read' && !rules.exclusive) return false;
    const key = this.keyOf(nexus);
    return !(rules.registrants ? this.state.registrations.has(key) : isHolder(this.state, key));
  }

  /** RESERVE(6), RESERVE(10): false means RESERVATION CONFLICT. */
  reserve(nexus: Nexus): boolean {
    // With registrations there, a registrant that the reservation lets in gets GOOD and nothing else
    // happens; anyone else conflicts (SPC-5 5.14.3, CRH).
    if (this.state.registrations.size > 0) return this.compatible(nexus);
    if (this.reserver !== null && this.reserver !== nexus.id) return false;
    this.reserver = nexus.id;
    return true;
  }

  /** RELEASE(6), RELEASE(10): of another nexus' reservation it does nothing and is GOOD (SPC-2 7.19). */
  release(nexus: Nexus): boolean {
    if (this.state.registrations.size > 0) return this.compatible(nexus);
    if (this.reserver === nexus.id) this.reserver = null;
    return true;
  }

  /** The nexus is gone: what it held by RESERVE goes. */
  nexusLost(nexus: Nexus): void {
    if (this.reserver === nexus.id) this.reserver = null;
  }

  /** A reset ends RESERVE; persistent reservations stay. */
  reset(): void {
    this.reserver = null;
  }

  /**
   * Makes the state that an operation arrived at the present one, saved first if APTPL says so.
   * @returns false if it could not be saved; nothing has changed then
   */
  commit(outcome: Extract<Outcome, { kind: 'done' }>): boolean {
    const { next } = outcome;
    if (next === this.state) return true;
    if (this.store !== null && (next.aptpl || this.state.aptpl)) {
      try {
        this.store.saveReservations(this.ldev, next.aptpl ? saved(next) : null);
      } catch (error) {
        this.log.error(`LDEV ${this.ldev}: reservations not saved: ${(error as Error).message}`);
        return false;
      }
    }
    this.state = next;
    return true;
  }

  private compatible(nexus: Nexus): boolean {
    const key = this.keyOf(nexus);
    if (this.state.type === null) return false;
    if (typeRules.get(this.state.type)!.registrants) return this.state.registrations.has(key);
    return isHolder(this.state, key);
  }
}

function saved(state: PersistentState): SavedReservations {
  const registrations = [...state.registrations].map(
    ([key, { initiatorPort, targetPort, relativeId, key: value }]) => ({
      initiatorPort,
      targetPort,
      relativeId,
      key: value,
      holder: isHolder(state, key),
    }),
  );
  return { generation: state.generation, type: state.type, registrations };
}

/** PRGENERATION starts anew with the array (SPC-5 6.16.2). */
function restored(rows: SavedReservations | null): PersistentState {
  if (rows === null) return emptyState;
  const registrations = new Map<string, Registration>();
  let holder: string | null = null;
  for (const { initiatorPort, targetPort, relativeId, key, holder: holds } of rows.registrations) {
    const identity = identityKey({ initiatorPort, targetPort, relativeId });
    registrations.set(identity, { initiatorPort, targetPort, relativeId, key });
    if (holds) holder = identity;
  }
  const rules = rows.type === null ? undefined : typeRules.get(rows.type);
  if (!rules || (!rules.allRegistrants && holder === null)) return { ...emptyState, aptpl: true, registrations };
  return {
    ...emptyState,
    aptpl: true,
    registrations,
    type: rows.type,
    holder: rules.allRegistrants ? null : holder,
  };
}

/** The reservations of a logical unit, as the handlers use them. */
export function reservationsOf(unit: LogicalUnit): UnitReservations {
  if (unit.reservations instanceof UnitReservations) return unit.reservations;
  throw new Error(`logical unit of LDEV ${unit.ldev.id} was made without reservations`);
}
