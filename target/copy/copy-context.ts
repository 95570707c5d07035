import type { Segment } from '../../wire/scsi/copy-segments.js';
import { type Cscd, CscdField, type UnitAddress } from '../../wire/scsi/cscd.js';
import { OWN_UNIT } from '../../wire/scsi/extended-copy.js';
import { DeviceType } from '../../wire/scsi/inquiry.js';
import { RodType } from '../../wire/scsi/rod-token.js';
import {
  type CopyAborted,
  copyInvalidField,
  incorrectCopyTargetDeviceType,
  invalidCopyOperation,
  type Sense,
  thirdPartyDeviceFailure,
  unreachableCopyTarget,
} from '../../wire/scsi/sense.js';
import { Status } from '../../wire/scsi/status.js';
import type { CopyOperation, Failure, Issuer } from './copy-operation.js';
import { type CopyMeans, CopySteps } from './copy-steps.js';
import type { CopyTarget, OwnTarget, Reply, ReplyDone } from './copy-target.js';
import type { CopyRods } from './rod/copy-rods.js';

/** What a copy operation works with; `target/scsi` supplies it. */
export interface CopySurroundings extends CopyMeans {
  /** The logical unit that a CSCD descriptor names, as far as the sender of the command may reach it; else null. */
  resolve(address: UnitAddress): CopyTarget | null;
  /** The logical unit that got the command; null: its sender may no longer reach it. */
  own(): OwnTarget | null;
  /** That CSCD descriptors of the list name. */
  readonly rods: CopyRods;
  /** Of the parameter list. */
  readonly inline: Buffer;
}

export type Role = 'source' | 'destination';

type Answered = (failure: Failure | null, reply: Reply | null) => void;

/** One end of a segment. */
export interface EndPoint {
  readonly role: Role;
  readonly target: CopyTarget;
  readonly pad: boolean;
  /** Of a stream device: bytes per block that its transfers count, null: they count bytes. */
  readonly streamBlock: number | null;
  /** Byte of the CSCD descriptor in the parameter list; null: the segment names the command's own logical unit. */
  readonly at: number | null;
}

/** Byte of the CSCD IDs in a segment descriptor. */
const ID_BYTE: Readonly<Record<Role, number>> = { source: 4, destination: 6 };

/** Of a ROD that a token represents, the token says it (SPC-5 6.4.5.9). */
function typeSaid({ address, deviceType }: Cscd, target: CopyTarget): number {
  return address.kind === 'rod' && address.type === RodType.ofToken ? target.deviceType : deviceType;
}

/** What a segment is refused with whose CSCD says another type than it is for (SPC-5 6.4.6.13, 5.17.7.4). */
function otherType({ kind }: Segment): CopyAborted {
  return kind === 'motion' || kind === 'tape-image' ? invalidCopyOperation : incorrectCopyTargetDeviceType;
}

/** Whether a descriptor says the block length that there is; of a tape it counts with FIXED only. */
function fits({ blockLength, fixed }: Cscd, target: CopyTarget): boolean {
  if (target.deviceType === DeviceType.sequentialAccess) return !fixed || blockLength === target.streamBlockLength;
  return blockLength === 0 || blockLength === target.blockSize;
}

/** What the segments of one operation share: its ends, its commands, the data left over between segments. */
export class CopyContext {
  /** Residual source and destination data (SPC-5 5.17.7.2). */
  residual: { readonly source: Buffer; readonly destination: Buffer } = {
    source: Buffer.alloc(0),
    destination: Buffer.alloc(0),
  };

  readonly steps: CopySteps;

  constructor(
    readonly operation: CopyOperation<Issuer>,
    private readonly surroundings: CopySurroundings,
  ) {
    this.steps = new CopySteps(operation, surroundings);
  }

  get inline(): Buffer {
    return this.surroundings.inline;
  }

  get rods(): CopyRods {
    return this.surroundings.rods;
  }

  own(): OwnTarget | null {
    return this.surroundings.own();
  }

  /**
   * The logical unit that a segment names, if it is reachable and what its descriptor says.
   * @param type PERIPHERAL DEVICE TYPE that the segment is for; null: any
   */
  endPoint(segment: Segment, role: Role, type: number | null = DeviceType.directAccess): EndPoint | Sense {
    const { number } = segment;
    const id = role === 'source' ? segment.source : segment.destination;
    const inSegment = { inCdb: false, byte: ID_BYTE[role], inSegment: true };
    if (id === OWN_UNIT) {
      const target = this.surroundings.own();
      if (target === null) return unreachableCopyTarget({ segment: number, field: inSegment });
      if (type !== null && target.deviceType !== type) {
        return otherType(segment)({ segment: number, field: inSegment });
      }
      return { role, target, pad: false, streamBlock: null, at: null };
    }
    const { list } = this.operation;
    const cscd = list.cscds.get(id);
    // In LID4 the header stands where ID 0 would be (SPC-5 6.4.5.2).
    if (id === 0 && list.format === 'lid4') return copyInvalidField({ segment: number, field: inSegment });
    if (cscd === 'extension') return copyInvalidField({ segment: number, field: inSegment });
    if (cscd === undefined) return unreachableCopyTarget({ segment: number, field: inSegment });
    const target = cscd.nul ? null : this.targetOf(id, cscd);
    const at = (byte: number) => ({ segment: number, field: { inCdb: false, byte: cscd.at + byte } });
    if (target === null) return unreachableCopyTarget(at(0));
    const wanted = type ?? target.deviceType;
    const said = typeSaid(cscd, target);
    if (said !== wanted) return otherType(segment)(at(CscdField.deviceType));
    if (target.deviceType !== wanted) return incorrectCopyTargetDeviceType(at(CscdField.deviceType));
    const streamBlock = wanted === DeviceType.sequentialAccess && cscd.fixed ? cscd.blockLength : null;
    if (!fits(cscd, target)) return incorrectCopyTargetDeviceType(at(CscdField.blockLength));
    return { role, target, pad: cscd.pad, streamBlock, at: cscd.at };
  }

  private targetOf(id: number, { address }: Cscd): CopyTarget | null {
    return address.kind === 'rod' ? this.rods.get(id)!.reader() : this.surroundings.resolve(address);
  }

  /**
   * Sends a command. `done` gets the reply if it is GOOD, or one that `tolerates` accepts; else what the copy fails with.
   */
  send(
    segment: Segment,
    end: EndPoint,
    command: {
      readonly cdb: Buffer;
      readonly data?: readonly Buffer[];
      readonly tolerates?: (reply: Reply) => boolean;
    },
    done: Answered,
  ): void {
    const { cdb, data = [], tolerates } = command;
    this.perform(segment, end, { begin: (ended) => end.target.send(cdb, data, ended), tolerates }, done);
  }

  /** As `send`, of a command that `begin` sends; it returns what gives it up. */
  perform(
    segment: Segment,
    end: EndPoint,
    command: {
      readonly begin: (done: ReplyDone) => () => void;
      readonly tolerates: ((reply: Reply) => boolean) | undefined;
    },
    done: Answered,
  ): void {
    this.steps.perform(command.begin, (reply) => {
      const field = end.at === null ? undefined : { inCdb: false, byte: end.at };
      const where = { segment: segment.number, ...(field && { field }) };
      if (reply === 'stopped') {
        done('stopped', null);
      } else if (reply === null) {
        done(unreachableCopyTarget(where), null);
      } else if (reply.status === Status.good || command.tolerates?.(reply)) {
        done(null, reply);
      } else {
        const { status, sense } = reply;
        reply.release();
        done(thirdPartyDeviceFailure({ ...where, forwarded: { from: end.role, status, sense } }), null);
      }
    });
  }
}
