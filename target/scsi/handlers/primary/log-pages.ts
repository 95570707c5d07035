/** The log pages of logical units here (SPC-5 7.3, SBC-4 6.4, SSC-5 8.2), for LOG SENSE and LOG SELECT. */
import { writeUint64 } from '../../../../wire/scsi/cdb.js';
import { counterParameter, LogPage, type LogParameter, ParameterFormat } from '../../../../wire/scsi/log-pages.js';
import { PowerTransition } from '../../../../wire/scsi/power-condition.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import type { SanitizeOperation } from '../../sanitize.js';
import { sequentialAccess, tapeAlerts } from './tape-log-pages.js';

/** Degrees Celsius: those of a drive bay that never warms up. */
const TEMPERATURE = 25;
const REFERENCE_TEMPERATURE = 60;

export interface LogPageDefinition {
  /** Its parameters are counters: PC must ask for values and not for thresholds, LOG SELECT resets them. */
  readonly counters: boolean;
  readonly parameters: (unit: LogicalUnit, nexus: Nexus) => readonly LogParameter[];
  /** Whether a logical unit of its type has it; left out: all have. */
  readonly exists?: (unit: LogicalUnit) => boolean;
  /** The nexus has been given all of it. */
  readonly onRead?: (unit: LogicalUnit, nexus: Nexus) => void;
}

/** Error counters (SPC-5 7.3.8): blocks are either transferred or lost, so corrections are all zero. */
function errorCounters(bytes: number, uncorrected: number): readonly LogParameter[] {
  return [0, 0, 0, 0, 0, bytes, uncorrected].map((count, code) => counterParameter(code, count));
}

function binary(code: number, value: Buffer): LogParameter {
  return { code, format: ParameterFormat.binary, value };
}

function temperature(code: number, degrees: number): LogParameter {
  return binary(code, Buffer.from([0, degrees]));
}

/** IE ASC, IE ASCQ, temperature, and (vendor specific, as drives have it) the one not to be exceeded. */
function informationalException(cause: number): LogParameter {
  return binary(0, Buffer.from([cause >> 8, cause & 0xff, TEMPERATURE, REFERENCE_TEMPERATURE]));
}

function cycles(code: number, count: number): LogParameter {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(count);
  return binary(code, value);
}

function transitions(code: number, count: number): LogParameter {
  return { ...cycles(code, count), format: ParameterFormat.unbounded };
}

/** SCOPE of a resource count: this logical unit's alone, or shared with others. */
const Scope = { dedicated: 1, shared: 2 } as const;

/** RESOURCE COUNT 4, in threshold sets · SCOPE (1:0) · reserved 3. */
function resources(code: number, bytes: number, scope: number): LogParameter {
  const value = Buffer.alloc(8);
  value.writeUInt32BE(Math.floor(bytes / Limits.thresholdSetBytes), 0);
  value[4] = scope;
  return binary(code, value);
}

function provisioning({ ldev }: LogicalUnit): readonly LogParameter[] {
  const { availableBytes, assignedBytes } = ldev.space!;
  return [resources(1, availableBytes, Scope.shared), resources(2, assignedBytes, Scope.dedicated)];
}

/** ACCUMULATED POWER ON MINUTES 4 · reserved · STATUS · SCANS PERFORMED 2 · PROGRESS 2 · MEDIUM SCANS PERFORMED 2. */
function backgroundScan({ ldev, clock, surroundings }: LogicalUnit): LogParameter {
  const scan = ldev.mediumScan ?? { running: false, progress: 0, passes: 0 };
  const value = Buffer.alloc(12);
  const passes = Math.min(scan.passes, 0xffff);
  value.writeUInt32BE(Math.floor((clock.now() - surroundings.startedAt) / 60e9), 0);
  value[5] = scan.running ? 1 : 0;
  value.writeUInt16BE(passes, 6);
  value.writeUInt16BE(Math.min(Math.floor(scan.progress * 65536), 0xffff), 8);
  value.writeUInt16BE(passes, 10);
  return binary(0, value);
}

/** Of the latest sanitize operation, in the vendor-specific page 30h. */
const SanitizeStatus = { none: 0, running: 1, completed: 2, failed: 3 } as const;

function sanitizeStatusOf({ running, holds, completed }: SanitizeOperation): number {
  if (running) return SanitizeStatus.running;
  if (holds) return SanitizeStatus.failed;
  return completed === 0 ? SanitizeStatus.none : SanitizeStatus.completed;
}

/** STATUS · reserved · PROGRESS INDICATION 2, in parts of 65536 · operations completed since the array began 4. */
function sanitizing({ sanitize }: LogicalUnit): LogParameter {
  const value = Buffer.alloc(8);
  value[0] = sanitizeStatusOf(sanitize);
  value.writeUInt16BE(sanitize.progress, 2);
  value.writeUInt32BE(sanitize.completed, 4);
  return binary(0, value);
}

/** Microseconds: TIME INTERVAL DESCRIPTOR, EXPONENT 4 · INTEGER 4, one times ten to the minus sixth seconds. */
const INTERVAL = Buffer.from([0, 0, 0, 6, 0, 0, 0, 1]);
const NS_PER_INTERVAL = 1000;

/**
 * Commands, blocks received, blocks transmitted, processing intervals, reads before writes but for the blocks. The two
 * weighted sums that end it are not kept.
 */
function statistics({ logCounters }: LogicalUnit): LogParameter {
  const { reads, writes, writtenBlocks, readBlocks, readNs, writeNs } = logCounters.of(LogPage.generalStatistics);
  const intervals = [readNs, writeNs].map((ns) => Math.floor(ns / NS_PER_INTERVAL));
  const value = Buffer.alloc(64);
  for (const [index, count] of [reads, writes, writtenBlocks, readBlocks, ...intervals].entries()) {
    writeUint64(value, count, 8 * index);
  }
  return { code: 1, format: ParameterFormat.unbounded, value };
}

type Entry = readonly [code: number, page: LogPageDefinition];

const shared: readonly Entry[] = [
  [
    LogPage.writeErrorCounters,
    {
      counters: true,
      parameters: ({ logCounters, blockSize }) => {
        const { writtenBlocks, writeErrors } = logCounters.of(LogPage.writeErrorCounters);
        return errorCounters(writtenBlocks * blockSize, writeErrors);
      },
    },
  ],
  [
    LogPage.readErrorCounters,
    {
      counters: true,
      parameters: ({ logCounters, blockSize }) => {
        const { readBlocks, readErrors } = logCounters.of(LogPage.readErrorCounters);
        return errorCounters(readBlocks * blockSize, readErrors);
      },
    },
  ],
  [
    LogPage.verifyErrorCounters,
    {
      counters: true,
      parameters: ({ logCounters, blockSize }) => {
        const { verifiedBlocks, verifyErrors } = logCounters.of(LogPage.verifyErrorCounters);
        return errorCounters(verifiedBlocks * blockSize, verifyErrors);
      },
    },
  ],
  [
    LogPage.temperature,
    {
      counters: false,
      parameters: () => [temperature(0, TEMPERATURE), temperature(1, REFERENCE_TEMPERATURE)],
    },
  ],
  [LogPage.generalStatistics, { counters: true, parameters: (unit) => [statistics(unit), binary(3, INTERVAL)] }],
  [
    LogPage.informationalExceptions,
    { counters: false, parameters: ({ exceptions }) => [informationalException(exceptions.cause)] },
  ],
];

const ofDisks: readonly Entry[] = [
  [
    LogPage.logicalBlockProvisioning,
    { counters: false, exists: ({ ldev }) => ldev.thin && ldev.space !== undefined, parameters: provisioning },
  ],
  [
    LogPage.startStopCycles,
    {
      counters: false,
      // Specified and accumulated start-stop cycles; no load-unload cycles.
      parameters: ({ counters }) => [cycles(3, 0), cycles(4, 1 + counters.starts), cycles(5, 0), cycles(6, 0)],
    },
  ],
  [LogPage.backgroundScan, { counters: false, parameters: (unit) => [backgroundScan(unit)] }],
  [LogPage.sanitizeStatus, { counters: false, parameters: (unit) => [sanitizing(unit)] }],
  [
    LogPage.powerTransitions,
    {
      counters: false,
      parameters: ({ power }) => [
        transitions(PowerTransition.active, power.toActive),
        transitions(PowerTransition.standbyZ, power.toStandby),
      ],
    },
  ],
];

const ofTapes: readonly Entry[] = [
  [LogPage.sequentialAccess, { counters: true, parameters: sequentialAccess }],
  [
    LogPage.tapeAlert,
    { counters: false, parameters: tapeAlerts, onRead: ({ tape }, nexus) => tape!.alerts.wereRead(nexus) },
  ],
];

function ascending(...entries: readonly Entry[]): ReadonlyMap<number, LogPageDefinition> {
  return new Map([...entries].sort(([a], [b]) => a - b));
}

const diskPages = ascending(...shared, ...ofDisks);
const tapePages = ascending(...shared, ...ofTapes);

/** Those of its device type, ascending by code. */
export function logPagesOf({ tape }: LogicalUnit): ReadonlyMap<number, LogPageDefinition> {
  return tape === null ? diskPages : tapePages;
}
