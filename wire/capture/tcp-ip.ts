/**
 * IP and TCP headers for a byte stream that was seen above TCP, so that tools which expect packets can follow it.
 * Big-endian; checksums are right.
 *
 * IPv4 (RFC 791)                            IPv6 (RFC 8200)
 *   0 version 4, IHL 5 (1) | 1 TOS (1)        0 version 6, class, flow label (4)
 *   2 total length (2)                        4 payload length (2)
 *   4 identification (2) | 6 flags, DF (2)    6 next header 6 (1) | 7 hop limit (1)
 *   8 TTL (1) | 9 protocol 6 (1)              8 source (16)
 *  10 header checksum (2)                    24 destination (16)
 *  12 source (4) | 16 destination (4)
 *
 * TCP (RFC 9293)
 *   0 source port (2) | 2 destination port (2) | 4 sequence number (4) | 8 acknowledgment number (4)
 *  12 data offset (4 bits) ... flags (1, byte 13) | 14 window (2) | 16 checksum (2) | 18 urgent pointer (2)
 *  20 options, in SYN only: MSS (kind 2, length 4), NOP (kind 1), window scale (kind 3, length 3; RFC 7323)
 */

export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Buffer;
  readonly port: number;
}

/** One direction of a connection; both ends of one family. */
export interface Flow {
  readonly from: Endpoint;
  readonly to: Endpoint;
}

export const TcpFlag = { fin: 0x01, syn: 0x02, push: 0x08, ack: 0x10 } as const;

export interface Segment {
  readonly sequence: number;
  readonly acknowledgment: number;
  /** OR of `TcpFlag`. */
  readonly flags: number;
}

/** Payload of one packet at most: with every header it stays below the 65535 bytes of an IPv4 packet. */
export const SEGMENT_BYTES = 65_024;

const PROTOCOL_TCP = 6;
const TCP_BYTES = 20;
const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x4000;
const WINDOW = 0xffff;
/** The largest shift: the receiver's window never looks full, as nothing is known about the real one. */
const WINDOW_SHIFT = 14;
const SYN_OPTIONS = Buffer.from([2, 4, SEGMENT_BYTES >> 8, SEGMENT_BYTES & 0xff, 1, 3, 3, WINDOW_SHIFT]);

/** IP and TCP header of a segment, in bytes. */
export function headerBytes(flow: Flow, flags: number): number {
  return ipBytes(flow) + tcpBytes(flags);
}

/** Writes the headers at `at`; the payload of `bytes` bytes must already follow them. */
export function writeHeaders(to: Buffer, at: number, flow: Flow, segment: Segment, bytes: number): void {
  const length = tcpBytes(segment.flags) + bytes;
  const tcpAt = at + ipBytes(flow);
  if (flow.from.address.length === 4) writeIpv4(to, at, flow, length);
  else writeIpv6(to, at, flow, length);
  writeTcp(to, tcpAt, flow, segment);
  const pseudo = sum(flow.from.address, 0, flow.from.address.length) + sum(flow.to.address, 0, flow.to.address.length);
  to.writeUInt16BE(folded(pseudo + PROTOCOL_TCP + length + sum(to, tcpAt, length)), tcpAt + 16);
}

/** `10.0.0.1`, `::1`, `fe80::1%eth0`, `::ffff:10.0.0.1` (which is IPv4); null for anything else. */
export function addressBytes(text: string): Buffer | null {
  const plain = text.split('%', 1)[0]!.replace(/^::ffff:(?=\d+\.)/i, '');
  return plain.includes(':') ? ipv6Bytes(plain) : ipv4Bytes(plain);
}

function ipv4Bytes(text: string): Buffer | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return null;
  const bytes = text.split('.').map(Number);
  return bytes.every((byte) => byte <= 255) ? Buffer.from(bytes) : null;
}

function ipv6Bytes(text: string): Buffer | null {
  const [head, tail, more] = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  if (head === undefined || more !== undefined) return null;
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array<string>(Math.max(0, zeros)).fill('0'), ...(tail ?? [])];
  if (groups.length !== 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

const ipBytes = (flow: Flow): number => (flow.from.address.length === 4 ? 20 : 40);
const tcpBytes = (flags: number): number => TCP_BYTES + ((flags & TcpFlag.syn) === 0 ? 0 : SYN_OPTIONS.length);

function writeIpv4(to: Buffer, at: number, { from, to: target }: Flow, length: number): void {
  to.fill(0, at, at + 20);
  to[at] = 0x45;
  to.writeUInt16BE(20 + length, at + 2);
  to.writeUInt16BE(DONT_FRAGMENT, at + 6);
  to[at + 8] = HOP_LIMIT;
  to[at + 9] = PROTOCOL_TCP;
  from.address.copy(to, at + 12);
  target.address.copy(to, at + 16);
  to.writeUInt16BE(folded(sum(to, at, 20)), at + 10);
}

function writeIpv6(to: Buffer, at: number, { from, to: target }: Flow, length: number): void {
  to.writeUInt32BE(0x60000000, at);
  to.writeUInt16BE(length, at + 4);
  to[at + 6] = PROTOCOL_TCP;
  to[at + 7] = HOP_LIMIT;
  from.address.copy(to, at + 8);
  target.address.copy(to, at + 24);
}

function writeTcp(to: Buffer, at: number, { from, to: target }: Flow, segment: Segment): void {
  const { sequence, acknowledgment, flags } = segment;
  const bytes = tcpBytes(flags);
  to.writeUInt16BE(from.port, at);
  to.writeUInt16BE(target.port, at + 2);
  to.writeUInt32BE(sequence, at + 4);
  to.writeUInt32BE(acknowledgment, at + 8);
  to[at + 12] = (bytes / 4) << 4;
  to[at + 13] = flags;
  to.writeUInt16BE(WINDOW, at + 14);
  to.writeUInt32BE(0, at + 16);
  if (bytes > TCP_BYTES) SYN_OPTIONS.copy(to, at + TCP_BYTES);
}

/** Of 16-bit words, the last one padded with a zero byte (RFC 1071); not folded yet. */
function sum(bytes: Buffer, at: number, length: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
  const even = length & ~1;
  let total = 0;
  for (let i = 0; i < even; i += 2) total += view.getUint16(i);
  return even === length ? total : total + (view.getUint8(even) << 8);
}

function folded(total: number): number {
  let value = total;
  while (value > 0xffff) value = (value & 0xffff) + Math.floor(value / 0x10000);
  return ~value & 0xffff;
}
