/**
 * Commands as people name them: `READ(10)`, `READ` (of any size), `28h` or `0x28`, `9e/10` with a service action, `any`.
 */
import { commandName, commandNames } from './command-names.js';
import { serviceActionOf } from './opcodes.js';

/** @param name the command's own where a command table knows one that the operation code alone does not tell */
export type CommandPattern = (cdb: Buffer, name?: string) => boolean;

const CODE = /^(?:0x)?([0-9a-f]{2})h?(?:\/(?:0x)?([0-9a-f]{1,2})h?)?$/i;
const SIZE = /\(\d+\)$/;

const every: CommandPattern = () => true;

/** What a text stands for; null: for no command. */
export function commandPattern(text: string): CommandPattern | null {
  const wanted = text.trim().toUpperCase();
  if (wanted === 'ANY') return every;
  const code = CODE.exec(wanted);
  if (code !== null) return byCode(Number.parseInt(code[1]!, 16), code[2]);
  const known = commandNames().some((name) => name === wanted || name.replace(SIZE, '') === wanted);
  if (!known) return null;
  return (cdb, name = commandName(cdb)) => name === wanted || name.replace(SIZE, '') === wanted;
}

function byCode(opcode: number, action: string | undefined): CommandPattern | null {
  if (action === undefined) return (cdb) => cdb[0] === opcode;
  const wanted = Number.parseInt(action, 16);
  return wanted > 0x1f ? null : (cdb) => cdb[0] === opcode && serviceActionOf(cdb) === wanted;
}
