/** What is told of copies (SPC-5 6.20 to 6.25): status, held data, failures, limits. */
import {
  encodeAllRodTokens,
  encodeFailure,
  encodeHeld1,
  encodeHeld4,
  encodeParameters,
  encodeRodTokenInformation,
  encodeStatus1,
  encodeStatus4,
} from '../../../../wire/scsi/copy-results.js';
import { ListIdUsage } from '../../../../wire/scsi/extended-copy.js';
import { CopyIn, Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { CopyLimits, TapeCopyLimits } from '../../../copy/copy-limits.js';
import type { CopyOperation } from '../../../copy/copy-operation.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import type { Task } from '../../task.js';
import { answer } from '../primary/answer.js';

const LIST_ID_AT = 2;
const ALLOCATION_AT = 10;

/** ESTIMATED STATUS UPDATE DELAY, milliseconds. */
const UPDATE_DELAY = 100;

type Operation = CopyOperation<Nexus>;

interface Report {
  /** Which operations it tells of; of others it is refused as of unknown ones. */
  readonly of: (operation: Operation) => boolean;
  readonly encode: (operation: Operation) => Buffer;
  /** After `sent` bytes of that. `all`: the data was transferred as a whole, or was not wanted. */
  readonly after?: (operation: Operation, all: boolean, sent: number) => void;
}

const ended = (operation: Operation) => !operation.running;
/** Under LIST ID USAGE 10b nothing is held, and who asks is told that there was no such copy (SPC-5 tables 128, 129). */
const holds = ({ list }: Operation) => list.listIdUsage === ListIdUsage.hold;

const dropHeld: Report['after'] = (operation, all) => {
  if (all && ended(operation)) operation.dropHeld();
};

interface ReportRow {
  readonly name: string;
  readonly action: number;
  readonly idBytes: 1 | 4;
  readonly report: Report;
}

const reports: readonly ReportRow[] = [
  {
    name: 'RECEIVE COPY STATUS(LID1)',
    action: CopyIn.status1,
    idBytes: 1,
    report: {
      of: (operation) => !operation.statusTold,
      encode: ({ progress }) => encodeStatus1(progress),
      after: (operation) => {
        operation.statusTold = ended(operation);
      },
    },
  },
  {
    name: 'RECEIVE COPY DATA(LID1)',
    action: CopyIn.data1,
    idBytes: 1,
    report: {
      of: (operation) => ended(operation) && holds(operation),
      encode: ({ held }) => encodeHeld1(held),
      after: dropHeld,
    },
  },
  {
    name: 'RECEIVE COPY FAILURE DETAILS(LID1)',
    action: CopyIn.failure1,
    idBytes: 1,
    report: {
      of: (operation) => ended(operation) && operation.list.format === 'lid1',
      encode: ({ completion, senseData, failureTold }) =>
        encodeFailure(completion, failureTold ? Buffer.alloc(0) : senseData),
      after: (operation, all) => {
        operation.failureTold ||= all;
      },
    },
  },
  {
    name: 'RECEIVE COPY STATUS(LID4)',
    action: CopyIn.status4,
    idBytes: 4,
    report: { of: () => true, encode: ({ progress }) => encodeStatus4(progress, UPDATE_DELAY) },
  },
  {
    name: 'RECEIVE COPY DATA(LID4)',
    action: CopyIn.data4,
    idBytes: 4,
    report: {
      of: holds,
      encode: ({ progress, held }) => encodeHeld4(progress, UPDATE_DELAY, held),
      after: dropHeld,
    },
  },
];

const tokenReport: ReportRow = {
  name: 'RECEIVE ROD TOKEN INFORMATION',
  action: CopyIn.rodTokenInformation,
  idBytes: 4,
  report: {
    of: () => true,
    encode: ({ progress, tokens }) => encodeRodTokenInformation(progress, UPDATE_DELAY, tokens),
    // Whoever has a token can use it: it is told once.
    after: (operation, all, sent) => {
      if (sent > 0) operation.tokensTold(all);
      else if (all) operation.dropTokens();
    },
  },
};

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

function usage(action: number, idBytes: number): readonly number[] {
  const id = [0, 1, 2, 3].map((byte) => (byte < idBytes ? 0xff : 0));
  return [Opcode.thirdPartyCopyIn, action, ...id, 0, 0, 0, 0, ...U32, 0, 0];
}

function tell(unit: LogicalUnit, task: Task, idBytes: 1 | 4, report: Report): void {
  const operation = unit.copies.find(task.nexus, task.cdb.readUIntBE(LIST_ID_AT, idBytes));
  if (operation === null || !report.of(operation)) {
    task.check(invalidFieldInCdb(LIST_ID_AT));
    return;
  }
  const data = report.encode(operation);
  const allocation = task.cdb.readUInt32BE(ALLOCATION_AT);
  const sent = Math.min(allocation, task.expectedDataIn);
  report.after?.(operation, allocation === 0 || sent >= data.length, sent);
  answer(task, data, allocation);
}

function reportCommand({ name, action, idBytes, report }: ReportRow): Command {
  return defineCommand({
    name,
    opcode: Opcode.thirdPartyCopyIn,
    serviceAction: action,
    usage: usage(action, idBytes),
    conflict: 'inquire',
    reservation: Reservation.status,
    run: (unit, task) => tell(unit, task, idBytes, report),
  });
}

export const receiveCopyCommands: readonly Command[] = [
  ...reports.map(reportCommand),
  defineCommand({
    name: 'RECEIVE COPY OPERATING PARAMETERS',
    opcode: Opcode.thirdPartyCopyIn,
    serviceAction: CopyIn.parameters,
    usage: usage(CopyIn.parameters, 0),
    conflict: 'inquire',
    reservation: Reservation.status,
    run: ({ tape }, task) => {
      const limits = tape === null ? CopyLimits : TapeCopyLimits;
      answer(task, encodeParameters(limits), task.cdb.readUInt32BE(ALLOCATION_AT));
    },
  }),
];

/** Where there are RODs. */
export const rodReportCommands: readonly Command[] = [
  reportCommand(tokenReport),
  defineCommand({
    name: 'REPORT ALL ROD TOKENS',
    opcode: Opcode.thirdPartyCopyIn,
    serviceAction: CopyIn.allRodTokens,
    usage: usage(CopyIn.allRodTokens, 0),
    conflict: 'inquire',
    reservation: Reservation.status,
    run: (unit, task) => {
      const tokens = unit.neighbours.tokens.ofLdev(unit.ldev.id).map(({ bytes }) => bytes);
      answer(task, encodeAllRodTokens(tokens), task.cdb.readUInt32BE(ALLOCATION_AT));
    },
  }),
];
