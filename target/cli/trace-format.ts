/** A command of a trace as one line for people. */
import type { TraceRecord } from '../svp/trace/record.js';

/** `18:06:27.123456 CL1-A iqn… LUN 0 00:00 READ(10) LBA 2048 blocks 8: GOOD, 0.041 ms (cache 0.041)`. */
export function traceLine(record: TraceRecord): string {
  const { port, initiator, lun, ldev, command, lba, blocks, status, sense } = record;
  const unit = ldev === null ? 'no LDEV' : ldev;
  const range = lba === null ? '' : ` LBA ${lba} blocks ${blocks}`;
  const end = status === null ? 'aborted' : status;
  const words = sense === null ? end : `${end}, ${sense}`;
  return `${timeOfDay(record.time)} ${port} ${initiator} LUN ${lun ?? '?'} ${unit} ${command}${range}: ${words}, ${latency(record)}`;
}

const PARTS = ['queue', 'host', 'cache', 'drives'] as const;

/** The parts that are not nothing, so that the one that matters is seen. */
function latency(record: TraceRecord): string {
  const parts = PARTS.filter((part) => record[part] > 0).map((part) => `${part} ${milliseconds(record[part])}`);
  return `${milliseconds(record.latency)} ms${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
}

function milliseconds(nanoseconds: number): string {
  return (nanoseconds / 1e6).toFixed(3);
}

/** Local time, to the microsecond. */
function timeOfDay(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const micros = Math.floor((time % 1000) * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(micros).padStart(6, '0')}`;
}
