/**
 * What connections that are gone leave behind at ErrorRecoveryLevel 2 (RFC 7143 7.2.3): answers that were sent and are not
 * acknowledged. They, and the tasks that are not over, wait for TASK REASSIGN until Time2Wait and Time2Retain have passed.
 */
import { Opcode, opcodeOf } from '../../../wire/iscsi/bhs.js';
import type { Clock } from '../../disk/types.js';
import type { Connection } from './connection.js';
import type { KeptHolder, KeptMemory } from './kept-memory.js';
import { type SentStatus, STATUS_BYTES } from './unacknowledged.js';

/** Connections of one session that are waited for; beyond them the wait for the oldest ends. */
const AWAITED = 16;

interface Left {
  readonly connection: Connection;
  readonly sent: SentStatus;
}

export class Stranded implements KeptHolder {
  readonly stranded = true;
  /** By Initiator Task Tag, the oldest first. */
  readonly #left = new Map<number, Left>();
  readonly #timers = new Map<Connection, { cancel(): void; readonly expire: () => void }>();
  #dataBytes = 0;
  #statusBytes = 0;

  constructor(
    private readonly clock: Clock,
    /** Answers that are kept; the oldest go first. */
    private readonly limit: number,
    /** Bytes of reads that are kept with them, of all connections together. */
    private readonly keptBytes: number,
    private readonly memory: KeptMemory,
    readonly initiatorName: string,
  ) {
    memory.open(this);
  }

  get bytes(): number {
    return this.#dataBytes + this.#statusBytes;
  }

  /** Reads first: answers without data are what tells that a write was done. */
  giveBackOldest(): void {
    for (const [tag, left] of this.#left) {
      if (this.#dataBytes === 0) {
        this.forget(tag);
        return;
      }
      if (left.sent.data === null || left.sent.data.gone) continue;
      this.#giveBack(left);
      return;
    }
  }

  add(connection: Connection, seconds: number, expired: () => void): void {
    for (const sent of connection.unacknowledged?.takeAll() ?? []) {
      if (sent.bhs !== null && opcodeOf(sent.bhs) !== Opcode.scsiResponse) continue;
      this.forget(sent.tag);
      this.#left.set(sent.tag, { connection, sent });
      this.#change(sent, 1);
    }
    for (const tag of this.#left.keys()) {
      if (this.#left.size <= this.limit) break;
      this.forget(tag);
    }
    for (const left of this.#left.values()) {
      if (this.#dataBytes <= this.keptBytes) break;
      this.#giveBack(left);
    }
    this.memory.settle();
    const expire = () => {
      this.#timers.delete(connection);
      for (const [tag, left] of this.#left) if (left.connection === connection) this.forget(tag);
      expired();
    };
    const timer = this.clock.setTimeout(expire, seconds * 1000);
    this.#timers.set(connection, { cancel: () => timer.cancel(), expire });
    for (const oldest of this.#timers.values()) {
      if (this.#timers.size <= AWAITED) break;
      oldest.cancel();
      oldest.expire();
    }
  }

  /** Any connection is waited for. */
  get waiting(): boolean {
    return this.#timers.size > 0;
  }

  /** A connection with this CID is gone and waited for. */
  awaits(cid: number): boolean {
    for (const connection of this.#timers.keys()) if (connection.cid === cid) return true;
    return false;
  }

  /** Hands over the answer to a task. */
  take(tag: number): SentStatus | undefined {
    const left = this.#left.get(tag);
    if (left === undefined) return undefined;
    this.#left.delete(tag);
    this.#change(left.sent, -1);
    // It may still be sending what it had to (`closing`): who gives the data back from now on does not know of that.
    left.connection.abandon();
    return left.sent;
  }

  /** The initiator uses the tag for something else: it has had its answer. */
  forget(tag: number): void {
    const left = this.#left.get(tag);
    if (left === undefined) return;
    this.#left.delete(tag);
    this.#change(left.sent, -1);
    release(left);
  }

  /** Counts an answer in or out. */
  #change({ data, segment }: SentStatus, sign: 1 | -1): void {
    const dataBytes = data === null || data.gone ? 0 : sign * data.length;
    const statusBytes = sign * (STATUS_BYTES + segment.length);
    this.#dataBytes += dataBytes;
    this.#statusBytes += statusBytes;
    this.memory.change(dataBytes + statusBytes);
  }

  /** Without its data an answer is still one. */
  #giveBack(left: Left): void {
    const { data } = left.sent;
    if (data === null || data.gone) return;
    this.#dataBytes -= data.length;
    this.memory.change(-data.length);
    release(left);
  }

  close(): void {
    this.memory.close(this);
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    for (const tag of [...this.#left.keys()]) this.forget(tag);
  }
}

function release({ connection, sent: { data } }: Left): void {
  if (data === null || data.gone) return;
  data.gone = true;
  // The kernel may not have let go of it yet.
  connection.transmit.hold(data.task);
}
