/**
 * One line for people on each PDU of a connection: which command it belongs to, by its Initiator Task Tag, and which
 * LDEV that addresses.
 *
 *   SCSI command: READ(10) LUN 0 LDEV 00:00 LBA 2048 blocks 8 ITT 0x00000065
 *   SCSI data in: READ(10) LUN 0 LDEV 00:00 LBA 2048 blocks 8 ITT 0x00000065: GOOD
 */
import {
  BHS_BYTES,
  commandCdb,
  decodeCommandAhs,
  decodeDataIn,
  decodeScsiResponse,
  initiatorTaskTag,
  loginStatusName,
  lunOf,
  Opcode,
  opcodeName,
  opcodeOf,
  RESERVED_TAG,
  rejectReasonName,
  taskFunctionName,
} from '../../../../wire/iscsi/bhs.js';
import { blockRange } from '../../../../wire/scsi/cdb-range.js';
import { commandName } from '../../../../wire/scsi/command-names.js';
import { decodeLun } from '../../../../wire/scsi/lun.js';
import { STATUS_NAMES } from '../../../../wire/scsi/status.js';

/** What the host sees under a LUN. */
export interface AddressedUnit {
  /** `00:1A`. */
  readonly ldev: string;
  /** PERIPHERAL DEVICE TYPE. */
  readonly deviceType: number;
}

/** Commands remembered: those whose end was never seen, because they were aborted, must not add up. */
const COMMANDS = 1024;

export class PduComments {
  /** By Initiator Task Tag, the oldest first. */
  readonly #commands = new Map<number, string>();

  /** @param unitAt what the host sees under a LUN; null: nothing */
  constructor(private readonly unitAt: (lun: number) => AddressedUnit | null) {}

  /** @param head BHS and AHS */
  of(head: Buffer): string {
    const opcode = opcodeOf(head);
    const name = opcodeName(opcode);
    const detail = this.#details[opcode]?.(head);
    return detail === undefined ? `${name}${tagText(head)}` : `${name}: ${detail}`;
  }

  readonly #details: Readonly<Record<number, (head: Buffer) => string | undefined>> = {
    [Opcode.scsiCommand]: (head) => this.#begins(head),
    [Opcode.scsiDataOut]: (head) => this.#commands.get(initiatorTaskTag(head)),
    [Opcode.r2t]: (head) => this.#commands.get(initiatorTaskTag(head)),
    [Opcode.scsiDataIn]: (head) => this.#goesOn(head, decodeDataIn(head).status),
    [Opcode.scsiResponse]: (head) => this.#goesOn(head, decodeScsiResponse(head).status),
    [Opcode.taskManagementRequest]: (head) => this.#management(head),
    [Opcode.loginResponse]: (head) => `${loginStatusName(head.readUInt16BE(36))}${tagText(head)}`,
    [Opcode.reject]: (head) => rejectReasonName(head[2]!),
  };

  #begins(head: Buffer): string {
    const tag = initiatorTaskTag(head);
    const cdb = cdbOf(head);
    const lun = decodeLun(lunOf(head));
    const deviceType = lun === null ? undefined : this.unitAt(lun)?.deviceType;
    const range = blockRange(cdb, deviceType);
    const blocks = range === null ? '' : ` LBA ${range.lba} blocks ${range.blocks}`;
    const text = `${commandName(cdb, deviceType)}${this.#lunText(head)}${blocks}${tagText(head)}`;
    this.#commands.delete(tag);
    this.#commands.set(tag, text);
    if (this.#commands.size > COMMANDS) this.#commands.delete(this.#commands.keys().next().value!);
    return text;
  }

  /** @param status null: it is not the last PDU of the command */
  #goesOn(head: Buffer, status: number | null): string {
    const tag = initiatorTaskTag(head);
    const text = this.#commands.get(tag) ?? `unknown command${tagText(head)}`;
    if (status === null) return text;
    this.#commands.delete(tag);
    return `${text}: ${STATUS_NAMES[status] ?? `status 0x${status.toString(16)}`}`;
  }

  #management(head: Buffer): string {
    const referenced = this.#commands.get(head.readUInt32BE(20));
    const what = referenced === undefined ? this.#lunText(head) : ` of ${referenced}`;
    return `${taskFunctionName(head[1]! & 0x7f)}${what}`;
  }

  #lunText(head: Buffer): string {
    const lun = decodeLun(lunOf(head));
    if (lun === null) return ` LUN ${lunOf(head).toString('hex')}`;
    const unit = this.unitAt(lun);
    return ` LUN ${lun}${unit === null ? '' : ` LDEV ${unit.ldev}`}`;
  }
}

function cdbOf(head: Buffer): Buffer {
  const rest = head.length > BHS_BYTES ? decodeCommandAhs(head.subarray(BHS_BYTES))?.extendedCdb : null;
  return rest ? Buffer.concat([commandCdb(head), rest]) : commandCdb(head);
}

function tagText(head: Buffer): string {
  const tag = initiatorTaskTag(head);
  return tag === RESERVED_TAG ? '' : ` ITT 0x${tag.toString(16).padStart(8, '0')}`;
}
