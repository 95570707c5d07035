/**
 * Follows one direction of an iSCSI connection from PDU to PDU without looking into them: says which bytes belong
 * to which one, and keeps nothing of them but a header that has not come whole yet.
 */
import {
  ahsBytes,
  BHS_BYTES,
  DIGEST_BYTES,
  dataSegmentLength,
  Opcode,
  opcodeOf,
  paddingOf,
} from '../../../../wire/iscsi/bhs.js';

export interface Digests {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
}

/**
 * Bytes of one PDU, in order, valid during the call. `head` is its BHS and AHS when the PDU begins with them, else null.
 */
export type PiecesOfPdu = (head: Buffer | null, pieces: readonly Buffer[], bytes: number) => void;

/** Login PDUs have no digests (RFC 7143 13.1), not even the last one, after which others do. */
const WITHOUT_DIGESTS: ReadonlySet<number> = new Set([Opcode.loginRequest, Opcode.loginResponse]);

export class PduFollower {
  /** The head of a PDU as far as it has come. */
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #headWanted = BHS_BYTES;
  /** Bytes of the PDU that are to come after its head. */
  #left = 0;

  /** @param digests what has been agreed for the connection, as it is when a PDU begins */
  constructor(private readonly digests: () => Digests) {}

  /** The next bytes of the stream. */
  follow(parts: readonly Buffer[], found: PiecesOfPdu): void {
    let head: Buffer | null = null;
    let pieces: Buffer[] = [];
    let bytes = 0;
    const pass = () => {
      if (bytes > 0) found(head, pieces, bytes);
      head = null;
      pieces = [];
      bytes = 0;
    };
    for (const part of parts) {
      let at = 0;
      while (at < part.length) {
        if (this.#left > 0) {
          const piece = part.subarray(at, at + this.#left);
          pieces.push(piece);
          bytes += piece.length;
          at += piece.length;
          this.#left -= piece.length;
        } else {
          const piece = part.subarray(at, at + this.#headWanted - this.#headBytes);
          at += piece.length;
          head = this.#takeHead(piece);
          if (head === null) continue;
          pieces.push(head);
          bytes += head.length;
        }
        if (this.#left === 0) pass();
      }
    }
    pass();
    if (this.#head.length > 0) this.#head.splice(0, this.#head.length, Buffer.concat(this.#head));
  }

  /** The head of a PDU, once it is whole; `#left` then says how much follows it. */
  #takeHead(piece: Buffer): Buffer | null {
    this.#head.push(piece);
    this.#headBytes += piece.length;
    if (this.#headBytes < this.#headWanted) return null;
    const head = this.#head.length === 1 ? piece : Buffer.concat(this.#head);
    if (head.length === BHS_BYTES && ahsBytes(head) > 0) {
      this.#headWanted = BHS_BYTES + ahsBytes(head);
      return null;
    }
    this.#head.length = 0;
    this.#headBytes = 0;
    this.#headWanted = BHS_BYTES;
    this.#left = this.#rest(head);
    return head;
  }

  #rest(head: Buffer): number {
    const digests = WITHOUT_DIGESTS.has(opcodeOf(head)) ? null : this.digests();
    const data = dataSegmentLength(head);
    const header = digests?.headerDigest === true ? DIGEST_BYTES : 0;
    if (data === 0) return header;
    return header + data + paddingOf(data) + (digests?.dataDigest === true ? DIGEST_BYTES : 0);
  }
}
