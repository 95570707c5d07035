/** Builders of command descriptor blocks for sequential-access devices (SSC-5). Lengths and counts have 24 bits. */
import { writeUint64 } from './cdb.js';
import { Opcode, ReadPosition, StreamOpcode } from './opcodes.js';

/** CODE of SPACE. */
export const SpaceCode = { block: 0x0, filemark: 0x1, endOfData: 0x3 } as const;

const LONG = 0x02;
const LOAD = 0x01;
/** PF: pages as SPC has them. */
const PF = 0x10;

function sixByte(opcode: number, flags: number, length: number): Buffer {
  const cdb = Buffer.alloc(6);
  cdb[0] = opcode;
  cdb[1] = flags;
  cdb.writeUIntBE(length, 2, 3);
  return cdb;
}

/** @param length blocks of the block length that is set if `fixed`, else bytes of one block */
export function readStream(fixed: boolean, length: number): Buffer {
  return sixByte(Opcode.read6, fixed ? 0x01 : 0, length);
}

/** @param length as of `readStream` */
export function writeStream(fixed: boolean, length: number): Buffer {
  return sixByte(Opcode.write6, fixed ? 0x01 : 0, length);
}

export function writeFilemarks6(count: number, immediate: boolean): Buffer {
  return sixByte(StreamOpcode.writeFilemarks6, immediate ? 0x01 : 0, count);
}

/** @param count backwards if negative */
export function space6(code: number, count: number): Buffer {
  return sixByte(StreamOpcode.space6, code, count & 0xffffff);
}

export function locate10(number: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = StreamOpcode.locate10;
  cdb.writeUInt32BE(number, 3);
  return cdb;
}

/** @param count backwards if negative */
export function space16(code: number, count: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = StreamOpcode.space16;
  cdb[1] = code;
  cdb.writeBigInt64BE(BigInt(count), 4);
  return cdb;
}

/** To an object, in the partition that there is. */
export function locate16(number: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = StreamOpcode.locate16;
  writeUint64(cdb, number, 4);
  return cdb;
}

export function rewind(): Buffer {
  return sixByte(StreamOpcode.rewind, 0, 0);
}

/** All that follows the position. */
export function erase6(): Buffer {
  return sixByte(StreamOpcode.erase6, LONG, 0);
}

export function loadUnload(load: boolean): Buffer {
  return sixByte(StreamOpcode.loadUnload, 0, load ? LOAD : 0);
}

export function readBlockLimits(): Buffer {
  return sixByte(StreamOpcode.readBlockLimits, 0, 0);
}

/** In the long form: 32 bytes. */
export function readPositionLong(): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = StreamOpcode.readPosition;
  cdb[1] = ReadPosition.long;
  return cdb;
}

/** With the block descriptor. @param page its code */
export function modeSense6(page: number, allocationBytes: number): Buffer {
  return Buffer.from([Opcode.modeSense6, 0, page, 0, allocationBytes, 0]);
}

export function modeSelect6(parameterBytes: number): Buffer {
  return Buffer.from([Opcode.modeSelect6, PF, 0, 0, parameterBytes, 0]);
}

/** Values of all attributes (SPC-5 6.17). */
export function readAttribute(allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.readAttribute;
  cdb.writeUInt32BE(allocationBytes, 10);
  return cdb;
}
