import type { Ldev } from '../../../volumes/model.js';
import type { Command } from '../../command-table.js';
import { cacheCommands } from './cache-control.js';
import { capacityCommands } from './capacity.js';
import { compareAndWriteCommand } from './compare-and-write.js';
import { formatUnitCommand } from './format-unit.js';
import { orwriteCommand } from './orwrite.js';
import { preventAllowCommand } from './prevent-allow.js';
import { longCommands, protectedCommands } from './protected/index.js';
import { readDefectDataCommands } from './read-defect-data.js';
import { readWriteCommands } from './read-write.js';
import { blockEraseCommand, sanitizeCommands } from './sanitize.js';
import { startStopCommand, startStopRemovableCommand } from './start-stop.js';
import { unmapCommand } from './unmap.js';
import { verifyCommands } from './verify.js';
import { writeAtomicCommand } from './write-atomic.js';
import { writeLongCommands } from './write-long.js';
import { writeSameCommands } from './write-same.js';
import { writeScatteredCommand } from './write-scattered.js';

/** What SBC-4 adds for direct access block devices. */
export const blockCommands: readonly Command[] = [
  ...readWriteCommands,
  ...verifyCommands,
  ...writeSameCommands,
  unmapCommand,
  compareAndWriteCommand,
  orwriteCommand,
  writeAtomicCommand,
  ...writeLongCommands,
  writeScatteredCommand,
  ...cacheCommands,
  ...capacityCommands,
  ...readDefectDataCommands,
  startStopCommand,
  formatUnitCommand,
  ...sanitizeCommands,
];

/** In the place of START STOP UNIT, where the medium is removable. */
export const removableCommands: readonly Command[] = [startStopRemovableCommand, preventAllowCommand];

/** What the rows of an LDEV depend on. */
export type LdevKind = Pick<Ldev, 'thin' | 'removable' | 'protection'>;

/**
 * The commands of one kind of LDEV: logical block provisioning (SBC-4 4.7.2), a medium to eject and protection
 * information are not for all.
 */
export function blockCommandsOf({ thin, removable = false, protection = 0 }: LdevKind): readonly Command[] {
  const absent = [...(thin ? [] : [unmapCommand, blockEraseCommand]), ...(removable ? [startStopCommand] : [])];
  const instead = [
    ...(removable ? removableCommands : []),
    ...(protection === 0 ? [] : protectedCommands),
    ...(protection === 2 ? longCommands : []),
  ];
  const replaced = (row: Command) =>
    protection !== 0 &&
    protectedCommands.some(({ opcode, serviceAction }) => opcode === row.opcode && serviceAction === row.serviceAction);
  return [...blockCommands.filter((row) => !absent.includes(row) && !replaced(row)), ...instead];
}
