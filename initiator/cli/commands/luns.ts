import type { Command } from 'commander';
import { LogicalUnit } from '../../logical-unit.js';
import { Session } from '../../session.js';
import { formatUrl, parseUrl, UrlError, withoutSecret } from '../../url.js';
import { optionsOf } from '../../url-options.js';
import { type CommonOptions, command, print, sessionOptions } from '../context.js';

export function lunsCommand(): Command {
  return command('luns', 'list the LUNs of a target (REPORT LUNS)', ['luns iscsi://127.0.0.1:3260/iqn.example'])
    .argument('<url>', 'a target; a LUN in the URL is the one that is asked')
    .action(async (url: string, options: CommonOptions) => {
      const parsed = parseUrl(url);
      if (parsed.target === null)
        throw new UrlError(`"${withoutSecret(url)}" names no target; lunctl discover lists them`);
      const session = await Session.open(parsed, parsed.target, { ...optionsOf(parsed), ...sessionOptions(options) });
      try {
        const luns = await new LogicalUnit(session, parsed.lun ?? 0).reportLuns();
        const target = parsed.target;
        print(options, luns, () =>
          luns.length === 0 ? 'no LUNs' : luns.map((lun) => `${lun}  ${formatUrl(parsed, target, lun)}`).join('\n'),
        );
      } finally {
        await session.close();
      }
    });
}
