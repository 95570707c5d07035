/**
 * What a connection of ErrorRecoveryLevel 1 or 2 keeps of what it sent, until ExpStatSN acknowledges it (RFC 7143
 * 4.2.2.2): PDUs with status as they were, and the data of reads, for which their cache slots stay pinned, so that what
 * is sent again is what was sent (11.16). More data than `keptBytes`, or than the port has memory for, is not kept: the
 * oldest goes first, and a SNACK for it is refused. More than `keptStatuses` cost the connection.
 */
import { BHS_BYTES, compareSerial, initiatorTaskTag } from '../../../wire/iscsi/bhs.js';
import type { IscsiTask } from './iscsi-task.js';
import type { KeptHolder, KeptMemory } from './kept-memory.js';
import type { IscsiLimits } from './limits.js';
import type { Transmit } from './transmit.js';

/** Data-In PDUs of one task, as they were sent. */
export interface SentData {
  readonly task: IscsiTask;
  /** Bytes in total. */
  readonly length: number;
  /** Status came in the last PDU. */
  readonly collapsed: boolean;
  readonly pdus: number;
  /** How they were cut, from the PDU `baseSn` on, which begins at byte `baseOffset`. */
  readonly segmentLength: number;
  readonly burstLength: number;
  readonly baseSn: number;
  readonly baseOffset: number;
  /** The DataSN up to which DataACK has confirmed them. */
  acknowledged: number;
  /** Given back: cannot be sent again. */
  gone: boolean;
}

export interface SentStatus {
  readonly statSn: number;
  readonly tag: number;
  /** Null: it is in the last PDU of `data`. */
  readonly bhs: Buffer | null;
  readonly segment: Buffer;
  readonly data: SentData | null;
}

/** What a PDU with status takes besides its data segment, in round numbers. */
export const STATUS_BYTES = 256;

const NOTHING = Buffer.alloc(0);

export class Unacknowledged implements KeptHolder {
  readonly stranded = false;
  #sent: SentStatus[] = [];
  #dataBytes = 0;
  /** Of PDUs with status. */
  #statusBytes = 0;
  /** Data of a task whose status follows. */
  #data: SentData | null = null;
  #givenUp = false;

  /** @param giveUp ends the connection, later */
  constructor(
    private readonly transmit: Transmit,
    private readonly limits: Pick<IscsiLimits, 'keptBytes' | 'keptStatuses'>,
    private readonly memory: KeptMemory,
    readonly initiatorName: string,
    private readonly giveUp: () => void,
  ) {
    memory.open(this);
  }

  get bytes(): number {
    return this.#givenUp ? 0 : this.#dataBytes + this.#statusBytes;
  }

  /** More statuses are kept than any initiator has reason to leave unacknowledged. */
  get excessive(): boolean {
    return (
      this.#sent.length > this.limits.keptStatuses ||
      this.#statusBytes - this.#sent.length * STATUS_BYTES > this.limits.keptBytes
    );
  }

  giveBackOldest(): void {
    if (this.#dataBytes > 0) {
      this.#giveBack(this.#sent.find(({ data }) => data !== null && !data.gone)!.data!);
      return;
    }
    this.#givenUp = true;
    this.memory.change(-this.#statusBytes);
    this.giveUp();
  }

  /** Data of a task was sent; its status is in it, with `statSn`, or comes next. */
  addData(data: SentData, statSn: number): void {
    this.#change(data.length, 0);
    if (!data.collapsed) {
      this.#data = data;
      return;
    }
    this.#push({ statSn, tag: data.task.tag, bhs: null, segment: NOTHING, data });
    this.#settle();
  }

  /** A PDU with status was sent: its header lies at `at` in `slab`. */
  addStatus(slab: Buffer, at: number, segment: Buffer): void {
    const bhs = Buffer.from(slab.subarray(at, at + BHS_BYTES));
    const statSn = bhs.readUInt32BE(24);
    this.#push({ statSn, tag: initiatorTaskTag(bhs), bhs, segment: Buffer.from(segment), data: this.#data });
    this.#data = null;
    this.#settle();
  }

  /** What was sent on another connection before. */
  add(sent: SentStatus): void {
    if (sent.data !== null && !sent.data.gone) this.#change(sent.data.length, 0);
    this.#push(sent);
    this.#settle();
  }

  /** Everything before `expStatSn` has arrived; the next StatSN is `statSn`. */
  acknowledge(expStatSn: number, statSn: number): void {
    if (compareSerial(expStatSn, statSn) > 0) return;
    let count = 0;
    for (; count < this.#sent.length && compareSerial(this.#sent[count]!.statSn, expStatSn) < 0; count++) {
      const { data, segment } = this.#sent[count]!;
      this.#change(0, -STATUS_BYTES - segment.length);
      if (data !== null) this.#giveBack(data);
    }
    if (count === this.#sent.length) this.#sent.length = 0;
    else if (count > 0) this.#sent.splice(0, count);
  }

  /** Those from StatSN `first` on, `count` of them or, if that is 0, all. Null: not all of them are here. */
  run(first: number, count: number): readonly SentStatus[] | null {
    if (first === 0 && count === 0) return this.#sent;
    const begin = this.#sent.findIndex((each) => each.statSn === first);
    if (begin < 0) return null;
    if (count === 0) return this.#sent.slice(begin);
    return begin + count <= this.#sent.length ? this.#sent.slice(begin, begin + count) : null;
  }

  /** The latest of a task. */
  of(tag: number): SentStatus | undefined {
    return this.#sent.findLast((each) => each.tag === tag);
  }

  replace(old: SentStatus, by: SentStatus): void {
    // While `by` was sent the memory may have been needed by others.
    if (old.data?.gone && by.data !== null) by.data.gone = true;
    this.#sent[this.#sent.indexOf(old)] = by;
  }

  /** Hands over what there is; its data stays where it is. */
  takeAll(): SentStatus[] {
    const all = this.#sent;
    this.#sent = [];
    this.#change(-this.#dataBytes, -this.#statusBytes);
    return all;
  }

  /** The connection is gone. */
  close(): void {
    this.memory.close(this);
    for (const { data } of this.#sent) if (data !== null) this.#giveBack(data);
    this.#change(0, -this.#statusBytes);
    this.#sent = [];
  }

  #push(sent: SentStatus): void {
    this.#sent.push(sent);
    this.#change(0, STATUS_BYTES + sent.segment.length);
  }

  #change(dataBytes: number, statusBytes: number): void {
    this.#dataBytes += dataBytes;
    this.#statusBytes += statusBytes;
    if (!this.#givenUp) this.memory.change(dataBytes + statusBytes);
  }

  /** Keeps to the limits. */
  #settle(): void {
    for (let i = 0; this.#dataBytes > this.limits.keptBytes && i < this.#sent.length; i++) {
      const oldest = this.#sent[i]!.data;
      if (oldest !== null) this.#giveBack(oldest);
    }
    this.memory.settle();
  }

  #giveBack(data: SentData): void {
    if (data.gone) return;
    data.gone = true;
    this.#change(-data.length, 0);
    // An initiator may acknowledge what it has not received: the kernel must have taken it.
    this.transmit.hold(data.task);
  }
}
