/** User data of a logical unit with protection information (SBC-4 4.21), which is made and checked at this end. */
import { native } from '../native/index.js';
import {
  decodeProtection,
  encodeProtection,
  isUnchecked,
  PI_BYTES,
  type ProtectionType,
} from '../wire/scsi/protection.js';
import { ProtectionError } from './errors.js';
import type { BlockAccess, LogicalUnit } from './logical-unit.js';

const REFERENCE_TAGS = 2 ** 32;

export class ProtectedBlocks implements BlockAccess {
  private constructor(
    private readonly unit: LogicalUnit,
    private readonly type: ProtectionType,
    private readonly applicationTag: number,
  ) {}

  /**
   * @param applicationTag that written blocks get, 0 to FFFFh
   * @throws ProtectionError if the unit keeps no protection information
   */
  static async of(unit: LogicalUnit, applicationTag = 0): Promise<ProtectedBlocks> {
    const { protectionType } = await unit.readCapacity();
    if (protectionType === 0) throw new ProtectionError('the unit keeps no protection information', null);
    return new ProtectedBlocks(unit, protectionType, applicationTag);
  }

  /** Reads blocks, checked here as well as by the unit. @throws ProtectionError, and what `LogicalUnit.read` throws */
  async read(lba: number, blocks: number): Promise<Buffer> {
    const { blockSize } = this.unit;
    const stride = blockSize + PI_BYTES;
    const came = await this.unit.read(lba, blocks, this.flags);
    const guards = guardsOf(came, blockSize, stride);
    const data = Buffer.allocUnsafe(guards.length * blockSize);
    guards.forEach((guard, index) => {
      this.check(lba + index, guard, came, index * stride + blockSize);
      came.copy(data, index * blockSize, index * stride, index * stride + blockSize);
    });
    return data;
  }

  /** Writes whole blocks. @throws RangeError, and what `LogicalUnit.write` throws */
  async write(lba: number, data: Buffer): Promise<void> {
    const { blockSize } = this.unit;
    if (data.length % blockSize !== 0) throw new RangeError(`${data.length} bytes are not whole blocks`);
    const stride = blockSize + PI_BYTES;
    const { applicationTag } = this;
    const guards = guardsOf(data, blockSize, blockSize);
    const sent = Buffer.allocUnsafe(guards.length * stride);
    guards.forEach((guard, index) => {
      data.copy(sent, index * stride, index * blockSize, (index + 1) * blockSize);
      const referenceTag = (lba + index) % REFERENCE_TAGS;
      encodeProtection(sent, index * stride + blockSize, { guard, applicationTag, referenceTag });
    });
    await this.unit.write(lba, sent, this.flags);
  }

  private get flags() {
    return { protect: 1, long: this.type === 2 } as const;
  }

  private check(lba: number, guard: number, bytes: Buffer, at: number): void {
    const told = decodeProtection(bytes, at);
    if (isUnchecked(told, this.type)) return;
    if (told.guard !== guard) throw new ProtectionError(`block ${lba}: ${unlike('guard', told.guard, guard)}`, lba);
    const due = lba % REFERENCE_TAGS;
    // Those of type 3 are for the application alone.
    if (this.type !== 3 && told.referenceTag !== due) {
      throw new ProtectionError(`block ${lba}: ${unlike('reference tag', told.referenceTag, due)}`, lba);
    }
  }
}

function unlike(field: string, told: number, due: number): string {
  return `${field} ${told.toString(16)}h where ${due.toString(16)}h is due`;
}

function guardsOf(data: Buffer, blockSize: number, stride: number): Uint16Array {
  const guards = new Uint16Array(Math.floor(data.length / stride));
  native.guards(data, blockSize, stride, guards);
  return guards;
}
