/** Logical units in memory, of any block size, behind the two ports of the rig; EXTENDED COPY as hosts send it. */
import type { HostGroup, Ldev } from '../../../target/volumes/model.js';
import { thirdPartyCopyIn, thirdPartyCopyOut } from '../../../wire/scsi/cdb-build.js';
import {
  encodeBlockSegment,
  encodeByteSegment,
  encodeImageSegment,
  type Segment,
} from '../../../wire/scsi/copy-segments.js';
import { encodeCscd } from '../../../wire/scsi/cscd.js';
import { type CopyListSpec, encodeCopyList, OWN_UNIT } from '../../../wire/scsi/extended-copy.js';
import { CopyOut } from '../../../wire/scsi/opcodes.js';
import { Association, CodeSet, DesignatorType } from '../../../wire/scsi/vpd.js';
import { MemoryLayer } from '../scsi-block/harness.js';
import { type Host, type Result, Rig, type RigOptions, type StartOptions } from '../scsi-primary/rig.js';

export interface UnitSpec {
  readonly blocks?: number;
  readonly blockSize?: 512 | 4096;
  readonly thin?: boolean;
  readonly readOnly?: boolean;
  readonly tape?: boolean;
}

/** The LDEVs stand behind LUNs of the same number on both ports, unless a test changes that. */
export class CopyRig extends Rig {
  readonly layers: readonly MemoryLayer[];

  constructor(units: readonly UnitSpec[] = [{}, {}], options: Pick<RigOptions, 'clock'> = {}) {
    super({ ...options, luns: units.map((_unit, id) => [id, id] as const) });
    const { marks } = this.ldevs.get(0)!;
    this.ldevs.clear();
    this.layers = units.map(({ blocks = 1024, blockSize = 512, thin = true, readOnly = false, tape = false }, id) => {
      const layer = new MemoryLayer(blocks, blockSize);
      const sizes = { blocks, blockSize, physicalBlockSize: blockSize };
      const names = { id, label: '', pool: 'P', serial: `1234567800${id}`, naa: naaOf(id) };
      const ldev: Ldev = { ...names, ...sizes, thin, readOnly, tape, marks, attribute: 'ordinary', top: layer };
      this.ldevs.set(id, ldev);
      return layer;
    });
  }

  /** Of a port: 0 or 1. */
  group(port: number): HostGroup & { initiators: string[]; auth: HostGroup['auth']; luns: Map<number, number> } {
    return this.groups[port] as never;
  }
}

export function naaOf(id: number): Buffer {
  const naa = Buffer.from('6024c5500bebc2000000000100000000', 'hex');
  naa.writeUInt32BE(id, 12);
  return naa;
}

export interface CscdSpec {
  readonly deviceType?: number;
  readonly fixed?: boolean;
  readonly pad?: boolean;
  readonly blockLength?: number;
  readonly designator?: Buffer;
  readonly codeSet?: number;
  readonly association?: number;
  readonly type?: number;
}

/** CSCD descriptor of an LDEV by its NAA identifier. */
export function cscd(id: number, spec: CscdSpec = {}): Buffer {
  const { pad = false, blockLength = 0, designator = naaOf(id), codeSet = CodeSet.binary } = spec;
  const { association = Association.logicalUnit, type = DesignatorType.naa } = spec;
  const { deviceType = 0, fixed = false } = spec;
  return encodeCscd({ deviceType, fixed, pad, blockLength, designator, codeSet, association, designatorType: type });
}

/** 02h, or with `hold` 0Dh, from the first CSCD to the second. */
export function blocks(
  count: number,
  sourceLba: number,
  destinationLba: number,
  spec: Partial<SegmentSpec> = {},
): Buffer {
  const { source = 0, destination = 1, dc = false, cat = false, hold = false } = spec;
  const flags = { destinationCount: dc, concatenate: cat, hold };
  return encodeBlockSegment({ source, destination, ...flags, blocks: count, sourceLba, destinationLba });
}

interface SegmentSpec {
  readonly source: number;
  readonly destination: number;
  readonly dc: boolean;
  readonly cat: boolean;
  readonly hold: boolean;
}

/** 0Ah. `from`, `to`: LBA and offset. */
export function bytes(
  count: number,
  [sourceLba, sourceOffset]: readonly [number, number],
  [destinationLba, destinationOffset]: readonly [number, number],
  spec: Partial<SegmentSpec> = {},
): Buffer {
  const { source = 0, destination = 1, cat = false } = spec;
  const places = { sourceLba, sourceOffset, destinationLba, destinationOffset };
  return encodeByteSegment({ source, destination, concatenate: cat, bytes: count, ...places });
}

/** 16h. */
export function image(count: number, sourceLba: number, destinationLba: number): Buffer {
  return encodeImageSegment({ source: 0, destination: 1, blocks: count, sourceLba, destinationLba });
}

export type ListSpec = Partial<CopyListSpec>;

export function copyList(spec: ListSpec): Buffer {
  const { format = 'lid1', listId = 1, listIdUsage = 0, priority = 0, cscds = [cscd(0), cscd(1)] } = spec;
  const { immediate = false, senseWithGood = false, segments = [], inline = Buffer.alloc(0) } = spec;
  return encodeCopyList({ format, listId, listIdUsage, priority, immediate, senseWithGood, cscds, segments, inline });
}

/** Sends a list as it is. */
export function sendList(
  host: Host,
  list: Buffer,
  format: 'lid1' | 'lid4' = 'lid1',
  options: StartOptions = {},
): Result {
  return host.run(
    thirdPartyCopyOut(format === 'lid1' ? CopyOut.extendedCopy1 : CopyOut.extendedCopy4, list.length),
    list,
    options,
  );
}

export function copy(host: Host, spec: ListSpec, options: StartOptions = {}): Result {
  return sendList(host, copyList(spec), spec.format, options);
}

/** A copy that has begun; it ends when the clock is run. */
export function startCopy(host: Host, spec: ListSpec, options: StartOptions = {}) {
  const list = copyList(spec);
  return host.start(
    thirdPartyCopyOut(spec.format === 'lid4' ? CopyOut.extendedCopy4 : CopyOut.extendedCopy1, list.length),
    list,
    options,
  );
}

export function receive(
  host: Host,
  action: number,
  listId: number,
  allocation = 100_000,
  options: StartOptions = {},
): Result {
  return host.run(thirdPartyCopyIn(action, listId, allocation), null, options);
}

/** Where a failed copy points: byte of the list, or of the segment. */
export const inSegment = (byte: number) => ({ inCdb: false, byte, inSegment: true });
export const inCopyList = (byte: number) => ({ inCdb: false, byte });

export { OWN_UNIT, type Segment };
