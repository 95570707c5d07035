/** Named faults: what a rule's `effect` may be, and what the host is told. */
import { SenseKey } from '../../../wire/scsi/sense.js';
import { Status } from '../../../wire/scsi/status.js';
import type { IoFailure } from '../block-layer.js';

export interface FaultEffect {
  /** For help texts. */
  readonly meaning: string;
  /** The blocks stay unreadable until they are written or unmapped, also when the rule is gone. */
  readonly lasting?: true;
  /** Tells of something that was done all the same: only of commands. */
  readonly recovered?: true;
  /** `lba`: first block of the command that the rule covers. */
  failure(lba: number, write: boolean): IoFailure;
}

const sense = (name: string, key: SenseKey, asc: number, meaning: string): [string, FaultEffect] => [
  name,
  {
    meaning,
    ...(key === SenseKey.recoveredError && { recovered: true }),
    failure: () => ({ kind: 'injected', sense: { name, key, asc } }),
  },
];

const status = (name: string, code: number, meaning: string): [string, FaultEffect] => [
  name,
  { meaning, failure: () => ({ kind: 'injected', status: code }) },
];

/** Additional sense codes: SPC-5 annex F. */
export const faultEffects: ReadonlyMap<string, FaultEffect> = new Map([
  [
    'medium-error',
    {
      meaning: 'MEDIUM ERROR with the LBA: unrecovered read error, or write error',
      failure: (lba: number, write: boolean): IoFailure => ({ kind: 'medium-error', lba, write }),
    },
  ],
  [
    'medium-error-until-written',
    {
      meaning: 'MEDIUM ERROR with the LBA, from then on until the blocks are written or unmapped',
      lasting: true,
      failure: (lba: number): IoFailure => ({ kind: 'medium-error', lba, write: false }),
    },
  ],
  [
    'hardware-error',
    {
      meaning: 'HARDWARE ERROR: internal target failure',
      failure: (): IoFailure => ({ kind: 'hardware-error', cause: 'fault rule' }),
    },
  ],
  [
    'not-ready',
    {
      meaning: 'NOT READY: logical unit not ready, cause not reportable',
      failure: (): IoFailure => ({ kind: 'not-ready', cause: 'fault rule' }),
    },
  ],
  [
    'no-space',
    {
      meaning: 'DATA PROTECT: space allocation failed, as from a full pool',
      failure: (): IoFailure => ({ kind: 'no-space', cause: 'fault rule' }),
    },
  ],
  sense('becoming-ready', SenseKey.notReady, 0x0401, 'NOT READY: in process of becoming ready'),
  sense('manual-intervention', SenseKey.notReady, 0x0403, 'NOT READY: manual intervention required'),
  sense(
    'recovered-error',
    SenseKey.recoveredError,
    0x1800,
    'RECOVERED ERROR: the command is done, with data recovered by error correction',
  ),
  sense('logical-unit-failure', SenseKey.hardwareError, 0x3e01, 'HARDWARE ERROR: logical unit failure'),
  sense('guard-check', SenseKey.abortedCommand, 0x1001, 'ABORTED COMMAND: logical block guard check failed'),
  sense(
    'communication-failure',
    SenseKey.abortedCommand,
    0x0800,
    'ABORTED COMMAND: logical unit communication failure',
  ),
  sense('aborted-command', SenseKey.abortedCommand, 0x0000, 'ABORTED COMMAND: no additional sense information'),
  sense('write-protected', SenseKey.dataProtect, 0x2700, 'DATA PROTECT: write protected'),
  sense('parameters-changed', SenseKey.unitAttention, 0x2a00, 'UNIT ATTENTION: parameters changed'),
  status('busy', Status.busy, 'status BUSY'),
  status('task-set-full', Status.taskSetFull, 'status TASK SET FULL'),
  status('reservation-conflict', Status.reservationConflict, 'status RESERVATION CONFLICT'),
]);

const ANY_SENSE = /^([0-9a-f])\/([0-9a-f]{1,2})\/([0-9a-f]{1,2})$/i;

/** By name, or any sense as `KEY/ASC/ASCQ`; null: there is no such effect. */
export function faultEffect(name: string): FaultEffect | null {
  const known = faultEffects.get(name);
  if (known !== undefined) return known;
  const given = ANY_SENSE.exec(name);
  if (given === null) return null;
  const [key, asc, ascq] = given.slice(1).map((digits) => Number.parseInt(digits, 16)) as [number, number, number];
  return sense(name, key as SenseKey, (asc << 8) | ascq, 'any sense')[1];
}
