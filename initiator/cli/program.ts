import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { processStreams, type Streams, streams, useStreams } from '../../target/base/streams.js';
import { cdbCommand } from './commands/cdb.js';
import { copystatusCommand } from './commands/copystatus.js';
import { discoverCommand } from './commands/discover.js';
import { inqCommand } from './commands/inq.js';
import { lsCommand } from './commands/ls.js';
import { lunsCommand } from './commands/luns.js';
import { perfCommand } from './commands/perf.js';
import { readCommand } from './commands/read.js';
import { readcapCommand } from './commands/readcap.js';
import { reserveCommand } from './commands/reserve.js';
import { syncCommand } from './commands/sync.js';
import { tapeCommand } from './commands/tape.js';
import { tokenCommand } from './commands/token.js';
import { unmapCommand } from './commands/unmap.js';
import { verifyCommand } from './commands/verify.js';
import { writeCommand } from './commands/write.js';
import { xcopyCommand } from './commands/xcopy.js';
import { InterruptedError } from './context.js';
import { ExitCode, errorRecord, exitCodeOf, messageOf } from './exit.js';

/** Every command, in the order of the help. */
const COMMANDS: readonly (() => Command)[] = [
  discoverCommand,
  lsCommand,
  inqCommand,
  readcapCommand,
  lunsCommand,
  readCommand,
  writeCommand,
  verifyCommand,
  xcopyCommand,
  copystatusCommand,
  tokenCommand,
  tapeCommand,
  unmapCommand,
  syncCommand,
  reserveCommand,
  cdbCommand,
  perfCommand,
];

const AFTER_HELP = `
URLs are those of libiscsi and QEMU: iscsi://[user[%secret]@]host[:port]/target-iqn/lun
Secrets may come from LIBISCSI_CHAP_USERNAME, _PASSWORD, _TARGET_USERNAME and _TARGET_PASSWORD instead.

Exit codes: 0 done, 1 the unit refused or failed, 2 usage, 3 no connection or login, 4 data differ, 5 local file,
130 interrupted.`;

/** The whole command line, as commander knows it. */
export function program(): Command {
  const lunctl = new Command('lunctl')
    .description('Reads, writes, examines and measures logical units over iSCSI.')
    .version(version(), '-V, --version')
    .showHelpAfterError('(lunctl <command> --help shows what there is)')
    .addHelpText('after', AFTER_HELP);
  for (const make of COMMANDS) lunctl.addCommand(make());
  for (const each of [lunctl, ...lunctl.commands]) {
    each.exitOverride().configureOutput({
      writeOut: (text) => streams().out.write(text),
      writeErr: (text) => streams().err.write(text),
    });
  }
  return lunctl;
}

/** Runs a command line; resolves to the exit code. Results go to standard output, errors to standard error. */
export async function main(args: readonly string[], on: Streams = processStreams): Promise<ExitCode> {
  useStreams(on);
  try {
    await program().parseAsync(args, { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    // Commander has said its piece already.
    if (error instanceof CommanderError) return exitCodeOf(error);
    const json = args.includes('--json');
    streams().err.write(`${json ? JSON.stringify({ error: errorRecord(error) }) : `lunctl: ${messageOf(error)}`}\n`);
    return error instanceof InterruptedError ? ExitCode.interrupted : exitCodeOf(error);
  }
}

/** Of the package this file belongs to, compiled (dist/initiator/cli) or not (initiator/cli). */
function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      // Not there: the other place.
    }
  }
  return 'unknown';
}
