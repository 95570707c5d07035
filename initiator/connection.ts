/**
 * One TCP connection: PDUs in, PDUs out. What is sent while a chunk is being taken in, or in one turn of the
 * event loop, leaves in one gathered write.
 */
import type { Duplex } from 'node:stream';
import {
  AHS_MAX_BYTES,
  BHS_BYTES,
  DIGEST_BYTES,
  paddingOf,
  setAhsLength,
  setDataSegmentLength,
} from '../wire/iscsi/bhs.js';
import { dataDigest, headerDigest, writeDigest } from '../wire/iscsi/digest.js';
import { type Pdu, PduParser } from '../wire/iscsi/pdu-parser.js';

/** Bytes of the buffer that headers are encoded into; a fresh one is taken when it is full. */
const STAGE_BYTES = 65536;
/** Data up to this size is copied next to its header: cheaper than one more element in the gathered write. */
const COPY_BYTES = 512;

const NOTHING: readonly Buffer[] = [];

/** Told what happens on a connection. */
export interface ConnectionOwner {
  received(pdu: Pdu): void;
  /** After all PDUs of a chunk were given to `received`. */
  chunkEnd(): void;
  /** Once; null when the target ended the stream in order. */
  closed(error: Error | null): void;
}

export class Connection {
  /** Where the next header goes: encode at the offset that `begin` returns. */
  stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
  owner: ConnectionOwner | null = null;
  private used = 0;
  /** Start of what `stage` holds and `parts` does not. */
  private from = 0;
  private parts: Buffer[] = [];
  private receiving = false;
  private flushPlanned = false;
  private closed = false;
  private headerDigest = false;
  private dataDigest = false;
  private readonly parser: PduParser;

  constructor(
    private readonly stream: Duplex,
    maxDataSegmentLength: number,
  ) {
    this.parser = new PduParser((pdu) => this.deliver(pdu), {
      maxDataSegment: maxDataSegmentLength,
      maxAhs: AHS_MAX_BYTES,
    });
    stream.on('data', (chunk: Buffer) => this.take(chunk));
    stream.on('error', (error) => this.close(error));
    stream.on('end', () => this.close(null));
    stream.on('close', () => this.close(null));
  }

  /** From the next PDU on, both ways (RFC 7143 6.3.3: after the last login response). */
  useDigests(header: boolean, data: boolean): void {
    this.headerDigest = header;
    this.dataDigest = data;
    this.parser.headerDigest = header;
    this.parser.dataDigest = data;
  }

  /** PDUs whose header digest does not match are passed over, not the end of the connection (ErrorRecoveryLevel 1 and 2). */
  skipDamaged(): void {
    this.parser.skipsDamaged = () => {};
  }

  /** Makes room for a header and its AHS in `stage`; returns where to encode it. */
  begin(ahsBytes = 0): number {
    if (this.used + BHS_BYTES + ahsBytes + COPY_BYTES + 16 > STAGE_BYTES) this.newStage();
    return this.used;
  }

  /**
   * Completes the PDU whose header was encoded at `at`.
   * @param data its data segment, `bytes` long in total; must stay as it is until sent
   */
  finish(at: number, data: readonly Buffer[] = NOTHING, bytes = 0, ahs: Buffer | null = null): void {
    let end = at + BHS_BYTES;
    if (ahs !== null) {
      setAhsLength(this.stage, at, ahs.length);
      ahs.copy(this.stage, end);
      end += ahs.length;
    }
    setDataSegmentLength(this.stage, at, bytes);
    if (this.headerDigest) {
      writeDigest(this.stage, end, headerDigest(this.stage.subarray(at, end), null));
      end += DIGEST_BYTES;
    }
    this.used = end;
    if (bytes > 0) this.addData(data, bytes);
    if (!this.receiving && !this.flushPlanned) {
      this.flushPlanned = true;
      queueMicrotask(() => this.flush());
    }
  }

  /** Sends what has been gathered. */
  flush(): void {
    this.flushPlanned = false;
    this.takeStaged();
    const { parts, stream } = this;
    if (parts.length === 0 || this.closed) return;
    this.parts = [];
    if (parts.length === 1) {
      stream.write(parts[0]);
      return;
    }
    stream.cork();
    for (const part of parts) stream.write(part);
    stream.uncork();
  }

  /** Ends the stream after what is gathered; `closed` is not called. */
  end(): void {
    this.flush();
    this.closed = true;
    this.stream.end(() => this.stream.destroy());
  }

  /** Drops the connection; `closed` is not called. */
  destroy(): void {
    this.closed = true;
    this.stream.destroy();
  }

  private addData(data: readonly Buffer[], bytes: number): void {
    const padding = paddingOf(bytes);
    if (bytes <= COPY_BYTES) {
      for (const part of data) this.used += part.copy(this.stage, this.used);
    } else {
      this.takeStaged();
      for (const part of data) this.parts.push(part);
    }
    if (padding > 0) this.stage.fill(0, this.used, this.used + padding);
    this.used += padding;
    if (!this.dataDigest) return;
    writeDigest(this.stage, this.used, dataDigest(data, bytes));
    this.used += DIGEST_BYTES;
  }

  private takeStaged(): void {
    if (this.used > this.from) this.parts.push(this.stage.subarray(this.from, this.used));
    this.from = this.used;
  }

  private newStage(): void {
    this.takeStaged();
    this.stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
    this.used = 0;
    this.from = 0;
  }

  private take(chunk: Buffer): void {
    if (this.closed) return;
    this.receiving = true;
    try {
      this.parser.push(chunk);
      if (!this.closed) this.owner?.chunkEnd();
    } catch (error) {
      this.close(error as Error);
      return;
    } finally {
      this.receiving = false;
    }
    this.flush();
  }

  /** What is left of a chunk after the connection was dropped is of no interest. */
  private deliver(pdu: Pdu): void {
    if (!this.closed) this.owner?.received(pdu);
  }

  private close(error: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    this.stream.destroy();
    this.owner?.closed(error);
  }
}
