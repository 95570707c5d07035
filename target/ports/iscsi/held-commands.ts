/** Commands of a session that have come and wait for their turn, by CmdSN (RFC 7143 4.2.2.1). */
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { Connection } from './connection.js';
import { IscsiTask } from './iscsi-task.js';

/** A CmdSN in the window that stands for nothing: a command that was rejected, or aborted before it came. */
export const NOTHING = Symbol('nothing');

/** A request other than a SCSI command. */
export interface HeldRequest {
  readonly connection: Connection;
  readonly pdu: Pdu;
}

export type Held = IscsiTask | HeldRequest | typeof NOTHING;

export class HeldCommands {
  readonly #entries = new Map<number, Held>();
  #bytes = 0;

  /** @param limit bytes of data of requests; that of SCSI commands is accounted for with the window */
  constructor(private readonly limit: number) {}

  get size(): number {
    return this.#entries.size;
  }

  has(cmdSn: number): boolean {
    return this.#entries.has(cmdSn);
  }

  get(cmdSn: number): Held | undefined {
    return this.#entries.get(cmdSn);
  }

  set(cmdSn: number, entry: IscsiTask | typeof NOTHING): void {
    this.#entries.set(cmdSn, entry);
  }

  /** False: more than the limit would be kept. */
  setRequest(cmdSn: number, request: HeldRequest): boolean {
    const bytes = this.#bytes + request.pdu.dataLength;
    if (bytes > this.limit) return false;
    this.#bytes = bytes;
    this.#entries.set(cmdSn, request);
    return true;
  }

  delete(cmdSn: number): void {
    const entry = this.#entries.get(cmdSn);
    if (entry !== undefined && entry !== NOTHING && !(entry instanceof IscsiTask)) this.#bytes -= entry.pdu.dataLength;
    this.#entries.delete(cmdSn);
  }

  /** Of the tasks that `concerns` answers true for, nothing but their CmdSNs remains. */
  passOver(concerns: (task: IscsiTask) => boolean): IscsiTask[] {
    const passed: IscsiTask[] = [];
    for (const [cmdSn, entry] of this.#entries) {
      if (!(entry instanceof IscsiTask) || !concerns(entry)) continue;
      this.#entries.set(cmdSn, NOTHING);
      passed.push(entry);
    }
    return passed;
  }

  /** What came on a connection that is gone is as if it had never come: the initiator sends it again, with its CmdSN. */
  forget(connection: Connection): IscsiTask[] {
    const forgotten: IscsiTask[] = [];
    for (const [cmdSn, entry] of this.#entries) {
      if (entry === NOTHING || entry.connection !== connection) continue;
      if (entry instanceof IscsiTask) forgotten.push(entry);
      this.delete(cmdSn);
    }
    return forgotten;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
