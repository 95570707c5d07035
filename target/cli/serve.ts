import { Command } from 'commander';
import { argument, DEFAULT_DATA } from './output.js';

export interface ServeOptions {
  readonly data: string;
  readonly config?: string;
  readonly listen?: string;
  readonly http?: string;
  readonly polling?: number;
  readonly capture?: string;
  readonly captureSize?: number;
  readonly captureFiles?: number;
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('run the array until SIGTERM or SIGINT; ready once the "ready" lines are printed')
    .option('--data <dir>', 'data directory, made at the first start', process.env.LUNARRAY_DATA ?? DEFAULT_DATA)
    .option('--config <file>', 'JSON file applied at the first start, compared and reported afterwards')
    .option('--listen <host:port>', 'address of the first port; port 0 takes any free one', argument.address)
    .option('--http <host:port|off>', 'address of /metrics (127.0.0.1:9326 when left out)', argument.httpAddress)
    .option('--polling <µs>', 'how long to keep polling for more work after I/O, 0 to 100000', argument.count)
    .option('--capture <file>', 'write what hosts and array exchange to a pcapng file, from the first connection on')
    .option('--capture-size <size>', 'size of each of its files (100M when left out)', argument.size)
    .option('--capture-files <n>', 'files kept of it (10 when left out)', argument.count)
    .action(async (options: ServeOptions) => {
      // Loaded here, so that the other commands start without the array's modules.
      const { serve } = await import('./serve-run.js');
      await serve(options);
    });
}
