import { Command, InvalidArgumentError, Option } from 'commander';
import { streams } from '../base/streams.js';
import type { TraceLine, TraceStart } from '../svp/control/api.js';
import { traceStatuses } from '../svp/trace/filter.js';
import { follow } from './follow.js';
import { administration, argument, type CommonOptions, printLine } from './output.js';
import { traceLine } from './trace-format.js';

interface TraceOptions extends CommonOptions {
  readonly ldev?: string;
  readonly initiator?: string;
  readonly opcode?: readonly string[];
  /** Milliseconds. */
  readonly minLatency?: number;
  readonly status?: string;
  readonly count?: number;
}

export function traceCommand(): Command {
  return administration(
    new Command('trace')
      .description('a line for each command of hosts as it ends, until Ctrl-C; with --json one JSON object a line')
      .option('--ldev <ldev>', 'only commands to this LDEV', argument.ldev)
      .option('--initiator <iqn>', 'only commands of this initiator')
      .option('--opcode <code...>', 'only these operations, as 28, 9e/10, "READ(10)" or READ')
      .option('--min-latency <ms>', 'only commands that took so long at least, as 0.5', milliseconds)
      .addOption(new Option('--status <status>', 'only commands that ended so').choices(traceStatuses))
      .option('--count <n>', 'end after so many lines', argument.count),
  ).action(async ({ data, json, ldev, initiator, opcode, minLatency, status, count = Infinity }: TraceOptions) => {
    const given = { ldev, initiator, opcodes: opcode, minLatency, status };
    const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as TraceStart;
    let left = count;
    let lost = 0;
    await follow<TraceLine>(data, '/trace', body, (line) => {
      if ('lost' in line) {
        if (line.lost > lost) streams().err.write(`lunarray: ${line.lost - lost} commands left out here\n`);
        lost = line.lost;
        return left > 0;
      }
      printLine(json ? JSON.stringify(line) : traceLine(line));
      return --left > 0;
    });
  });
}

/** As nanoseconds. */
function milliseconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 1e9) throw new InvalidArgumentError('Milliseconds are needed, as 0.5.');
  return Math.round(value * 1e6);
}
