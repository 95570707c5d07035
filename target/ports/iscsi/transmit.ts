/**
 * The output side of a connection. PDUs made while one chunk of input is worked off are collected and leave in one
 * gathered write; those that come later in the same turn of the event loop, too. Headers, digests, padding and short
 * data are laid out one after the other in a slab, so a run of replies without data is one buffer; read data is
 * written where it lies in the cache, and given back when the kernel has taken it.
 */
import type { Socket } from 'node:net';
import { native } from '../../../native/index.js';
import { BHS_BYTES, DIGEST_BYTES, setDataSegmentLength } from '../../../wire/iscsi/bhs.js';
import type { Clock } from '../../disk/types.js';
import type { Task } from '../../scsi/task.js';
import type { PortCounters } from './stats.js';

const SLAB_BYTES = 65536;
/** Data up to this size is copied into the slab: cheaper than one more buffer in the write. */
const COPY_BYTES = 256;
/** With this much collected the write goes out before the input chunk is finished. */
const EARLY_BYTES = 1 << 20;

const EMPTY = Buffer.alloc(0);

export class Transmit {
  headerDigest = false;
  dataDigest = false;
  /** True while an input chunk is worked off: its end flushes. */
  gathering = false;
  /** Slab that the offset from `begin` refers to. */
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** More than the limit waits for the kernel: no further commands should be taken up. */
  congested = false;
  /** `clock.now()` when the kernel last took something that had been waiting. */
  progressAt = 0;
  /** Is shown what leaves; null while nothing is captured. */
  tap: { sent(output: readonly Buffer[]): void } | null = null;

  #slabAt = 0;
  #runFrom = 0;
  #parts: Buffer[] = [];
  #bytes = 0;
  #held: Task[] = [];
  /** What is to be released when the writes under way are taken, one list per write. */
  readonly #underWay: Task[][] = [];
  /** Digests of what is collected, as `writeCrcs` wants them: all are made in one call when it leaves. */
  #digests = new Uint32Array(256);
  #digestCount = 0;
  /** Where the bytes that the last of them covers and takes up end, in what is collected. */
  #digestsEnd = 0;
  #dataFrom = 0;
  #flushScheduled = false;
  #closed = false;
  #stalled = false;
  #corrupt: 'header' | 'data' | null = null;
  readonly #onWritten: () => void;
  readonly #onTurn: () => void;

  /**
   * @param limit bytes that may wait for the kernel before `congested` is set
   * @param onDrained called when all output that had been waiting is taken
   */
  constructor(
    private readonly socket: Socket,
    private readonly clock: Clock,
    private readonly counters: PortCounters,
    private readonly limit: number,
    onDrained: () => void,
  ) {
    this.#onWritten = () => {
      const tasks = this.#underWay.shift();
      if (tasks !== undefined) releaseAll(tasks);
      this.progressAt = this.clock.now();
      if (this.#underWay.length > 0 || this.#closed || this.#stalled) return;
      this.congested = false;
      onDrained();
    };
    this.#onTurn = () => {
      this.#flushScheduled = false;
      this.flush();
    };
  }

  /** Output is waiting for the kernel, or for the end of a stall. */
  get waiting(): boolean {
    return this.#underWay.length > 0 || this.#stalled;
  }

  /** Begins a PDU; its BHS is to be written at the offset returned, in `slab`. */
  begin(): number {
    return this.#reserve(BHS_BYTES + DIGEST_BYTES, BHS_BYTES);
  }

  /** After the BHS is encoded: length and header digest. `dataBytes` bytes must follow through `data`. */
  header(at: number, dataBytes: number): void {
    const slab = this.slab;
    setDataSegmentLength(slab, at, dataBytes);
    this.counters.pdusOut[slab[at]! & 0x3f]!++;
    if (this.headerDigest) this.#digest(this.#bytes - BHS_BYTES);
    this.#dataFrom = this.#bytes;
    if (dataBytes === 0 && !this.gathering) this.#scheduleFlush();
  }

  /** A part of the data segment; it must stay as it is until the task given to `hold` is released. */
  data(part: Buffer): void {
    if (part.length <= COPY_BYTES) {
      const at = this.#reserve(part.length, part.length);
      part.copy(this.slab, at);
      return;
    }
    this.#closeRun();
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  /** Ends a data segment of `dataBytes` bytes: padding and data digest. */
  endData(dataBytes: number): void {
    const padding = -dataBytes & 3;
    const at = this.#reserve(padding + DIGEST_BYTES, padding);
    this.slab.fill(0, at, at + padding);
    if (this.dataDigest) this.#digest(this.#dataFrom);
    if (this.#bytes >= EARLY_BYTES) this.flush();
    else if (!this.gathering) this.#scheduleFlush();
  }

  /** A whole data segment that is already one buffer. */
  segment(data: Buffer): void {
    if (data.length === 0) return;
    this.data(data);
    this.endData(data.length);
  }

  /** `task.release()` once everything collected so far, and before, is taken. */
  hold(task: Task): void {
    if (this.#parts.length > 0 || this.#runFrom !== this.#slabAt) this.#held.push(task);
    // An early flush took all of the task's data: no other flush may come for long.
    else if (this.#underWay.length > 0) this.#underWay[this.#underWay.length - 1]!.push(task);
    else task.release();
  }

  /** While it is set nothing leaves. */
  set stalled(stalled: boolean) {
    this.#stalled = stalled;
    this.progressAt = this.clock.now();
    if (stalled) this.congested = true;
    else {
      this.congested = this.#underWay.length > 0;
      this.flush();
    }
  }

  /** Spoils a digest of the first PDU that `respond` lays out; false: it has no such digest. */
  corrupting(digest: 'header' | 'data', respond: () => void): boolean {
    this.flush();
    this.#corrupt = digest;
    respond();
    this.flush();
    const done = this.#corrupt === null;
    this.#corrupt = null;
    return done;
  }

  /** Gives everything collected to the kernel, in one call. */
  flush(): void {
    if (this.#stalled) return;
    this.#closeRun();
    const parts = this.#parts;
    if (parts.length === 0) return;
    const held = this.#held;
    this.#parts = [];
    // What is held from here on waits for other parts. Releasing may itself let a command complete and hold again.
    this.#held = [];
    const digests = this.#digestCount;
    this.#digestCount = 0;
    this.#digestsEnd = 0;
    if (this.#closed) {
      this.#bytes = 0;
      releaseAll(held);
      return;
    }
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (digests > 0) native.writeCrcs(parts, this.#digests, digests);
    if (this.#corrupt !== null && this.#spoil(parts, this.#corrupt)) this.#corrupt = null;
    this.counters.writes++;
    this.counters.bytesOut += bytes;
    if (this.tap !== null) this.tap.sent(parts);
    const idle = this.#underWay.length === 0;
    const sent = idle ? sendNow(this.socket, parts) : 0;
    if (sent === bytes) {
      this.#slabAt = 0;
      this.#runFrom = 0;
      releaseAll(held);
      return;
    }
    if (idle) this.progressAt = this.clock.now();
    this.#underWay.push(held);
    this.#enqueue(parts, sent);
  }

  /** Turns a bit of a digest of the first PDU over, which lies in a slab of ours; false: there is no such digest. */
  #spoil(parts: readonly Buffer[], digest: 'header' | 'data'): boolean {
    if (parts.length === 0 || !(digest === 'header' ? this.headerDigest : this.dataDigest)) return false;
    let at = BHS_BYTES;
    if (digest === 'data') {
      const bytes = parts[0]!.readUIntBE(5, 3);
      if (bytes === 0) return false;
      at += (this.headerDigest ? DIGEST_BYTES : 0) + bytes + (-bytes & 3);
    }
    const part = parts.find((each) => {
      if (at < each.length) return true;
      at -= each.length;
      return false;
    })!;
    part[at]! ^= 1;
    return true;
  }

  /** Leaves what the kernel did not take, all but the first `sent` bytes, to the socket's own queue. */
  #enqueue(parts: readonly Buffer[], sent: number): void {
    const { socket } = this;
    let skip = sent;
    socket.cork();
    for (const part of parts) {
      if (part.length > skip) socket.write(skip === 0 ? part : part.subarray(skip));
      skip = Math.max(0, skip - part.length);
    }
    socket.write(EMPTY, this.#onWritten);
    socket.uncork();
    if (socket.writableLength > this.limit) this.congested = true;
  }

  /** The socket is closed: nothing is read from the buffers any more. */
  close(): void {
    this.#closed = true;
    this.#stalled = false;
    this.flush();
    for (const tasks of this.#underWay.splice(0)) releaseAll(tasks);
  }

  /** Room for `room` bytes in one piece, of which `used` are taken now. */
  #reserve(room: number, used: number): number {
    if (this.#slabAt + room > SLAB_BYTES) {
      this.#closeRun();
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabAt = 0;
      this.#runFrom = 0;
    }
    const at = this.#slabAt;
    this.#slabAt += used;
    this.#bytes += used;
    return at;
  }

  /** Leaves room for the digest of all collected from `from` on; begin() and endData() saw to it that there is some. */
  #digest(from: number): void {
    if (2 * this.#digestCount === this.#digests.length) {
      const more = new Uint32Array(2 * this.#digests.length);
      more.set(this.#digests);
      this.#digests = more;
    }
    this.#digests[2 * this.#digestCount] = from - this.#digestsEnd;
    this.#digests[2 * this.#digestCount + 1] = this.#bytes - from;
    this.#digestCount++;
    this.#slabAt += DIGEST_BYTES;
    this.#bytes += DIGEST_BYTES;
    this.#digestsEnd = this.#bytes;
  }

  #closeRun(): void {
    if (this.#runFrom === this.#slabAt) return;
    this.#parts.push(this.slab.subarray(this.#runFrom, this.#slabAt));
    this.#runFrom = this.#slabAt;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.clock.setImmediate(this.#onTurn);
  }
}

/**
 * Bytes that the kernel takes at once. An ordinary write costs a request object and several calls for each part, twice
 * as much as the system call. Nothing may wait in the socket's own queue.
 */
function sendNow(socket: Socket, parts: readonly Buffer[]): number {
  if (native.sendNow === null || socket.writableLength > 0) return 0;
  // Node has no documented way to the descriptor. The handle is gone once the socket is destroyed.
  const descriptor = (socket as { _handle?: { fd?: number } | null })._handle?.fd;
  return typeof descriptor === 'number' && descriptor >= 0 ? Math.max(0, native.sendNow(descriptor, parts)) : 0;
}

function releaseAll(tasks: readonly Task[]): void {
  for (let i = 0; i < tasks.length; i++) tasks[i]!.release();
}
