/**
 * The ROD tokens of the array (SPC-5 5.17.6). A token is good for whoever has it, as the standard wants it; so it holds
 * 256 bytes of random numbers, is compared as a whole, and is told once, to the I_T nexus that asked for it. Tokens do
 * not survive the array: they are unknown then.
 */

import { timingSafeEqual } from 'node:crypto';
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
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
import type { LostCause, PointInTime } from '../../volumes/point-in-time/types.js';
import { ImageRod, type Rod, zeroRod } from './rod.js';
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
export interface TokenRequest extends Pick<RodTokenSpec, 'type' | 'creator' | 'capacity' | 'target'> {
  readonly ldev: Ldev;
  readonly ranges: readonly BlockRange[];
  /** Seconds. */
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
  /** Null once it has ended. */
  image: PointInTime | null = null;
  rod: Rod = zeroRod;

  constructor(
    readonly bytes: Buffer,
    readonly request: Pick<TokenRequest, 'ldev' | 'inactivityTimeout' | 'initiator'>,
    now: number,
  ) {
    this.deadline = now + RodLimits.lifetime * 1e9;
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

  /**
   * Makes a token of blocks as they are now; no command that changes them is under way. Null: there are too many of the
   * array's or of the initiator's, or images of the LDEV.
   */
  create(request: TokenRequest): RodToken | null {
    const good = [...this.tokens.values()].filter(({ ended }) => ended === null);
    const own = good.filter((token) => token.request.initiator === request.initiator);
    if (good.length >= RodLimits.tokens || own.length >= RodLimits.tokensOfInitiator) return null;
    const { ldev, ranges, type, creator, capacity, target, inactivityTimeout, initiator } = request;
    const bytes = encodeRodToken({
      // The copy manager says which type it chose (SPC-5 5.17.6.2.3.5).
      type: type === RodType.pointInTimeAny ? RodType.pointInTimePersistent : type,
      identifier: this.random.bytes(ID_BYTES),
      creator,
      bytes: ranges.reduce((sum, { blocks }) => sum + blocks, 0) * ldev.blockSize,
      capacity,
      target,
      secret: this.random.bytes(EXTENDED_BYTES),
    });
    const token = new RodToken(bytes, { ldev, inactivityTimeout, initiator }, this.clock.now());
    // Change vulnerable: what takes the least, whatever that does to how long it lasts (SPC-5 5.17.6.2.3.3).
    const onChange = type === RodType.pointInTimeVulnerable ? 'end' : 'keep';
    const image = ldev.freeze?.(ranges, onChange, (cause) => this.end(token, endOf[cause])) ?? null;
    if (image === null) return null;
    token.image = image;
    token.rod = new ImageRod(image, ranges, ldev.blockSize);
    this.tokens.set(token.identifier, token);
    this.arm(token);
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
  revoke(lost: (request: Pick<TokenRequest, 'ldev' | 'initiator'>) => boolean): void {
    for (const token of this.tokens.values())
      if (token.ended === null && lost(token.request)) this.end(token, 'revoked');
  }

  /** Those that are good and were made of an LDEV. */
  ofLdev(id: number): readonly RodToken[] {
    return [...this.tokens.values()].filter(({ ended, request }) => ended === null && request.ldev.id === id);
  }

  /** The array stops. */
  close(): void {
    for (const token of this.tokens.values()) this.end(token, 'revoked');
  }

  private arm(token: RodToken): void {
    const left = (token.deadline - this.clock.now()) / 1e6;
    const ms = Math.max(0, Math.min(token.request.inactivityTimeout * 1000, left));
    token.timer = this.clock.setTimeout(() => this.end(token, 'expired'), ms);
  }

  private end(token: RodToken, why: End): void {
    if (token.ended !== null) return;
    token.ended = why;
    token.timer?.cancel();
    token.image?.release();
    token.image = null;
    const ended = [...this.tokens.values()].filter((one) => one.ended !== null);
    for (const one of ended.slice(0, Math.max(0, ended.length - RodLimits.ended))) this.tokens.delete(one.identifier);
  }
}
