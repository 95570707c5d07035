/** SCSI commands to one logical unit, as promises. */

import { describeSense } from '../wire/scsi/additional-sense.js';
import type { BlockRange } from '../wire/scsi/block-ranges.js';
import * as build from '../wire/scsi/cdb-build.js';
import { commandName } from '../wire/scsi/command-names.js';
import { DeviceType } from '../wire/scsi/inquiry.js';
import { encodeLun } from '../wire/scsi/lun.js';
import { PI_BYTES } from '../wire/scsi/protection.js';
import { SenseKey } from '../wire/scsi/sense.js';
import { decodeSense } from '../wire/scsi/sense-codec.js';
import {
  type CapacityData,
  decodeCapacity10,
  decodeCapacity16,
  decodeLbaStatus,
  decodeLuns,
  type LbaExtent,
} from './decode/block.js';
import { decodeInquiry, type InquiryData } from './decode/inquiry.js';
import { type BlockLimitsData, decodeBlockLimits, decodeProvisioning, type ProvisioningData } from './decode/vpd.js';
import { CheckCondition, type InitiatorError, ProtocolError, StatusError } from './errors.js';
import { isReissuable } from './reissuable.js';
import type { Session } from './session.js';
import { ATTRIBUTES, ScsiStatus, ScsiTask, STATUS_NAMES, type TaskAttributeName } from './task.js';

/** Data of a raw command. */
export interface CommandData {
  /** Most bytes to receive; 0 for none. */
  readonly dataIn?: number;
  readonly dataOut?: Buffer | readonly Buffer[];
  readonly attribute?: TaskAttributeName;
  readonly timeoutMs?: number;
  /** Whether the command may be sent again after a lost connection; by default as its operation code allows. */
  readonly reissuable?: boolean;
}

/** Outcome of a command that ended with GOOD or CONDITION MET. */
export interface CommandResult {
  readonly status: number;
  /** As much as was received. */
  readonly data: Buffer;
  /** Positive: fewer bytes were transferred than announced; negative: more would have been. */
  readonly residual: number;
}

/** Unit attentions, BUSY and TASK SET FULL are met this often before a command fails with them. */
const RETRIES = 8;
const BUSY_DELAY_MS = 25;
const ALLOCATION_BYTES = 4096;
/** Where a unit tells no limit, transfers are cut into pieces of this size. */
const DEFAULT_TRANSFER_BYTES = 4 << 20;
const LBA_STATUS_BYTES = 8 + 16 * 512;
const UNIT_REPORT_BYTES = 8 + 8 * 1024;

/** How blocks of a unit are read and written. */
export interface BlockAccess {
  read(lba: number, blocks: number): Promise<Buffer>;
  /** Whole blocks. */
  write(lba: number, data: Buffer): Promise<void>;
}

export class LogicalUnit implements BlockAccess {
  /** The LUN as it goes into PDUs. */
  readonly address: Buffer;
  /** PERIPHERAL DEVICE TYPE, as the last `inquiry` told, or as `readCapacity` lets assume; null: neither was asked yet. */
  deviceType: number | null = null;
  private capacity: CapacityData | null = null;
  private limits: BlockLimitsData | null = null;

  constructor(
    readonly session: Session,
    readonly lun: number,
  ) {
    this.address = encodeLun(lun);
  }

  /** Clears pending unit attentions. @throws CheckCondition if the target has no such unit */
  async open(): Promise<void> {
    await this.testUnitReady().catch((error: Error) => {
      // A unit that is not ready, or reserved by somebody else, can be talked to all the same.
      const bearable = error instanceof StatusError || (error instanceof CheckCondition && !isMissing(error));
      if (!bearable) throw error;
    });
  }

  /** Bytes per block, as the last `readCapacity` told. */
  get blockSize(): number {
    if (!this.capacity) throw new Error('call readCapacity() first');
    return this.capacity.blockSize;
  }

  /** Logs out. */
  close(): Promise<void> {
    return this.session.close();
  }

  /** A task for this unit, to be submitted to `session` by the caller: the way without promises. */
  prepare(cdb: Buffer, done: (task: ScsiTask) => void): ScsiTask {
    return new ScsiTask(this.address, cdb, done);
  }

  /**
   * Sends any CDB, once: unit attentions and BUSY are errors like others.
   * @throws CheckCondition, StatusError, TimeoutError, ConnectionLostError, ProtocolError, ClosedError
   */
  command(cdb: Buffer, data: CommandData = {}): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const task = this.prepare(cdb, () => {
        const error = this.errorOf(task);
        if (error) reject(error);
        else {
          const received = task.dataIn?.subarray(0, task.received) ?? EMPTY;
          resolve({ status: task.status, data: received, residual: task.residual });
        }
      });
      const out = data.dataOut ?? [];
      task.dataOut = Buffer.isBuffer(out) ? [out] : out;
      task.dataOutBytes = task.dataOut.reduce((sum, part) => sum + part.length, 0);
      task.dataInBytes = data.dataIn ?? 0;
      if (task.dataInBytes > 0) task.dataIn = Buffer.allocUnsafe(task.dataInBytes);
      task.attribute = ATTRIBUTES[data.attribute ?? 'simple'];
      task.timeoutMs = data.timeoutMs ?? 0;
      task.reissuable = data.reissuable ?? isReissuable(cdb, this.deviceType);
      this.session.submit(task);
    });
  }

  /** What went wrong with a task that is done, or null. Reports unit attentions as events. */
  errorOf(task: ScsiTask): InitiatorError | null {
    if (task.error) return task.error;
    if (task.status === ScsiStatus.good || task.status === ScsiStatus.conditionMet) return null;
    const name = commandName(task.cdb, this.deviceType);
    if (task.status !== ScsiStatus.checkCondition) {
      const status = STATUS_NAMES[task.status] ?? `status 0x${task.status.toString(16)}`;
      return new StatusError(`${name}: ${status}`, task.status, task.cdb);
    }
    const sense = task.sense && decodeSense(task.sense);
    if (!sense) return new ProtocolError(`${name}: CHECK CONDITION without sense data`);
    const text = describeSense(sense);
    if (sense.key === SenseKey.unitAttention) this.session.emit('attention', text, task.sense!);
    return new CheckCondition(`${name}: ${text}`, sense, task.sense!, task.cdb);
  }

  isAttention(error: Error | null): boolean {
    return error instanceof CheckCondition && error.sense.key === SenseKey.unitAttention;
  }

  /** As `command`, but waits out unit attentions, BUSY and TASK SET FULL. */
  async execute(cdb: Buffer, data: CommandData = {}): Promise<CommandResult> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.command(cdb, data);
      } catch (error) {
        const busy =
          error instanceof StatusError && (error.status === ScsiStatus.busy || error.status === ScsiStatus.taskSetFull);
        if (attempt >= RETRIES || !(busy || this.isAttention(error as Error))) throw error;
        if (busy) await new Promise((resolve) => setTimeout(resolve, BUSY_DELAY_MS << Math.min(attempt, 4)));
      }
    }
  }

  async testUnitReady(): Promise<void> {
    await this.execute(build.testUnitReady());
  }

  async inquiry(): Promise<InquiryData> {
    const inquiry = decodeInquiry((await this.execute(build.inquiry(null, 255), { dataIn: 255 })).data);
    this.deviceType = inquiry.deviceType;
    return inquiry;
  }

  /** One VPD page as sent. @throws CheckCondition if the unit has no such page */
  async vpd(page: number): Promise<Buffer> {
    return (await this.execute(build.inquiry(page, ALLOCATION_BYTES), { dataIn: ALLOCATION_BYTES })).data;
  }

  /** Block limits; all zero for a unit that tells none. Asked once. */
  async blockLimits(): Promise<BlockLimitsData> {
    this.limits ??= decodeBlockLimits(await this.vpdOrNothing(0xb0));
    return this.limits;
  }

  /** Logical block provisioning; nothing supported for a unit that tells none. */
  async provisioning(): Promise<ProvisioningData> {
    return decodeProvisioning(await this.vpdOrNothing(0xb2));
  }

  /** Capacity, asked anew each time. */
  async readCapacity(): Promise<CapacityData> {
    this.capacity = await this.readCapacity16().catch(async (error: Error) => {
      if (!(error instanceof CheckCondition) || error.sense.key !== SenseKey.illegalRequest) throw error;
      return decodeCapacity10((await this.execute(build.readCapacity10(), { dataIn: 8 })).data);
    });
    if (!this.capacity || this.capacity.blockSize === 0) throw new ProtocolError('READ CAPACITY data is malformed');
    // What answers that has blocks.
    this.deviceType ??= DeviceType.directAccess;
    return this.capacity;
  }

  /** LUNs this initiator may use on the target. */
  async reportLuns(): Promise<number[]> {
    for (let bytes = UNIT_REPORT_BYTES; ; ) {
      const { data } = await this.execute(build.reportLuns(0, bytes), { dataIn: bytes });
      const needed = data.length < 4 ? 0 : 8 + data.readUInt32BE(0);
      if (needed <= bytes) return decodeLuns(data);
      bytes = needed;
    }
  }

  /** Reads blocks; more than one command may carry takes several, in flight together. */
  async read(lba: number, blocks: number, flags: build.IoFlags = {}): Promise<Buffer> {
    const stride = (await this.known()).blockSize + (flags.protect ? PI_BYTES : 0);
    const pieces = await this.pieces(lba, blocks);
    const parts = await Promise.all(
      pieces.map(async (piece) => {
        const bytes = piece.blocks * stride;
        const { data } = await this.execute(build.read(piece.lba, piece.blocks, flags), { dataIn: bytes });
        if (data.length !== bytes) throw new ProtocolError(`READ returned ${data.length} of ${bytes} bytes`);
        return data;
      }),
    );
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** Writes whole blocks; more than one command may carry takes several, in flight together. @throws RangeError */
  async write(lba: number, data: Buffer, flags: build.IoFlags = {}): Promise<void> {
    const stride = (await this.known()).blockSize + (flags.protect ? PI_BYTES : 0);
    const pieces = await this.pieces(lba, this.blocksIn(data, stride));
    await Promise.all(
      pieces.map((piece) => {
        const at = (piece.lba - lba) * stride;
        const part = data.subarray(at, at + piece.blocks * stride);
        return this.execute(build.write(piece.lba, piece.blocks, flags), { dataOut: part });
      }),
    );
  }

  /** Writes one block's content, or zeros (null), over a range. Cut as the unit's limit asks. */
  async writeSame(lba: number, blocks: number, block: Buffer | null, flags: { unmap?: boolean } = {}): Promise<void> {
    const { blockSize } = await this.known();
    if (block && block.length !== blockSize) throw new RangeError(`the block must have ${blockSize} bytes`);
    const limit = (await this.blockLimits()).maxWriteSame || blocks;
    const data = block ?? Buffer.alloc(blockSize);
    for (const piece of cut(lba, blocks, limit)) {
      await this.execute(build.writeSame16(piece.lba, piece.blocks, flags), { dataOut: data });
    }
  }

  /** Deallocates ranges, in as many commands as the unit's limits ask for. A hint: blocks may stay as they are. */
  async unmap(ranges: readonly BlockRange[]): Promise<void> {
    const limits = await this.blockLimits();
    const perRange = Math.min(limits.maxUnmap || 0xffffffff, 0xffffffff);
    const perList = Math.min(limits.maxUnmapDescriptors || 1, 4095);
    let list: BlockRange[] = [];
    let listed = 0;
    const send = async () => {
      const data = build.unmapList(list);
      list = [];
      listed = 0;
      await this.execute(build.unmap(data.length), { dataOut: data });
    };
    for (const piece of ranges.flatMap((range) => cut(range.lba, range.blocks, perRange))) {
      // MAXIMUM UNMAP LBA COUNT bounds the sum over one command (SBC-4 6.6.4).
      if (list.length === perList || (list.length > 0 && listed + piece.blocks > perRange)) await send();
      list.push(piece);
      listed += piece.blocks;
    }
    if (list.length > 0) await send();
  }

  /** Provisioning states from `lba` on, as many as the unit tells at once; never empty. */
  async getLbaStatus(lba: number): Promise<LbaExtent[]> {
    const cdb = build.getLbaStatus(lba, LBA_STATUS_BYTES);
    const extents = decodeLbaStatus((await this.execute(cdb, { dataIn: LBA_STATUS_BYTES })).data);
    const [first] = extents;
    if (!first || first.lba > lba || first.lba + first.blocks <= lba) {
      throw new ProtocolError(`GET LBA STATUS does not tell the state of LBA ${lba}`);
    }
    return extents;
  }

  /** Writes `data` if the blocks equal `expected`. @throws CheckCondition with MISCOMPARE if they do not */
  async compareAndWrite(lba: number, expected: Buffer, data: Buffer): Promise<void> {
    const { blockSize } = await this.known();
    const blocks = this.blocksIn(data, blockSize);
    if (expected.length !== data.length || blocks > 255) throw new RangeError('both need the same 1 to 255 blocks');
    await this.execute(build.compareAndWrite(lba, blocks), { dataOut: [expected, data] });
  }

  /** Makes writes survive loss of power; without arguments all of them. */
  async synchronizeCache(lba = 0, blocks = 0): Promise<void> {
    await this.execute(build.synchronizeCache16(lba, blocks));
  }

  /** Checks that blocks can be read or, with data, that they equal it. @throws CheckCondition with MISCOMPARE */
  async verify(lba: number, blocks: number, data?: Buffer): Promise<void> {
    if (data) await this.execute(build.verify16(lba, blocks, 1), { dataOut: data });
    else await this.execute(build.verify16(lba, blocks, 0));
  }

  /** Mode parameters of a page as sent by MODE SENSE(10): header, block descriptors, page. */
  async modeSense(page: number, subpage = 0, pageControl = 0): Promise<Buffer> {
    const cdb = build.modeSense10(page, subpage, ALLOCATION_BYTES, pageControl);
    return (await this.execute(cdb, { dataIn: ALLOCATION_BYTES })).data;
  }

  /** PERSISTENT RESERVE IN data of a service action. */
  async persistentReserveIn(serviceAction: number): Promise<Buffer> {
    const cdb = build.persistentReserveIn(serviceAction, 65535);
    return (await this.execute(cdb, { dataIn: 65535 })).data;
  }

  /** PERSISTENT RESERVE OUT with a parameter list of 24 bytes. */
  async persistentReserveOut(
    serviceAction: number,
    type: number,
    keys: { key: bigint; serviceActionKey?: bigint; aptpl?: boolean; allTargetPorts?: boolean },
  ): Promise<void> {
    const list = Buffer.alloc(24);
    list.writeBigUInt64BE(keys.key, 0);
    list.writeBigUInt64BE(keys.serviceActionKey ?? 0n, 8);
    list[20] = (keys.allTargetPorts ? 0x04 : 0) | (keys.aptpl ? 0x01 : 0);
    await this.execute(build.persistentReserveOut(serviceAction, type, list.length), { dataOut: list });
  }

  /** SPC-2 reservation. */
  async reserve(): Promise<void> {
    await this.execute(build.reserve6());
  }

  async release(): Promise<void> {
    await this.execute(build.release6());
  }

  /** Largest transfer of one command, in blocks. */
  async maxTransferBlocks(): Promise<number> {
    const { blockSize } = await this.known();
    const fallback = DEFAULT_TRANSFER_BYTES / blockSize;
    return Math.min((await this.blockLimits()).maxTransfer || fallback, fallback);
  }

  private async pieces(lba: number, blocks: number): Promise<BlockRange[]> {
    if (!Number.isSafeInteger(lba + blocks) || lba < 0 || blocks < 0) throw new RangeError('no such range of blocks');
    return blocks === 0 ? [{ lba, blocks }] : cut(lba, blocks, await this.maxTransferBlocks());
  }

  private async known(): Promise<CapacityData> {
    return this.capacity ?? this.readCapacity();
  }

  private blocksIn(data: Buffer, blockSize: number): number {
    if (data.length % blockSize !== 0)
      throw new RangeError(`${data.length} bytes are not whole blocks of ${blockSize}`);
    return data.length / blockSize;
  }

  private async readCapacity16(): Promise<CapacityData | null> {
    return decodeCapacity16((await this.execute(build.readCapacity16(32), { dataIn: 32 })).data);
  }

  private async vpdOrNothing(page: number): Promise<Buffer> {
    try {
      return await this.vpd(page);
    } catch (error) {
      if (error instanceof CheckCondition && error.sense.key === SenseKey.illegalRequest) return EMPTY;
      throw error;
    }
  }
}

const EMPTY = Buffer.alloc(0);

/** LOGICAL UNIT NOT SUPPORTED. */
function isMissing(error: CheckCondition): boolean {
  return error.sense.asc === 0x2500;
}

/** Cuts a range into pieces of at most `limit` blocks. */
function cut(lba: number, blocks: number, limit: number): BlockRange[] {
  const pieces: BlockRange[] = [];
  for (let at = 0; at < blocks; at += limit) pieces.push({ lba: lba + at, blocks: Math.min(limit, blocks - at) });
  return pieces;
}
