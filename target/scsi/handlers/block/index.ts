import type { Command } from '../../command-table.js';
import { cacheCommands } from './cache-control.js';
import { capacityCommands } from './capacity.js';
import { compareAndWriteCommand } from './compare-and-write.js';
import { orwriteCommand } from './orwrite.js';
import { readDefectDataCommands } from './read-defect-data.js';
import { readWriteCommands } from './read-write.js';
import { startStopCommand } from './start-stop.js';
import { unmapCommand } from './unmap.js';
import { verifyCommands } from './verify.js';
import { writeAtomicCommand } from './write-atomic.js';
import { writeSameCommands } from './write-same.js';

/** What SBC-4 adds for direct access block devices. */
export const blockCommands: readonly Command[] = [
  ...readWriteCommands,
  ...verifyCommands,
  ...writeSameCommands,
  unmapCommand,
  compareAndWriteCommand,
  orwriteCommand,
  writeAtomicCommand,
  ...cacheCommands,
  ...capacityCommands,
  ...readDefectDataCommands,
  startStopCommand,
];

/** Without what only logical block provisioning offers (SBC-4 4.7.2): for fully provisioned LDEVs. */
export const fullyProvisionedCommands: readonly Command[] = blockCommands.filter((command) => command !== unmapCommand);
