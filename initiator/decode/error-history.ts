/** The error history of an array like this one (READ BUFFER, MODE 1Ch, buffer 10h) in words. */
import { describeSense } from '../../wire/scsi/additional-sense.js';
import { decodeErrorRecords, type ErrorRecord } from '../../wire/scsi/error-history.js';
import { commandName } from '../../wire/scsi/opcodes.js';
import { decodeSense } from '../../wire/scsi/sense-codec.js';

function describeRecord({ timestamp, cdb, range, sense, initiatorPort, relativePort }: ErrorRecord): string {
  const what = decodeSense(sense);
  const where = range === null ? '' : ` LBA ${range.lba} blocks ${range.blocks}`;
  const words = what === null ? 'sense data that cannot be read' : describeSense(what);
  return `${new Date(timestamp).toISOString()} ${commandName(cdb)}${where}: ${words} (${initiatorPort}, port ${relativePort})`;
}

/** One row for each error, under its number, the oldest first; and how many are not kept any more. */
export function describeErrorHistory(data: Buffer): (readonly [string, string | number])[] {
  const { records, dropped } = decodeErrorRecords(data);
  return [
    ['errors', records.length],
    ['older ones', dropped],
    ...records.map((record) => [`error ${record.number}`, describeRecord(record)] as const),
  ];
}
