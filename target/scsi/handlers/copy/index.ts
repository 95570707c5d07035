import type { Command } from '../../command-table.js';
import { aliasCommands } from './aliases.js';
import { extendedCopyCommands } from './extended-copy.js';
import { receiveCopyCommands } from './receive-copy.js';
import { tokenCommands } from './tokens.js';

/** Third-party copy (SPC-5 5.17). */
export const copyCommands: readonly Command[] = [
  ...extendedCopyCommands,
  ...tokenCommands,
  ...receiveCopyCommands,
  ...aliasCommands,
];
