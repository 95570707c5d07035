/** The generated parts of the documentation: file → marker → Markdown. */
import { configReference } from '../svp/config-reference.js';
import { copyLimitsReference } from '../svp/copy-limits-reference.js';
import { ExitCode, exitCodeMeaning, type FailureCode } from '../svp/errors.js';
import { faultReference } from '../svp/fault-reference.js';
import { metricsReference } from '../svp/metrics.js';
import {
  chapTableReference,
  commandTableReference,
  keyTableReference,
  tapeTableReference,
} from '../svp/protocol-reference.js';
import { createProgram } from './program.js';
import { commandReference } from './reference.js';

export function generatedParts(): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return {
    'docs/cli.md': { commands: commandReference(createProgram()), 'exit codes': exitCodeTable() },
    'docs/operations.md': { metrics: metricsReference() },
    'docs/protocols.md': {
      commands: commandTableReference(),
      'tape commands': tapeTableReference(),
      'copy limits': copyLimitsReference(),
      keys: keyTableReference(),
      chap: chapTableReference(),
    },
    'docs/fault-injection.md': { faults: faultReference() },
    'docs/configuration.md': { configuration: configReference() },
  };
}

function exitCodeTable(): string {
  const rows = (Object.keys(ExitCode) as FailureCode[]).map(
    (code) => `| ${ExitCode[code]} | \`${code}\` | ${exitCodeMeaning[code]} |`,
  );
  return ['| code | name | meaning |', '| --- | --- | --- |', '| 0 | | Done. |', ...rows, ''].join('\n');
}
