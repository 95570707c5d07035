/** The initiator's side of CHAP (RFC 7143 12.1.3), one-way or mutual. No I/O. */
import {
  type ChapAlgorithm,
  chapAlgorithms,
  chapResponse,
  chapResponseMatches,
  decodeBinary,
  decodeChapIdentifier,
  encodeBinary,
  isReflectedChallenge,
} from '../wire/iscsi/chap.js';
import { LoginError } from './errors.js';
import type { ChapCredentials } from './options.js';

const CHALLENGE_BYTES = 32;

export class ChapInitiator {
  /** True once this side has given its response. */
  finished = false;
  private state: 'start' | 'offered' | 'responded' | 'done' = 'start';
  private algorithm: ChapAlgorithm | null = null;
  private identifier = 0;
  private challenge: Buffer | null = null;

  constructor(
    private readonly own: ChapCredentials,
    private readonly peer: ChapCredentials | null,
    private readonly random: (count: number) => Buffer,
  ) {
    // One secret for both directions lets the target's response be had from the initiator itself.
    if (peer && peer.secret === own.secret) {
      throw new LoginError('the secrets of initiator and target are the same, which RFC 7143 9.2.1 forbids');
    }
  }

  /**
   * The keys of the next step, or null when authentication is complete.
   * @param answers all the target has said so far
   * @throws LoginError
   */
  next(answers: ReadonlyMap<string, string>): [string, string][] | null {
    switch (this.state) {
      case 'start':
        this.state = 'offered';
        return [['CHAP_A', chapAlgorithms.map(({ id }) => id).join(',')]];
      case 'offered':
        this.state = 'responded';
        this.finished = true;
        return this.respond(answers);
      case 'responded':
        this.state = 'done';
        if (this.peer) this.check(this.peer, answers);
        return null;
      case 'done':
        return null;
    }
  }

  private respond(answers: ReadonlyMap<string, string>): [string, string][] {
    this.algorithm = chapAlgorithms.find(({ id }) => String(id) === answers.get('CHAP_A')) ?? null;
    const identifier = decodeChapIdentifier(answers.get('CHAP_I') ?? '');
    const challenge = decodeBinary(answers.get('CHAP_C') ?? '');
    if (!this.algorithm || identifier === null || challenge === null) {
      throw new LoginError('the CHAP challenge of the target is incomplete or malformed');
    }
    const keys: [string, string][] = [
      ['CHAP_N', this.own.user],
      ['CHAP_R', encodeBinary(chapResponse(this.algorithm, identifier, this.own.secret, challenge))],
    ];
    if (this.peer) {
      this.identifier = this.random(1)[0]!;
      this.challenge = this.random(CHALLENGE_BYTES);
      if (isReflectedChallenge(this.challenge, challenge)) throw new LoginError('the CHAP challenges are the same');
      keys.push(['CHAP_I', String(this.identifier)], ['CHAP_C', encodeBinary(this.challenge)]);
    }
    return keys;
  }

  private check(peer: ChapCredentials, answers: ReadonlyMap<string, string>): void {
    const given = decodeBinary(answers.get('CHAP_R') ?? '');
    const expected = chapResponse(this.algorithm!, this.identifier, peer.secret, this.challenge!);
    const right = given !== null && answers.get('CHAP_N') === peer.user && chapResponseMatches(expected, given);
    if (!right) throw new LoginError('the target did not prove itself: its CHAP name or response is wrong');
  }
}
