/** Puts taps on the connections of a port while captures run, and takes them off again. */
import type { Capture } from '../../capture/capture.js';
import { ConnectionTap, type TappedConnection } from './connection-tap.js';

export interface Tappable extends TappedConnection {
  /** Null while nothing is captured. */
  tap: ConnectionTap | null;
}

export class PortTaps {
  readonly #captures = new Set<Capture>();

  /** For a new connection; null: nobody wants it. */
  open(connection: TappedConnection): ConnectionTap | null {
    if (this.#captures.size === 0) return null;
    const tap = new ConnectionTap(connection);
    for (const capture of this.#captures) tap.add(capture);
    return tap.idle ? null : tap;
  }

  /** From now on, on the connections there are and those to come. */
  start(capture: Capture, connections: Iterable<Tappable>): void {
    this.#captures.add(capture);
    for (const connection of connections) {
      const tap = connection.tap ?? new ConnectionTap(connection);
      tap.add(capture);
      connection.tap = tap.idle ? null : tap;
    }
  }

  stop(capture: Capture, connections: Iterable<Tappable>): void {
    this.#captures.delete(capture);
    for (const connection of connections) {
      connection.tap?.remove(capture);
      if (connection.tap?.idle) connection.tap = null;
    }
  }
}
