/** PERSISTENT RESERVE IN and OUT as a host sends them. */
import { encodeTransportId } from '../../../wire/scsi/transport-id.js';
import type { Host, Result } from './rig.js';

export const CONFLICT = 0x18;
export const Type = { we: 1, ea: 3, wero: 5, earo: 6, wear: 7, eaar: 8 } as const;

export interface OutOptions {
  readonly type?: number;
  readonly key?: number;
  readonly action?: number;
  readonly flags?: number;
  readonly ports?: readonly string[];
}

const Action = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
} as const;

/** `key` is the RESERVATION KEY, `action` the SERVICE ACTION RESERVATION KEY. */
export function out(host: Host, name: keyof typeof Action, options: OutOptions = {}): Result {
  const { cdb, list } = outBytes(name, options);
  return host.run(cdb, list);
}

export function outBytes(name: keyof typeof Action, options: OutOptions = {}): { cdb: Buffer; list: Buffer } {
  const { type = 0, key = 0, action = 0, flags = 0, ports } = options;
  const basic = Buffer.alloc(24);
  basic.writeBigUInt64BE(BigInt(key), 0);
  basic.writeBigUInt64BE(BigInt(action), 8);
  basic[20] = flags | (ports ? 0x08 : 0);
  const ids = Buffer.concat((ports ?? []).map(encodeTransportId));
  const length = Buffer.alloc(ports ? 4 : 0);
  if (ports) length.writeUInt32BE(ids.length);
  const list = Buffer.concat([basic, length, ids]);
  const cdb = Buffer.from([0x5f, Action[name], type, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt32BE(list.length, 5);
  return { cdb, list };
}

export interface MoveOptions {
  readonly key: number;
  readonly action: number;
  readonly flags?: number;
  readonly port: number;
  readonly to: string;
}

export function moveList(options: MoveOptions): Buffer {
  const id = encodeTransportId(options.to);
  const list = Buffer.concat([Buffer.alloc(24), id]);
  list.writeBigUInt64BE(BigInt(options.key), 0);
  list.writeBigUInt64BE(BigInt(options.action), 8);
  list[17] = options.flags ?? 0;
  list.writeUInt16BE(options.port, 18);
  list.writeUInt32BE(id.length, 20);
  return list;
}

export function move(host: Host, options: MoveOptions): Result {
  const list = moveList(options);
  return host.run(Buffer.from([0x5f, 7, 0, 0, 0, 0, 0, 0, list.length, 0]), list);
}

const inCommand = (action: number, allocation = 4096) => [
  0x5e,
  action,
  0,
  0,
  0,
  0,
  0,
  allocation >> 8,
  allocation & 0xff,
  0,
];

export function read(host: Host, action: number, allocation = 4096): Result {
  return host.run(inCommand(action, allocation));
}

export function keys(host: Host): { generation: number; keys: number[] } {
  const { data } = read(host, 0);
  const found = [];
  for (let at = 8; at < 8 + data.readUInt32BE(4); at += 8) found.push(Number(data.readBigUInt64BE(at)));
  return { generation: data.readUInt32BE(0), keys: found };
}

/** Key and type of the reservation; null: there is none. */
export function reservation(host: Host): { key: number; type: number } | null {
  const { data } = read(host, 1);
  if (data.readUInt32BE(4) === 0) return null;
  return { key: Number(data.readBigUInt64BE(8)), type: data[21]! };
}

export function fullStatus(host: Host) {
  const { data } = read(host, 3);
  const found = [];
  for (let at = 8; at < data.length; ) {
    const idBytes = data.readUInt32BE(at + 20);
    const id = data.subarray(at + 24, at + 24 + idBytes);
    found.push({
      key: Number(data.readBigUInt64BE(at)),
      holder: (data[at + 12]! & 1) === 1,
      type: data[at + 13]!,
      port: data.readUInt16BE(at + 18),
      name: id.toString('utf8', 4).replace(/\0+$/, ''),
      format: id[0]!,
    });
    at += 24 + idBytes;
  }
  return found;
}

export const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
export const WRITE = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0];

/** Status of a read and of a write. */
export function access(host: Host): { read: number; write: number } {
  return { read: host.run(READ).status, write: host.run(WRITE, Buffer.alloc(512)).status };
}
