import type { Command } from '../../command-table.js';
import { bufferCommands } from './buffers.js';
import { diagnosticCommands } from './diagnostics.js';
import { identifyingInformationCommands } from './identifying-information.js';
import { inquiryCommand } from './inquiry.js';
import { logCommands } from './log-sense.js';
import { modeSelectCommands } from './mode-select.js';
import { modeSenseCommands } from './mode-sense.js';
import { persistentReserveInCommands } from './persistent-reserve-in.js';
import { persistentReserveOutCommands } from './persistent-reserve-out.js';
import { reportLunsCommand } from './report-luns.js';
import { reportOpcodesCommands } from './report-opcodes.js';
import { reserveCommands } from './reserve.js';
import { securityProtocolInCommand } from './security-protocol.js';
import { targetPortGroupCommands } from './target-port-groups.js';
import { timestampCommands } from './timestamp.js';
import { unitStatusCommands } from './unit-status.js';

/** What SPC-5 asks of every device type, and what SPC-2 left behind. */
export const primaryCommands: readonly Command[] = [
  ...unitStatusCommands,
  inquiryCommand,
  ...modeSelectCommands,
  ...modeSenseCommands,
  ...reserveCommands,
  ...diagnosticCommands,
  ...logCommands,
  ...persistentReserveInCommands,
  ...persistentReserveOutCommands,
  reportLunsCommand,
  ...targetPortGroupCommands,
  ...reportOpcodesCommands,
  ...identifyingInformationCommands,
  ...timestampCommands,
  ...bufferCommands,
  securityProtocolInCommand,
];
