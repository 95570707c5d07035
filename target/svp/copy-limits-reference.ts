/** Table of docs/protocols.md about limits of third-party copy, made from those that the array holds to. */
import {
  ALIAS_BYTES_AT_ONCE,
  ALIAS_BYTES_OF_LIST,
  ALIASES_OF_LIST,
  CopyLimits,
  HELD_BYTES_AT_ONCE,
  KEPT_RESULTS,
} from '../copy/copy-limits.js';
import { RodLimits } from '../copy/rod/rod-limits.js';
import { MAX_IMAGES } from '../volumes/point-in-time/images.js';

const KiB = (bytes: number) => `${bytes / 1024} KiB`;
const MiB = (bytes: number) => `${bytes / 1024 ** 2} MiB`;
const GiB = (bytes: number) => `${bytes / 1024 ** 3} GiB`;

const limits: readonly (readonly [what: string, limit: string | number, beyond: string])[] = [
  ['CSCD descriptors of a list, of 32 bytes', CopyLimits.cscds, 'TOO MANY TARGET DESCRIPTORS'],
  ['segment descriptors of a list', CopyLimits.segments, 'TOO MANY SEGMENT DESCRIPTORS'],
  ['both together, bytes', CopyLimits.descriptorBytes, 'PARAMETER LIST LENGTH ERROR'],
  ['inline data', KiB(CopyLimits.inlineBytes), 'INLINE DATA LENGTH EXCEEDED'],
  ['copies of a logical unit at a time', CopyLimits.concurrent, 'BUSY'],
  ['held data of a copy', KiB(CopyLimits.heldBytes), 'the newest is kept'],
  ['held data in the array', MiB(HELD_BYTES_AT_ONCE), 'copies hold less'],
  ['results of ended copies that a logical unit keeps', KEPT_RESULTS, 'the oldest of whoever has the most go'],
  ['aliases of a list', `${ALIASES_OF_LIST}, and ${KiB(ALIAS_BYTES_OF_LIST)}`, 'INSUFFICIENT RESOURCES'],
  ['aliases in the array', MiB(ALIAS_BYTES_AT_ONCE), 'INSUFFICIENT RESOURCES'],
  ['ranges of a ROD or a token', RodLimits.ranges, 'TOO MANY SEGMENT DESCRIPTORS'],
  ['what a ROD or a token represents', GiB(RodLimits.bytes), 'INVALID FIELD IN PARAMETER LIST, at the range'],
  ['inactivity timeout, seconds', RodLimits.maxInactivity, 'INVALID FIELD IN PARAMETER LIST'],
  ['tokens in the array', RodLimits.tokens, 'INSUFFICIENT RESOURCES TO CREATE ROD'],
  ['tokens of an initiator', RodLimits.tokensOfInitiator, 'INSUFFICIENT RESOURCES TO CREATE ROD'],
  ['tokens of an LDEV, and RODs of copies', MAX_IMAGES, 'INSUFFICIENT RESOURCES TO CREATE ROD'],
];

export function copyLimitsReference(): string {
  const rows = limits.map(([what, limit, beyond]) => `| ${what} | ${limit} | ${beyond} |`);
  return ['| what | at most | beyond that |', '| --- | --- | --- |', ...rows, ''].join('\n');
}
