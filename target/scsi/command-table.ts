/**
 * The command table: one named row per command. Dispatch, the check of reserved bits and REPORT SUPPORTED
 * OPERATION CODES all read it; what has no row is not supported.
 */

import { NACA } from '../../wire/scsi/control-byte.js';
import { Opcode, serviceActionOf } from '../../wire/scsi/opcodes.js';
import type { Sense } from '../../wire/scsi/sense.js';
import type { LogicalUnit } from './logical-unit.js';
import type { Task } from './task.js';

/**
 * How a command gets along with others of the same logical unit; the task set keeps a matrix of these.
 * - `inquire`: touches neither blocks nor settings; runs beside anything
 * - `read`, `write`: the blocks `task.lba`, `task.blocks`; a write waits for those it overlaps
 * - `write-any`: writes ranges that only its parameter list tells (UNMAP)
 * - `flush`: needs all writes before it, changes nothing itself
 * - `configure`: changes what other commands depend on; runs alone
 */
export type ConflictClass = 'inquire' | 'read' | 'write' | 'write-any' | 'flush' | 'configure';

/** What a reservation held by another I_T nexus does to a command. */
export interface ReservationPolicy {
  /** RESERVE(6) and RESERVE(10) (SPC-2 5.5.1). */
  readonly reserve: 'allowed' | 'conflict';
  /**
   * Persistent reservations (SPC-5 5.14.1): `read` is allowed under the write exclusive types, `write` only
   * to the holder and, where the type says so, to registrants.
   */
  readonly persistent: 'allowed' | 'read' | 'write';
}

/** The policies that occur, by the kind of command they suit. */
export const Reservation = {
  /** INQUIRY, REPORT LUNS, REQUEST SENSE, READ CAPACITY … */
  free: { reserve: 'allowed', persistent: 'allowed' },
  /** TEST UNIT READY and others that persistent reservations leave alone but RESERVE does not. */
  status: { reserve: 'conflict', persistent: 'allowed' },
  /** READ, VERIFY, PRE-FETCH … */
  read: { reserve: 'conflict', persistent: 'read' },
  /** WRITE, UNMAP, MODE SELECT … */
  write: { reserve: 'conflict', persistent: 'write' },
} as const satisfies Record<string, ReservationPolicy>;

/**
 * In which asymmetric access states a command works (SPC-5 5.15.2.4): `active` in both active ones only, `standby` in
 * standby too, `any` in all.
 */
export type AccessNeed = 'active' | 'standby' | 'any';

/**
 * How much data-out a command needs when the initiator announces another amount than the CDB asks for.
 * - `blocks`: the whole logical blocks in the smaller of both (WRITE)
 * - `complete`: at least what the CDB asks for, else nothing is done (a comparison cut short means nothing)
 * - `exact`: equal amounts, else nothing is done (COMPARE AND WRITE, WRITE SAME)
 * - `list`: the handler judges the length of what came (parameter lists)
 */
export type TransferRule = 'blocks' | 'complete' | 'exact' | 'list';

export interface Command {
  /** As in the standards, e.g. `READ(10)`. */
  readonly name: string;
  readonly opcode: number;
  readonly serviceAction: number | null;
  readonly cdbLength: number;
  /**
   * CDB usage data of REPORT SUPPORTED OPERATION CODES (SPC-5 6.38): byte 0 the operation code, the service
   * action in its place, else a one for each bit that is evaluated.
   */
  readonly usage: readonly number[];
  readonly conflict: ConflictClass;
  readonly reservation: ReservationPolicy;
  /** The policy where it depends on other fields of the CDB (START STOP UNIT); null: `reservation` holds. */
  readonly reservationOf: ((cdb: Buffer) => ReservationPolicy) | null;
  /** Runs with a unit attention pending, and leaves it pending unless the handler takes it (SPC-5 4.4.6). */
  readonly passesAttention: boolean;
  /** Runs without the medium: on a logical unit that START STOP UNIT has stopped, or whose medium is ejected. */
  readonly runsWhenStopped: boolean;
  /** Runs while a format operation goes on (SBC-4 4.34). */
  readonly runsWhileFormatting: boolean;
  /** Runs while a sanitize operation goes on and after it failed (SBC-4 4.11.2), only after that, or not. */
  readonly whileSanitizing: 'always' | 'failed' | 'never';
  readonly access: AccessNeed;
  /** Changes blocks: refused on a write-protected logical unit. */
  readonly writes: boolean;
  readonly transfer: TransferRule;
  /** Sets `task.lba` and `task.blocks`; null if the command addresses no blocks. */
  readonly locate: ((unit: LogicalUnit, task: Task) => void) | null;
  /** Checks beyond reserved bits and the capacity; runs before data-out is fetched. Null: nothing wrong. */
  readonly check: ((unit: LogicalUnit, task: Task) => Sense | null) | null;
  /** Bytes of data-out that the CDB asks for; bounded by `check` or by the field's width. */
  readonly dataOutBytes: ((unit: LogicalUnit, task: Task) => number) | null;
  /** Carries the command out; completes the task once. */
  readonly run: (unit: LogicalUnit, task: Task) => void;
  /** Answers where the LUN has no logical unit (INQUIRY, REPORT LUNS, REQUEST SENSE); null: refused there. */
  readonly withoutUnit: ((task: Task) => void) | null;
}

/** The fields that every row states; the others have the usual value unless given. */
type Required = 'name' | 'opcode' | 'usage' | 'conflict' | 'reservation' | 'run';
export type CommandSpec = Pick<Command, Required> & Partial<Omit<Command, Required | 'cdbLength'>>;

/** Makes a row; all rows have the same shape. The CDB's length is that of `usage`, in which every command gets NACA. */
export function defineCommand(spec: CommandSpec): Command {
  return {
    name: spec.name,
    opcode: spec.opcode,
    serviceAction: spec.serviceAction ?? null,
    cdbLength: spec.usage.length,
    usage: withNaca(spec),
    conflict: spec.conflict,
    reservation: spec.reservation,
    reservationOf: spec.reservationOf ?? null,
    passesAttention: spec.passesAttention ?? false,
    runsWhenStopped: spec.runsWhenStopped ?? true,
    runsWhileFormatting: spec.runsWhileFormatting ?? false,
    whileSanitizing: spec.whileSanitizing ?? 'never',
    access: spec.access ?? 'active',
    writes: spec.writes ?? false,
    transfer: spec.transfer ?? 'list',
    locate: spec.locate ?? null,
    check: spec.check ?? null,
    dataOutBytes: spec.dataOutBytes ?? null,
    run: spec.run,
    withoutUnit: spec.withoutUnit ?? null,
  };
}

function withNaca({ opcode, usage }: CommandSpec): readonly number[] {
  const control = opcode === Opcode.variableLength ? 1 : usage.length - 1;
  return usage.map((bits, at) => (at === control ? bits | NACA.mask : bits));
}

export function reservationPolicy(command: Command, cdb: Buffer): ReservationPolicy {
  return command.reservationOf === null ? command.reservation : command.reservationOf(cdb);
}

/** The commands of one device type. */
export class CommandTable {
  /** By operation code; a list where service actions tell rows apart. */
  private readonly single: (Command | null)[] = new Array(256).fill(null);
  private readonly byAction: ((Command | null)[] | null)[] = new Array(256).fill(null);

  /** @throws Error if two rows claim the same operation code and service action. */
  constructor(readonly rows: readonly Command[]) {
    for (const row of rows) {
      const { opcode, serviceAction } = row;
      if (this.single[opcode] || (serviceAction === null && this.byAction[opcode])) throw clash(row);
      if (serviceAction === null) {
        this.single[opcode] = row;
        continue;
      }
      const actions = this.byAction[opcode] ?? new Array(32).fill(null);
      this.byAction[opcode] = actions;
      if (actions[serviceAction]) throw clash(row);
      actions[serviceAction] = row;
    }
  }

  /** The row for a CDB, or null. */
  find(cdb: Buffer): Command | null {
    const opcode = cdb[0]!;
    const single = this.single[opcode]!;
    if (single !== null) return single;
    return this.byAction[opcode] === null ? null : this.row(opcode, serviceActionOf(cdb));
  }

  /** The row of an operation code and, where it has any, service action; or null. */
  row(opcode: number, serviceAction: number): Command | null {
    return this.single[opcode] ?? this.byAction[opcode]?.[serviceAction] ?? null;
  }

  /** Whether any row has this operation code; with service actions only: true in `usesServiceActions`. */
  has(opcode: number): boolean {
    return this.single[opcode] !== null || this.byAction[opcode] !== null;
  }

  /** Whether rows of this operation code are told apart by service action. */
  usesServiceActions(opcode: number): boolean {
    return this.byAction[opcode] !== null;
  }
}

function clash(row: Command): Error {
  return new Error(`two rows for ${row.name}`);
}
