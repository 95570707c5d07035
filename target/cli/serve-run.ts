/** The array as a process: what `lunarray serve` prints, and how signals end it. */
import { resolve } from 'node:path';
import { native } from '../../native/index.js';
import { type LunArray, startArray } from '../array.js';
import { stderrLog } from '../base/log.js';
import type { CaptureRequest } from '../svp/captures.js';
import { readConfig } from '../svp/config.js';
import { ArrayError, ExitCode } from '../svp/errors.js';
import { printLine } from './output.js';
import type { ServeOptions } from './serve.js';

/** A stop that takes longer has met a drive that does not answer; the next start takes the rest up. */
const STOP_LIMIT_MS = 5_000;
/** One that takes longer may have left work to a slow disk, which `process.exit` would wait for. */
const UNHURRIED_STOP_MS = 2_000;

export async function serve(options: ServeOptions): Promise<void> {
  if (options.polling !== undefined && options.polling > 100_000) {
    throw new ArrayError('usage', '--polling takes 0 to 100000 microseconds.');
  }
  if (options.capture === undefined && (options.captureSize ?? options.captureFiles) !== undefined) {
    throw new ArrayError('usage', '--capture-size and --capture-files are of a capture: give --capture FILE too.');
  }
  // The control socket is nobody else's from the moment it is made; so is all else here.
  process.umask(0o077);
  outliveReaders();
  const stopAsked = onSignal();
  const array = await startArray({
    dataDir: options.data,
    log: stderrLog,
    control: true,
    ...(options.config !== undefined && { config: readConfig(options.config) }),
    listen: options.listen ?? 'configured',
    http: options.http ?? 'configured',
    note: printLine,
    ...(options.polling !== undefined && { polling: options.polling }),
    ...(options.capture !== undefined && { capture: captureRequest(options.capture, options) }),
  });
  announce(array);
  const signal = await stopAsked;
  process.stderr.write(`${signal}: finishing, destaging, syncing\n`);
  const asked = performance.now();
  const watchdog = setTimeout(() => {
    process.stderr.write('lunarray: stopped before everything was destaged; the next start takes the rest up\n');
    native.exitNow(0);
  }, STOP_LIMIT_MS - 300);
  await array.stop().catch((error: Error) => {
    process.stderr.write(`lunarray: the stop failed (${error.message}); the next start takes the rest up\n`);
    native.exitNow(ExitCode['internal-error']);
  });
  clearTimeout(watchdog);
  if (performance.now() - asked > UNHURRIED_STOP_MS) native.exitNow(0);
  process.exit(0);
}

function captureRequest(file: string, { captureSize, captureFiles }: ServeOptions): CaptureRequest {
  return {
    file: resolve(file),
    ...(captureSize !== undefined && { maxSize: captureSize }),
    ...(captureFiles !== undefined && { files: captureFiles }),
  };
}

/** Messages that cannot be written, to a full disk or a reader that went away, are lost; the array goes on. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', () => {});
  }
}

/** In one write, so that programs that wait for the lines get them together. */
function announce(array: LunArray): void {
  const lines = array.luns.map(({ url, ldev, capacity, kind }) => `ready ${url} ${ldev} ${capacity} ${kind}`);
  const first = array.luns[0];
  lines.push(
    first === undefined
      ? 'ready, without LUN paths\nnext: npx lunarray ldev create --help'
      : `next: npx lunctl inq ${first.url}`,
  );
  printLine(lines.join('\n'));
}

/** Resolves with the name of the first signal; a second one ends the process at once. SIGHUP: the terminal was closed. */
function onSignal(): Promise<string> {
  return new Promise((asked) => {
    let seen = false;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (seen) native.exitNow(ExitCode['internal-error']);
        seen = true;
        asked(signal);
      });
    }
  });
}
