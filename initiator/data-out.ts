/** Data of writes: as immediate data, unsolicited, and as the target asks for it (RFC 7143 4.2.5.2, 11.7). */
import { encodeDataOut, RESERVED_TAG } from '../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';
import type { SessionParameters } from './login-negotiation.js';
import type { ScsiTask } from './task.js';

/** How a command's data leaves before any R2T. Lengths in bytes. */
export interface FirstBurst {
  /** With the command itself. */
  immediate: number;
  /** In Data-Out PDUs right behind it. */
  unsolicited: number;
}

/** Splits the first burst of a write of `bytes` (RFC 7143 13.10, 13.11, 13.14). */
export function planFirstBurst(parameters: SessionParameters, bytes: number, to: FirstBurst): void {
  const { immediateData, initialR2T, firstBurstLength, maxSendDataSegmentLength } = parameters;
  const burst = Math.min(bytes, firstBurstLength);
  to.immediate = immediateData ? Math.min(burst, maxSendDataSegmentLength) : 0;
  to.unsolicited = initialR2T ? 0 : burst - to.immediate;
}

/** Part of a list of buffers, without copying. */
export function sliceOf(parts: readonly Buffer[], offset: number, bytes: number): readonly Buffer[] {
  const only = parts[0];
  if (parts.length === 1 && only) return bytes === only.length ? parts : [only.subarray(offset, offset + bytes)];
  const slices: Buffer[] = [];
  let skip = offset;
  let left = bytes;
  for (const part of parts) {
    if (left === 0) break;
    if (skip >= part.length) {
      skip -= part.length;
      continue;
    }
    const slice = part.subarray(skip, skip + left);
    slices.push(slice);
    left -= slice.length;
    skip = 0;
  }
  return slices;
}

/**
 * Sends one sequence of Data-Out PDUs.
 * @param transferTag of the R2T, or the reserved tag for unsolicited data
 */
export function sendDataOut(
  connection: Connection,
  parameters: SessionParameters,
  task: ScsiTask,
  transferTag: number,
  offset: number,
  bytes: number,
  expStatSn: number,
): void {
  const end = offset + bytes;
  let dataSn = 0;
  for (let from = offset; from < end; ) {
    const length = Math.min(end - from, parameters.maxSendDataSegmentLength);
    const at = connection.begin();
    encodeDataOut(connection.stage, at, {
      final: from + length === end,
      // Only an R2T's answer carries a LUN (RFC 7143 11.7.3); elsewhere the field is free.
      lun: task.lun,
      initiatorTaskTag: task.tag,
      targetTransferTag: transferTag,
      expStatSn,
      dataSn,
      bufferOffset: from,
    });
    connection.finish(at, sliceOf(task.dataOut, from, length), length);
    from += length;
    dataSn += 1;
  }
}

export const UNSOLICITED = RESERVED_TAG;
