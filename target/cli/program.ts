import { Command, CommanderError } from 'commander';
import { processStreams, type Streams, streams, useStreams } from '../base/streams.js';
import { ArrayError, ExitCode } from '../svp/errors.js';
import { version } from '../svp/version.js';
import { captureCommand } from './capture.js';
import { copyCommand } from './copy.js';
import { driveCommand } from './drive.js';
import { faultCommand } from './fault.js';
import { hostGroupCommand } from './hostgroup.js';
import { ldevCommand } from './ldev.js';
import { lunCommand } from './lun.js';
import { poolCommand } from './pool.js';
import { portCommand } from './port.js';
import { serveCommand } from './serve.js';
import { sessionCommand } from './session.js';
import { statsCommand } from './stats.js';
import { statusCommand } from './status.js';
import { traceCommand } from './trace.js';
import { userCommand } from './user.js';

/** The whole command tree. Parsing throws CommanderError instead of ending the process. */
export function createProgram(): Command {
  const program = new Command('lunarray')
    .description('an enterprise storage array that runs as a process')
    .version(version())
    .showHelpAfterError('(add --help for the options)');
  const groups = [
    serveCommand(),
    statusCommand(),
    ldevCommand(),
    hostGroupCommand(),
    lunCommand(),
    portCommand(),
    userCommand(),
    poolCommand(),
    driveCommand(),
    faultCommand(),
    sessionCommand(),
    copyCommand(),
    statsCommand(),
    captureCommand(),
    traceCommand(),
  ];
  for (const group of groups) program.addCommand(group);
  settle(program);
  return program;
}

/** Runs a command line; resolves to the exit code. Results go to standard output, errors to standard error. */
export async function main(args: readonly string[], on: Streams = processStreams): Promise<number> {
  useStreams(on);
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return report(error);
  }
}

/** Prints what the user has to know, one line, and gives the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ExitCode.usage;
  if (error instanceof ArrayError) {
    streams().err.write(`lunarray: ${error.message}\n`);
    return ExitCode[error.code];
  }
  const words = error instanceof Error ? (error.stack ?? error.message) : error;
  streams().err.write(`lunarray: internal error: ${words}\n`);
  return ExitCode['internal-error'];
}

/** exitOverride, output and the error help are not inherited by commands made on their own. */
function settle(command: Command): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => streams().out.write(text),
    writeErr: (text) => streams().err.write(text),
  });
  for (const sub of command.commands) settle(sub.copyInheritedSettings(command));
}
