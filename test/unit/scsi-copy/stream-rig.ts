/** A disk (LDEV 0), two tapes (1, 2) and segment descriptors with stream devices. */
import type { Host } from '../scsi-primary/rig.js';
import { CopyRig, cscd } from './copy-rig.js';

export class StreamRig extends CopyRig {
  constructor() {
    super([{ blocks: 2048 }, { tape: true, blocks: 8192 }, { tape: true, blocks: 8192 }]);
  }
}

export const TAPE = { deviceType: 1 } as const;
export const DISK_AND_TAPES = [cscd(0), cscd(1, TAPE), cscd(2, TAPE)];

function descriptor(type: number, bytes: number, flags: number, source: number, destination: number): Buffer {
  const data = Buffer.alloc(bytes);
  data[0] = type;
  data[1] = flags;
  data.writeUInt16BE(bytes - 4, 2);
  data.writeUInt16BE(source, 4);
  data.writeUInt16BE(destination, 6);
  return data;
}

export interface Flags {
  readonly cat?: boolean;
  readonly hold?: boolean;
  readonly source?: number;
  readonly destination?: number;
}

/** 00h or 0Bh, from CSCD 0 to 1; 01h or 0Ch back. */
export function blocksAndStream(type: 0x00 | 0x01, transfer: number, count: number, lba: number, flags: Flags = {}) {
  const { cat = false, hold = false } = flags;
  const { source = type, destination = 1 - type } = flags;
  const data = descriptor(hold ? type + 0x0b : type, 24, cat ? 1 : 0, source, destination);
  data.writeUIntBE(transfer, 9, 3);
  data.writeUInt16BE(count, 14);
  data.writeBigUInt64BE(BigInt(lba), 16);
  return data;
}

/** 08h from CSCD 0 to 1, 09h back. */
export function bytesAndStream(
  type: 0x08 | 0x09,
  transfer: number,
  bytes: number,
  [lba, offset]: readonly [number, number],
) {
  const data = descriptor(type, 28, 0, type - 0x08, 0x09 - type);
  data.writeUIntBE(transfer, 9, 3);
  data.writeUInt32BE(bytes, 12);
  data.writeBigUInt64BE(BigInt(lba), 16);
  data.writeUInt16BE(offset, 26);
  return data;
}

/** 03h or 0Eh, from CSCD 1 to 2. */
export function streams(from: number, to: number, bytes: number, { cat = false, hold = false }: Flags = {}) {
  const data = descriptor(hold ? 0x0e : 0x03, 20, cat ? 1 : 0, 1, 2);
  data.writeUIntBE(from, 9, 3);
  data.writeUIntBE(to, 13, 3);
  data.writeUInt32BE(bytes, 16);
  return data;
}

/** 04h, to CSCD 1. */
export function inline(transfer: number, offset: number, bytes: number, { cat = false, destination = 1 }: Flags = {}) {
  const data = descriptor(0x04, 20, cat ? 1 : 0, 0, destination);
  data.writeUIntBE(transfer, 9, 3);
  data.writeUInt32BE(offset, 12);
  data.writeUInt32BE(bytes, 16);
  return data;
}

/** 05h, to CSCD 1. */
export function embedded(transfer: number, content: Buffer, bytes = content.length) {
  const data = Buffer.concat([descriptor(0x05, 16, 0, 0, 1), content]);
  data.writeUInt16BE(data.length - 4, 2);
  data.writeUIntBE(transfer, 9, 3);
  data.writeUInt16BE(bytes, 12);
  return data;
}

/** 06h or 0Fh, from CSCD 1. */
export function discard(transfer: number, bytes: number, { hold = false, cat = false }: Flags = {}) {
  const data = descriptor(hold ? 0x0f : 0x06, 16, cat ? 1 : 0, 1, 0);
  data.writeUIntBE(transfer, 9, 3);
  data.writeUInt32BE(bytes, 12);
  return data;
}

/** 10h to 12h, to CSCD 1. @param byte8 W_IMMED or CODE; of 12h part of the number */
export function motion(type: 0x10 | 0x11 | 0x12, byte8: number, count: number, destination = 1) {
  const data = descriptor(type, 12, 0, 0, destination);
  data[8] = byte8;
  data.writeUIntBE(count, 9, 3);
  return data;
}

/** 13h, from CSCD 1 to 2. */
export function tapeImage(filemarks: number, source = 1, destination = 2) {
  const data = descriptor(0x13, 12, 0, source, destination);
  data.writeUInt32BE(filemarks, 8);
  return data;
}

/** What stands on a tape, from its beginning: records, null for filemarks. */
export function recordsOf(host: Host, lun: number): (Buffer | null)[] {
  host.run([0x01, 0, 0, 0, 0, 0], null, { lun });
  const all: (Buffer | null)[] = [];
  for (;;) {
    const { sense, data } = host.run([0x08, 0x02, 0x80, 0, 0, 0], null, { lun });
    if (sense?.name === 'end-of-data') return all;
    if (sense !== null && sense.name !== 'filemark') throw new Error(sense.name);
    all.push(sense === null ? data : null);
  }
}

export const rewind = (host: Host, lun = 1) => host.run([0x01, 0, 0, 0, 0, 0], null, { lun });

export function writeTape(host: Host, data: Buffer, lun = 1) {
  const cdb = Buffer.from([0x0a, 0, 0, 0, 0, 0]);
  cdb.writeUIntBE(data.length, 2, 3);
  return host.run(cdb, data, { lun });
}
