/** Where a connection gives what it receives and sends, while captures want it. */
import { addressBytes, type Endpoint } from '../../../../wire/capture/tcp-ip.js';
import type { Capture } from '../../capture/capture.js';
import { type AddressedUnit, PduComments } from './pdu-comments.js';
import { type Digests, PduFollower } from './pdu-follower.js';
import { TcpStream } from './tcp-stream.js';

/** What a tap has to know of its connection. */
export interface TappedConnection {
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly remotePort?: number | undefined;
    readonly localAddress?: string | undefined;
    readonly localPort?: number | undefined;
  };
  /** As agreed so far. */
  readonly parameters: Digests;
  /** Null until the initiator has said it. */
  readonly initiatorName: string | null;
  readonly portName: string;
  /** What the host sees under a LUN; null: nothing, or it is before login. */
  unitAt(lun: number): AddressedUnit | null;
}

interface Tapped {
  readonly capture: Capture;
  readonly stream: TcpStream;
  readonly inbound: PduFollower;
  readonly outbound: PduFollower;
  readonly comments: PduComments;
  /** Input is followed: since the first PDU that began after the capture did. */
  follows: boolean;
}

export class ConnectionTap {
  readonly #taps: Tapped[] = [];

  constructor(private readonly connection: TappedConnection) {}

  get idle(): boolean {
    return this.#taps.length === 0;
  }

  add(capture: Capture): void {
    const { connection } = this;
    const { initiatorName, socket, portName } = connection;
    const { port, initiator } = capture.options;
    if (port !== null && port !== portName) return;
    if (initiator !== null && initiatorName !== null && initiator !== initiatorName) return;
    const host = endpoint(socket.remoteAddress, socket.remotePort);
    const array = endpoint(socket.localAddress, socket.localPort);
    // The socket is already closed.
    if (host === null || array === null) return;
    const named = initiator === null || initiatorName !== null;
    const digests = () => connection.parameters;
    this.#taps.push({
      capture,
      stream: new TcpStream(capture, portName, host, array, named),
      inbound: new PduFollower(digests),
      outbound: new PduFollower(digests),
      comments: new PduComments((lun) => connection.unitAt(lun)),
      follows: false,
    });
  }

  remove(capture: Capture): void {
    const index = this.#taps.findIndex((tap) => tap.capture === capture);
    if (index >= 0) this.#taps.splice(index, 1);
  }

  /** The initiator has said its name. */
  named(initiator: string): void {
    for (const { capture, stream } of this.#taps) stream.named(capture.options.initiator === initiator);
  }

  /**
   * Input has come, and has not been looked at yet.
   * @param begins it is the beginning of a PDU
   */
  received(input: Buffer, begins: boolean): void {
    for (const tap of this.#taps) {
      tap.follows ||= begins;
      if (tap.follows) tap.inbound.follow([input], (...pdu) => pass(tap, false, ...pdu));
    }
  }

  /** Whole PDUs are given to the kernel. */
  sent(output: readonly Buffer[]): void {
    for (const tap of this.#taps) tap.outbound.follow(output, (...pdu) => pass(tap, true, ...pdu));
  }

  closed(byHost: boolean): void {
    for (const { stream } of this.#taps) stream.closed(byHost);
    this.#taps.length = 0;
  }
}

function pass(
  { stream, comments }: Tapped,
  outbound: boolean,
  head: Buffer | null,
  pieces: readonly Buffer[],
  bytes: number,
): void {
  stream.pass(outbound, pieces, bytes, head === null ? null : comments.of(head));
}

function endpoint(address: string | undefined, port: number | undefined): Endpoint | null {
  const bytes = address === undefined ? null : addressBytes(address);
  return bytes === null || port === undefined ? null : { address: bytes, port };
}
