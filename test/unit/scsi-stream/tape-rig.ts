/** A virtual tape in memory, and its commands as hosts send them. */
import { decodeSense, encodeSense } from '../../../wire/scsi/sense-codec.js';
import { type Host, type Result, Rig, type RigOptions } from '../scsi-primary/rig.js';

export class TapeRig extends Rig {
  constructor(options: RigOptions = {}) {
    super({ blocks: 4096, ...options, tape: true });
  }

  /** The same medium after the death of the process. */
  restarted(): TapeRig {
    const rig = new TapeRig({ blocks: this.layer.blocks });
    this.layer.data.copy(rig.layer.data);
    return rig;
  }
}

const three = (value: number) => [(value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];

export const REWIND = [0x01, 0, 0, 0, 0, 0];
export const read = (length: number, flags = 0) => [0x08, flags, ...three(length), 0];
export const write = (length: number, flags = 0) => [0x0a, flags, ...three(length), 0];
export const filemarks = (count: number, flags = 0) => [0x10, flags, ...three(count), 0];
export const space = (code: number, count: number) => [0x11, code, ...three(count), 0];
export const locate = (number: number, flags = 0) => [0x2b, flags, 0, 0, ...three(number), 0, 0, 0];
export const unload = (byte4 = 0) => [0x1b, 0, 0, 0, byte4, 0];
export const ERASE = [0x19, 0x02, 0, 0, 0, 0];
export const Over = { blocks: 0, filemarks: 1, end: 3 } as const;
export const FIXED = 0x01;
export const SILI = 0x02;

export function writeRecord(host: Host, data: Buffer): Result {
  return host.run(write(data.length), data);
}

/** MODE SELECT(6) with a block descriptor. */
export function setBlockLength(host: Host, bytes: number, header = [0, 0, 0x10, 8]): Result {
  const list = Buffer.from([...header, 0, 0, 0, 0, 0, ...three(bytes)]);
  return host.run([0x15, 0x10, 0, 0, list.length, 0], list);
}

/** Objects and filemarks before the position, by READ POSITION in long form. */
export function position(host: Host): [number, number] {
  const { data } = host.run([0x34, 0x06, 0, 0, 0, 0, 0, 0, 0, 0]);
  return [Number(data.readBigUInt64BE(8)), Number(data.readBigUInt64BE(16))];
}

/** The sense of a result as a host reads it in fixed format; null: GOOD. */
export function seen({ sense }: Result) {
  if (sense === null) return null;
  const { key, asc, information, ili, eom, filemark } = decodeSense(encodeSense(sense, false))!;
  const signed = information === null ? null : information | 0;
  const marks = [filemark && 'FILEMARK', eom && 'EOM', ili && 'ILI'].filter((mark) => mark !== false);
  return [key, asc, signed, ...marks];
}

/** Bytes that tell records apart. */
export function record(bytes: number, seed: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) data[i] = (i * 31 + seed * 17 + (i >> 8)) & 0xff;
  return data;
}
