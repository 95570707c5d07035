/** Exit codes and the one line that goes with each error. docs/lunctl.md lists the codes. */
import { CommanderError } from 'commander';
import { SystemError } from '../../native/functions.js';
import { Opcode } from '../../wire/scsi/opcodes.js';
import {
  CheckCondition,
  ConnectError,
  ConnectionLostError,
  InitiatorError,
  LoginError,
  StatusError,
  TimeoutError,
} from '../errors.js';
import { ScsiStatus } from '../task.js';
import { UrlError } from '../url.js';
import { hexBytes } from './format.js';
import { UsageError } from './sizes.js';

export const ExitCode = {
  ok: 0,
  /** The unit refused or failed a command, or stopped answering. */
  failed: 1,
  /** The command line or URL cannot be used. */
  usage: 2,
  /** No connection, or login refused. */
  connect: 3,
  /** Data differ. */
  miscompare: 4,
  /** A local file could not be read or written. */
  file: 5,
  /** Interrupted (128 + SIGINT). */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Data that differ from what was expected. */
export class MiscompareError extends Error {
  override readonly name = 'MiscompareError';
  constructor(
    message: string,
    readonly detail: object,
  ) {
    super(message);
  }
}

const MISCOMPARE_KEY = 0xe;

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UrlError || error instanceof UsageError || error instanceof RangeError) return ExitCode.usage;
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (error instanceof ConnectError || error instanceof LoginError) return ExitCode.connect;
  if (error instanceof MiscompareError) return ExitCode.miscompare;
  if (error instanceof CheckCondition && error.sense.key === MISCOMPARE_KEY) return ExitCode.miscompare;
  if (error instanceof SystemError || isFileError(error)) return ExitCode.file;
  return ExitCode.failed;
}

/** The message, and the way out where there is a usual one. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const hint = hintOf(error);
  return hint ? `${message} (${hint})` : message;
}

function hintOf(error: unknown): string | null {
  if (error instanceof ConnectError && /nothing listens/.test(error.message)) return 'is the array running?';
  if (error instanceof LoginError && /wants CHAP/.test(error.message)) return 'iscsi://USER%SECRET@host:port/…';
  if (error instanceof StatusError && error.status === ScsiStatus.reservationConflict) {
    if (error.cdb[0] === Opcode.persistentReserveOut) return 'that key is not registered for this initiator port';
    return 'another initiator holds a reservation; lunctl reserve status URL tells which';
  }
  if (error instanceof TimeoutError) return 'a longer --timeout may help';
  if (error instanceof ConnectionLostError) return 'whether it was carried out is unknown';
  if (error instanceof CheckCondition && error.sense.ili) return 'the tape has a block of another length; --block-size';
  if (error instanceof CheckCondition && error.sense.asc === 0x2500) return 'lunctl luns URL lists the LUNs';
  if (error instanceof CheckCondition && error.cdb[0] === Opcode.readCapacity10 && error.sense.asc === 0x2000) {
    return 'it is no disk; lunctl inq URL tells what it is';
  }
  return null;
}

/** The error as JSON, for `--json`. */
export function errorRecord(error: unknown): object {
  const base = {
    code: error instanceof InitiatorError || error instanceof UrlError ? error.code : codeByExit(exitCodeOf(error)),
    message: error instanceof Error ? error.message : String(error),
    exitCode: exitCodeOf(error),
  };
  if (error instanceof CheckCondition) {
    return { ...base, sense: error.sense, senseData: hexBytes(error.senseData), cdb: hexBytes(error.cdb) };
  }
  if (error instanceof StatusError) return { ...base, status: error.status, cdb: hexBytes(error.cdb) };
  if (error instanceof MiscompareError) return { ...base, ...error.detail };
  return base;
}

function codeByExit(code: ExitCode): string {
  return Object.entries(ExitCode).find(([, value]) => value === code)?.[0] ?? 'failed';
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
