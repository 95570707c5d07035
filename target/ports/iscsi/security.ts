/** Security negotiation, the target's side (RFC 7143 12.1): AuthMethod None and CHAP, one-way and mutual. */
import { createHash } from 'node:crypto';
import { LoginStatus } from '../../../wire/iscsi/bhs.js';
import {
  type ChapAlgorithm,
  chapResponse,
  chapResponseMatches,
  chooseChapAlgorithm,
  decodeBinary,
  decodeChapIdentifier,
  encodeBinary,
  isReflectedChallenge,
} from '../../../wire/iscsi/chap.js';
import type { TextPair } from '../../../wire/iscsi/text.js';
import type { Random } from '../../disk/types.js';
import type { AuthMethod, ChapUser, HostGroup } from '../../volumes/model.js';

/** A login that is refused: wire status, and the precise cause for the log. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused';
  constructor(
    readonly status: LoginStatus,
    message: string,
  ) {
    super(message);
  }
}

const CHALLENGE_BYTES = 16;

type State =
  | { readonly step: 'method' }
  | { readonly step: 'algorithm' }
  | {
      readonly step: 'response';
      readonly algorithm: ChapAlgorithm;
      readonly identifier: number;
      readonly challenge: Buffer;
    }
  | { readonly step: 'done' };

/** What was proved is as much as is asked for. */
export function satisfies(proved: AuthMethod, demanded: AuthMethod): boolean {
  return demanded === 'none' || demanded === proved || proved === 'mutual-chap';
}

/** The user that an initiator has proved to be is still one; null: it did not have to prove anything. */
export function isInitiator(name: string | null, users: readonly ChapUser[]): boolean {
  return name === null || users.some((user) => user.role === 'initiator' && user.name === name);
}

export class Security {
  #state: State = { step: 'method' };
  authentication: 'none' | 'chap' | 'mutual-chap' = 'none';
  /** CHAP user that the initiator has proved to be. */
  user: string | null = null;

  /**
   * @param group the target logged in to; null for a discovery session, which any initiator user may prove
   * @param discoveryAuth what discovery sessions have to prove
   */
  constructor(
    private readonly group: HostGroup | null,
    private readonly discoveryAuth: AuthMethod,
    private readonly users: () => readonly ChapUser[],
    private readonly random: Random,
  ) {}

  /** True when full feature phase may follow. */
  get satisfied(): boolean {
    return this.#state.step === 'done' || (this.#state.step === 'method' && !this.required);
  }

  /** CHAP was chosen and is not finished. */
  get begun(): boolean {
    return this.#state.step === 'algorithm' || this.#state.step === 'response';
  }

  /** CHAP is asked for. */
  get required(): boolean {
    return this.#demanded !== 'none';
  }

  /** What was proved is what is asked for now: host group and users may have been changed during the login. */
  get sufficient(): boolean {
    return satisfies(this.authentication, this.#demanded) && isInitiator(this.user, this.users());
  }

  get #demanded(): AuthMethod {
    return this.group === null ? this.discoveryAuth : this.group.auth;
  }

  /**
   * Works off the security keys of one request.
   * @throws LoginRefused
   */
  receive(pairs: ReadonlyMap<string, string>): TextPair[] {
    const answers: TextPair[] = [];
    const method = pairs.get('AuthMethod');
    if (method !== undefined) answers.push(['AuthMethod', this.#chooseMethod(method)]);
    const algorithms = pairs.get('CHAP_A');
    if (algorithms !== undefined) answers.push(...this.#challenge(algorithms));
    if (pairs.has('CHAP_N') || pairs.has('CHAP_R')) answers.push(...this.#verify(pairs));
    else if (pairs.has('CHAP_I') || pairs.has('CHAP_C')) {
      throw new LoginRefused(LoginStatus.initiatorError, 'CHAP_I or CHAP_C without CHAP_N and CHAP_R');
    }
    return answers;
  }

  #chooseMethod(offered: string): string {
    if (this.#state.step !== 'method') throw new LoginRefused(LoginStatus.initiatorError, 'AuthMethod given again');
    const methods = offered.split(',');
    if (!this.required && methods.includes('None')) {
      this.#state = { step: 'done' };
      return 'None';
    }
    if (methods.includes('CHAP')) {
      this.#state = { step: 'algorithm' };
      return 'CHAP';
    }
    throw new LoginRefused(
      LoginStatus.authenticationFailure,
      this.required ? `CHAP is required, offered was ${offered}` : `no AuthMethod of ${offered} is supported`,
    );
  }

  #challenge(offered: string): TextPair[] {
    if (this.#state.step !== 'algorithm') throw new LoginRefused(LoginStatus.initiatorError, 'CHAP_A out of turn');
    const algorithm = chooseChapAlgorithm(offered);
    if (algorithm === null) {
      throw new LoginRefused(LoginStatus.authenticationFailure, `no CHAP algorithm of ${offered} is supported`);
    }
    const identifier = this.random.below(256);
    const challenge = this.random.bytes(CHALLENGE_BYTES);
    this.#state = { step: 'response', algorithm, identifier, challenge };
    return [
      ['CHAP_A', String(algorithm.id)],
      ['CHAP_I', String(identifier)],
      ['CHAP_C', encodeBinary(challenge)],
    ];
  }

  #verify(pairs: ReadonlyMap<string, string>): TextPair[] {
    const state = this.#state;
    if (state.step !== 'response') throw new LoginRefused(LoginStatus.initiatorError, 'CHAP_R out of turn');
    const name = pairs.get('CHAP_N');
    const given = decodeBinary(pairs.get('CHAP_R') ?? '');
    if (name === undefined || given === null) {
      throw new LoginRefused(LoginStatus.initiatorError, 'CHAP_N or CHAP_R missing or malformed');
    }
    const user = this.users().find((each) => each.role === 'initiator' && each.name === name);
    // An unknown user costs the same computation as a known one.
    const secret = user?.secret ?? createHash('sha256').update(state.challenge).digest('hex');
    const expected = chapResponse(state.algorithm, state.identifier, secret, state.challenge);
    if (!chapResponseMatches(expected, given) || user === undefined) {
      throw new LoginRefused(
        LoginStatus.authenticationFailure,
        `CHAP user ${JSON.stringify(name)}: no such user, or wrong secret`,
      );
    }
    if (!this.#mayUse(user)) {
      throw new LoginRefused(
        LoginStatus.authorizationFailure,
        `CHAP user ${JSON.stringify(name)} is not for this host group`,
      );
    }
    const proof = this.#prove(pairs, state);
    this.#state = { step: 'done' };
    this.authentication = proof.length > 0 ? 'mutual-chap' : 'chap';
    this.user = name;
    return proof;
  }

  /** Answers the initiator's own challenge, if it sent one. */
  #prove(
    pairs: ReadonlyMap<string, string>,
    { algorithm, challenge: sent }: { readonly algorithm: ChapAlgorithm; readonly challenge: Buffer },
  ): TextPair[] {
    const id = pairs.get('CHAP_I');
    const binary = pairs.get('CHAP_C');
    if (id === undefined && binary === undefined) {
      if (this.#demanded !== 'mutual-chap') return [];
      throw new LoginRefused(
        LoginStatus.authenticationFailure,
        'mutual CHAP is required, the initiator sent no challenge',
      );
    }
    const identifier = decodeChapIdentifier(id ?? '');
    const challenge = decodeBinary(binary ?? '');
    if (identifier === null || challenge === null) {
      throw new LoginRefused(LoginStatus.initiatorError, 'CHAP_I or CHAP_C missing or malformed');
    }
    if (isReflectedChallenge(sent, challenge)) {
      throw new LoginRefused(LoginStatus.authenticationFailure, "the initiator sent the target's own challenge back");
    }
    const user = this.users().find((each) => each.role === 'target' && this.#mayUse(each));
    if (user === undefined) {
      throw new LoginRefused(
        LoginStatus.authenticationFailure,
        'mutual CHAP asked for, but no user of role target is set up',
      );
    }
    return [
      ['CHAP_N', user.name],
      ['CHAP_R', encodeBinary(chapResponse(algorithm, identifier, user.secret, challenge))],
    ];
  }

  #mayUse(user: ChapUser): boolean {
    return (
      user.hostGroups.length === 0 ||
      (this.group !== null && user.hostGroups.includes(this.group.id)) ||
      this.#isDiscovery(user)
    );
  }

  /** A discovery session names no host group: any initiator user will do. */
  #isDiscovery(user: ChapUser): boolean {
    return this.group === null && user.role === 'initiator';
  }
}
