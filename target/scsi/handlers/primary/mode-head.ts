/** What stands before the mode pages in a parameter list, by device type: header and block descriptor. */
import {
  type BlockDescriptor,
  DeviceSpecific,
  longBlockDescriptor,
  PageControl,
  type ReceivedModeList,
  StreamSpecific,
  shortBlockDescriptor,
  streamBlockDescriptor,
} from '../../../../wire/scsi/mode-pages.js';
import { invalidFieldInParameterList, type Sense } from '../../../../wire/scsi/sense.js';
import { BufferedMode } from '../../../tape/tape-drive.js';
import { TapeLimits } from '../../../tape/tape-limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { DENSITY } from '../stream/capabilities.js';

interface ModeHead {
  readonly deviceSpecific: (unit: LogicalUnit) => number;
  /** @param long LONGLBA is wanted */
  readonly descriptor: (unit: LogicalUnit, control: number, long: boolean) => Buffer;
  readonly refuse: (unit: LogicalUnit, list: ReceivedModeList) => Sense | null;
  /** Takes over what has not been refused; true: something has changed. */
  readonly apply: (unit: LogicalUnit, list: ReceivedModeList) => boolean;
}

/** Neither number of blocks nor block length can be changed: nothing here is formatted anew. */
const disk: ModeHead = {
  deviceSpecific: (unit) => DeviceSpecific.dpoFua | (unit.writeProtected ? DeviceSpecific.writeProtected : 0),
  descriptor: (unit, control, long) => {
    const { blocks, blockSize } = unit;
    const values = control === PageControl.changeable ? { blocks: 0, blockSize: 0 } : { blocks, blockSize };
    return long ? longBlockDescriptor(values) : shortBlockDescriptor(values);
  },
  refuse: (unit, { descriptor, descriptorOffset }) =>
    descriptor === null ? null : refuseDisk(unit, descriptor, descriptorOffset),
  apply: () => false,
};

function refuseDisk(unit: LogicalUnit, { blocks, blockSize }: BlockDescriptor, at: number): Sense | null {
  // 0 means "as it is", FFFFFFFFh the whole medium (SBC-4 6.5.2).
  const same = blocks === 0 || blocks === unit.blocks || blocks === 0xffffffff;
  if (!same) return invalidFieldInParameterList(at);
  return blockSize === unit.blockSize ? null : invalidFieldInParameterList(at + 5);
}

/** DENSITY CODE: the default one, or as it is (SSC-5 8.3.3). */
const DENSITIES: ReadonlySet<number> = new Set([0, 0x7f, DENSITY]);
const MOST_BUFFERED = BufferedMode.one << StreamSpecific.bufferedModeShift;

/** Block length and BUFFERED MODE are the hosts' to choose. Of its fields, the descriptor's first four bytes came as one. */
const tape: ModeHead = {
  deviceSpecific: (unit) => {
    const buffered = unit.tape!.bufferedMode << StreamSpecific.bufferedModeShift;
    return buffered | (unit.writeProtected ? DeviceSpecific.writeProtected : 0);
  },
  descriptor: (unit, control) => {
    if (control === PageControl.changeable) return streamBlockDescriptor(0, 0xffffff);
    return streamBlockDescriptor(DENSITY, control === PageControl.current ? unit.tape!.blockLength : 0);
  },
  refuse: (_unit, { deviceSpecific, descriptor, descriptorOffset }) => {
    const deviceSpecificAt = descriptorOffset === 8 ? 3 : 2;
    if ((deviceSpecific & StreamSpecific.bufferedMode) > MOST_BUFFERED) {
      return invalidFieldInParameterList(deviceSpecificAt, 6);
    }
    if ((deviceSpecific & StreamSpecific.speed) !== 0) return invalidFieldInParameterList(deviceSpecificAt, 3);
    return descriptor === null ? null : refuseTape(descriptor, descriptorOffset);
  },
  apply: ({ tape: drive }, { deviceSpecific, descriptor }) => {
    const { blockLength, bufferedMode } = drive!;
    drive!.bufferedMode = (deviceSpecific & StreamSpecific.bufferedMode) >> StreamSpecific.bufferedModeShift;
    drive!.blockLength = descriptor === null ? blockLength : descriptor.blockSize;
    return drive!.blockLength !== blockLength || drive!.bufferedMode !== bufferedMode;
  },
};

function refuseTape({ blocks, blockSize }: BlockDescriptor, at: number): Sense | null {
  if (!DENSITIES.has(blocks >>> 24)) return invalidFieldInParameterList(at);
  if ((blocks & 0xffffff) !== 0) return invalidFieldInParameterList(at + 1);
  return blockSize <= TapeLimits.blockBytes ? null : invalidFieldInParameterList(at + 5);
}

export function modeHeadOf(unit: LogicalUnit): ModeHead {
  return unit.tape === null ? disk : tape;
}
