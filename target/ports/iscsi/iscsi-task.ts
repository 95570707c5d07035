import type { Sense } from '../../../wire/scsi/sense.js';
import type { Nexus } from '../../scsi/nexus.js';
import { Task, type TaskAttribute, type TaskOwner } from '../../scsi/task.js';
import type { Connection } from './connection.js';

/** One R2T that was sent and not yet satisfied. */
export interface OutstandingR2t {
  /** R2TSN. */
  readonly sn: number;
  readonly tag: number;
  readonly offset: number;
  readonly length: number;
  received: number;
  /** DataSN of the next Data-Out of this sequence. */
  dataSn: number;
}

/** A SCSI task with what the transport keeps of it. */
export class IscsiTask extends Task {
  /** Data-out bytes received in order, from the start of the command's data. */
  received = 0;
  /** Bytes that the handler asked for. */
  asked = 0;
  /** Those of them that the initiator announced; −1 until the handler asked. */
  wanted = -1;
  /** Unsolicited Data-Out PDUs are to come: the command had F=0 and none of them F=1 yet. */
  unsolicitedOpen = false;
  unsolicitedSn = 0;
  /** Buffers of the port's that `dataOut` lies in. */
  segments: Buffer[] | null = null;
  /** Of the chunk that the command lies in; 0: in none. */
  inputStamp = 0;
  /** In the order in which they were sent; data comes in that order (DataSequenceInOrder=Yes). */
  r2ts: OutstandingR2t[] = NO_R2TS;
  r2tSn = 0;
  /** Unsolicited data was lost; what else comes of it is dropped, and an R2T asks for it (ErrorRecoveryLevel 1 and 2). */
  unsolicitedLost = false;
  /** Of R2Ts that recovery R2Ts have replaced; null: of none. */
  replacedTags: number[] | null = null;
  /** How often in a row its data was asked for again without any coming. */
  askedAgain = 0;
  /** Up to where R2Ts have asked. */
  solicited = 0;
  /** Of the port's memory for solicited data. */
  budget = 0;
  /** The part of it that R2Ts have asked for. */
  budgetAsked = 0;
  waitsForBudget = false;
  /** An iSCSI condition (RFC 7143 11.4.7.2) that ends the task once its data has stopped coming. */
  condition: Sense | null = null;
  /** `clock.now()` when data-out that is pending was announced or asked for, or last came. */
  dataOutAt = 0;
  /** The abort that ends it was asked for. */
  ending = false;
  /** Its response waits until announced data-out has arrived. */
  responseDue = false;
  /** Its connection was replaced by another (RFC 7143 6.3.4): it ends without a response, and its tag is free. */
  orphaned = false;
  /** Its connection is gone, and it waits for another to take it up (ErrorRecoveryLevel 2). */
  stranded = false;
  /** It is over, and nobody was there to answer. */
  unsent = false;
  /** Its turn has come, by CmdSN. */
  delivered = false;
  /** Given to the channel adapter. */
  submitted = false;

  constructor(
    owner: TaskOwner,
    /** Its command came there, and there it is answered. */
    public connection: Connection,
    nexus: Nexus,
    lun: Buffer,
    cdb: Buffer,
    tag: number,
    attribute: TaskAttribute,
    expectedDataOut: number,
    expectedDataIn: number,
    readonly immediate: boolean,
    readonly cmdSn: number,
    /** W bit: `Residual Count` counts data-out, the bidirectional one data-in. */
    readonly writes: boolean,
    readonly reads: boolean,
  ) {
    super(owner, nexus, lun, cdb, tag, attribute, expectedDataOut, expectedDataIn);
  }

  /** Data-out that was announced or asked for is still to come. */
  get dataPending(): boolean {
    return this.unsolicitedOpen || this.r2ts.length > 0;
  }
}

/** Most tasks never have an R2T. */
export const NO_R2TS: OutstandingR2t[] = [];
Object.freeze(NO_R2TS);
