/** Builders of command descriptor blocks for sequential-access devices (SSC-5). Lengths and counts have 24 bits. */
import { Opcode, StreamOpcode } from './opcodes.js';

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

/** @param count in two's complement */
export function space6(code: number, count: number): Buffer {
  return sixByte(StreamOpcode.space6, code, count);
}

export function locate10(number: number): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = StreamOpcode.locate10;
  cdb.writeUInt32BE(number, 3);
  return cdb;
}
