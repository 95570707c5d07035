/** Standard streams of the command that is running. `main` sets them, so that tests can read what is printed. */
import type { Readable, Writable } from 'node:stream';

export interface Streams {
  readonly in: Readable;
  readonly out: Writable;
  /** Shows a progress bar if it is a terminal. */
  readonly err: Writable & { readonly isTTY?: boolean };
}

/** Those of the process; not touched before they are needed. */
export const processStreams: Streams = {
  get in() {
    return process.stdin;
  },
  get out() {
    return process.stdout;
  },
  get err() {
    return process.stderr;
  },
};

let current = processStreams;

export const streams = (): Streams => current;

export function useStreams(streams: Streams): void {
  current = streams;
}
