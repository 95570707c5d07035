#!/usr/bin/env node
/** `lunarray`: runs the array and administers a running one. Exit codes: target/svp/errors.ts. */
import { ExitCode } from '../svp/errors.js';
import { main } from './program.js';

// A reader that went away (`lunarray lun list | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`lunarray: standard output cannot be written (${error.message})\n`);
  process.exit(ExitCode['no-space']);
});
process.stderr.on('error', () => {});

process.exitCode = await main(process.argv.slice(2));
