import type { Command } from '../../command-table.js';
import { aliasCommands } from './aliases.js';
import { extendedCopyCommands } from './extended-copy.js';
import { receiveCopyCommands, rodReportCommands } from './receive-copy.js';
import { tokenCommands } from './tokens.js';

/** Third-party copy of all devices (SPC-5 5.17). */
export const tapeCopyCommands: readonly Command[] = [...extendedCopyCommands, ...receiveCopyCommands, ...aliasCommands];

/** Of block devices, which have RODs. */
export const copyCommands: readonly Command[] = [...tapeCopyCommands, ...tokenCommands, ...rodReportCommands];
