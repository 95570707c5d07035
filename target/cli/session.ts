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
      ['PORT', 'HOST GROUP', 'INITIATOR', 'FROM', 'ISID', 'KIND'],
      sessions.map((s) => [s.port, s.hostGroup, s.initiator, s.from, s.isid, s.kind]),
    );
  });
  return session;
}
