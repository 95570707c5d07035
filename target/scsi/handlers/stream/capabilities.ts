/** READ BLOCK LIMITS and REPORT DENSITY SUPPORT (SSC-5 7.3, 7.5). */
import { StreamOpcode } from '../../../../wire/scsi/opcodes.js';
import { blockLimits, densitySupport } from '../../../../wire/scsi/tape.js';
import { SECTOR_BYTES } from '../../../tape/layout.js';
import { TapeLimits } from '../../../tape/tape-limits.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { answer } from '../primary/answer.js';

/** DENSITY CODE of all virtual tapes, one that is left to vendors. */
export const DENSITY = 0x80;
const BLOCK_LIMITS_BYTES = 6;
const MEDIA = 0x01;

export const capabilityCommands: readonly Command[] = [
  defineCommand({
    name: 'READ BLOCK LIMITS',
    opcode: StreamOpcode.readBlockLimits,
    usage: [StreamOpcode.readBlockLimits, 0, 0, 0, 0, 0],
    conflict: 'inquire',
    reservation: Reservation.free,
    run: (_unit, task) =>
      answer(task, blockLimits(TapeLimits.blockBytes, TapeLimits.minimumBlockBytes), BLOCK_LIMITS_BYTES),
  }),
  defineCommand({
    name: 'REPORT DENSITY SUPPORT',
    opcode: StreamOpcode.reportDensitySupport,
    // The medium that is loaded has the one density that there is.
    usage: [StreamOpcode.reportDensitySupport, MEDIA, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
    conflict: 'inquire',
    reservation: Reservation.read,
    run: (unit, task) => {
      const density = { code: DENSITY, bytes: unit.blocks * SECTOR_BYTES };
      answer(task, densitySupport(density), task.cdb.readUInt16BE(7));
    },
  }),
];
