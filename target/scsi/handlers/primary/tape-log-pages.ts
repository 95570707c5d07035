/** Log pages of virtual tapes alone (SSC-5 8.2): what was transferred, how much fits, TapeAlert flags. */
import { counterParameter, LogPage, type LogParameter, ParameterFormat } from '../../../../wire/scsi/log-pages.js';
import { FIRST_SECTOR, SECTOR_BYTES, sectorAfter } from '../../../tape/layout.js';
import { TAPE_ALERTS } from '../../../tape/tape-alerts.js';
import { earlyWarningSectors } from '../../../tape/tape-limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';

const MEGABYTE = 1_000_000;
const CLEANING = 0x0100;

function megabytes(code: number, sectors: number): LogParameter {
  return counterParameter(code, Math.floor((Math.max(0, sectors) * SECTOR_BYTES) / MEGABYTE), ParameterFormat.binary);
}

/** Native capacities, from the beginning of the medium on: to the end of data, to the early warning, to the position. */
function capacities({ tape, blocks }: LogicalUnit): readonly LogParameter[] {
  const { medium, place } = tape!;
  const warning = earlyWarningSectors(blocks);
  const used = medium.endKnown ? [megabytes(4, sectorAfter(medium.last) - FIRST_SECTOR)] : [];
  return [
    ...used,
    megabytes(5, blocks - warning - FIRST_SECTOR),
    megabytes(6, warning),
    megabytes(7, sectorAfter(place) - FIRST_SECTOR),
  ];
}

/**
 * Bytes that hosts sent and the medium took, that the medium gave and hosts got: nothing is compressed, so each two are
 * equal. The end of data is left out until a command has looked for it. No cleaning is ever needed.
 */
export function sequentialAccess(unit: LogicalUnit): readonly LogParameter[] {
  const { writtenBlocks, readBlocks } = unit.logCounters.of(LogPage.sequentialAccess);
  const bytes = [writtenBlocks, writtenBlocks, readBlocks, readBlocks].map((count) => count * unit.blockSize);
  const cleaning = { code: CLEANING, format: ParameterFormat.binary, value: Buffer.alloc(1) };
  return [...bytes.map((count, code) => counterParameter(code, count)), ...capacities(unit), cleaning];
}

export function tapeAlerts({ tape }: LogicalUnit, nexus: Nexus): readonly LogParameter[] {
  return Array.from({ length: TAPE_ALERTS }, (_, index) => ({
    code: index + 1,
    format: ParameterFormat.binary,
    value: Buffer.from([tape!.alerts.isSet(index + 1, nexus) ? 1 : 0]),
  }));
}
