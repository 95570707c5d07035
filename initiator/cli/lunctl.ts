#!/usr/bin/env node
/** `lunctl`: talks to any iSCSI target. Documented in docs/lunctl.md. */
import { ExitCode } from './exit.js';
import { main } from './program.js';

/** Then the process list is not to show the command line. */
function holdsSecret(argument: string): boolean {
  return /^iscsi:.*(@|target_password=)/.test(argument);
}

// A reader that went away (`lunctl … | head`) is no failure worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.ok);
  process.stderr.write(`lunctl: standard output cannot be written (${error.message})\n`);
  process.exit(ExitCode.file);
});
process.stderr.on('error', () => {});
if (process.argv.some(holdsSecret)) process.title = 'lunctl';
process.exitCode = await main(process.argv.slice(2));
