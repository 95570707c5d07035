import type { Command } from 'commander';
import { discover } from '../../discover.js';
import { formatPortal, formatUrl } from '../../url.js';
import { type CommonOptions, command, print, sessionOptions } from '../context.js';
import { table } from '../format.js';

export function discoverCommand(): Command {
  return command('discover', 'list the targets of a portal', [
    'discover iscsi://127.0.0.1:3260',
    'discover --urls iscsi://user%secret@[::1]:3260',
  ])
    .argument('<url>', 'iscsi://[user%secret@]host[:port]')
    .option('--urls', 'print URLs, one per target and portal')
    .action(async (url: string, options: CommonOptions & { urls?: boolean }) => {
      const targets = await discover(url, sessionOptions(options));
      print(options, targets, () => {
        if (targets.length === 0) return 'no target admits this initiator; -i gives another name';
        const rows = targets.flatMap((target) => target.portals.map((portal) => ({ target, portal })));
        if (options.urls) return rows.map(({ target, portal }) => formatUrl(portal, target.name)).join('\n');
        return table(
          ['TARGET', 'PORTAL', 'GROUP'],
          rows.map(({ target, portal }) => [target.name, formatPortal(portal), portal.portalGroup ?? '']),
        );
      });
    });
}
