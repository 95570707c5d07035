/** A logical unit on blocks in memory, and a port that feeds it data-out in odd pieces. */

import { SimulatedClock } from '../../../target/base/clock.js';
import type { Log } from '../../../target/base/log.js';
import { SECTOR_BYTES } from '../../../target/cache/types.js';
import { type Command, CommandTable } from '../../../target/scsi/command-table.js';
import { dispatch } from '../../../target/scsi/dispatch.js';
import { blockCommands, blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { LogicalUnit } from '../../../target/scsi/logical-unit.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { noSurroundings } from '../../../target/scsi/surroundings.js';
import { Status, Task, TaskAttribute, type TaskOwner } from '../../../target/scsi/task.js';
import type {
  BlockExtent,
  BlockLayer,
  Done,
  ExtentsDone,
  Io,
  IoFailure,
  ReadDone,
} from '../../../target/volumes/block-layer.js';
import { MarkedLayer } from '../../../target/volumes/layers/marked.js';
import { ProtectedLayer } from '../../../target/volumes/layers/protected.js';
import { protectedLayouts } from '../../../target/volumes/layers/protected-layout.js';
import { type MarkedBlock, MarkedBlocks, type MarkStore } from '../../../target/volumes/marked-blocks.js';
import type { Ldev } from '../../../target/volumes/model.js';
import type { ProtectionType } from '../../../wire/scsi/protection.js';
import type { Sense } from '../../../wire/scsi/sense.js';

/** Blocks in memory. `failNext` fails the next operation; `calls` tells what was asked, in order. */
export class MemoryLayer implements BlockLayer {
  readonly data: Buffer;
  readonly mapped: boolean[];
  readonly calls: string[] = [];
  lastIo: Io | null = null;
  failNext: IoFailure | null = null;
  /** Read buffers not yet released. */
  pinned = 0;
  /** Set: operations complete only when `complete` is called. */
  held: (() => void)[] | null = null;

  constructor(
    readonly blocks: number,
    readonly blockSize: number,
  ) {
    this.data = Buffer.alloc(blocks * blockSize);
    this.mapped = new Array(blocks).fill(false);
  }

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    this.do('read', io, lba, blocks, (failure) => {
      if (failure) {
        done(failure, [], () => {});
        return;
      }
      this.pinned++;
      const bytes = Buffer.from(this.view(lba, blocks));
      const cut = Math.floor(bytes.length / 3);
      done(null, [bytes.subarray(0, cut), bytes.subarray(cut)], () => {
        this.pinned--;
      });
    });
  }

  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void {
    const bytes = Buffer.concat(data);
    if (bytes.length !== blocks * this.blockSize)
      throw new Error(`write of ${blocks} blocks got ${bytes.length} bytes`);
    this.do('write', io, lba, blocks, (failure) => {
      if (!failure) {
        bytes.copy(this.data, lba * this.blockSize);
        this.mapped.fill(true, lba, lba + blocks);
      }
      done(failure);
    });
  }

  unmap(io: Io, lba: number, blocks: number, done: Done): void {
    this.do('unmap', io, lba, blocks, (failure) => {
      if (!failure) {
        this.view(lba, blocks).fill(0);
        this.mapped.fill(false, lba, lba + blocks);
      }
      done(failure);
    });
  }

  flush(io: Io, lba: number, blocks: number, done: Done): void {
    this.do('flush', io, lba, blocks, done);
  }

  prefetch(io: Io, lba: number, blocks: number, done: Done): void {
    this.do('prefetch', io, lba, blocks, done);
  }

  extents(lba: number, blocks: number, limit: number, done: ExtentsDone): void {
    const list: BlockExtent[] = [];
    let at = lba;
    while (at < lba + blocks && list.length < limit) {
      const mapped = this.mapped[at]!;
      let end = at;
      while (end < lba + blocks && this.mapped[end] === mapped) end++;
      list.push({ lba: at, blocks: end - at, mapped });
      at = end;
    }
    const failure = this.failNext;
    this.failNext = null;
    done(failure, failure ? [] : list);
  }

  view(lba: number, blocks: number): Buffer {
    return this.data.subarray(lba * this.blockSize, (lba + blocks) * this.blockSize);
  }

  /** Fills blocks with one byte, as if written. */
  fill(lba: number, blocks: number, byte: number): void {
    this.view(lba, blocks).fill(byte);
    this.mapped.fill(true, lba, lba + blocks);
  }

  /** Lets held operations complete. */
  complete(): void {
    const held = this.held ?? [];
    this.held = [];
    for (const run of held) run();
  }

  private do(name: string, io: Io, lba: number, blocks: number, done: Done): void {
    this.calls.push(`${name} ${lba}+${blocks}`);
    this.lastIo = io;
    const failure = this.failNext;
    this.failNext = null;
    if (this.held) this.held.push(() => done(failure));
    else done(failure);
  }
}

/** Marks in memory; `broken` makes it throw. */
export class MemoryMarks implements MarkStore {
  readonly kept = new Map<number, MarkedBlock>();
  broken = false;

  marks(): MarkedBlock[] {
    return [...this.kept.values()];
  }

  addMarks(_uid: number, lba: number, blocks: number, correctionDisabled: boolean): void {
    this.check();
    for (let each = lba; each < lba + blocks; each++) this.kept.set(each, { lba: each, correctionDisabled });
  }

  removeMarks(_uid: number, lba: number, blocks: number): void {
    this.check();
    for (const each of this.kept.keys()) if (each >= lba && each < lba + blocks) this.kept.delete(each);
  }

  private check(): void {
    if (this.broken) throw new Error('database or disk is full');
  }
}

export interface UnitOptions {
  readonly blocks?: number;
  readonly blockSize?: 512 | 4096;
  readonly physicalBlockSize?: 512 | 4096;
  readonly thin?: boolean;
  readonly readOnly?: boolean;
  readonly commands?: readonly Command[];
  /** With it, `layer` is one of sectors. */
  readonly protection?: ProtectionType;
}

/** A logical unit whose reservations and modes tests may set. */
export class TestUnit {
  readonly layer: MemoryLayer;
  readonly unit: LogicalUnit;
  readonly clock = new SimulatedClock();
  readonly modes = {
    descriptorSense: false,
    softwareWriteProtect: false,
    exceptions: { enabled: false },
    standbyTimerMs: null,
    applicationTags: null,
    formatted() {},
  };
  readonly logged: string[] = [];
  readonly markStore = new MemoryMarks();
  readonly marks: MarkedBlocks;
  reserved = false;

  constructor(options: UnitOptions = {}) {
    const { blocks = 1024, blockSize = 512, thin = true, readOnly = false, protection = 0 } = options;
    const { commands = protection === 0 ? blockCommands : blockCommandsOf({ thin, protection }) } = options;
    const { physicalBlockSize = blockSize } = options;
    const layout = protectedLayouts[blockSize];
    this.layer =
      protection === 0
        ? new MemoryLayer(blocks, blockSize)
        : new MemoryLayer(layout.storedSectors(blocks), SECTOR_BYTES);
    this.marks = new MarkedBlocks(this.markStore, 1, () => {});
    const { layer, marks } = this;
    const bottom = protection === 0 ? layer : new ProtectedLayer(layer, layout, { blocks, protection });
    const marked = new MarkedLayer(bottom, marks);
    const ldev: Ldev = {
      id: 0x1a,
      label: 'test',
      attribute: 'ordinary',
      pool: 'P0',
      blockSize,
      physicalBlockSize,
      blocks,
      thin,
      readOnly,
      protection,
      naa: Buffer.alloc(16, 0x60),
      serial: '0000001A',
      marks,
      get top() {
        return marks.size === 0 ? bottom : marked;
      },
    };
    const log: Log = { info() {}, warn: (message) => this.logged.push(message), error() {} };
    const reservations = { conflict: () => this.reserved };
    this.unit = new LogicalUnit(
      ldev,
      new CommandTable(commands),
      reservations as unknown as LogicalUnit['reservations'],
      this.modes as unknown as LogicalUnit['modes'],
      log,
      noSurroundings,
      () => [],
      this.clock,
    );
  }

  get blockSize(): number {
    return this.unit.blockSize;
  }

  /** Starts a command. `expected` is what the initiator announces: by default what it has. */
  start(cdb: Buffer, data: Buffer | null = null, expected = data?.length ?? 0): Task {
    const padded = Buffer.alloc(Math.max(16, cdb.length));
    cdb.copy(padded);
    const task = new Task(owner(data), testNexus, Buffer.alloc(8), padded, 1, TaskAttribute.simple, expected, 1 << 24);
    task.onFinish = () => {};
    dispatch(this.unit, task);
    return task;
  }

  /** Runs a command to its end. */
  run(cdb: Buffer, data: Buffer | null = null, expected = data?.length ?? 0): Result {
    const task = this.start(cdb, data, expected);
    this.clock.settle();
    return resultOf(task);
  }
}

/** How a command ended, and what it asked for. */
export interface Result {
  readonly status: Status;
  readonly sense: Sense | null;
  readonly data: Buffer;
  readonly wanted: number;
  readonly task: Task;
}

export function resultOf(task: Task): Result {
  if (!task.finished) throw new Error('command did not complete');
  const data = Buffer.concat(task.dataIn);
  if (data.length !== task.dataInLength) throw new Error(`${data.length} bytes, told ${task.dataInLength}`);
  task.release();
  return { status: task.status, sense: task.sense, data, wanted: task.dataOutWanted, task };
}

export const testNexus = {
  id: 7,
  transport: 'iscsi',
  initiatorName: 'iqn.test:host',
  initiatorPort: 'iqn.test:host,i,0x1',
  port: { name: 'CL1-A', relativeId: 1 },
} as unknown as Nexus;

/** Gives data-out in three pieces of unequal size. */
function owner(data: Buffer | null): TaskOwner {
  return {
    fetchDataOut(task, bytes) {
      const all = (data ?? Buffer.alloc(0)).subarray(0, bytes);
      for (const [from, to] of [
        [0, Math.floor(all.length / 7)],
        [Math.floor(all.length / 7), Math.floor(all.length / 2)],
        [Math.floor(all.length / 2), all.length],
      ] as const) {
        if (to > from) task.dataOut.push(all.subarray(from, to));
      }
      task.dataOutLength = all.length;
      task.dataOutArrived();
    },
    respond() {},
  };
}

/** A CDB with an LBA and a length in the places of its size. */
export function cdb(opcode: number, lba: number, length: number, flags = 0): Buffer {
  const group = opcode >> 5;
  if (group === 0) return Buffer.from([opcode, (lba >> 16) & 0x1f, (lba >> 8) & 0xff, lba & 0xff, length & 0xff, 0]);
  const bytes = Buffer.alloc(group === 4 ? 16 : group === 5 ? 12 : 10);
  bytes[0] = opcode;
  bytes[1] = flags;
  if (group === 4) {
    bytes.writeBigUInt64BE(BigInt(lba), 2);
    bytes.writeUInt32BE(length, 10);
  } else {
    bytes.writeUInt32BE(lba, 2);
    if (group === 5) bytes.writeUInt32BE(length, 6);
    else bytes.writeUInt16BE(length, 7);
  }
  return bytes;
}

/** Bytes that differ from block to block. */
export function pattern(bytes: number, seed = 1): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) buffer[i] = (i * 7 + (i >> 9) * 13 + seed) & 0xff;
  return buffer;
}

/** The parts of a sense that tests compare. */
export function inCdb(byte: number, bit?: number) {
  const field = bit === undefined ? { inCdb: true, byte } : { inCdb: true, byte, bit };
  return { name: 'invalid-field-in-cdb', key: 5, asc: 0x2400, field };
}

export { Status };
