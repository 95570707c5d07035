import { Argument, type Command } from 'commander';
import { PersistentIn, PersistentOut } from '../../../wire/scsi/persistent-reservations.js';
import {
  decodeFullStatus,
  decodeKeys,
  decodeReservation,
  PERSISTENT_TYPE_NAMES,
  persistentTypeName,
} from '../../decode/persistent.js';
import { CheckCondition } from '../../errors.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { type CommonOptions, command, keyText, print, withUnit } from '../context.js';
import { table } from '../format.js';
import { UsageError } from '../sizes.js';

interface ReserveOptions extends CommonOptions {
  readonly key?: string;
  readonly newKey?: string;
  readonly type: string;
  readonly aptpl?: boolean;
  readonly allPorts?: boolean;
  readonly ignore?: boolean;
  readonly abort?: boolean;
}

/**
 * Registrations belong to initiator name and ISID together, so every run of this command uses the same one:
 * random format (RFC 7143 11.12.5) with a number of its own.
 */
const RESERVE_ISID = Buffer.from([0x80, 0x4c, 0x55, 0x4e, 0x00, 0x01]);

/** What a subcommand does: a result for JSON, and its text. */
type Action = (unit: LogicalUnit, options: ReserveOptions) => Promise<{ result: object; text: string }>;

const ACTIONS: Readonly<Record<string, Action>> = {
  status,
  keys: async (unit) => {
    const result = decodeKeys(await unit.persistentReserveIn(PersistentIn.readKeys));
    const lines = result.keys.map(keyText);
    return { result, text: [`generation ${result.generation}`, ...(lines.length ? lines : ['no keys'])].join('\n') };
  },
  register: async (unit, options) => {
    const action = options.ignore ? PersistentOut.registerAndIgnore : PersistentOut.register;
    const serviceActionKey = key(options, 'newKey', options.key === undefined ? undefined : 0n);
    return out(unit, options, action, { key: key(options, 'key', 0n), serviceActionKey }, 'registered');
  },
  reserve: (unit, options) => out(unit, options, PersistentOut.reserve, { key: key(options, 'key') }, 'reserved'),
  release: (unit, options) => out(unit, options, PersistentOut.release, { key: key(options, 'key') }, 'released'),
  clear: (unit, options) => out(unit, options, PersistentOut.clear, { key: key(options, 'key') }, 'cleared'),
  preempt: (unit, options) => {
    const keys = { key: key(options, 'key'), serviceActionKey: key(options, 'newKey') };
    return out(unit, options, options.abort ? PersistentOut.preemptAndAbort : PersistentOut.preempt, keys, 'preempted');
  },
  reserve6: async (unit) => {
    await unit.reserve();
    return { result: { reserved: true }, text: 'reserved until this session ends, which is now' };
  },
  release6: async (unit) => {
    await unit.release();
    return { result: { reserved: false }, text: 'released' };
  },
};

export function reserveCommand(): Command {
  return command('reserve', 'show and change reservations', [
    'reserve status iscsi://127.0.0.1:3260/iqn.example/0',
    'reserve register --new-key 0xabc iscsi://127.0.0.1:3260/iqn.example/0',
    'reserve reserve --key 0xabc --type write-exclusive iscsi://127.0.0.1:3260/iqn.example/0',
    'reserve preempt --key 0xabc --new-key 0xdef --type write-exclusive iscsi://127.0.0.1:3260/iqn.example/0',
  ])
    .addArgument(new Argument('<action>', 'what to do').choices(Object.keys(ACTIONS)))
    .argument('<url>', 'the logical unit')
    .option('--key <key>', "this initiator's registered key, 64 bits, as 0x1234")
    .option('--new-key <key>', 'register: the key to register, 0 to unregister; preempt: the key to remove')
    .option('--type <type>', [...PERSISTENT_TYPE_NAMES.values()].join(', '), 'write-exclusive')
    .option('--aptpl', 'register: keep registrations through loss of power')
    .option('--all-ports', 'register: on all target ports')
    .option('--ignore', 'register: replace a key without naming it')
    .option('--abort', 'preempt: abort the commands of those preempted')
    .addHelpText(
      'after',
      '\nreserve6 and release6 are the SPC-2 commands, which end with the session and so serve to try whether a unit\n' +
        'can be reserved. Registrations belong to the initiator port: give the same -i to register and to reserve.',
    )
    .action(async (action: string, url: string, options: ReserveOptions) => {
      const run = (unit: LogicalUnit) => ACTIONS[action]!(unit, options);
      const { result, text } = await withUnit(url, options, run, { isid: RESERVE_ISID });
      print(options, result, () => text);
    });
}

async function status(unit: LogicalUnit): Promise<{ result: object; text: string }> {
  const { generation, reservation } = decodeReservation(await unit.persistentReserveIn(PersistentIn.readReservation));
  const registrations = await fullStatus(unit);
  const holder = reservation ? `${persistentTypeName(reservation.type)}, key ${keyText(reservation.key)}` : 'none';
  const rows = registrations.map((one) => [
    keyText(one.key),
    one.holder ? 'yes' : '',
    one.allTargetPorts ? 'all' : one.relativePort,
    one.initiator,
  ]);
  const text = [
    `generation   ${generation}`,
    `reservation  ${holder}`,
    rows.length > 0 ? table(['KEY', 'HOLDER', 'PORT', 'INITIATOR'], rows) : 'no registrations',
  ].join('\n');
  return { result: { generation, reservation, registrations }, text };
}

/** READ FULL STATUS is optional: without it, what READ KEYS tells. */
async function fullStatus(unit: LogicalUnit) {
  try {
    return decodeFullStatus(await unit.persistentReserveIn(PersistentIn.readFullStatus)).registrations;
  } catch (error) {
    if (!(error instanceof CheckCondition)) throw error;
    const { keys } = decodeKeys(await unit.persistentReserveIn(PersistentIn.readKeys));
    return keys.map((one) => ({
      key: one,
      holder: false,
      allTargetPorts: false,
      type: 0,
      relativePort: 0,
      initiator: '',
    }));
  }
}

async function out(
  unit: LogicalUnit,
  options: ReserveOptions,
  action: number,
  keys: { key: bigint; serviceActionKey?: bigint },
  done: string,
): Promise<{ result: object; text: string }> {
  const registers = action === PersistentOut.register || action === PersistentOut.registerAndIgnore;
  const type = registers || action === PersistentOut.clear ? 0 : typeOf(options.type);
  await unit.persistentReserveOut(action, type, {
    ...keys,
    aptpl: options.aptpl === true,
    allTargetPorts: options.allPorts === true,
  });
  const now = decodeReservation(await unit.persistentReserveIn(PersistentIn.readReservation));
  return { result: { done, ...now }, text: `${done} (generation ${now.generation})` };
}

function typeOf(name: string): number {
  for (const [type, known] of PERSISTENT_TYPE_NAMES) if (known === name) return type;
  throw new UsageError(`--type "${name}" is none of ${[...PERSISTENT_TYPE_NAMES.values()].join(', ')}`);
}

function key(options: ReserveOptions, name: 'key' | 'newKey', fallback?: bigint): bigint {
  const text = options[name];
  const flag = name === 'key' ? '--key' : '--new-key';
  if (text === undefined) {
    if (fallback === undefined) throw new UsageError(`this needs ${flag}`);
    return fallback;
  }
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text) || BigInt(text) >= 1n << 64n) {
    throw new UsageError(`${flag} "${text}" is not a 64-bit number such as 0x1234`);
  }
  return BigInt(text);
}
