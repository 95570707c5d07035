#!/usr/bin/env node
/** `lunarray`: runs the array and administers a running one. Exit codes: target/svp/errors.ts. */
import { CommanderError } from 'commander';
import { ArrayError, ExitCode } from '../svp/errors.js';
import { createProgram } from './program.js';

async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Prints what the user has to know, one line, and gives the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ExitCode.usage;
  if (error instanceof ArrayError) {
    process.stderr.write(`lunarray: ${error.message}\n`);
    return ExitCode[error.code];
  }
  process.stderr.write(
    `lunarray: internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`,
  );
  return ExitCode['internal-error'];
}

// A reader that went away (`lunarray lun list | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`lunarray: standard output cannot be written (${error.message})\n`);
  process.exit(ExitCode['no-space']);
});
process.stderr.on('error', () => {});

await main();
