/**
 * The service actions of PERSISTENT RESERVE OUT as functions from one state to the next (SPC-5 5.14.7 to
 * 5.14.11). They do not know logical units, tasks or stores; what they refuse changes nothing.
 */
import { typeRules } from '../../../wire/scsi/persistent-reservations.js';
import {
  insufficientRegistrationResources,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  invalidReleaseOfPersistentReservation,
  registrationsPreempted,
  reservationsPreempted,
  reservationsReleased,
  type Sense,
} from '../../../wire/scsi/sense.js';
import {
  admitsRegistrants,
  allRegistrants,
  identityKey,
  isHolder,
  type NexusIdentity,
  type PersistentState,
  type Registration,
} from './state.js';

/** Registrations of one logical unit. */
export const MAX_REGISTRATIONS = 512;

/** Offsets in the parameter list that refusals point to. */
const SERVICE_ACTION_KEY_AT = 8;
const SPEC_I_PT_AT = { byte: 20, bit: 3 };
const TRANSPORT_ID_AT = 24;

/** A unit attention for the nexuses of some registrations. */
export interface Notice {
  readonly condition: Sense;
  /** By `identityKey`. */
  readonly to: readonly string[];
}

export type Outcome =
  | {
      readonly kind: 'done';
      readonly next: PersistentState;
      readonly notices: readonly Notice[];
      /** Registrations that PREEMPT removed. */
      readonly preempted: readonly string[];
    }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'refused'; readonly sense: Sense };

const conflict: Outcome = { kind: 'conflict' };

function refused(sense: Sense): Outcome {
  return { kind: 'refused', sense };
}

function done(next: PersistentState, notices: readonly Notice[] = [], preempted: readonly string[] = []): Outcome {
  return { kind: 'done', next, notices, preempted };
}

/** PRGENERATION after a change that counts (SPC-5 6.16.2); 32 bits. */
function bumped(state: PersistentState): number {
  return (state.generation + 1) >>> 0;
}

/** Whether the nexus is registered under the key it gives; every action but REGISTER demands it. */
function authorized(state: PersistentState, from: NexusIdentity, key: bigint): boolean {
  return state.registrations.get(identityKey(from))?.key === key;
}

export interface RegisterRequest {
  readonly from: NexusIdentity;
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  /** REGISTER AND IGNORE EXISTING KEY. */
  readonly ignoreKey: boolean;
  readonly aptpl: boolean;
  /** SPEC_I_PT was set. */
  readonly specifiesPorts: boolean;
  /** Nexuses to be registered beside the sender: from SPEC_I_PT and ALL_TG_PT. */
  readonly others: readonly NexusIdentity[];
}

/** REGISTER, and REGISTER AND IGNORE EXISTING KEY (SPC-5 5.14.7). */
export function register(state: PersistentState, request: RegisterRequest): Outcome {
  const own = identityKey(request.from);
  const existing = state.registrations.get(own);
  if (!request.ignoreKey && request.key !== (existing?.key ?? 0n)) return conflict;
  if (request.specifiesPorts && (existing !== undefined || request.ignoreKey)) {
    return refused(invalidFieldInParameterList(SPEC_I_PT_AT.byte, SPEC_I_PT_AT.bit));
  }
  if (request.serviceActionKey === 0n) {
    return existing === undefined ? done(state) : unregister(state, [own, ...request.others.map(identityKey)], request);
  }
  const registrations = new Map(state.registrations);
  for (const nexus of [request.from, ...request.others]) {
    const { initiatorPort, targetPort, relativeId } = nexus;
    registrations.set(identityKey(nexus), { initiatorPort, targetPort, relativeId, key: request.serviceActionKey });
  }
  if (registrations.size > MAX_REGISTRATIONS) return refused(insufficientRegistrationResources());
  return done({ ...state, registrations, generation: bumped(state), aptpl: request.aptpl });
}

function unregister(state: PersistentState, keys: readonly string[], request: { readonly aptpl: boolean }): Outcome {
  const next = without(state, new Set(keys));
  const released = state.type !== null && next.type === null && admitsRegistrants(state);
  const notices = released ? [{ condition: reservationsReleased(), to: [...next.registrations.keys()] }] : [];
  return done({ ...next, generation: bumped(state), aptpl: request.aptpl }, notices);
}

/** Removes registrations, and the reservation when its last holder goes with them. */
function without(state: PersistentState, keys: ReadonlySet<string>): PersistentState {
  const registrations = new Map([...state.registrations].filter(([key]) => !keys.has(key)));
  const held = allRegistrants(state) ? registrations.size > 0 : state.holder !== null && !keys.has(state.holder);
  return held ? { ...state, registrations } : { ...state, registrations, type: null, holder: null };
}

export interface ReserveRequest {
  readonly from: NexusIdentity;
  readonly key: bigint;
  /** Byte 2 of the CDB: SCOPE and TYPE. */
  readonly scopeAndType: number;
}

/** The refusal of a SCOPE or TYPE that does not exist. */
function invalidScopeOrType(scopeAndType: number): Sense | null {
  if (scopeAndType >> 4 !== 0) return invalidFieldInCdb(2, 7);
  return typeRules.has(scopeAndType & 0x0f) ? null : invalidFieldInCdb(2, 3);
}

/** RESERVE (SPC-5 5.14.9). */
export function reserve(state: PersistentState, request: ReserveRequest): Outcome {
  if (!authorized(state, request.from, request.key)) return conflict;
  const invalid = invalidScopeOrType(request.scopeAndType);
  if (invalid) return refused(invalid);
  const type = request.scopeAndType & 0x0f;
  const own = identityKey(request.from);
  if (state.type !== null) return isHolder(state, own) && state.type === type ? done(state) : conflict;
  return done(reservedBy(state, own, type));
}

function reservedBy(state: PersistentState, holder: string, type: number): PersistentState {
  return { ...state, type, holder: typeRules.get(type)!.allRegistrants ? null : holder };
}

/** RELEASE (SPC-5 5.14.11.2). */
export function release(state: PersistentState, request: ReserveRequest): Outcome {
  if (!authorized(state, request.from, request.key)) return conflict;
  const own = identityKey(request.from);
  if (state.type === null || !isHolder(state, own)) return done(state);
  if (request.scopeAndType !== state.type) return refused(invalidReleaseOfPersistentReservation());
  const others = [...state.registrations.keys()].filter((key) => key !== own);
  const notices = admitsRegistrants(state) ? [{ condition: reservationsReleased(), to: others }] : [];
  return done({ ...state, type: null, holder: null }, notices);
}

/** CLEAR (SPC-5 5.14.11.6). */
export function clear(state: PersistentState, request: { from: NexusIdentity; key: bigint }): Outcome {
  if (!authorized(state, request.from, request.key)) return conflict;
  const own = identityKey(request.from);
  const others = [...state.registrations.keys()].filter((key) => key !== own);
  const next = { ...state, registrations: new Map(), type: null, holder: null, generation: bumped(state) };
  return done(next, [{ condition: reservationsPreempted(), to: others }]);
}

export interface PreemptRequest extends ReserveRequest {
  readonly serviceActionKey: bigint;
}

/** PREEMPT, and the reservation part of PREEMPT AND ABORT (SPC-5 5.14.11.4). */
export function preempt(state: PersistentState, request: PreemptRequest): Outcome {
  if (!authorized(state, request.from, request.key)) return conflict;
  const invalid = invalidScopeOrType(request.scopeAndType);
  if (invalid) return refused(invalid);
  if (request.serviceActionKey === 0n && !allRegistrants(state)) {
    return refused(invalidFieldInParameterList(SERVICE_ACTION_KEY_AT));
  }
  return preemptsHolder(state, request.serviceActionKey)
    ? preemptReservation(state, request)
    : preemptRegistrations(state, request);
}

function preemptsHolder(state: PersistentState, key: bigint): boolean {
  if (state.type === null) return false;
  if (allRegistrants(state)) return key === 0n;
  return state.registrations.get(state.holder!)?.key === key;
}

/** The reservation changes hands; the registrations of the old holder's key go. */
function preemptReservation(state: PersistentState, request: PreemptRequest): Outcome {
  const own = identityKey(request.from);
  const everyone = request.serviceActionKey === 0n;
  const removed = [...state.registrations]
    .filter(([key, each]) => key !== own && (everyone || each.key === request.serviceActionKey))
    .map(([key]) => key);
  const gone = new Set(removed);
  const registrations = new Map([...state.registrations].filter(([key]) => !gone.has(key)));
  const type = request.scopeAndType & 0x0f;
  const next = reservedBy({ ...state, registrations, generation: bumped(state) }, own, type);
  const notices: Notice[] = [{ condition: registrationsPreempted(), to: removed }];
  if (type !== state.type) {
    notices.push({ condition: reservationsReleased(), to: [...registrations.keys()].filter((key) => key !== own) });
  }
  return done(next, notices, removed);
}

/** Registrations go, the reservation stays unless its last holder goes with them. */
function preemptRegistrations(state: PersistentState, request: PreemptRequest): Outcome {
  const removed = [...state.registrations]
    .filter(([, each]) => each.key === request.serviceActionKey)
    .map(([key]) => key);
  if (removed.length === 0) return conflict;
  const own = identityKey(request.from);
  const next = { ...without(state, new Set(removed)), generation: bumped(state) };
  return done(next, [{ condition: registrationsPreempted(), to: removed.filter((key) => key !== own) }], removed);
}

export interface MoveRequest {
  readonly from: NexusIdentity;
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly unregister: boolean;
  readonly aptpl: boolean;
  /** Where the reservation goes. */
  readonly to: NexusIdentity;
}

/** REGISTER AND MOVE (SPC-5 5.14.8). */
export function registerAndMove(state: PersistentState, request: MoveRequest): Outcome {
  if (!authorized(state, request.from, request.key)) return conflict;
  if (state.type === null) return refused(invalidFieldInCdb(1, 4));
  const own = identityKey(request.from);
  if (allRegistrants(state) || !isHolder(state, own)) return conflict;
  if (request.serviceActionKey === 0n) return refused(invalidFieldInParameterList(SERVICE_ACTION_KEY_AT));
  const target = identityKey(request.to);
  if (target === own) return refused(invalidFieldInParameterList(TRANSPORT_ID_AT));
  const registrations = new Map<string, Registration>(state.registrations);
  const { initiatorPort, targetPort, relativeId } = request.to;
  registrations.set(target, { initiatorPort, targetPort, relativeId, key: request.serviceActionKey });
  if (request.unregister) registrations.delete(own);
  if (registrations.size > MAX_REGISTRATIONS) return refused(insufficientRegistrationResources());
  return done({ ...state, registrations, holder: target, generation: bumped(state), aptpl: request.aptpl });
}
