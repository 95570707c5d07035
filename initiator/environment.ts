/** What a session takes from the outside world; tests and simulations pass their own. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/** Clock, random source and network of a session. */
export interface Environment {
  /** Monotonic milliseconds, with fractions. */
  now(): number;
  setTimeout(run: () => void, ms: number): Timer;
  randomBytes(count: number): Buffer;
  /** Opens a stream; emits `connect` once it can be used. */
  connect(host: string, port: number): Duplex;
}

/** The real ones. Timers keep the process alive only as long as something else does. */
export const systemEnvironment: Environment = {
  now: () => performance.now(),
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  randomBytes,
  connect(host, port): Socket {
    const socket = connect({ host, port });
    socket.setNoDelay(true);
    return socket;
  },
};
