/** LOG SENSE and LOG SELECT (SPC-5 6.9, 6.8). Nothing is saved, nothing has thresholds, and counters are only reset. */
import {
  encodeLogPage,
  encodeLogParameter,
  LogPage,
  LogPageControl,
  type LogParameter,
  LogSubpage,
  ParameterFormat,
} from '../../../../wire/scsi/log-pages.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, logParametersChanged, type Sense } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';
import { type LogPageDefinition, logPagesOf } from './log-pages.js';

function codesOf(unit: LogicalUnit): number[] {
  const codes = [...logPagesOf(unit).keys()].filter((code) => findPage(unit, code) !== null);
  return [LogPage.supportedPages, ...codes];
}

function findPage(unit: LogicalUnit, code: number): LogPageDefinition | null {
  const page = logPagesOf(unit).get(code);
  return page === undefined || page.exists?.(unit) === false ? null : page;
}

/** Page 00h lists codes, 00h/FFh pairs of code and subpage. */
function supportedPages(codes: readonly number[], subpage: number): Buffer {
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
    else answer(task, supportedPages(codesOf(unit), subpage), allocation);
    return;
  }
  const page = findPage(unit, code);
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
  page: LogPageDefinition,
  control: number,
  pointer: number,
  allocation: number,
): void {
  const all = page.parameters(unit, task.nexus);
  const rest = all.filter((parameter) => parameter.code >= pointer);
  if (rest.length === 0) {
    task.check(invalidFieldInCdb(5));
    return;
  }
  const zero = page.counters && control === LogPageControl.defaultCumulative;
  const chosen = zero ? rest.map(zeroed) : rest;
  const data = encodeLogPage(code, 0, Buffer.concat(chosen.map(encodeLogParameter)));
  answer(task, data, allocation);
  // Who only asks for its length has not read it.
  if (rest.length === all.length && data.length <= allocation) page.onRead?.(unit, task.nexus);
}

/** Default values: counters begin at zero, what else stands beside them stays. */
function zeroed(parameter: LogParameter): LogParameter {
  if (parameter.format === ParameterFormat.binary) return parameter;
  return { ...parameter, value: Buffer.alloc(parameter.value.length) };
}

const PCR = 0x02;

function checkSelect(unit: LogicalUnit, { cdb }: Task): Sense | null {
  const control = cdb[2]! >> 6;
  const code = cdb[2]! & 0x3f;
  if (code !== LogPage.supportedPages && findPage(unit, code) === null) return invalidFieldInCdb(2, 5);
  // Page 00h stands for all pages, 00h/FFh for their subpages too.
  if (cdb[3] !== LogSubpage.none && (code !== LogPage.supportedPages || cdb[3] !== LogSubpage.all)) {
    return invalidFieldInCdb(3);
  }
  if (cdb.readUInt16BE(7) !== 0) return invalidFieldInCdb(7);
  const thresholds = control === LogPageControl.threshold || control === LogPageControl.defaultThreshold;
  return thresholds && (cdb[1]! & PCR) === 0 ? invalidFieldInCdb(2, 7) : null;
}

/** Resets counters: PCR asks for it, and so do default cumulative values without a list (SPC-5 table 170). */
function logSelect(unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  const code = cdb[2]! & 0x3f;
  if ((cdb[1]! & PCR) === 0 && cdb[2]! >> 6 !== LogPageControl.defaultCumulative) {
    task.good();
    return;
  }
  for (const [each, page] of logPagesOf(unit)) {
    if (page.counters && (code === LogPage.supportedPages || code === each)) unit.logCounters.reset(each);
  }
  unit.tell(logParametersChanged(), task.nexus);
  task.good();
}

export const logCommands: readonly Command[] = [
  defineCommand({
    name: 'LOG SELECT',
    opcode: Opcode.logSelect,
    usage: [Opcode.logSelect, PCR, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.write,
    check: checkSelect,
    run: logSelect,
  }),
  defineCommand({
    name: 'LOG SENSE',
    opcode: Opcode.logSense,
    usage: [Opcode.logSense, 0, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0],
    conflict: 'inquire',
    whileSanitizing: 'always',
    access: 'standby',
    reservation: Reservation.free,
    run: logSense,
  }),
];
