/** Tables of docs/protocols.md, made from the tables that the array itself works by. */
import { chapAlgorithms } from '../../wire/iscsi/chap.js';
import { keyRules } from '../../wire/iscsi/keys.js';
import type { Command } from '../scsi/command-table.js';
import { blockCommands, removableCommands } from '../scsi/handlers/block/index.js';
import { longCommands } from '../scsi/handlers/block/protected/index.js';
import { orwriteLongCommand } from '../scsi/handlers/block/protected/orwrite.js';
import { copyCommands, tapeCopyCommands } from '../scsi/handlers/copy/index.js';
import { primaryCommands } from '../scsi/handlers/primary/index.js';
import { streamCommands } from '../scsi/handlers/stream/index.js';

const hex = (value: number, digits = 2) => value.toString(16).toUpperCase().padStart(digits, '0');

/** Every row of the command table of disks. */
export function commandTableReference(): string {
  const long = [...longCommands, orwriteLongCommand];
  return commandTable([...primaryCommands, ...blockCommands, ...removableCommands, ...long, ...copyCommands]);
}

/** What the table of tapes has beside the commands of every device type. */
export function tapeTableReference(): string {
  return commandTable([...streamCommands, ...tapeCopyCommands]);
}

/** Name, operation code, service action, CDB usage data and what the dispatcher makes of it. */
function commandTable(commands: readonly Command[]): string {
  const order = (command: Command) => command.opcode * 256 + (command.serviceAction ?? 0);
  const rows = [...commands]
    .sort((a, b) => order(a) - order(b))
    .map(({ name, opcode, serviceAction, usage, conflict, access, writes }) => {
      const action = serviceAction === null ? '' : `${hex(serviceAction)}h`;
      const mask = usage.map((byte) => hex(byte)).join(' ');
      return `| ${name} | ${hex(opcode)}h | ${action} | \`${mask}\` | ${conflict} | ${access} | ${writes ? 'yes' : ''} |`;
    });
  const head = '| command | code | service action | CDB usage data | conflict class | access states | writes |';
  return [head, '| --- | --- | --- | --- | --- | --- | --- |', ...rows, ''].join('\n');
}

/** Every login and text key with its rule. */
export function keyTableReference(): string {
  const rows = [...keyRules.values()].map((rule) => {
    const range = rule.values?.join(', ') ?? (rule.max === undefined ? '' : `${rule.min}…${rule.max}`);
    return `| ${rule.name} | ${rule.fn} | ${rule.sender} | ${rule.use} | ${rule.scope} | ${range} | ${rule.default ?? ''} |`;
  });
  const head = '| key | function | sender | use | scope | values | default |';
  return [head, '| --- | --- | --- | --- | --- | --- | --- |', ...rows, ''].join('\n');
}

/** CHAP algorithms in the order preferred. */
export function chapTableReference(): string {
  const rows = chapAlgorithms.map(({ id, name }) => `| ${id} | ${name} |`);
  return ['| CHAP_A | algorithm |', '| --- | --- |', ...rows, ''].join('\n');
}
