/** Standard streams of the command line that is running. `main` sets them, so that tests can read what is printed. */
import type { Readable, Writable } from 'node:stream';

export interface Streams {
  /** Asks for what is to be typed if it is a terminal. */
  readonly in: Readable & { readonly isTTY?: boolean };
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
