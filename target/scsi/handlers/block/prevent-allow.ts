/** PREVENT ALLOW MEDIUM REMOVAL (SBC-4 5.15), of removable logical units: kept for each I_T nexus. */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { hostIo } from './io.js';

/** Bit 0 of PREVENT; the values with bit 1 are obsolete. */
const PREVENT = 0x01;

function run(unit: LogicalUnit, task: Task): void {
  const { nexus } = task;
  const medium = unit.medium!;
  if ((task.cdb[4]! & PREVENT) !== 0) {
    medium.prevent(nexus);
    task.good();
  } else if (!medium.prevents(nexus)) {
    task.good();
  } else {
    // The cache goes to the medium before it may be taken out; if that fails, it may not.
    unit.ldev.top.flush(hostIo(task, false, false), 0, 0, (failure) => {
      if (failure !== null) {
        completeFailed(unit, task, failure);
        return;
      }
      medium.allow(nexus);
      task.good();
    });
  }
}

export const preventAllowCommand: Command = defineCommand({
  name: 'PREVENT ALLOW MEDIUM REMOVAL',
  opcode: Opcode.preventAllowMediumRemoval,
  usage: [Opcode.preventAllowMediumRemoval, 0, 0, 0, PREVENT, 0],
  conflict: 'configure',
  reservation: Reservation.write,
  // To allow it harms nobody who holds a reservation (SPC-5 table 69).
  reservationOf: (cdb) => ((cdb[4]! & PREVENT) === 0 ? Reservation.free : Reservation.write),
  run,
});
