import type { Command } from '../../command-table.js';
import { preventAllowCommand } from '../block/prevent-allow.js';
import { attributeCommands } from './attributes.js';
import { capabilityCommands } from './capabilities.js';
import { positionCommands } from './position.js';
import { streamReadWriteCommands } from './read-write.js';
import { verifyCommand } from './verify.js';

/** What SSC-5 adds for sequential-access devices. */
export const streamCommands: readonly Command[] = [
  ...streamReadWriteCommands,
  verifyCommand,
  ...positionCommands,
  ...capabilityCommands,
  ...attributeCommands,
  preventAllowCommand,
];
