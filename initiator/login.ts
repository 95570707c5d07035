/**
 * Login phase of the initiator (RFC 7143 6.3): which request to send next, given the responses so far. No I/O.
 */
import { randomBytes } from 'node:crypto';
import { ChapInitiator } from './chap-initiator.js';
import { LoginError } from './errors.js';
import {
  concludeJoining,
  concludeNegotiation,
  connectionOffer,
  operationalOffer,
  type SessionParameters,
} from './login-negotiation.js';
import type { ResolvedOptions } from './options.js';

/** Stages, as in CSG and NSG (RFC 7143 11.12.3). */
export const Stage = { security: 0, operational: 1, fullFeature: 3 } as const;

/** What the next Login Request carries. */
export interface LoginStep {
  readonly stage: number;
  readonly nextStage: number;
  readonly transit: boolean;
  readonly keys: readonly (readonly [string, string])[];
}

/** The parts of a Login Response that matter here. */
export interface LoginAnswer {
  readonly stage: number;
  readonly nextStage: number;
  readonly transit: boolean;
  readonly keys: readonly (readonly [string, string])[];
}

/** A target that keeps the initiator negotiating for longer than this is not going to end. */
const MAX_EXCHANGES = 32;

/** Keys a target declares without being asked; anything else unasked is answered NotUnderstood. */
const DECLARATIONS: ReadonlySet<string> = new Set([
  'TargetAlias',
  'TargetAddress',
  'TargetName',
  'TargetPortalGroupTag',
  'MaxRecvDataSegmentLength',
  'AuthMethod',
]);

export class Login {
  private readonly answers = new Map<string, string>();
  private readonly offered = new Set<string>();
  private readonly chap: ChapInitiator | null;
  private stage: number = Stage.security;
  private authenticated = false;
  private operationalSent = false;
  private exchanges = 0;

  constructor(
    private readonly options: ResolvedOptions,
    /** Null: a discovery session. */
    private readonly targetName: string | null,
    random: (count: number) => Buffer = randomBytes,
    /** Of the session that the connection is to join; null: it is a new session's leading connection. */
    private readonly joining: SessionParameters | null = null,
  ) {
    this.chap = options.chap ? new ChapInitiator(options.chap, options.mutualChap, random) : null;
  }

  /** The first request. */
  start(): LoginStep {
    const { options } = this;
    const keys: [string, string][] = [['InitiatorName', options.initiatorName]];
    if (options.initiatorAlias !== '') keys.push(['InitiatorAlias', options.initiatorAlias]);
    keys.push(['SessionType', this.targetName === null ? 'Discovery' : 'Normal']);
    if (this.targetName !== null) keys.push(['TargetName', this.targetName]);
    // Who demands that the target prove itself must not offer to go without.
    keys.push(['AuthMethod', this.chap ? (options.mutualChap ? 'CHAP' : 'CHAP,None') : 'None']);
    return { stage: Stage.security, nextStage: Stage.operational, transit: this.chap === null, keys };
  }

  /**
   * Takes a response (status 0000h, all its continuations joined).
   * @returns the next request, or the session's parameters when the full feature phase has begun
   * @throws LoginError
   */
  next(answer: LoginAnswer): LoginStep | SessionParameters {
    this.exchanges += 1;
    if (this.exchanges > MAX_EXCHANGES)
      throw new LoginError(`the target does not finish login in ${MAX_EXCHANGES} exchanges`);
    if (answer.stage !== this.stage) {
      throw new LoginError(`the target answers in stage ${answer.stage} to a request in stage ${this.stage}`);
    }
    const replies = this.take(answer.keys);
    return this.stage === Stage.security ? this.security(answer) : this.operational(answer, replies);
  }

  /** Notes what the target said; returns replies to keys it brought up itself. */
  private take(keys: LoginAnswer['keys']): [string, string][] {
    const replies: [string, string][] = [];
    for (const [key, value] of keys) {
      const asked = this.offered.has(key) || DECLARATIONS.has(key) || key.startsWith('CHAP_');
      if (!asked) replies.push([key, 'NotUnderstood']);
      this.answers.set(key, value);
    }
    return replies;
  }

  private security(answer: LoginAnswer): LoginStep | SessionParameters {
    const keys = this.authenticate();
    if (keys !== null) {
      if (answer.transit) throw new LoginError('the target ends authentication before it has begun');
      return { stage: Stage.security, nextStage: Stage.operational, transit: this.chap!.finished, keys };
    }
    if (!answer.transit) return { stage: Stage.security, nextStage: Stage.operational, transit: true, keys: [] };
    if (answer.nextStage === Stage.fullFeature) return this.conclude();
    if (answer.nextStage !== Stage.operational) throw new LoginError(`the target goes to stage ${answer.nextStage}`);
    this.stage = Stage.operational;
    return this.offer([]);
  }

  /** The keys of the next CHAP step, or null when authentication is done or not wanted. */
  private authenticate(): [string, string][] | null {
    if (this.authenticated) return null;
    const method = this.answers.get('AuthMethod') ?? 'None';
    if (method === 'None') {
      if (this.options.mutualChap) throw new LoginError('the target does not prove itself: it chose AuthMethod=None');
      this.authenticated = true;
      return null;
    }
    if (method !== 'CHAP' || !this.chap) {
      throw new LoginError(
        method === 'CHAP' || method === 'Reject'
          ? 'the target wants CHAP: give user and secret'
          : `the target chose AuthMethod=${method}`,
      );
    }
    const keys = this.chap.next(this.answers);
    if (keys === null) this.authenticated = true;
    return keys;
  }

  private operational(answer: LoginAnswer, replies: [string, string][]): LoginStep | SessionParameters {
    if (answer.transit) {
      if (answer.nextStage !== Stage.fullFeature) throw new LoginError(`the target goes to stage ${answer.nextStage}`);
      return this.conclude();
    }
    return this.offer(replies);
  }

  private offer(replies: [string, string][]): LoginStep {
    const keys = [...replies];
    if (!this.operationalSent) {
      this.operationalSent = true;
      const { options, joining } = this;
      keys.push(...(joining === null ? operationalOffer(options, this.targetName === null) : connectionOffer(options)));
    }
    for (const [key] of keys) this.offered.add(key);
    return { stage: Stage.operational, nextStage: Stage.fullFeature, transit: true, keys };
  }

  private conclude(): SessionParameters {
    if (this.options.mutualChap && !this.chap?.finished) throw new LoginError('the target did not prove itself');
    const { options, joining, answers } = this;
    return joining === null ? concludeNegotiation(options, answers) : concludeJoining(options, joining, answers);
  }
}

/** Whether `next` returned parameters, that is, whether login is over. */
export function isConcluded(step: LoginStep | SessionParameters): step is SessionParameters {
  return 'maxBurstLength' in step;
}
