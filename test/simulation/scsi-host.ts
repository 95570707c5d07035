/** Commands of a host, as CDBs and data, into a channel adapter; no wire between. */
import type { ChannelAdapter } from '../../target/channel/channel-adapter.js';
import { Status, Task, TaskAttribute, type TaskOwner } from '../../target/scsi/task.js';
import { Opcode } from '../../wire/scsi/opcodes.js';
import type { Sense } from '../../wire/scsi/sense.js';
import { cdb } from '../unit/scsi-block/harness.js';
import { hostNexus } from './simulated-array.js';

export interface Command {
  readonly cdb: Buffer;
  readonly data: Buffer | null;
  /** Bytes; at most. */
  readonly expectedDataIn: number;
}

const FUA = 0x08;
const UNMAP = 0x08;
const NDOB = 0x01;

/** LBAs and lengths in blocks. */
export const commandOf = {
  read: (lba: number, blocks: number, blockSize: number, fua: boolean): Command => {
    return { cdb: cdb(Opcode.read16, lba, blocks, fua ? FUA : 0), data: null, expectedDataIn: blocks * blockSize };
  },
  write: (lba: number, blocks: number, data: Buffer, fua: boolean): Command => {
    return { cdb: cdb(Opcode.write16, lba, blocks, fua ? FUA : 0), data, expectedDataIn: 0 };
  },
  /** @param block one block; null: zeros, which are unmapped */
  writeSame: (lba: number, blocks: number, block: Buffer | null): Command => {
    const flags = block === null ? UNMAP | NDOB : 0;
    return { cdb: cdb(Opcode.writeSame16, lba, blocks, flags), data: block, expectedDataIn: 0 };
  },
  compareAndWrite: (lba: number, blocks: number, found: Buffer, data: Buffer, fua: boolean): Command => {
    const bytes = cdb(Opcode.compareAndWrite, lba, 0, fua ? FUA : 0);
    bytes[13] = blocks;
    return { cdb: bytes, data: Buffer.concat([found, data]), expectedDataIn: 0 };
  },
  unmap: (lba: number, blocks: number): Command => {
    const bytes = Buffer.alloc(10);
    bytes[0] = Opcode.unmap;
    bytes.writeUInt16BE(24, 7);
    const list = Buffer.alloc(24);
    list.writeUInt16BE(22, 0);
    list.writeUInt16BE(16, 2);
    list.writeBigUInt64BE(BigInt(lba), 8);
    list.writeUInt32BE(blocks, 16);
    return { cdb: bytes, data: list, expectedDataIn: 0 };
  },
  synchronizeCache: (lba: number, blocks: number): Command => {
    return { cdb: cdb(Opcode.synchronizeCache16, lba, blocks), data: null, expectedDataIn: 0 };
  },
} as const;

export interface Reply {
  readonly status: Status;
  readonly sense: Sense | null;
  /** Stays as it is until `release`. */
  readonly data: readonly Buffer[];
  readonly release: () => void;
}

let tag = 0;

/** @param cut share (0 … 1) of the data-out that arrives first */
export function send(channel: ChannelAdapter, lun: number, command: Command, cut: number, ended: (r: Reply) => void) {
  const owner: TaskOwner = {
    fetchDataOut(task, bytes) {
      const all = (command.data ?? Buffer.alloc(0)).subarray(0, bytes);
      const first = Math.floor(all.length * cut);
      for (const part of [all.subarray(0, first), all.subarray(first)]) if (part.length > 0) task.dataOut.push(part);
      task.dataOutLength = all.length;
      task.dataOutArrived();
    },
    respond(task) {
      ended({ status: task.status, sense: task.sense, data: task.dataIn, release: () => task.release() });
    },
  };
  const padded = Buffer.alloc(16);
  command.cdb.copy(padded);
  const address = Buffer.alloc(8);
  address[1] = lun;
  const { data, expectedDataIn } = command;
  tag = (tag + 1) >>> 0;
  channel.submit(
    new Task(owner, hostNexus, address, padded, tag, TaskAttribute.simple, data?.length ?? 0, expectedDataIn),
  );
}

export { Status };
