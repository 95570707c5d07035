/** A tape drive with its medium (SSC-5), as commands to a logical unit. Nothing that moves it is ever sent twice. */
import { type Attribute, decodeAttributes } from '../../wire/scsi/attributes.js';
import { DeviceType } from '../../wire/scsi/inquiry.js';
import { SenseKey } from '../../wire/scsi/sense.js';
import type { DecodedSense } from '../../wire/scsi/sense-codec.js';
import * as build from '../../wire/scsi/stream-cdbs.js';
import {
  decodeTapeLimits,
  decodeTapeMode,
  decodeTapePosition,
  type TapeModeData,
  type TapePositionData,
} from '../decode/tape.js';
import { CheckCondition, ProtocolError } from '../errors.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { ScsiTask } from '../task.js';

/** Where reading came to. */
export type ReadEnd = 'filemark' | 'end-of-data';

export interface ReadBlocks {
  readonly data: Buffer;
  /** Null: there may be more. */
  readonly end: ReadEnd | null;
}

const { block, filemark, endOfData } = build.SpaceCode;
/** COUNT of SPACE(6) has 24 bits with a sign. */
const SPACE6_MOST = 0x7fffff;
const ATTRIBUTE_BYTES = 65_536;
const DEVICE_CONFIGURATION = 0x10;

export class TapeUnit {
  private constructor(private readonly unit: LogicalUnit) {}

  /** Null: the logical unit is no tape. */
  static async of(unit: LogicalUnit): Promise<TapeUnit | null> {
    const { deviceType } = await unit.inquiry();
    return deviceType === DeviceType.sequentialAccess ? new TapeUnit(unit) : null;
  }

  rewind(): Promise<void> {
    return this.send(build.rewind());
  }

  /** Over so many blocks, backwards if negative; a filemark ends it. @throws CheckCondition where it ended early */
  spaceBlocks(count: number): Promise<void> {
    return this.space(block, count);
  }

  spaceFilemarks(count: number): Promise<void> {
    return this.space(filemark, count);
  }

  spaceToEnd(): Promise<void> {
    return this.space(endOfData, 0);
  }

  /** To before an object, counted from 0. */
  locate(object: number): Promise<void> {
    return this.send(object <= 0xffffffff ? build.locate10(object) : build.locate16(object));
  }

  /** What follows the position is gone. */
  erase(): Promise<void> {
    return this.send(build.erase6());
  }

  load(): Promise<void> {
    return this.send(build.loadUnload(true));
  }

  /** Rewinds and ejects. */
  unload(): Promise<void> {
    return this.send(build.loadUnload(false));
  }

  /** All that was written before is on the medium then. @returns whether the end is near */
  writeFilemarks(count: number): Promise<boolean> {
    return this.write(build.writeFilemarks6(count, false), []);
  }

  /** One block of the length of the data. @returns whether the end is near */
  writeBlock(data: Buffer): Promise<boolean> {
    return this.write(build.writeStream(false, data.length), [data]);
  }

  /** Blocks of the block length that is set. @returns whether the end is near */
  writeBlocks(data: Buffer, count: number): Promise<boolean> {
    return this.write(build.writeStream(true, count), [data]);
  }

  /** One block of up to `bytes` bytes. @throws CheckCondition (ILI) if it is longer */
  async readBlock(bytes: number): Promise<ReadBlocks> {
    return this.read(build.readStream(false, bytes), bytes, true);
  }

  /** Up to `count` blocks of the block length that is set. @throws CheckCondition (ILI) if one has another length */
  async readBlocks(count: number, blockLength: number): Promise<ReadBlocks> {
    return this.read(build.readStream(true, count), count * blockLength, false);
  }

  async position(): Promise<TapePositionData> {
    const { data } = await this.unit.execute(build.readPositionLong(), { dataIn: 32 });
    const position = decodeTapePosition(data);
    if (position === null) throw new ProtocolError('READ POSITION tells no position');
    return position;
  }

  /** Bytes that a block may have. */
  async limits(): Promise<{ readonly most: number; readonly least: number }> {
    const limits = decodeTapeLimits((await this.unit.execute(build.readBlockLimits(), { dataIn: 6 })).data);
    if (limits === null) throw new ProtocolError('READ BLOCK LIMITS data is too short');
    return limits;
  }

  async mode(): Promise<TapeModeData> {
    const { data } = await this.unit.execute(build.modeSense6(DEVICE_CONFIGURATION, 255), { dataIn: 255 });
    const mode = decodeTapeMode(data);
    if (mode === null) throw new ProtocolError('MODE SENSE tells no block descriptor');
    return mode;
  }

  /** @param bytes 0: blocks of any length only */
  async setBlockLength(bytes: number): Promise<void> {
    const { bufferedMode, density } = await this.mode();
    const list = Buffer.from([0, 0, bufferedMode << 4, 8, density, 0, 0, 0, 0, 0, 0, 0]);
    list.writeUIntBE(bytes, 9, 3);
    await this.unit.execute(build.modeSelect6(list.length), { dataOut: list });
  }

  /** Of the cartridge's memory, by identifier; none if the drive has no such command. */
  async attributes(): Promise<ReadonlyMap<number, Attribute>> {
    const cdb = build.readAttribute(ATTRIBUTE_BYTES);
    const answer = await this.unit.execute(cdb, { dataIn: ATTRIBUTE_BYTES }).catch((error: Error) => {
      if (error instanceof CheckCondition && error.sense.key === SenseKey.illegalRequest) return null;
      throw error;
    });
    const attributes = answer === null ? [] : (decodeAttributes(answer.data.subarray(4)) ?? []);
    return new Map(attributes.map((one) => [one.id, one]));
  }

  private async send(cdb: Buffer): Promise<void> {
    await this.unit.command(cdb);
  }

  private space(code: number, count: number): Promise<void> {
    return this.send(Math.abs(count) <= SPACE6_MOST ? build.space6(code, count) : build.space16(code, count));
  }

  private async write(cdb: Buffer, dataOut: readonly Buffer[]): Promise<boolean> {
    try {
      await this.unit.command(cdb, { dataOut });
      return false;
    } catch (error) {
      if (error instanceof CheckCondition && isEarlyWarning(error.sense)) return true;
      throw error;
    }
  }

  /** @param shorter a block that is shorter than was asked for is whole all the same */
  private read(cdb: Buffer, bytes: number, shorter: boolean): Promise<ReadBlocks> {
    return new Promise((resolve, reject) => {
      const done = (task: ScsiTask) => {
        const error = this.unit.errorOf(task);
        const data = task.dataIn!.subarray(0, task.received);
        if (error === null) resolve({ data, end: null });
        else if (!(error instanceof CheckCondition)) reject(error);
        else {
          const end = endOf(error.sense);
          const whole = shorter && error.sense.ili && ((error.sense.information ?? 0) | 0) > 0;
          if (end === null && !whole) reject(error);
          else resolve({ data, end });
        }
      };
      const task = this.unit.prepare(cdb, done);
      task.dataIn = Buffer.allocUnsafe(bytes);
      task.dataInBytes = bytes;
      this.unit.session.submit(task);
    });
  }
}

function endOf({ key, filemark: mark, asc }: DecodedSense): ReadEnd | null {
  if (key === SenseKey.noSense && mark) return 'filemark';
  return key === SenseKey.blankCheck && asc === 0x0005 ? 'end-of-data' : null;
}

/** All was written (SSC-5 4.2.8). */
function isEarlyWarning({ key, eom }: DecodedSense): boolean {
  return key === SenseKey.noSense && eom === true;
}
