/**
 * One connection in one capture: the bytes that pass above TCP become packets with headers as they may have been on
 * the wire: a handshake before the first, sequence numbers that follow each other, FIN at the end. Each packet holds
 * bytes of one PDU only. (What TCP really sent, its own segments and repetitions, is not known here.)
 */
import { PACKET_AT } from '../../../../wire/capture/pcapng.js';
import {
  type Endpoint,
  type Flow,
  headerBytes,
  SEGMENT_BYTES,
  TcpFlag,
  writeHeaders,
} from '../../../../wire/capture/tcp-ip.js';
import { type Capture, Direction } from '../../capture/capture.js';

/** One end's bytes. */
interface Side {
  readonly flow: Flow;
  readonly direction: Direction;
  /** Of its next byte. */
  sequence: number;
  /** On the PDU that its latest bytes are of. */
  comment: string | null;
}

const NOTHING: readonly Buffer[] = [];

/** A connection that nobody knows the initiator of yet may make so many bytes of packets. */
const HELD_BYTES = 256 * 1024;

export class TcpStream {
  readonly #host: Side;
  readonly #array: Side;
  /** Packets of a connection whose initiator has not said its name; null: it has, or it does not matter. */
  #held: Buffer[] | null;
  #heldBytes = 0;
  #begun = false;
  #ended = false;

  /** @param named the initiator is known to be one that the capture wants */
  constructor(
    private readonly capture: Capture,
    private readonly port: string,
    host: Endpoint,
    array: Endpoint,
    named: boolean,
  ) {
    const sequence = capture.initialSequence();
    this.#host = { flow: { from: host, to: array }, direction: Direction.inbound, sequence, comment: null };
    this.#array = { flow: { from: array, to: host }, direction: Direction.outbound, sequence, comment: null };
    this.#held = named ? null : [];
  }

  /**
   * Bytes of a PDU from the host, or with `outbound` to it.
   * @param comment null: they are not its first ones
   */
  pass(outbound: boolean, pieces: readonly Buffer[], bytes: number, comment: string | null): void {
    if (this.#ended) return;
    this.#begin();
    const side = outbound ? this.#array : this.#host;
    if (comment !== null) side.comment = comment;
    const continued = side.comment === null ? null : `${side.comment} (continued)`;
    for (let from = 0; from < bytes; from += SEGMENT_BYTES) {
      const length = Math.min(SEGMENT_BYTES, bytes - from);
      const last = from + length === bytes;
      const flags = last ? TcpFlag.ack | TcpFlag.push : TcpFlag.ack;
      this.#segment(side, flags, from === 0 ? (comment ?? continued) : continued, pieces, from, length);
    }
  }

  /** The initiator has said its name. */
  named(wanted: boolean): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    if (!wanted) this.#ended = true;
    else for (const block of held) this.capture.write(block);
  }

  /** The connection is closed, by the host or by the array. */
  closed(byHost: boolean): void {
    if (this.#ended) return;
    if (this.#begun) {
      const [first, second] = byHost ? [this.#host, this.#array] : [this.#array, this.#host];
      this.#control(first, TcpFlag.fin | TcpFlag.ack);
      this.#control(second, TcpFlag.fin | TcpFlag.ack);
      this.#control(first, TcpFlag.ack);
    }
    this.#held = null;
    this.#ended = true;
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#control(this.#host, TcpFlag.syn);
    this.#control(this.#array, TcpFlag.syn | TcpFlag.ack);
    this.#control(this.#host, TcpFlag.ack);
  }

  /** A segment without data; SYN and FIN count as one byte. */
  #control(side: Side, flags: number): void {
    this.#segment(side, flags, null, NOTHING, 0, 0);
    if ((flags & (TcpFlag.syn | TcpFlag.fin)) !== 0) side.sequence = (side.sequence + 1) >>> 0;
  }

  /** Bytes `from` to `from + length` of the pieces as one packet. */
  #segment(
    side: Side,
    flags: number,
    comment: string | null,
    pieces: readonly Buffer[],
    from: number,
    length: number,
  ): void {
    const other = side === this.#host ? this.#array : this.#host;
    const acknowledgment = (flags & TcpFlag.ack) === 0 ? 0 : other.sequence;
    const headers = headerBytes(side.flow, flags);
    const block = this.capture.block(this.port, side.direction, comment, headers + length);
    copyRange(pieces, from, length, block, PACKET_AT + headers);
    writeHeaders(block, PACKET_AT, side.flow, { sequence: side.sequence, acknowledgment, flags }, length);
    side.sequence = (side.sequence + length) >>> 0;
    this.#give(block);
  }

  #give(block: Buffer): void {
    if (this.#held === null) {
      this.capture.write(block);
      return;
    }
    this.#heldBytes += block.length;
    if (this.#heldBytes <= HELD_BYTES) this.#held.push(block);
    else this.named(false);
  }
}

function copyRange(pieces: readonly Buffer[], from: number, length: number, to: Buffer, at: number): void {
  let skip = from;
  let done = 0;
  for (const piece of pieces) {
    if (done === length) return;
    if (skip >= piece.length) {
      skip -= piece.length;
      continue;
    }
    done += piece.copy(to, at + done, skip, Math.min(piece.length, skip + length - done));
    skip = 0;
  }
}
