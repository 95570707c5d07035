/** The RODs that the CSCDs of one copy operation name (SPC-5 5.17.7.5). */
import type { Cscd, RodAddress } from '../../../wire/scsi/cscd.js';
import type { ReceivedCopyList } from '../../../wire/scsi/extended-copy.js';
import { ROD_TOKEN_BYTES, RodType } from '../../../wire/scsi/rod-token.js';
import { insufficientResourcesForRod, type Sense } from '../../../wire/scsi/sense.js';
import type { IoFailure } from '../../volumes/block-layer.js';
import type { Ldev } from '../../volumes/model.js';
import type { CopyEnd, CopyOperation, Issuer } from '../copy-operation.js';
import type { CopyTarget } from '../copy-target.js';
import { PopulatedRod } from './populated-rod.js';
import { zeroRod } from './rod.js';
import { RodLimits, zeroLengths } from './rod-limits.js';
import { RodTarget } from './rod-target.js';
import type { RodToken, RodTokens, TokenRequest } from './rod-tokens.js';

/** What RODs need of the logical unit that got the command. */
export interface RodMeans {
  readonly ldev: Ldev;
  readonly tokens: RodTokens;
  /** The sender may still reach it. */
  reachable(): boolean;
  /** What its tokens tell of it, as it is now. */
  origin(): Pick<TokenRequest, 'creator' | 'capacity' | 'target' | 'initiator'>;
  /** Of failed reads: of its own blocks, and of what a token represents, which the sender need not be able to reach. */
  senseOf(failure: IoFailure): Sense;
  senseOfTokenRead(failure: IoFailure): Sense;
}

export interface CopyRod {
  /** Byte of its CSCD descriptor. */
  readonly at: number;
  /** What it is read by; null: it holds nothing, or no more. From then on it is populated no further. */
  reader(): CopyTarget | null;
  /** Whether a segment 07h finds it good (SPC-5 6.4.6.9). */
  verify(): boolean;
}

/** What a token represents. */
class TokenRod implements CopyRod {
  readonly at: number;
  private readonly target: RodTarget;

  /** @param token null: the block device zero ROD token */
  constructor(
    { blockLength, at }: Cscd,
    readonly token: RodToken | null,
    readonly deletes: boolean,
    means: RodMeans,
  ) {
    this.at = at;
    const { ldev, senseOfTokenRead: senseOf } = means;
    const zeroSize = zeroLengths.has(blockLength) ? blockLength : ldev.blockSize;
    const blockSize = token === null ? zeroSize : token.ldev.blockSize;
    this.target = new RodTarget({ rod: token?.rod ?? zeroRod, blockSize, ended: () => !this.verify(), senseOf });
  }

  reader(): CopyTarget | null {
    return this.verify() ? this.target : null;
  }

  verify(): boolean {
    return this.token === null || this.token.ended === null;
  }
}

/** A ROD that segments of the list populate. */
export class InternalRod implements CopyRod {
  readonly rod: PopulatedRod;
  /** Segments before this one have populated it. */
  populatedTo = 0;
  /** Another segment has named it since. */
  complete = false;
  private readonly target: RodTarget;

  constructor(
    readonly cscd: Cscd,
    readonly address: RodAddress,
    private readonly means: RodMeans,
  ) {
    const { ldev, senseOf } = means;
    this.rod = new PopulatedRod(ldev, address.type);
    this.target = new RodTarget({ rod: this.rod, blockSize: ldev.blockSize, ended: () => this.ended, senseOf });
  }

  /** Asked with each command, as of the logical unit itself: who may no longer read that gets no more of the ROD. */
  private get ended(): boolean {
    return this.rod.lost !== null || !this.means.reachable();
  }

  get at(): number {
    return this.cscd.at;
  }

  /** It is to become a token, and there is something that it represents. */
  get wantsToken(): boolean {
    return this.address.wantsToken && this.populatedTo > 0;
  }

  reader(): CopyTarget | null {
    this.complete = true;
    return this.populatedTo > 0 && !this.ended ? this.target : null;
  }

  verify(): boolean {
    this.complete = true;
    return true;
  }
}

export class CopyRods {
  private constructor(
    private readonly rods: ReadonlyMap<number, TokenRod | InternalRod>,
    private readonly means: RodMeans,
  ) {}

  /** Of a list that `refusalOfRods` has not refused; or why a token of it cannot be used. */
  static of({ list, inline, inlineAt }: ReceivedCopyList, means: RodMeans): CopyRods | Sense {
    const rods = new Map<number, TokenRod | InternalRod>();
    for (const [id, cscd] of list.cscds) {
      if (cscd === 'extension' || cscd.address.kind !== 'rod') continue;
      const { address } = cscd;
      if (address.type !== RodType.ofToken) {
        rods.set(id, new InternalRod(cscd, address, means));
        continue;
      }
      const { tokenOffset, deleteToken } = address;
      const bytes = inline.subarray(tokenOffset, tokenOffset + ROD_TOKEN_BYTES);
      const token = means.tokens.find(bytes, means.origin().target, inlineAt + tokenOffset);
      if (token !== null && 'key' in token) return token;
      rods.set(id, new TokenRod(cscd, token, deleteToken, means));
    }
    return new CopyRods(rods, means);
  }

  /** The ROD that a CSCD ID names. */
  get(id: number): CopyRod | null {
    return this.rods.get(id) ?? null;
  }

  /** One that segments may populate. */
  internal(id: number): InternalRod | null {
    const rod = this.rods.get(id);
    return rod instanceof InternalRod ? rod : null;
  }

  /** The copy begins: tokens do not expire as long as it goes on. */
  begin(): void {
    for (const rod of this.rods.values()) {
      if (rod instanceof TokenRod && rod.token !== null) this.means.tokens.use(rod.token);
    }
  }

  /**
   * The copy has ended: its RODs end, but for those that become tokens.
   * @returns how it ends: perhaps there is no room for the tokens
   */
  close(operation: CopyOperation<Issuer>, end: CopyEnd): CopyEnd {
    // Without an I_T nexus that could ask for them, nobody would ever have them.
    const told = end === null && !operation.orphaned && this.means.reachable();
    const wanted = told ? this.wantedTokens() : [];
    const made = wanted.length > 0 && this.makeTokens(operation, wanted);
    for (const rod of this.rods.values()) {
      if (rod instanceof InternalRod) {
        if (!made || !rod.wantsToken) rod.rod.release();
      } else if (rod.token !== null) {
        this.means.tokens.unuse(rod.token, rod.deletes);
      }
    }
    return wanted.length > 0 && !made ? insufficientResourcesForRod() : end;
  }

  private wantedTokens(): (readonly [number, InternalRod])[] {
    const wanted: (readonly [number, InternalRod])[] = [];
    for (const [id, rod] of this.rods) if (rod instanceof InternalRod && rod.wantsToken) wanted.push([id, rod]);
    return wanted;
  }

  /** All of them, or none if there is no room. */
  private makeTokens(operation: CopyOperation<Issuer>, wanted: readonly (readonly [number, InternalRod])[]): boolean {
    const { tokens } = this.means;
    const origin = this.means.origin();
    if (tokens.left(origin.initiator) < wanted.length) return false;
    const made = wanted.map(([_id, { rod, address }]) => {
      const lifetime = Math.max(address.lifetime, RodLimits.minLifetime);
      const inactivityTimeout = address.inactivityTimeout || Number.POSITIVE_INFINITY;
      return tokens.create({ ...origin, rod, lifetime, inactivityTimeout });
    });
    const told = wanted.map(([cscd], index) => ({ cscd, token: made[index]!.bytes }));
    operation.created(told, () => tokens.withdraw(made));
    return true;
  }
}
