import { Command } from 'commander';
import type { StatusReply } from '../svp/control/api.js';
import { humanSize } from '../svp/units.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printLine, printTable } from './output.js';
import { redirectionText } from './port.js';

export function statusCommand(): Command {
  return administration(new Command('status').description('what runs: ports, sessions, cache, LUN paths')).action(
    async (options: CommonOptions) => {
      const status = await call<StatusReply>(options.data, 'GET', '/status');
      if (options.json) return printJson(status);
      const { cache } = status;
      const hits = cache.hitRatio === null ? 'no reads yet' : `${(cache.hitRatio * 100).toFixed(1)} % read hits`;
      printLine(`lunarray ${status.version}, process ${status.pid}, up ${duration(status.uptimeSeconds)}`);
      printLine(`data     ${status.dataDir}`);
      printLine(`cache    ${humanSize(cache.bytes)}, ${humanSize(cache.dirtyBytes)} dirty, ${hits}${sidesText(cache)}`);
      printLine(`metrics  ${status.metrics ?? 'off'}`);
      printLine(`drives   through ${status.io === 'uring' ? 'io_uring' : 'the thread pool'}`);
      printLine('');
      await printTable(
        ['PORT', 'LISTENS ON', 'SESSIONS', 'REDIRECTS TO'],
        status.ports.map((p) => [p.id, p.listen, p.sessions, redirectionText(p)]),
      );
      printLine('');
      await printTable(
        ['LDEV', 'CAPACITY', 'KIND', 'URL'],
        status.luns.map((l) => [l.ldev, l.capacity, l.kind, l.url]),
      );
    },
  );
}

/** Nothing about a cache with one side. */
function sidesText({ sides, sidesWanted }: StatusReply['cache']): string {
  if (sidesWanted === 1) return '';
  return sides === sidesWanted ? ', both sides good' : ', ONE SIDE LOST';
}

/** 93784 → `1 d 2 h`: the two largest units. */
export function duration(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  let rest = Math.floor(seconds);
  const parts: string[] = [];
  for (const [name, length] of units) {
    const count = Math.floor(rest / length);
    if (count > 0) parts.push(`${count} ${name}`);
    rest -= count * length;
  }
  return parts.slice(0, 2).join(' ') || '0 s';
}
