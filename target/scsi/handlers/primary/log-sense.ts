/** LOG SENSE (SPC-5 6.9). Counters run since the array started; nothing is saved, nothing has thresholds. */
import {
  counterParameter,
  encodeLogPage,
  encodeLogParameter,
  LogPage,
  LogPageControl,
  type LogParameter,
  LogSubpage,
  ParameterFormat,
} from '../../../../wire/scsi/log-pages.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';

/** Degrees Celsius: those of a drive bay that never warms up. */
const TEMPERATURE = 25;
const REFERENCE_TEMPERATURE = 60;

type Parameters = (unit: LogicalUnit) => readonly LogParameter[];

/** Error counters (SPC-5 7.3.8): blocks are either transferred or lost, so corrections are all zero. */
function errorCounters(bytes: number, uncorrected: number): readonly LogParameter[] {
  return [0, 0, 0, 0, 0, bytes, uncorrected].map((count, code) => counterParameter(code, count));
}

function temperature(code: number, degrees: number): LogParameter {
  return { code, format: ParameterFormat.binary, value: Buffer.from([0, degrees]) };
}

/** IE ASC, IE ASCQ, temperature, and (vendor specific, as drives have it) the one not to be exceeded. */
function informationalException(cause: number): LogParameter {
  const value = Buffer.from([cause >> 8, cause & 0xff, TEMPERATURE, REFERENCE_TEMPERATURE]);
  return { code: 0, format: ParameterFormat.binary, value };
}

function cycles(code: number, count: number): LogParameter {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(count);
  return { code, format: ParameterFormat.binary, value };
}

interface Page {
  /** Its parameters are counters, so PC must ask for values and not for thresholds. */
  readonly counters: boolean;
  readonly parameters: Parameters;
}

const pages: ReadonlyMap<number, Page> = new Map<number, Page>([
  [
    LogPage.writeErrorCounters,
    {
      counters: true,
      parameters: ({ counters, blockSize }) => errorCounters(counters.writtenBlocks * blockSize, counters.writeErrors),
    },
  ],
  [
    LogPage.readErrorCounters,
    {
      counters: true,
      parameters: ({ counters, blockSize }) => errorCounters(counters.readBlocks * blockSize, counters.readErrors),
    },
  ],
  [
    LogPage.temperature,
    { counters: false, parameters: () => [temperature(0, TEMPERATURE), temperature(1, REFERENCE_TEMPERATURE)] },
  ],
  [
    LogPage.startStopCycles,
    {
      counters: false,
      // Specified and accumulated start-stop cycles; no load-unload cycles.
      parameters: ({ counters }) => [cycles(3, 0), cycles(4, 1 + counters.starts), cycles(5, 0), cycles(6, 0)],
    },
  ],
  [
    LogPage.informationalExceptions,
    { counters: false, parameters: ({ exceptions }) => [informationalException(exceptions.cause)] },
  ],
]);

const codes = [LogPage.supportedPages, ...pages.keys()];

/** Page 00h lists codes, 00h/FFh pairs of code and subpage. */
function supportedPages(subpage: number): Buffer {
  const list = subpage === LogSubpage.all ? [...codes.map((code) => [code, 0]), [0, LogSubpage.all]].flat() : codes;
  return encodeLogPage(LogPage.supportedPages, subpage, Buffer.from(list));
}

function logSense(unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  const control = cdb[2]! >> 6;
  const code = cdb[2]! & 0x3f;
  const subpage = cdb[3]!;
  const pointer = cdb.readUInt16BE(5);
  const allocation = cdb.readUInt16BE(7);
  if (code === LogPage.supportedPages) {
    if (subpage !== LogSubpage.none && subpage !== LogSubpage.all) task.check(invalidFieldInCdb(3));
    else if (pointer !== 0) task.check(invalidFieldInCdb(5));
    else answer(task, supportedPages(subpage), allocation);
    return;
  }
  const page = pages.get(code);
  if (!page) {
    task.check(invalidFieldInCdb(2, 5));
  } else if (subpage !== LogSubpage.none) {
    task.check(invalidFieldInCdb(3));
  } else if (page.counters && control !== LogPageControl.cumulative && control !== LogPageControl.defaultCumulative) {
    task.check(invalidFieldInCdb(2, 7));
  } else {
    answerPage(unit, task, code, page, control, pointer, allocation);
  }
}

function answerPage(
  unit: LogicalUnit,
  task: Task,
  code: number,
  page: Page,
  control: number,
  pointer: number,
  allocation: number,
): void {
  const all = page.parameters(unit);
  const rest = all.filter((parameter) => parameter.code >= pointer);
  if (rest.length === 0) {
    task.check(invalidFieldInCdb(5));
    return;
  }
  const zero = page.counters && control === LogPageControl.defaultCumulative;
  const chosen = zero ? rest.map((parameter) => counterParameter(parameter.code, 0)) : rest;
  answer(task, encodeLogPage(code, 0, Buffer.concat(chosen.map(encodeLogParameter))), allocation);
}

export const logSenseCommand: Command = defineCommand({
  name: 'LOG SENSE',
  opcode: Opcode.logSense,
  usage: [Opcode.logSense, 0, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0],
  conflict: 'inquire',
  access: 'standby',
  reservation: Reservation.free,
  run: logSense,
});
