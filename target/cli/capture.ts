import { resolve } from 'node:path';
import { Command } from 'commander';
import type { CaptureReply, CaptureStart } from '../svp/control/api.js';
import { humanSize } from '../svp/units.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

interface StartOptions extends CommonOptions {
  readonly port?: string;
  readonly initiator?: string;
  readonly maxSize?: number;
  readonly files?: number;
}

export function captureCommand(): Command {
  const capture = new Command('capture').description('what hosts and array exchange, as files that Wireshark opens');

  administration(
    capture
      .command('start')
      .description('begin a capture')
      .argument('<file>', 'pcapng file to write; an earlier capture of that name is replaced')
      .option('--port <port>', 'only connections of this port, as CL1-A')
      .option('--initiator <iqn>', 'only connections of this initiator')
      .option('--max-size <size>', 'size of each file (100M when left out)', argument.size)
      .option('--files <n>', 'files kept (10 when left out)', argument.count),
  ).action(async (file: string, { data, json, ...options }: StartOptions) => {
    const body: CaptureStart = { file: resolve(file), ...options };
    const reply = await call<CaptureReply>(data, 'POST', '/captures', body);
    if (json) printJson(reply);
    else printLine(`started ${reply.id}: ${describe(reply)}`);
  });

  administration(
    capture.command('stop').description('end a capture').argument('<id>', 'capture, as capture-1, or "all"'),
  ).action(async (id: string, options: CommonOptions) => {
    const running = await call<CaptureReply[]>(options.data, 'GET', '/captures');
    const ids = id === 'all' ? running.map((one) => one.id) : [id];
    const stopped: CaptureReply[] = [];
    for (const one of ids) {
      stopped.push(await call<CaptureReply>(options.data, 'DELETE', `/captures/${encodeURIComponent(one)}`));
    }
    if (options.json) return printJson(stopped);
    for (const one of stopped) printLine(`stopped ${one.id}: ${one.path}, ${counts(one)}`);
  });

  administration(capture.command('list').description('list captures that run')).action(
    async (options: CommonOptions) => {
      const captures = await call<CaptureReply[]>(options.data, 'GET', '/captures');
      if (options.json) return printJson(captures);
      await printTable(
        ['ID', 'WHAT', 'PACKETS', 'LEFT OUT', 'WRITTEN'],
        captures.map((one) => [one.id, describe(one), one.packets, one.dropped, humanSize(one.bytes)]),
      );
    },
  );

  return capture;
}

/** `CL1-A, any initiator, to /tmp/run.pcapng (10 files of 100 MiB)`. */
function describe({ path, port, initiator, maxSize, files }: CaptureReply): string {
  const bound = `${files} ${files === 1 ? 'file' : 'files'} of ${humanSize(maxSize)}`;
  return `${port ?? 'any port'}, ${initiator ?? 'any initiator'}, to ${path} (${bound})`;
}

function counts({ packets, dropped, bytes }: CaptureReply): string {
  const left = dropped === 0 ? '' : `, of which ${dropped} were left out because the disk could not follow`;
  return `${packets} packets${left}, ${humanSize(bytes)}`;
}
