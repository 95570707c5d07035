import { Command } from 'commander';
import type { SessionReply } from '../svp/control/api.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

interface DropOptions extends CommonOptions {
  readonly logout?: number;
}

export function sessionCommand(): Command {
  const session = new Command('session').description('initiators that are logged in');
  administration(session.command('list').description('list sessions')).action(async (options: CommonOptions) => {
    const sessions = await call<SessionReply[]>(options.data, 'GET', '/sessions');
    if (options.json) return printJson(sessions);
    await printTable(
      ['PORT', 'TSIH', 'HOST GROUP', 'INITIATOR', 'FROM', 'AUTH', 'DIGESTS', 'COMMANDS'],
      sessions.map((s) => [
        s.port,
        s.tsih,
        s.hostGroup || 'discovery',
        s.initiator,
        s.remoteAddress,
        s.authentication,
        digests(s),
        s.commandsOutstanding,
      ]),
    );
  });

  administration(
    session
      .command('drop')
      .description('end a session; its host may log in again')
      .argument('<port>', 'port, as CL1-A')
      .argument('<tsih>', 'number of the session, as "session list" shows it', argument.count)
      .option('--logout <seconds>', 'ask the host to log out within so many seconds first', argument.count),
  ).action(async (port: string, tsih: number, options: DropOptions) => {
    const body = { ...(options.logout !== undefined && { logoutSeconds: options.logout }) };
    await call(options.data, 'POST', `/sessions/${encodeURIComponent(port)}/${tsih}/drop`, body);
    if (options.json) printJson({ port, tsih, ...body });
    else if (options.logout === undefined) printLine(`dropped session ${tsih} of ${port}`);
    else printLine(`asked session ${tsih} of ${port} to log out within ${options.logout} s`);
  });
  return session;
}

function digests({ headerDigest, dataDigest }: SessionReply): string {
  if (headerDigest) return dataDigest ? 'header data' : 'header';
  return dataDigest ? 'data' : 'none';
}
