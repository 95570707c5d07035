/** docs/lunctl.md names every command, option and exit code; docs/initiator.md every error and option. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ExitCode } from '../../../initiator/cli/exit.js';
import { program } from '../../../initiator/cli/program.js';
import * as library from '../../../initiator/index.js';
import { resolveOptions } from '../../../initiator/options.js';
import { checkout } from '../../support/root.js';

const page = (name: string) => readFileSync(join(checkout, 'docs', name), 'utf8');

t.test('lunctl.md', async (t) => {
  const text = page('lunctl.md');
  for (const command of program().commands) {
    t.match(text, new RegExp(`\\*\\*\`lunctl ${command.name()} <`), command.name());
    for (const { flags } of command.options) {
      const [flag] = /--[a-z-]+/.exec(flags)!;
      t.ok(text.includes(flag), `${command.name()} ${flag}`);
    }
    t.ok(command.summary().length > 0);
  }
  for (const code of Object.values(ExitCode)) t.match(text, new RegExp(`\\n\\| ${code} \\|`), `exit code ${code}`);
});

t.test('initiator.md', async (t) => {
  const text = page('initiator.md');
  for (const option of Object.keys(resolveOptions({}))) t.ok(text.includes(`\`${option}\``), option);
  const errors = Object.keys(library).filter((name) => /Error$|^CheckCondition$/.test(name));
  t.ok(errors.length > 8);
  for (const name of errors) t.ok(text.includes(`\`${name}\``), name);
  const calls = Object.getOwnPropertyNames(library.LogicalUnit.prototype).filter((name) => text.includes(`\`${name}(`));
  t.ok(calls.length > 18, `${calls.length} calls are described`);
});
