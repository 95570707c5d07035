/** What a list says of RODs, checked before its first segment (SPC-5 6.4.5.9, 6.4.6.20, 5.17.6.3). */
import { type ListedRange, refusalOfRanges } from '../../../wire/scsi/block-ranges.js';
import type { Segment } from '../../../wire/scsi/copy-segments.js';
import { type Cscd, CscdField, type RodAddress, RodCscdField } from '../../../wire/scsi/cscd.js';
import { type CopyList, ListIdUsage, OWN_UNIT, TOKEN_CREATOR } from '../../../wire/scsi/extended-copy.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import type { PopulateSegment } from '../../../wire/scsi/rod-segments.js';
import { ROD_TOKEN_BYTES, RodType } from '../../../wire/scsi/rod-token.js';
import {
  invalidFieldInParameterList,
  remoteTokenUsage,
  type Sense,
  tooManySegmentDescriptors,
} from '../../../wire/scsi/sense.js';
import { RodLimits, rodTypes } from './rod-limits.js';

/** Of the CSCD IDs in a segment descriptor. */
const SOURCE_AT = 4;
const DESTINATION_AT = 6;

interface Surroundings {
  readonly listIdUsage: number;
  /** Of the inline data. */
  readonly inlineBytes: number;
}

interface Rule {
  readonly field: keyof typeof RodCscdField;
  /** Of a field that does not fill its bytes. */
  readonly bit?: number;
  readonly refuses: (rod: RodAddress, surroundings: Surroundings) => boolean;
}

const byToken = ({ type }: RodAddress) => type === RodType.ofToken;
const isLocal = ({ producer }: RodAddress) => producer === OWN_UNIT || producer === TOKEN_CREATOR;

const rules: readonly Rule[] = [
  { field: 'type', refuses: ({ type }) => !rodTypes.some((one) => one.internal && one.type === type) },
  { field: 'producer', refuses: (rod) => rod.producer === TOKEN_CREATOR && !byToken(rod) },
  { field: 'wantsToken', bit: 0, refuses: (rod) => rod.wantsToken && byToken(rod) },
  {
    field: 'wantsToken',
    bit: 0,
    refuses: ({ wantsToken }, { listIdUsage }) => wantsToken && listIdUsage === ListIdUsage.none,
  },
  { field: 'lifetime', refuses: ({ lifetime, wantsToken }) => lifetime > (wantsToken ? RodLimits.lifetime : 0) },
  {
    field: 'inactivityTimeout',
    refuses: ({ inactivityTimeout, wantsToken }) => inactivityTimeout > (wantsToken ? RodLimits.maxInactivity : 0),
  },
  { field: 'deleteToken', bit: 0, refuses: (rod) => rod.deleteToken && !byToken(rod) },
  {
    field: 'tokenOffset',
    refuses: (rod, { inlineBytes }) => rod.tokenOffset > (byToken(rod) ? inlineBytes - ROD_TOKEN_BYTES : 0),
  },
];

function refusalOfCscd({ at }: Cscd, rod: RodAddress, surroundings: Surroundings): Sense | null {
  const broken = rules.find(({ refuses }) => refuses(rod, surroundings));
  if (broken !== undefined) return invalidFieldInParameterList(at + RodCscdField[broken.field], broken.bit);
  // REMOTE TOKENS is 0h, and other copy managers of the array are asked by the token (SPC-5 table 144).
  return isLocal(rod) ? null : remoteTokenUsage(at + RodCscdField.producer);
}

/** The CSCD of a ROD that a segment has as its destination. */
function destinationOf(list: CopyList, { destination }: Segment): { cscd: Cscd; rod: RodAddress } | null {
  const cscd = list.cscds.get(destination);
  if (cscd === undefined || cscd === 'extension' || cscd.address.kind !== 'rod') return null;
  return { cscd, rod: cscd.address };
}

function refusalOfPopulate(list: CopyList, segment: PopulateSegment): Sense | null {
  if (segment.source !== OWN_UNIT) return invalidFieldInParameterList(segment.at + SOURCE_AT);
  const destination = destinationOf(list, segment);
  if (destination === null || byToken(destination.rod)) return invalidFieldInParameterList(segment.at + DESTINATION_AT);
  const { cscd } = destination;
  return cscd.deviceType === DeviceType.directAccess
    ? null
    : invalidFieldInParameterList(cscd.at + CscdField.deviceType);
}

/** Whether a segment of another kind has a destination. */
function hasDestination(segment: Segment): boolean {
  return segment.kind !== 'verify' && !(segment.kind === 'stream' && segment.output.kind === 'discard');
}

function refusalOfSegment(list: CopyList, segment: Segment): Sense | null {
  if (segment.kind === 'populate') return refusalOfPopulate(list, segment);
  // All types are of a point in time, and are not written to (SPC-5 5.17.6.2.3.1).
  const writes = hasDestination(segment) && destinationOf(list, segment) !== null;
  return writes ? invalidFieldInParameterList(segment.at + DESTINATION_AT) : null;
}

/** All that a ROD is populated with: no block twice, and not too much. */
function refusalOfAll(ranges: readonly ListedRange[], blockSize: number): Sense | null {
  const beyond = ranges[RodLimits.ranges];
  if (beyond !== undefined) return tooManySegmentDescriptors(beyond.at);
  return refusalOfRanges(ranges, Number.POSITIVE_INFINITY, RodLimits.bytes / blockSize);
}

/**
 * Why a list is refused for what it says of RODs; null: for nothing.
 * @param inlineBytes of its inline data
 * @param blockSize of the logical unit that got the command, of which RODs are made
 */
export function refusalOfRods(list: CopyList, inlineBytes: number, blockSize: number): Sense | null {
  const surroundings = { listIdUsage: list.listIdUsage, inlineBytes };
  for (const cscd of list.cscds.values()) {
    if (cscd === 'extension' || cscd.address.kind !== 'rod') continue;
    const refusal = refusalOfCscd(cscd, cscd.address, surroundings);
    if (refusal !== null) return refusal;
  }
  const populated = new Map<number, ListedRange[]>();
  for (const segment of list.segments) {
    const refusal = refusalOfSegment(list, segment);
    if (refusal !== null) return refusal;
    if (segment.kind !== 'populate') continue;
    const ranges = populated.get(segment.destination) ?? [];
    ranges.push(...segment.ranges);
    populated.set(segment.destination, ranges);
  }
  for (const ranges of populated.values()) {
    const refusal = refusalOfAll(ranges, blockSize);
    if (refusal !== null) return refusal;
  }
  return null;
}
