import { Command } from 'commander';
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

/** exitOverride and the error help are not inherited by commands made on their own. */
function settle(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) settle(sub.copyInheritedSettings(command));
}
