import {
  type ClientReport,
  clientBufferBytes,
  encodeClientReport,
  encodeClientReports,
} from '../../wire/scsi/client-error-history.js';

/** The longest parameter list that a host may add. */
export const CLIENT_LIST_BYTES = 4096;
/** Reports are kept up to so many bytes together; older ones go. */
const KEPT_BYTES = 32 * 1024;
export const CLIENT_BUFFER_BYTES = clientBufferBytes(KEPT_BYTES);

/** What hosts have added to the error history of one logical unit (SPC-5 5.5.3). */
export class ClientReports {
  private reports: Buffer[] = [];
  private bytes = 0;
  private count = 0;

  add(report: Omit<ClientReport, 'number'>): void {
    this.count++;
    const encoded = encodeClientReport({ ...report, number: this.count });
    this.reports.push(encoded);
    this.bytes += encoded.length;
    while (this.bytes > KEPT_BYTES) this.bytes -= this.reports.shift()!.length;
  }

  clear(): void {
    this.reports = [];
    this.bytes = 0;
    this.count = 0;
  }

  /** As READ BUFFER returns them. */
  encode(): Buffer {
    return encodeClientReports(this.reports, this.count - this.reports.length);
  }
}
