/** The captures of an array: which run, on which ports. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { Capture, type CaptureInfo, type CaptureOptions } from '../ports/capture/capture.js';
import { type CaptureDisk, systemDisk } from '../ports/capture/capture-disk.js';
import { numbered } from '../ports/capture/capture-file.js';
import type { IscsiPort } from '../ports/iscsi/port.js';
import { ConfigError } from '../volumes/errors.js';
import { version } from './version.js';

export type { CaptureInfo };

/** As asked for by an administrator; what is left out has a default. */
export interface CaptureRequest {
  /** Absolute path of the file. */
  readonly file: string;
  readonly port?: string;
  readonly initiator?: string;
  /** Bytes of one file. */
  readonly maxSize?: number;
  /** Files kept. */
  readonly files?: number;
}

export const DEFAULT_MAX_SIZE = 100 * 2 ** 20;
export const DEFAULT_FILES = 10;
const MAX_SIZE_MIN = 2 ** 20;
const FILES_MAX = 1000;
/** How long the end of an array waits for a disk that does not answer. */
const CLOSE_MS = 2_000;
/** Each costs memory for what waits for the disk. */
const CAPTURES_MAX = 8;

export class Captures {
  readonly #running = new Map<string, Capture>();
  /** All files that a capture may write to: no other capture's, until its last byte is written. */
  readonly #files = new Map<CaptureOptions, ReadonlySet<string>>();
  readonly #endpoints: IscsiPort[] = [];
  #last = 0;

  /** @param ports names of all ports of the array */
  constructor(
    private readonly ports: () => readonly string[],
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly disk: CaptureDisk = systemDisk,
  ) {}

  /** A port that opens: captures see it from its first connection on. */
  attach(endpoint: IscsiPort): void {
    this.#endpoints.push(endpoint);
    for (const capture of this.#running.values()) endpoint.startCapture(capture);
  }

  /** @throws ConfigError `bad-number`, `port-unknown`, `capture-limit` or `capture-file` */
  async start(request: CaptureRequest): Promise<CaptureInfo> {
    const checked = this.#check(request);
    const options = { ...checked, path: await realPath(checked.path) };
    const { path } = options;
    this.#reserve(options);
    try {
      const parts = {
        clock: this.clock,
        disk: this.disk,
        ports: this.ports(),
        application: `lunarray ${version()}`,
      };
      const capture = await Capture.start(`capture-${++this.#last}`, options, parts, (failing, error) =>
        this.#failed(failing, error),
      );
      this.#running.set(capture.id, capture);
      for (const endpoint of this.#endpoints) endpoint.startCapture(capture);
      return capture.info();
    } catch (error) {
      this.#files.delete(options);
      throw notWritten(path, error);
    }
  }

  /**
   * Ends a capture once all it has seen is in its file.
   * @throws ConfigError `capture-unknown`
   */
  async stop(id: string): Promise<CaptureInfo> {
    const capture = this.#running.get(id);
    if (capture === undefined) {
      throw new ConfigError('capture-unknown', `there is no capture ${id}: list them to see which there are.`);
    }
    this.#detach(capture);
    await capture.stop();
    this.#files.delete(capture.options);
    return capture.info();
  }

  list(): CaptureInfo[] {
    return [...this.#running.values()].map((capture) => capture.info());
  }

  /** Ends all of them; what a disk that hangs has not taken by then is lost. */
  async close(): Promise<void> {
    const left = new Map([...this.#running]);
    const stopped = Promise.all([...left].map(([id]) => this.stop(id).finally(() => left.delete(id))));
    let timer: { cancel(): void } | null = null;
    const late = new Promise<void>((resolve) => {
      timer = this.clock.setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([stopped, late]);
    timer!.cancel();
    for (const { id, options } of left.values())
      this.log.warn(`${id}: the disk of ${options.path} does not answer, the end of the capture is not written`);
  }

  #check({ file, port, initiator, maxSize = DEFAULT_MAX_SIZE, files = DEFAULT_FILES }: CaptureRequest): CaptureOptions {
    if (!isAbsolute(file)) throw new ConfigError('capture-file', `"${file}" is no absolute path.`);
    if (maxSize < MAX_SIZE_MIN) throw new ConfigError('bad-number', 'a capture file has 1 MiB at least.');
    if (files < 1 || files > FILES_MAX) throw new ConfigError('bad-number', `a capture keeps 1 to ${FILES_MAX} files.`);
    if (port !== undefined && !this.ports().includes(port)) {
      throw new ConfigError('port-unknown', `there is no port "${port}".`);
    }
    return { path: file, port: port ?? null, initiator: initiator?.toLowerCase() ?? null, maxSize, files };
  }

  #reserve(options: CaptureOptions): void {
    const wanted = new Set(Array.from({ length: options.files }, (_, number) => numbered(options.path, number)));
    for (const taken of this.#files.values()) {
      const common = [...wanted].find((name) => taken.has(name));
      if (common !== undefined) throw new ConfigError('capture-file', `another capture writes to ${common}.`);
    }
    if (this.#files.size >= CAPTURES_MAX) {
      throw new ConfigError('capture-limit', `${CAPTURES_MAX} captures run, which is the most: stop one of them.`);
    }
    this.#files.set(options, wanted);
  }

  /** Its file is closed. */
  #failed(capture: Capture, error: Error): void {
    this.#detach(capture);
    this.#files.delete(capture.options);
    this.log.warn(`${capture.id} ended: ${capture.options.path} cannot be written (${error.message})`);
  }

  #detach(capture: Capture): void {
    this.#running.delete(capture.id);
    for (const endpoint of this.#endpoints) endpoint.stopCapture(capture);
  }
}

/** One spelling for each file: its folder without links. The file itself is none, or it is refused. */
async function realPath(path: string): Promise<string> {
  const plain = resolve(path);
  try {
    return join(await realpath(dirname(plain)), basename(plain));
  } catch (error) {
    throw notWritten(path, error);
  }
}

function notWritten(path: string, error: unknown): ConfigError {
  return new ConfigError('capture-file', `${path} cannot be written: ${(error as Error).message}.`);
}
