/** The error history of an array like this one (READ BUFFER, MODE 1Ch, buffer 10h) in words. */
import { describeSense } from '../../wire/scsi/additional-sense.js';
import { commandName } from '../../wire/scsi/command-names.js';
import { decodeErrorRecords, type ErrorRecord } from '../../wire/scsi/error-history.js';
import { decodeSense } from '../../wire/scsi/sense-codec.js';

function describeRecord(record: ErrorRecord, deviceType: number | null): string {
  const { timestamp, cdb, range, sense, initiatorPort, relativePort } = record;
  const what = decodeSense(sense);
  const where = range === null ? '' : ` LBA ${range.lba} blocks ${range.blocks}`;
  const words = what === null ? 'sense data that cannot be read' : describeSense(what);
  return `${new Date(timestamp).toISOString()} ${commandName(cdb, deviceType)}${where}: ${words} (${initiatorPort}, port ${relativePort})`;
}

/**
 * One row for each error, under its number, the oldest first; and how many are not kept any more.
 * @param deviceType of the logical unit; null: not known
 */
export function describeErrorHistory(data: Buffer, deviceType: number | null): (readonly [string, string | number])[] {
  const { records, dropped } = decodeErrorRecords(data);
  return [
    ['errors', records.length],
    ['older ones', dropped],
    ...records.map((record) => [`error ${record.number}`, describeRecord(record, deviceType)] as const),
  ];
}
