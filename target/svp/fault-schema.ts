/**
 * Fault rules as texts name them: in the configuration (`faults`), at the control endpoint, in scenarios.
 * docs/fault-injection.md is generated from it.
 */
import { type Static, Type } from '@sinclair/typebox';
import { ConfigError } from '../volumes/errors.js';
import { delayDistributions, MAX_DELAY_MS } from '../volumes/layers/fault-delay.js';
import { connectionFaults, type FaultSpec, faultOps } from '../volumes/layers/fault-spec.js';
import { faultFunctions, faultResponses } from '../volumes/layers/function-faults.js';
import { parseLdev } from './units.js';

const text = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }));
const count = (description: string, maximum = Number.MAX_SAFE_INTEGER) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum, description }));
const choice = <T extends string>(values: readonly T[], description: string) =>
  Type.Optional(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      { description },
    ),
  );

/** With defaults for those fields alone that have one; nothing is filled in. */
export const FaultRuleSchema = Type.Object(
  {
    id: text(32, 'Name of the rule; made up when left out.'),
    ldev: Type.Optional(
      Type.String({
        pattern: '^[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}$',
        description: 'LDEV number; every LDEV when left out.',
      }),
    ),
    op: choice(
      faultOps,
      'Operations on blocks that it covers; `any` when neither this, `command` nor `function` is given.',
    ),
    command: text(
      64,
      'Commands of hosts that it covers: a name (`READ(10)`, `READ` for any size), an operation code (`28h`, or `9e/10` with ' +
        'a service action), or `any`. They are judged before the logical unit looks at them.',
    ),
    function: choice(
      [...faultFunctions.keys()],
      'Task management functions of hosts that it covers; with `ldev`, those that name a LUN of it.',
    ),
    port: text(32, 'Only commands or functions that come through this port.'),
    lba: count('First block; what touches it or those after it is covered.'),
    blocks: count('Blocks from `lba` on; left out: one with `lba`, all without.'),
    initiator: text(223, 'Only what this initiator does.'),
    sense: text(32, 'What the host is told: `KEY/ASC/ASCQ` in hexadecimal, or a name from the list of effects.'),
    response: choice(
      [...faultResponses.keys()],
      'How a task management function is answered, without being carried out; see the list.',
    ),
    delayMs: count('Milliseconds to wait first: the time, the least of a range, or the mean.', MAX_DELAY_MS),
    delayMaxMs: count('The longest wait; without `delayDistribution` any time up to it is as likely.', MAX_DELAY_MS),
    delayDistribution: choice(delayDistributions, 'How waits are distributed; see `delayMs` and `delayMaxMs`.'),
    delayDeviationMs: count('Standard deviation of waits that are `normal`.', MAX_DELAY_MS),
    connection: choice(
      Object.keys(connectionFaults) as (keyof typeof connectionFaults)[],
      'What happens to the connection that the command or function came by; see the list.',
    ),
    stallMs: count('How long a stall lasts; left out: until one of both sides gives the connection up.', MAX_DELAY_MS),
    probability: Type.Optional(
      Type.Number({ description: 'Only this share of what it covers, above 0 and at most 1, at random.' }),
    ),
    seed: count('Of all that is random; made up when left out.', 2 ** 32 - 1),
    skip: count('Leaves so many alone first: with `limit` 1, only one of them meets the rule.'),
    every: count('Then acts on every n-th only.'),
    limit: count('Acts so many times at most.'),
    forMs: count('Does nothing any more so long after it was added.', 86_400_000),
  },
  { additionalProperties: false },
);
export type FaultRuleInput = Static<typeof FaultRuleSchema>;

export function portNames(volumes: { ports(): readonly { readonly name: string }[] }): string[] {
  return volumes.ports().map(({ name }) => name);
}

/** @param ports names of those that there are. Throws ConfigError `port-unknown`. */
export function faultSpec({ ldev, sense, ...rest }: FaultRuleInput, ports: readonly string[]): FaultSpec {
  const { port } = rest;
  if (port !== undefined && !ports.includes(port)) {
    throw new ConfigError('port-unknown', `there is no port "${port}".`);
  }
  return {
    ...rest,
    ...(ldev !== undefined && { ldev: parseLdev(ldev)! }),
    ...(sense !== undefined && { effect: sense }),
  };
}
