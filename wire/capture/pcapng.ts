/**
 * pcapng, the capture file format of Wireshark (IETF draft-ietf-opsawg-pcapng): the blocks that a capture needs.
 * Little-endian, each block padded to 4 bytes, its length at both ends.
 *
 * Block               0 type (4) | 4 total length (4) | body | options | total length (4)
 * Section Header      type 0A0D0D0Ah; 8 byte-order magic (4) | 12 major 1 (2) | 14 minor 0 (2) | 16 section length −1 (8)
 * Interface           type 1; 8 link type (2) | 10 reserved (2) | 12 snap length, 0: none (4)
 * Interface Statistics type 5; 8 interface (4) | 12 time, high (4) | 16 time, low (4)
 * Enhanced Packet     type 6; 8 interface (4) | 12 time, high (4) | 16 time, low (4)
 *                     20 captured length (4) | 24 original length (4) | 28 packet
 * Option              0 code (2) | 2 length without padding (2) | 4 value; the list ends with code 0, length 0
 *
 * Times are nanoseconds since 1970 (if_tsresol 9). Left out on purpose: name resolution, secrets, unbounded options.
 */

/** "Raw IP": packets begin with the IPv4 or IPv6 header. */
export const LINKTYPE_RAW = 101;

/** Where the packet lies in what `packetBlock` returns. */
export const PACKET_AT = 28;

/** First bytes of every capture file, in either byte order. */
export const SECTION_MAGIC = Buffer.from([0x0a, 0x0d, 0x0d, 0x0a]);

const BlockType = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const NANOSECONDS = 9;
/** An option's length has 16 bits; a comment is one line for people. */
const COMMENT_BYTES = 1024;

const Option = {
  end: 0,
  comment: 1,
  application: 4,
  interfaceName: 2,
  timeResolution: 9,
  flags: 2,
  received: 4,
  dropped: 5,
} as const;

/** Low bits of the flags of a packet. */
export const Direction = { inbound: 1, outbound: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

export interface PacketHeader {
  /** Number of the interface block in the file, from 0 on. */
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly direction: Direction;
  /** One line; cut to 1024 bytes. Null: none. */
  readonly comment: string | null;
}

/** Begins a file. */
export function sectionHeader(application: string): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  body.writeUInt16LE(1, 4);
  body.writeBigInt64LE(-1n, 8);
  return block(BlockType.section, body, [option(Option.application, Buffer.from(application))]);
}

/** One per interface, before its packets. */
export function interfaceBlock(name: string): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_RAW, 0);
  return block(BlockType.interface, body, [
    option(Option.interfaceName, Buffer.from(name)),
    option(Option.timeResolution, Buffer.from([NANOSECONDS])),
  ]);
}

/** How many packets were seen, and how many of them are not in the file. */
export function statisticsBlock(number: number, time: bigint, received: number, dropped: number): Buffer {
  const body = Buffer.alloc(12);
  body.writeUInt32LE(number, 0);
  writeTime(body, 4, time);
  return block(BlockType.statistics, body, [
    option(Option.received, counter(received)),
    option(Option.dropped, counter(dropped)),
  ]);
}

/** A block with room for a packet of `bytes` bytes at `PACKET_AT`, which the caller fills. */
export function packetBlock({ interface: number, time, direction, comment }: PacketHeader, bytes: number): Buffer {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(direction);
  const options = [option(Option.flags, flags)];
  if (comment !== null) options.push(option(Option.comment, Buffer.from(comment).subarray(0, COMMENT_BYTES)));
  const tail = Buffer.concat([...options, option(Option.end, NOTHING)]);
  const optionsAt = PACKET_AT + bytes + (-bytes & 3);
  const total = optionsAt + tail.length + 4;
  const made = Buffer.allocUnsafe(total);
  made.writeUInt32LE(BlockType.packet, 0);
  made.writeUInt32LE(total, 4);
  made.writeUInt32LE(number, 8);
  writeTime(made, 12, time);
  made.writeUInt32LE(bytes, 20);
  made.writeUInt32LE(bytes, 24);
  made.fill(0, PACKET_AT + bytes, optionsAt);
  tail.copy(made, optionsAt);
  made.writeUInt32LE(total, total - 4);
  return made;
}

const NOTHING = Buffer.alloc(0);

function block(type: number, body: Buffer, options: readonly Buffer[]): Buffer {
  const inner = Buffer.concat([body, ...options, option(Option.end, NOTHING)]);
  const total = inner.length + 12;
  const made = Buffer.alloc(total);
  made.writeUInt32LE(type, 0);
  made.writeUInt32LE(total, 4);
  inner.copy(made, 8);
  made.writeUInt32LE(total, total - 4);
  return made;
}

function option(code: number, value: Buffer): Buffer {
  const made = Buffer.alloc(4 + value.length + (-value.length & 3));
  made.writeUInt16LE(code, 0);
  made.writeUInt16LE(value.length, 2);
  value.copy(made, 4);
  return made;
}

function counter(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function writeTime(to: Buffer, at: number, time: bigint): void {
  to.writeUInt32LE(Number(time >> 32n), at);
  to.writeUInt32LE(Number(time & 0xffffffffn), at + 4);
}
