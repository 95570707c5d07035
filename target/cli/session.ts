import { Command } from 'commander';
import type { SessionReply } from '../svp/control/api.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printTable } from './output.js';

export function sessionCommand(): Command {
  const session = new Command('session').description('initiators that are logged in');
  administration(session.command('list').description('list sessions')).action(async (options: CommonOptions) => {
    const sessions = await call<SessionReply[]>(options.data, 'GET', '/sessions');
    if (options.json) return printJson(sessions);
    await printTable(
      ['PORT', 'HOST GROUP', 'INITIATOR', 'FROM', 'AUTH', 'DIGESTS', 'COMMANDS'],
      sessions.map((s) => [
        s.port,
        s.hostGroup || 'discovery',
        s.initiator,
        s.remoteAddress,
        s.authentication,
        digests(s),
        s.commandsOutstanding,
      ]),
    );
  });
  return session;
}

function digests({ headerDigest, dataDigest }: SessionReply): string {
  if (headerDigest) return dataDigest ? 'header data' : 'header';
  return dataDigest ? 'data' : 'none';
}
