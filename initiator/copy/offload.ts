/** Has a target copy blocks between its logical units by EXTENDED COPY: the data does not come to this machine. */
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import { thirdPartyCopyOut } from '../../wire/scsi/cdb-build.js';
import { encodeBlockSegment } from '../../wire/scsi/copy-segments.js';
import { encodeCscd, MAX_DESIGNATOR_BYTES } from '../../wire/scsi/cscd.js';
import { encodeCopyList, ListIdUsage } from '../../wire/scsi/extended-copy.js';
import { CopyOut } from '../../wire/scsi/opcodes.js';
import { Association, DesignatorType, VpdPage } from '../../wire/scsi/vpd.js';
import type { LogicalUnit } from '../logical-unit.js';

/** What one segment descriptor can count. */
const SEGMENT_BLOCKS = 0xffff;
/** Copied by one command: as much as it takes to be worth one, and little enough to show progress. */
const COMMAND_BYTES = 64 * 1024 * 1024;

/** Kinds of designators that name one logical unit, best first (SPC-5 7.7.6). */
const NAMES: readonly number[] = [DesignatorType.naa, DesignatorType.eui64, DesignatorType.t10Vendor];

export class NotNameableError extends Error {
  override readonly name = 'NotNameableError';
  constructor() {
    super('the logical unit has no identifier that EXTENDED COPY could name it by');
  }
}

/** CSCD descriptor of a logical unit; null: none of its designators fits one. */
async function cscdOf(unit: LogicalUnit): Promise<Buffer | null> {
  const page = await unit.vpd(VpdPage.deviceIdentification);
  let best: { readonly rank: number; readonly at: number } | null = null;
  for (let at = 4; at + 4 <= page.length; at += 4 + page[at + 3]!) {
    const rank = NAMES.indexOf(page[at + 1]! & 0x0f);
    const ofUnit = ((page[at + 1]! >> 4) & 0x03) === Association.logicalUnit;
    const fits = page[at + 3]! <= MAX_DESIGNATOR_BYTES;
    if (ofUnit && fits && rank >= 0 && (best === null || rank < best.rank)) best = { rank, at };
  }
  if (best === null) return null;
  const { at } = best;
  return encodeCscd({
    codeSet: page[at]! & 0x0f,
    association: Association.logicalUnit,
    designatorType: page[at + 1]! & 0x0f,
    designator: page.subarray(at + 4, at + 4 + page[at + 3]!),
    pad: false,
    blockLength: unit.blockSize,
  });
}

/**
 * Copies a range, its commands sent to the source. The capacity of both has been read; ranges lie inside of them, and
 * are whole blocks of both.
 * @param toLba in blocks of the destination
 * @param progress told of bytes copied
 * @throws NotNameableError; CheckCondition as the target refuses
 */
export async function offloadCopy(
  source: LogicalUnit,
  destination: LogicalUnit,
  { lba, blocks }: BlockRange,
  toLba: number,
  progress: (bytes: number) => void,
): Promise<void> {
  const cscds = [];
  for (const unit of [source, destination]) {
    const cscd = await cscdOf(unit);
    if (cscd === null) throw new NotNameableError();
    cscds.push(cscd);
  }
  const ratio = source.blockSize / destination.blockSize;
  // Segments begin and end with whole blocks of the destination.
  const step = Math.max(1, 1 / ratio);
  const segmentBlocks = Math.floor(SEGMENT_BLOCKS / step) * step;
  const parts: BlockRange[] = [];
  for (let at = 0; at < blocks; at += segmentBlocks)
    parts.push({ lba: at, blocks: Math.min(segmentBlocks, blocks - at) });
  // Into itself, further behind: from the end, so that nothing is read that has been overwritten.
  if (cscds[0]!.equals(cscds[1]!) && toLba > lba) parts.reverse();
  const perCommand = Math.max(1, Math.floor(COMMAND_BYTES / source.blockSize / segmentBlocks));
  for (let done = 0; done < parts.length; done += perCommand) {
    const own = parts.slice(done, done + perCommand);
    const count = own.reduce((sum, part) => sum + part.blocks, 0);
    const flags = { source: 0, destination: 1, destinationCount: false, concatenate: false, hold: false };
    const segments = own.map((part) => {
      const lbas = { sourceLba: lba + part.lba, destinationLba: toLba + part.lba * ratio };
      return encodeBlockSegment({ ...flags, blocks: part.blocks, ...lbas });
    });
    const ids = { format: 'lid1', listId: 0, listIdUsage: ListIdUsage.none } as const;
    const dataOut = encodeCopyList({ ...ids, priority: 0, immediate: false, senseWithGood: false, cscds, segments });
    await source.execute(thirdPartyCopyOut(CopyOut.extendedCopy1, dataOut.length), { dataOut });
    progress(count * source.blockSize);
  }
}
