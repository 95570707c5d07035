/** PERSISTENT RESERVE IN (SPC-5 6.16). */
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  encodeCapabilities,
  encodeFullStatus,
  encodeKeys,
  encodeReservation,
  PersistentIn,
} from '../../../../wire/scsi/persistent-reservations.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { isHolder, type PersistentState } from '../../persistent-reservation/state.js';
import { reservationsOf } from '../../reservations.js';
import { Status } from '../../task.js';
import { answer } from './answer.js';

function keys(state: PersistentState): Buffer {
  return encodeKeys(
    state.generation,
    [...state.registrations.values()].map(({ key }) => key),
  );
}

/** With the all registrants types nobody's key stands for the reservation: zero (SPC-5 6.16.3). */
function reservation({ generation, type, holder, registrations }: PersistentState): Buffer {
  if (type === null) return encodeReservation(generation, null);
  return encodeReservation(generation, { type, key: holder === null ? 0n : registrations.get(holder)!.key });
}

function fullStatus(state: PersistentState): Buffer {
  const rows = [...state.registrations].map(([name, { key, relativeId, initiatorPort }]) => ({
    key,
    holder: isHolder(state, name),
    type: state.type ?? 0,
    relativePort: relativeId,
    initiatorPort,
  }));
  return encodeFullStatus(state.generation, rows);
}

function row(
  name: string,
  serviceAction: number,
  encode: (state: PersistentState, persists: boolean) => Buffer,
): Command {
  return defineCommand({
    name: `PERSISTENT RESERVE IN: ${name}`,
    opcode: Opcode.persistentReserveIn,
    serviceAction,
    usage: [Opcode.persistentReserveIn, serviceAction, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.status,
    run: (unit, task) => {
      const reservations = reservationsOf(unit);
      // Under RESERVE it conflicts for everybody, the reserver included (SPC-2 5.5.1).
      if (reservations.reserved) task.fail(Status.reservationConflict);
      else answer(task, encode(reservations.persistent, reservations.persists), task.cdb.readUInt16BE(7));
    },
  });
}

export const persistentReserveInCommands: readonly Command[] = [
  row('READ KEYS', PersistentIn.readKeys, keys),
  row('READ RESERVATION', PersistentIn.readReservation, reservation),
  row('REPORT CAPABILITIES', PersistentIn.reportCapabilities, (state, persists) =>
    encodeCapabilities(persists, state.aptpl),
  ),
  row('READ FULL STATUS', PersistentIn.readFullStatus, fullStatus),
];
