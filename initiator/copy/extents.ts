/** Which parts of a unit or a file hold data, and which read as zeros without being stored. */

import type { FileHandle } from 'node:fs/promises';
import { native } from '../../native/index.js';
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import { SenseKey } from '../../wire/scsi/sense.js';
import { CheckCondition } from '../errors.js';
import type { LogicalUnit } from '../logical-unit.js';

/** A stretch of bytes, or of blocks, that is data or a hole. */
export interface Stretch {
  readonly at: number;
  readonly length: number;
  readonly hole: boolean;
}

/**
 * Stretches of a unit in blocks, ascending and without gaps. Blocks count as a hole only where the unit promises
 * that what is not mapped reads as zeros; where it does not tell, everything is data.
 */
export async function* unitStretches(unit: LogicalUnit, range: BlockRange): AsyncGenerator<Stretch> {
  const end = range.lba + range.blocks;
  let at = range.lba;
  const tells = (await unit.provisioning()).readsZeros;
  while (tells && at < end) {
    const extents = await unit.getLbaStatus(at).catch((error: Error) => {
      if (error instanceof CheckCondition && error.sense.key === SenseKey.illegalRequest) return [];
      throw error;
    });
    if (extents.length === 0) break;
    for (const extent of extents) {
      const stop = Math.min(extent.lba + extent.blocks, end);
      if (extent.lba > at || stop <= at) continue;
      yield { at, length: stop - at, hole: extent.state !== 'mapped' };
      at = stop;
    }
  }
  if (at < end) yield { at, length: end - at, hole: false };
}

/** Stretches of the first `bytes` of a file, as SEEK_DATA and SEEK_HOLE tell them. */
export function* fileStretches(file: FileHandle, bytes: number): Generator<Stretch> {
  let at = 0;
  while (at < bytes) {
    const data = native.seekData(file.fd, at, bytes);
    const dataAt = data < 0 ? bytes : Math.min(data, bytes);
    if (dataAt > at) yield { at, length: dataAt - at, hole: true };
    if (dataAt >= bytes) return;
    const hole = native.seekHole(file.fd, dataAt, bytes);
    at = hole < 0 ? bytes : Math.min(hole, bytes);
    yield { at: dataAt, length: at - dataAt, hole: false };
  }
}

/** Runs of zeros and of data in a buffer, told apart in steps of `granule` bytes. */
export function zeroRuns(data: Buffer, granule: number): Stretch[] {
  const runs: { at: number; length: number; hole: boolean }[] = [];
  for (let at = 0; at < data.length; at += granule) {
    const part = data.subarray(at, at + granule);
    const hole = native.isZero(part);
    const last = runs.at(-1);
    if (last?.hole === hole) last.length += part.length;
    else runs.push({ at, length: part.length, hole });
  }
  return runs;
}
