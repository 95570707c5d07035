/** Markdown tables of fault rules; docs/fault-injection.md holds them between markers. */
import { faultEffects } from '../volumes/layers/fault-effects.js';
import { connectionFaults } from '../volumes/layers/fault-spec.js';
import { faultResponses } from '../volumes/layers/function-faults.js';
import { type FaultRuleInput, FaultRuleSchema } from './fault-schema.js';

/** The option of `lunarray fault add`, and what of Linux' scsi_debug does the same. */
const beside: Readonly<Record<keyof FaultRuleInput, readonly [option: string, scsiDebug: string]>> = {
  id: ['--id', 'none'],
  ldev: ['--ldev', 'the `error` file of one device, in debugfs'],
  op: ['--op', 'none'],
  command: ['--command', 'operation code in a rule of `error` (no service actions, no names)'],
  function: ['--function', '`error` codes 3 and 4: ABORT TASK and LOGICAL UNIT RESET fail; `fail_reset` of targets'],
  port: ['--port', 'none: one host adapter'],
  lba: ['--lba', '`medium_error_start`, for medium errors alone'],
  blocks: ['--blocks', '`medium_error_count`, for medium errors alone'],
  initiator: ['--initiator', 'none: one initiator'],
  sense: [
    '--sense',
    '`error` code 2; `opts` 2 (medium), 8 (recovered), 0x10 (transport), 0x400 and 0x800 (TASK SET FULL)',
  ],
  response: ['--response', 'none: what is failed has one answer'],
  delayMs: ['--delay', '`delay`, `ndelay`: of all commands'],
  delayMaxMs: ['--delay 5-20', '`random=1`: up to `delay`'],
  delayDistribution: ['--delay exp:20', 'none'],
  delayDeviationMs: ['--delay normal:20,5', 'none'],
  connection: ['--connection', '`error` code 0 and `opts` 4: a command is not answered; connections and digests: none'],
  stallMs: ['--stall', 'none'],
  probability: ['--probability', 'none'],
  seed: ['--seed', 'none'],
  skip: ['--skip', 'none'],
  every: ['--every', '`every_nth`, of all rules of `opts` together'],
  limit: ['--limit', 'a negative count in a rule of `error`'],
  forMs: ['--for', 'none'],
};

export function faultReference(): string {
  const fields = Object.entries(FaultRuleSchema.properties).map(([field, { description }]) => {
    const [option, other] = beside[field as keyof FaultRuleInput];
    return `| \`${field}\` | \`${option}\` | ${description} | ${other} |`;
  });
  const effects = [...faultEffects].map(([name, { meaning }]) => `| \`${name}\` | ${meaning} |`);
  const responses = [...faultResponses].map(([name, { meaning }]) => `| \`${name}\` | ${meaning} |`);
  const connections = Object.entries(connectionFaults).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`);
  return [
    ['| field | option | meaning | scsi_debug |', '| --- | --- | --- | --- |', ...fields],
    ['| `sense` | what the host is told |', '| --- | --- |', ...effects],
    ['| `response` | what becomes of the function |', '| --- | --- |', ...responses],
    ['| `connection` | what happens |', '| --- | --- |', ...connections, ''],
  ]
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}
