/** The error history of an array like this one (READ BUFFER, MODE 1Ch, buffers 10h and 11h) in words. */
import { describeSense } from '../../wire/scsi/additional-sense.js';
import { type ClientReport, decodeClientReports } from '../../wire/scsi/client-error-history.js';
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

/** One row for each report that hosts have added, under its number, the oldest first; and how many are not kept any more. */
export function describeClientHistory(data: Buffer): (readonly [string, string | number])[] {
  const { reports, dropped } = decodeClientReports(data);
  return [
    ['reports', reports.length],
    ['older ones', dropped],
    ...reports.map((report) => [`report ${report.number}`, describeReport(report)] as const),
  ];
}

/** Its beginning is the vendor and the error type (SPC-5 6.57.15). */
function describeReport({ timestamp, list, initiatorPort, relativePort }: ClientReport): string {
  const vendor = list
    .toString('latin1', 0, 8)
    .replaceAll(/[^ -~]/g, '.')
    .trimEnd();
  const type = list.length < 10 ? '' : ` error type ${list.toString('hex', 8, 10)}h`;
  return `${new Date(timestamp).toISOString()} ${vendor}${type}, ${list.length} bytes (${initiatorPort}, port ${relativePort})`;
}
