/** Markdown of a command tree, from its commander definitions; docs/cli.md holds it between markers. */
import type { Argument, Command, Option } from 'commander';

/** One section per command that does something, in the order of the definitions. */
export function commandReference(command: Command, prefix = ''): string {
  const path = prefix === '' ? command.name() : `${prefix} ${command.name()}`;
  if (command.commands.length > 0) {
    return command.commands
      .map((sub) => commandReference(sub, path))
      .filter((section) => section !== '')
      .join('\n');
  }
  const lines = [`### \`${path}${usage(command)}\``, '', `${sentence(command.description())}`, ''];
  for (const argument of command.registeredArguments) lines.push(row(argument.name(), argument));
  for (const option of command.options) lines.push(row(option.flags, option));
  return `${lines.join('\n')}\n`;
}

function usage(command: Command): string {
  const args = command.registeredArguments.map((a) => (a.required ? ` <${a.name()}>` : ` [${a.name()}]`)).join('');
  return `${args}${command.options.length > 0 ? ' [options]' : ''}`;
}

function row(name: string, item: Argument | Option): string {
  const notes = [sentence(item.description)];
  if (item.argChoices !== undefined) notes.push(`One of ${item.argChoices.map((c) => `\`${c}\``).join(', ')}.`);
  if (item.defaultValue !== undefined)
    notes.push(`Default \`${String(item.defaultValueDescription ?? item.defaultValue)}\`.`);
  return `- \`${name}\`: ${notes.join(' ')}`;
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
