/**
 * The ROD tokens of the array (SPC-5 5.17.6). A token is good for whoever has it, as the standard wants it; so it holds
 * 256 bytes of random numbers, is compared as a whole, and is told once, to the I_T nexus that asked for it. Tokens do
 * not survive the array: they are unknown then.
 */

import { timingSafeEqual } from 'node:crypto';
import {
  decodeRodToken,
  EXTENDED_BYTES,
  encodeRodToken,
  ROD_TOKEN_LENGTH,
  RodTokenField,
  type RodTokenSpec,
  RodType,
  targetField,
} from '../../../wire/scsi/rod-token.js';
import {
  invalidTokenLength,
  remoteTokenUsage,
  type Sense,
  tokenCancelled,
  tokenCorrupt,
  tokenDeleted,
  tokenExpired,
  tokenRevoked,
  tokenUnknown,
  unsupportedTokenType,
} from '../../../wire/scsi/sense.js';
import type { Clock } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { Ldev } from '../../volumes/model.js';
import type { LostCause } from '../../volumes/point-in-time/types.js';
import type { PopulatedRod } from './populated-rod.js';
import { RodLimits, rodTypes } from './rod-limits.js';

const ID_BYTES = 8;

/** Why a token can be used no more; each has its additional sense code. */
const ends = {
  expired: tokenExpired,
  deleted: tokenDeleted,
  cancelled: tokenCancelled,
  revoked: tokenRevoked,
} as const;
type End = keyof typeof ends;

/** What the copy manager could not help is a cancellation, what an administrator did a revocation. */
const endOf: Readonly<Record<LostCause, End>> = {
  changed: 'cancelled',
  'no-space': 'cancelled',
  failed: 'cancelled',
  sanitized: 'cancelled',
  expanded: 'revoked',
  deleted: 'revoked',
};

/** What a token is made of. */
export interface TokenRequest extends Pick<RodTokenSpec, 'creator' | 'capacity' | 'target'> {
  /** The token's from then on. */
  readonly rod: PopulatedRod;
  /** Seconds that it is good for at most, and without being used. */
  readonly lifetime: number;
  readonly inactivityTimeout: number;
  readonly initiator: string;
}

export class RodToken {
  ended: End | null = null;
  timer: { cancel(): void } | null = null;
  /** Commands that use it now: until they have ended it does not expire. */
  users = 0;
  /** Clock of the latest moment that it can be good at. */
  readonly deadline: number;

  constructor(
    readonly bytes: Buffer,
    private readonly request: TokenRequest,
    now: number,
  ) {
    this.deadline = now + request.lifetime * 1e9;
  }

  get rod(): PopulatedRod {
    return this.request.rod;
  }

  get ldev(): Ldev {
    return this.rod.ldev;
  }

  get initiator(): string {
    return this.request.initiator;
  }

  /** Milliseconds. */
  get inactivityTimeout(): number {
    return this.request.inactivityTimeout * 1000;
  }

  get identifier(): string {
    return this.bytes.toString('latin1', RodTokenField.identifier, RodTokenField.identifier + ID_BYTES);
  }
}

export class RodTokens {
  /** By identifier, oldest first: those that are good, and those that have ended and are remembered. */
  private readonly tokens = new Map<string, RodToken>();

  constructor(
    private readonly clock: Pick<Clock, 'now' | 'setTimeout'>,
    private readonly random: Random,
  ) {}

  /** How many more there may be for an initiator. */
  left(initiator: string): number {
    const good = [...this.tokens.values()].filter(({ ended }) => ended === null);
    const own = good.filter((token) => token.initiator === initiator);
    return Math.min(RodLimits.tokens - good.length, RodLimits.tokensOfInitiator - own.length);
  }

  /** Makes a token of a ROD; there is room for it. */
  create(request: TokenRequest): RodToken {
    const { rod, creator, capacity, target } = request;
    const bytes = encodeRodToken({
      // The copy manager says which type it chose (SPC-5 5.17.6.2.3.5).
      type: rod.type === RodType.pointInTimeAny ? RodType.pointInTimePersistent : rod.type,
      identifier: this.random.bytes(ID_BYTES),
      creator,
      bytes: rod.bytes,
      capacity,
      target,
      secret: this.random.bytes(EXTENDED_BYTES),
    });
    const token = new RodToken(bytes, request, this.clock.now());
    this.tokens.set(token.identifier, token);
    this.arm(token);
    rod.onLost = (cause) => this.end(token, endOf[cause]);
    if (rod.lost !== null) rod.onLost(rod.lost);
    return token;
  }

  /**
   * The token that these bytes are, null for the block device zero ROD token, or why it cannot be used.
   * @param target designation descriptor of the SCSI target device
   * @param at byte of the parameter list where the token begins
   */
  find(bytes: Buffer, target: Buffer, at: number): RodToken | null | Sense {
    const fields = decodeRodToken(bytes);
    if (fields.length !== ROD_TOKEN_LENGTH) return invalidTokenLength(at + RodTokenField.length);
    if (fields.type === RodType.zero) return null;
    const known = rodTypes.some(({ type, tokenIn }) => tokenIn && type === fields.type);
    if (!known) return unsupportedTokenType(at + RodTokenField.type);
    if (!fields.target.equals(targetField(target))) return remoteTokenUsage(at + RodTokenField.target);
    const token = this.tokens.get(fields.identifier.toString('latin1'));
    if (token === undefined) return tokenUnknown(at);
    if (!timingSafeEqual(token.bytes, bytes)) return tokenCorrupt(at);
    return token.ended === null ? token : this.refusalOf(token, at);
  }

  /** Of a token that has ended. */
  refusalOf(token: RodToken, at: number): Sense {
    return ends[token.ended ?? 'cancelled'](at);
  }

  /** A command begins to use it. */
  use(token: RodToken): void {
    token.users++;
    token.timer?.cancel();
  }

  /** The command has ended. @param remove it asked for the token's deletion */
  unuse(token: RodToken, remove: boolean): void {
    token.users--;
    if (remove) this.end(token, 'deleted');
    else if (token.users === 0 && token.ended === null) this.arm(token);
  }

  /** Ends those that were made of blocks which who made them may no longer read. */
  revoke(lost: (token: Pick<RodToken, 'ldev' | 'initiator'>) => boolean): void {
    for (const token of this.tokens.values()) if (token.ended === null && lost(token)) this.end(token, 'revoked');
  }

  /** Ends tokens that nobody has been told of. */
  withdraw(tokens: readonly RodToken[]): void {
    for (const token of tokens) this.end(token, 'cancelled');
  }

  /** Those that are good and were made of an LDEV. */
  ofLdev(id: number): readonly RodToken[] {
    return [...this.tokens.values()].filter(({ ended, ldev }) => ended === null && ldev.id === id);
  }

  /** The array stops. */
  close(): void {
    for (const token of this.tokens.values()) this.end(token, 'revoked');
  }

  private arm(token: RodToken): void {
    const left = (token.deadline - this.clock.now()) / 1e6;
    const ms = Math.max(0, Math.min(token.inactivityTimeout, left));
    token.timer = this.clock.setTimeout(() => this.end(token, 'expired'), ms);
  }

  private end(token: RodToken, why: End): void {
    if (token.ended !== null) return;
    token.ended = why;
    token.timer?.cancel();
    token.rod.release();
    const ended = [...this.tokens.values()].filter((one) => one.ended !== null);
    for (const one of ended.slice(0, Math.max(0, ended.length - RodLimits.ended))) this.tokens.delete(one.identifier);
  }
}
