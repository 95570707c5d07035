/**
 * PERSISTENT RESERVE OUT (SPC-5 6.17): parameter lists in, an operation on the state, its consequences out.
 * What each service action does stands in `persistent-reservation/operations.ts`.
 */
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  BASIC_LIST_BYTES,
  type BasicList,
  decodeBasicList,
  decodeMoveList,
  PersistentOut,
} from '../../../../wire/scsi/persistent-reservations.js';
import {
  internalTargetFailure,
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { type Command, type ConflictClass, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import {
  clear,
  type Notice,
  type Outcome,
  preempt,
  register,
  registerAndMove,
  release,
  reserve,
} from '../../persistent-reservation/operations.js';
import { allRegistrants, identityOf } from '../../persistent-reservation/state.js';
import { reservationsOf, type UnitReservations } from '../../reservations.js';
import { Status, type Task } from '../../task.js';
import { parameterList } from './answer.js';
import { allPortsOf, moveTarget, specifiedPorts } from './registered-ports.js';

/** A list with TransportIDs longer than this is refused before it is fetched. */
const MAX_LIST_BYTES = 64 * 1024;
const APTPL = { basicByte: 20, moveByte: 17, bit: 0 } as const;

type Operation = (unit: LogicalUnit, task: Task, list: Buffer) => Outcome | Sense;

/** Only REGISTER knows SPEC_I_PT and ALL_TG_PT; elsewhere they are ignored (SPC-5 table 222). */
function registration(ignoreKey: boolean): Operation {
  return (unit, task, list) => {
    const basic = decodeBasicList(list);
    const reservations = reservationsOf(unit);
    if (basic.aptpl && !reservations.persists) return invalidFieldInParameterList(APTPL.basicByte, APTPL.bit);
    if (!basic.specifyInitiatorPorts && list.length !== BASIC_LIST_BYTES) return parameterListLengthError();
    // With the key ignored, SPEC_I_PT itself is refused, whatever the list holds.
    const specified = basic.specifyInitiatorPorts && !ignoreKey ? specifiedPorts(unit, task.nexus, list) : [];
    if ('key' in specified) return specified;
    const from = identityOf(task.nexus);
    const others = basic.allTargetPorts ? allPortsOf(unit, [from, ...specified]) : specified;
    return register(reservations.persistent, {
      from,
      key: basic.key,
      serviceActionKey: basic.serviceActionKey,
      ignoreKey,
      aptpl: basic.aptpl,
      specifiesPorts: basic.specifyInitiatorPorts,
      others,
    });
  };
}

/** For the actions with a 24-byte list. */
function basic(operate: (reservations: UnitReservations, task: Task, list: BasicList) => Outcome): Operation {
  return (unit, task, list) =>
    list.length === BASIC_LIST_BYTES
      ? operate(reservationsOf(unit), task, decodeBasicList(list))
      : parameterListLengthError();
}

function request(task: Task, { key, serviceActionKey }: BasicList) {
  return { from: identityOf(task.nexus), key, serviceActionKey, scopeAndType: task.cdb[2]! };
}

const move: Operation = (unit, task, list) => {
  const { key, serviceActionKey, unregister, aptpl, relativePort, transportIdBytes } = decodeMoveList(list);
  const reservations = reservationsOf(unit);
  if (BASIC_LIST_BYTES + transportIdBytes !== list.length) return parameterListLengthError();
  if (aptpl && !reservations.persists) return invalidFieldInParameterList(APTPL.moveByte, APTPL.bit);
  const to = moveTarget(unit, relativePort, list);
  if ('key' in to) return to;
  const from = identityOf(task.nexus);
  return registerAndMove(reservations.persistent, { from, key, serviceActionKey, unregister, aptpl, to });
};

function run(unit: LogicalUnit, task: Task, operate: Operation, aborts: boolean): void {
  const reservations = reservationsOf(unit);
  if (reservations.reserved) {
    task.fail(Status.reservationConflict);
    return;
  }
  const bytes = task.cdb.readUInt32BE(5);
  const list = parameterList(task, bytes);
  if (list.length < bytes) {
    task.check(parameterListLengthError());
    return;
  }
  const outcome = operate(unit, task, list);
  if ('name' in outcome) task.check(outcome);
  else if (outcome.kind === 'conflict') task.fail(Status.reservationConflict);
  else if (outcome.kind === 'refused') task.check(outcome.sense);
  else if (aborts) preemptAndAbort(unit, task, reservations, outcome, decodeBasicList(list).serviceActionKey === 0n);
  else if (commit(task, reservations, outcome)) {
    tellAll(unit, reservations, outcome);
    task.good();
  }
}

type Done = Extract<Outcome, { kind: 'done' }>;

function commit(task: Task, reservations: UnitReservations, outcome: Done): boolean {
  const committed = reservations.commit(outcome);
  if (!committed) task.check(internalTargetFailure());
  return committed;
}

/**
 * PREEMPT AND ABORT (SPC-5 5.14.11.2.6). During another nexus' ACA condition it is for who preempts that nexus, or takes over
 * from all registrants.
 * @param everybody SERVICE ACTION RESERVATION KEY is zero
 */
function preemptAndAbort(
  unit: LogicalUnit,
  task: Task,
  reservations: UnitReservations,
  outcome: Done,
  everybody: boolean,
): void {
  const names = new Set(outcome.preempted);
  const named = (nexus: Nexus) => names.has(reservations.keyOf(nexus));
  const ofAll = allRegistrants(reservations.persistent);
  const refusal = unit.tasks?.mayPreempt(task, (faulted) => ofAll || named(faulted)) ?? null;
  if (refusal !== null) {
    task.fail(refusal);
    return;
  }
  if (!commit(task, reservations, outcome)) return;
  tellAll(unit, reservations, outcome);
  allowRemoval(unit, named);
  const stopCopies = () => unit.copies.stop(named, () => task.good());
  if (unit.tasks === null || names.size === 0) task.good();
  else unit.tasks.preempt(task, named, stopCopies);
  unit.tasks?.endAllegiance((faulted) => (ofAll && everybody) || named(faulted));
}

/** As if each of them had sent PREVENT ALLOW MEDIUM REMOVAL with PREVENT zero (SPC-5 5.14.11, PREEMPT AND ABORT). */
function allowRemoval(unit: LogicalUnit, named: (nexus: Nexus) => boolean): void {
  if (unit.medium === null) return;
  for (const nexus of unit.nexuses(unit)) if (named(nexus)) unit.medium.allow(nexus);
}

function tellAll(unit: LogicalUnit, reservations: UnitReservations, { notices }: Done): void {
  for (const notice of notices) tell(unit, reservations, notice);
}

/** Registrations of nexuses that are not logged in have nobody to tell. */
function tell(unit: LogicalUnit, reservations: UnitReservations, { condition, to }: Notice): void {
  const names = new Set(to);
  for (const nexus of unit.nexuses(unit)) {
    if (names.has(reservations.keyOf(nexus))) unit.attentions.establish(nexus.id, condition);
  }
}

function checkLength(_unit: LogicalUnit, task: Task): Sense | null {
  const bytes = task.cdb.readUInt32BE(5);
  return bytes < BASIC_LIST_BYTES || bytes > MAX_LIST_BYTES ? parameterListLengthError() : null;
}

function row(name: string, serviceAction: number, operate: Operation, conflict: ConflictClass = 'configure'): Command {
  const aborts = serviceAction === PersistentOut.preemptAndAbort;
  return defineCommand({
    name: `PERSISTENT RESERVE OUT: ${name}`,
    opcode: Opcode.persistentReserveOut,
    serviceAction,
    usage: [Opcode.persistentReserveOut, serviceAction, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0],
    conflict,
    access: 'standby',
    reservation: Reservation.status,
    check: checkLength,
    dataOutBytes: (_unit, task) => task.cdb.readUInt32BE(5),
    run: (unit, task) => run(unit, task, operate, aborts),
  });
}

const preempting = basic((reservations, task, list) => preempt(reservations.persistent, request(task, list)));

export const persistentReserveOutCommands: readonly Command[] = [
  row('REGISTER', PersistentOut.register, registration(false)),
  row(
    'RESERVE',
    PersistentOut.reserve,
    basic((reservations, task, list) => reserve(reservations.persistent, request(task, list))),
  ),
  row(
    'RELEASE',
    PersistentOut.release,
    basic((reservations, task, list) => release(reservations.persistent, request(task, list))),
  ),
  row(
    'CLEAR',
    PersistentOut.clear,
    basic((reservations, task, list) => clear(reservations.persistent, request(task, list))),
  ),
  row('PREEMPT', PersistentOut.preempt, preempting),
  // Waits for nothing: the tasks that it would wait for are the ones that it aborts.
  row('PREEMPT AND ABORT', PersistentOut.preemptAndAbort, preempting, 'inquire'),
  row('REGISTER AND IGNORE EXISTING KEY', PersistentOut.registerAndIgnore, registration(true)),
  row('REGISTER AND MOVE', PersistentOut.registerAndMove, move),
];
