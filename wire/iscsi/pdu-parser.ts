/**
 * Cuts a byte stream into PDUs. Frame (RFC 7143 11.1):
 *
 *   BHS (48) | AHS (TotalAHSLength × 4) | header digest (0 or 4)
 *            | data segment (DataSegmentLength) | padding (0 to 3) | data digest (0 or 4)
 *
 * Each state below waits for its bytes. A part that lies in one chunk is a slice of it; only headers and
 * digests that straddle chunks, and crumbs of data, are copied. Data segments stay a list of slices, but for large
 * ones where the owner supplies memory: those are put together there, and what is missing of them can be received
 * there in the first place (`target`).
 */
import { AHS_MAX_BYTES, ahsBytes, BHS_BYTES, DIGEST_BYTES, dataSegmentLength, paddingOf } from './bhs.js';
import { dataDigest, headerDigest, readDigest } from './digest.js';

/** One PDU. Slices share memory with the chunks they came in. */
export class Pdu {
  constructor(
    readonly bhs: Buffer,
    readonly ahs: Buffer | null,
    /** The data segment in order, without padding. */
    readonly data: readonly Buffer[],
    readonly dataLength: number,
    /** False: the data digest did not match; `data` must not be used (RFC 7143 7.8). */
    readonly dataIntact: boolean,
    /** `data` is one buffer, from the owner's `SegmentMemory`. */
    readonly supplied = false,
  ) {}
}

export type PduErrorCode = 'data-segment-too-long' | 'ahs-too-long' | 'header-digest';

/** The stream cannot be followed any further: the connection must be dropped. */
export class PduError extends Error {
  override readonly name = 'PduError';
  constructor(
    readonly code: PduErrorCode,
    message: string,
    /** The header at fault, for Reject; after a header digest error it says nothing. */
    readonly bhs: Buffer,
  ) {
    super(message);
  }
}

/** Where large data segments are put together. */
export interface SegmentMemory {
  /** Shortest segment that it is asked for. */
  readonly fromBytes: number;
  /** A buffer of exactly `bytes` bytes, of any content. */
  take(bytes: number): Buffer;
}

export interface PduLimits {
  /** Longest data segment accepted: the MaxRecvDataSegmentLength declared to the other side. */
  maxDataSegment: number;
  /** Longest AHS accepted, bytes. */
  maxAhs: number;
}

/** As RFC 7143 13.12 has it before negotiation. */
export const LOGIN_LIMITS: Readonly<PduLimits> = { maxDataSegment: 8192, maxAhs: AHS_MAX_BYTES };

enum State {
  Header,
  AdditionalHeader,
  HeaderDigest,
  Data,
  Padding,
  DataDigest,
  Failed,
}

/** Pieces of data shorter than this are gathered, so that a sender of crumbs cannot make lists without limit. */
const CRUMB_BYTES = 1024;
const CRUMB_BUFFER_BYTES = 16384;

const NO_DATA: readonly Buffer[] = [];
const NOTHING = Buffer.alloc(0);

export class PduParser {
  /** May be changed from within `onPdu`; the next PDU is held to it. */
  readonly limits: PduLimits;
  /** May be switched from within `onPdu`: in force from the next PDU on. */
  headerDigest = false;
  dataDigest = false;
  /**
   * When set, a PDU whose header digest does not match is passed over and shown to it (ErrorRecoveryLevel 1 and 2). Its
   * lengths say where the next PDU begins, if they are right: the next header digest must match, or the stream is lost.
   */
  skipsDamaged: ((bhs: Buffer) => void) | null = null;

  /** The PDU under way is damaged, or the one before it was. */
  #damaged = false;
  #skipping = false;
  #state: State = State.Header;
  #bhs!: Buffer;
  #ahs: Buffer | null = null;
  #data: Buffer[] = [];
  #dataLength = 0;
  #missing = 0;
  /** Collects a header, AHS or digest that straddles chunks. */
  #partial: Buffer = Buffer.alloc(0);
  #partialFilled = 0;
  #crumbs: Buffer | null = null;
  #crumbsFilled = 0;
  /** Memory of the owner's for the data segment. */
  #segment: Buffer | null = null;

  /**
   * @param onPdu called for each PDU, before `push` returns. If it throws, the parser must not be used again.
   */
  constructor(
    private readonly onPdu: (pdu: Pdu) => void,
    limits: Readonly<PduLimits> = LOGIN_LIMITS,
    private readonly segments: SegmentMemory | null = null,
  ) {
    this.limits = { ...limits };
  }

  /** True while a PDU has begun and is not complete. */
  get midway(): boolean {
    return this.#state !== State.Header || this.#partialFilled > 0;
  }

  /** Where the next bytes of the stream may be put by who receives them, to be told of by `filled`; or null. */
  get target(): Buffer | null {
    if (this.#segment === null || this.#state !== State.Data) return null;
    return this.#segment.subarray(this.#dataLength - this.#missing);
  }

  /** `bytes` bytes were put where `target` said. Throws as `push` does. */
  filled(bytes: number): void {
    this.#missing -= bytes;
    if (this.#missing === 0) this.push(NOTHING);
  }

  /**
   * Takes the next bytes of the stream, the first `end` of `chunk`; keeps slices of `chunk`, and while it is midway
   * perhaps without having handed any out.
   * @throws PduError: a limit is exceeded or a header digest does not match. Nothing may be pushed afterwards.
   */
  push(chunk: Buffer, end = chunk.length): void {
    let at = 0;
    for (;;) {
      switch (this.#state) {
        case State.Header: {
          if (at === end) return;
          const bhs = this.#take(chunk, at, end, BHS_BYTES);
          if (bhs === null) return;
          at = this.#taken;
          this.#beginPdu(bhs);
          break;
        }
        case State.AdditionalHeader: {
          const ahs = this.#take(chunk, at, end, ahsBytes(this.#bhs));
          if (ahs === null) return;
          at = this.#taken;
          this.#ahs = ahs;
          this.#state = this.headerDigest ? State.HeaderDigest : State.Data;
          break;
        }
        case State.HeaderDigest: {
          const digest = this.#takeDigest(chunk, at, end);
          if (digest < 0) return;
          at = this.#taken;
          this.#checkHeader(digest);
          this.#state = State.Data;
          break;
        }
        case State.Data: {
          if (this.#missing > 0) {
            if (at === end) return;
            if (this.segments !== null && this.#missing >= this.segments.fromBytes && this.#data.length === 0) {
              this.#segment ??= this.segments.take(this.#dataLength);
            }
            const stop = Math.min(end, at + this.#missing);
            this.#addData(chunk, at, stop);
            this.#missing -= stop - at;
            at = stop;
            if (this.#missing > 0) return;
          }
          if (this.#dataLength === 0) this.#finishPdu(true);
          else {
            this.#missing = paddingOf(this.#dataLength);
            this.#state = State.Padding;
          }
          break;
        }
        case State.Padding: {
          const skip = Math.min(end - at, this.#missing);
          at += skip;
          this.#missing -= skip;
          if (this.#missing > 0) return;
          if (this.dataDigest) this.#state = State.DataDigest;
          else this.#finishPdu(true);
          break;
        }
        case State.DataDigest: {
          const digest = this.#takeDigest(chunk, at, end);
          if (digest < 0) return;
          at = this.#taken;
          this.#finishPdu(digest === dataDigest(this.#dataParts(), this.#dataLength));
          break;
        }
        case State.Failed:
          throw new Error('PDU parser used after an error');
      }
    }
  }

  /** Where the last `#take` that succeeded ended. */
  #taken = 0;

  /** `bytes` bytes from `at` on, or null after keeping what there is up to `end`. */
  #take(chunk: Buffer, at: number, end: number, bytes: number): Buffer | null {
    if (this.#partialFilled === 0 && end - at >= bytes) {
      this.#taken = at + bytes;
      return chunk.subarray(at, at + bytes);
    }
    if (this.#partialFilled === 0) this.#partial = Buffer.allocUnsafe(bytes);
    const stop = Math.min(end, at + bytes - this.#partialFilled);
    chunk.copy(this.#partial, this.#partialFilled, at, stop);
    this.#partialFilled += stop - at;
    if (this.#partialFilled < bytes) return null;
    this.#partialFilled = 0;
    this.#taken = stop;
    return this.#partial;
  }

  /** As `#take`; −1: there is too little. A digest in one piece needs no slice. */
  #takeDigest(chunk: Buffer, at: number, end: number): number {
    if (this.#partialFilled === 0 && end - at >= DIGEST_BYTES) {
      this.#taken = at + DIGEST_BYTES;
      return readDigest(chunk, at);
    }
    const digest = this.#take(chunk, at, end, DIGEST_BYTES);
    return digest === null ? -1 : readDigest(digest, 0);
  }

  #beginPdu(bhs: Buffer): void {
    const length = dataSegmentLength(bhs);
    this.#bhs = bhs;
    this.#dataLength = length;
    this.#missing = length;
    if (ahsBytes(bhs) > 0) this.#state = State.AdditionalHeader;
    else this.#state = this.headerDigest ? State.HeaderDigest : State.Data;
    // With a header digest the lengths are judged once it is verified; until then at most 1024 bytes are awaited.
    if (!this.headerDigest) this.#checkLengths();
  }

  #checkHeader(digest: number): void {
    if (headerDigest(this.#bhs, this.#ahs) === digest) this.#damaged = false;
    else if (this.skipsDamaged === null || this.#damaged) this.#fail('header-digest', 'header digest does not match');
    else {
      this.#damaged = true;
      this.#skipping = true;
      if (this.#dataLength > this.limits.maxDataSegment) this.#fail('header-digest', 'header digest does not match');
    }
    this.#checkLengths();
  }

  #checkLengths(): void {
    const additional = ahsBytes(this.#bhs);
    if (additional > this.limits.maxAhs) {
      this.#fail('ahs-too-long', `AHS of ${additional} bytes, at most ${this.limits.maxAhs} allowed`);
    }
    if (this.#dataLength <= this.limits.maxDataSegment) return;
    this.#fail(
      'data-segment-too-long',
      `data segment of ${this.#dataLength} bytes, at most ${this.limits.maxDataSegment} allowed`,
    );
  }

  #fail(code: PduErrorCode, message: string): never {
    this.#state = State.Failed;
    throw new PduError(code, message, this.#bhs);
  }

  #addData(chunk: Buffer, at: number, stop: number): void {
    const bytes = stop - at;
    if (this.#segment !== null) {
      chunk.copy(this.#segment, this.#dataLength - this.#missing, at, stop);
      return;
    }
    if (bytes >= CRUMB_BYTES || bytes === this.#dataLength) {
      this.#data.push(at === 0 && stop === chunk.length ? chunk : chunk.subarray(at, stop));
      return;
    }
    while (at < stop) {
      if (this.#crumbs === null) {
        this.#crumbs = Buffer.allocUnsafe(Math.min(CRUMB_BUFFER_BYTES, this.#missing - (bytes - (stop - at))));
        this.#crumbsFilled = 0;
      }
      const from = this.#crumbsFilled;
      const copied = chunk.copy(this.#crumbs, from, at, stop);
      this.#crumbsFilled += copied;
      at += copied;
      this.#appendCrumb(from, this.#crumbsFilled);
      if (this.#crumbsFilled === this.#crumbs.length) this.#crumbs = null;
    }
  }

  /** Lengthens the last slice when it is the crumb buffer's, so that crumbs in a row are one slice. */
  #appendCrumb(from: number, to: number): void {
    const crumbs = this.#crumbs!;
    const last = this.#data[this.#data.length - 1];
    const follows =
      last !== undefined && last.buffer === crumbs.buffer && last.byteOffset + last.length === crumbs.byteOffset + from;
    if (follows) this.#data[this.#data.length - 1] = crumbs.subarray(from - last.length, to);
    else this.#data.push(crumbs.subarray(from, to));
  }

  #dataParts(): Buffer[] {
    return this.#segment === null ? this.#data : [this.#segment];
  }

  #finishPdu(dataIntact: boolean): void {
    const data = this.#dataLength === 0 ? NO_DATA : this.#dataParts();
    const pdu = new Pdu(this.#bhs, this.#ahs, data, this.#dataLength, dataIntact, this.#segment !== null);
    this.#segment = null;
    this.#ahs = null;
    if (this.#dataLength > 0) this.#data = [];
    this.#crumbs = null;
    this.#state = State.Header;
    if (this.#skipping) this.#skip(pdu);
    else this.onPdu(pdu);
  }

  #skip(pdu: Pdu): void {
    this.#skipping = false;
    // With a data digest the lengths can be judged right here.
    if (!pdu.dataIntact) this.#fail('header-digest', 'header digest and data digest do not match');
    this.skipsDamaged!(pdu.bhs);
  }
}
