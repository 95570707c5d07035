import { readUint64 } from '../../../wire/scsi/cdb.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { encodeLbaStatus, ProvisioningStatus } from '../../../wire/scsi/lba-status.js';
import { Opcode } from '../../../wire/scsi/opcodes.js';
import type { Sense } from '../../../wire/scsi/sense.js';
import { Status } from '../../../wire/scsi/status.js';
import type { Io, IoFailure } from '../../volumes/block-layer.js';
import { ZERO_BLOCKS } from '../copy-limits.js';
import type { CopyTarget, ReplyDone } from '../copy-target.js';
import type { Rod } from './rod.js';

const LBA_AT = 2;
const COUNT_AT = 10;

const nothing = () => {};

/** How the copy manager reads RODs. */
export const ROD_IO: Io = { priority: 'background', initiator: '', fua: false, dpo: true };

export interface RodSource {
  readonly rod: Rod;
  readonly blockSize: number;
  /** It represents nothing any more. */
  ended(): boolean;
  senseOf(failure: IoFailure): Sense;
}

/**
 * A ROD as the block device that it functions as for segments (SPC-5 5.17.7.6): it answers READ(16) and GET LBA STATUS,
 * which is all that copies ask of a source.
 */
export class RodTarget implements CopyTarget {
  readonly identity = this;
  readonly deviceType = DeviceType.directAccess;
  readonly streamBlockLength = 0;
  readonly longestStreamBlock = 0;
  readonly thin = true;

  constructor(private readonly source: RodSource) {}

  get blockSize(): number {
    return this.source.blockSize;
  }

  get blocks(): number {
    return Math.floor(Math.min(this.source.rod.bytes, Number.MAX_SAFE_INTEGER) / this.blockSize);
  }

  send(cdb: Buffer, _dataOut: readonly Buffer[], done: ReplyDone): () => void {
    const lba = readUint64(cdb, LBA_AT);
    if (this.source.ended()) done(null);
    else if (cdb[0] === Opcode.read16) this.read(lba, cdb.readUInt32BE(COUNT_AT), done);
    else this.lbaStatus(lba, done);
    return nothing;
  }

  private read(lba: number, blocks: number, done: ReplyDone): void {
    const { rod, blockSize } = this.source;
    rod.read(ROD_IO, lba * blockSize, blocks * blockSize, (failure, data, release) => {
      if (failure === null) {
        done({ status: Status.good, sense: null, data, release });
        return;
      }
      release();
      this.failed(failure, done);
    });
  }

  private lbaStatus(lba: number, done: ReplyDone): void {
    const { rod, blockSize } = this.source;
    const most = Math.min(this.blocks - lba, ZERO_BLOCKS) * blockSize;
    rod.allocation(lba * blockSize, most, (failure, { blocks: bytes, mapped }) => {
      if (failure !== null) {
        this.failed(failure, done);
        return;
      }
      const status = mapped ? ProvisioningStatus.mapped : ProvisioningStatus.deallocated;
      const data = [encodeLbaStatus([{ lba, blocks: bytes / blockSize, status }])];
      done({ status: Status.good, sense: null, data, release: nothing });
    });
  }

  private failed(failure: IoFailure, done: ReplyDone): void {
    if (this.source.ended()) done(null);
    else done({ status: Status.checkCondition, sense: this.source.senseOf(failure), data: [], release: nothing });
  }
}
