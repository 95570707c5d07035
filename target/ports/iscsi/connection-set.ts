import type { Connection } from './connection.js';

/** The connections of a session, by CID. */
export class ConnectionSet {
  readonly #byCid = new Map<number, Connection>();
  #leading: Connection | null = null;

  /** The one that stands for the session where one is named: the first there is, or the last there was. */
  get leading(): Connection {
    return this.#leading!;
  }

  get size(): number {
    return this.#byCid.size;
  }

  get(cid: number): Connection | undefined {
    return this.#byCid.get(cid);
  }

  has(connection: Connection): boolean {
    return this.#byCid.get(connection.cid) === connection;
  }

  add(connection: Connection): void {
    if (this.size === 0) this.#leading = connection;
    this.#byCid.set(connection.cid, connection);
  }

  /** False: it is not among them. */
  remove(connection: Connection): boolean {
    if (!this.has(connection)) return false;
    this.#byCid.delete(connection.cid);
    this.#leading = this.#byCid.values().next().value ?? connection;
    return true;
  }

  removeAll(): Connection[] {
    const all = [...this];
    this.#byCid.clear();
    return all;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#byCid.values();
  }
}
