import { typeRules } from '../../../wire/scsi/persistent-reservations.js';
import type { Nexus } from '../nexus.js';

/** Which I_T nexus a registration belongs to; stays the same over logins and restarts. */
export interface NexusIdentity {
  /** Name of the initiator port. */
  readonly initiatorPort: string;
  /** Name of the target: the host group's IQN. */
  readonly targetPort: string;
  /** Relative target port identifier. */
  readonly relativeId: number;
}

export interface Registration extends NexusIdentity {
  readonly key: bigint;
}

/** Persistent reservations of one logical unit at one moment (SPC-5 5.14). Never changed, only replaced. */
export interface PersistentState {
  /** PRGENERATION. */
  readonly generation: number;
  /** APTPL of the last registration. */
  readonly aptpl: boolean;
  /** By `identityKey`, in the order of registration. */
  readonly registrations: ReadonlyMap<string, Registration>;
  /** TYPE of the reservation; null: there is none. */
  readonly type: number | null;
  /** `identityKey` of the holder; null: nobody, or every registrant as the type says. */
  readonly holder: string | null;
}

export const emptyState: PersistentState = {
  generation: 0,
  aptpl: false,
  registrations: new Map(),
  type: null,
  holder: null,
};

export function identityKey(identity: NexusIdentity): string {
  return `${identity.initiatorPort}\n${identity.targetPort}\n${identity.relativeId}`;
}

export function identityOf(nexus: Nexus): NexusIdentity {
  return {
    initiatorPort: nexus.initiatorPort,
    targetPort: nexus.hostGroup.target,
    relativeId: nexus.port.relativeId,
  };
}

/** Whether the reservation's type makes every registrant a holder. */
export function allRegistrants(state: PersistentState): boolean {
  return state.type !== null && typeRules.get(state.type)!.allRegistrants;
}

/** Whether the type lets registrants in. */
export function admitsRegistrants(state: PersistentState): boolean {
  return state.type !== null && typeRules.get(state.type)!.registrants;
}

/** Whether the nexus of `key` holds the reservation. */
export function isHolder(state: PersistentState, key: string): boolean {
  if (state.type === null) return false;
  return allRegistrants(state) ? state.registrations.has(key) : state.holder === key;
}
