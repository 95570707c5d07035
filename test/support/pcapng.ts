/** Reads capture files back, by the layouts of the standards and not by our own encoder. IPv4 and IPv6, TCP only. */
import { strict as assert } from 'node:assert';

export interface TcpPacket {
  readonly interface: number;
  readonly time: bigint;
  /** Of epb_flags: 1 inbound, 2 outbound. */
  readonly direction: number;
  readonly comment: string | null;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export interface CaptureContent {
  readonly interfaces: readonly string[];
  readonly packets: readonly TcpPacket[];
  /** Of the statistics block, if there is one. */
  readonly statistics: { readonly received: number; readonly dropped: number } | null;
}

export const FIN = 1;
export const SYN = 2;
export const ACK = 16;

export function readCapture(file: Buffer): CaptureContent {
  const interfaces: string[] = [];
  const packets: TcpPacket[] = [];
  let statistics: CaptureContent['statistics'] = null;
  for (let at = 0; at < file.length; ) {
    const type = file.readUInt32LE(at);
    const length = file.readUInt32LE(at + 4);
    assert.equal(length % 4, 0, 'blocks are padded');
    assert.equal(file.readUInt32LE(at + length - 4), length, 'a block has its length at both ends');
    const block = file.subarray(at, at + length);
    if (at === 0) {
      assert.equal(type, 0x0a0d0d0a);
      assert.equal(block.readUInt32LE(8), 0x1a2b3c4d);
      assert.equal(block.readUInt16LE(12), 1);
    } else if (type === 1) {
      const found = options(block, 16);
      assert.equal(block.readUInt16LE(8), 101, 'raw IP');
      assert.deepEqual(found.get(9), Buffer.from([9]), 'nanoseconds');
      interfaces.push(found.get(2)!.toString());
    } else if (type === 5) {
      const found = options(block, 20);
      statistics = {
        received: Number(found.get(4)!.readBigUInt64LE()),
        dropped: Number(found.get(5)!.readBigUInt64LE()),
      };
    } else {
      assert.equal(type, 6);
      packets.push(packet(block));
    }
    at += length;
  }
  return { interfaces, packets, statistics };
}

/** What went from one end to the other, by sequence numbers that must follow each other without a gap. */
export function streamOf(packets: readonly TcpPacket[], direction: number): Buffer {
  const own = packets.filter((one) => one.direction === direction);
  let next = own[0]?.sequence ?? 0;
  for (const one of own) {
    assert.equal(one.sequence, next, 'sequence numbers follow each other');
    next = (next + one.payload.length + ((one.flags & (SYN | FIN)) === 0 ? 0 : 1)) >>> 0;
  }
  return Buffer.concat(own.map((one) => one.payload));
}

/** Ones' complement sum of a header or segment with its checksum in it: 0xffff if that is right. */
export function onesComplement(...parts: readonly Buffer[]): number {
  const bytes = Buffer.concat(parts);
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  let sum = 0;
  for (let i = 0; i < even.length; i += 2) {
    sum += even.readUInt16BE(i);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

function packet(block: Buffer): TcpPacket {
  const captured = block.readUInt32LE(20);
  assert.equal(block.readUInt32LE(24), captured, 'nothing is cut off');
  const found = options(block, 28 + captured + (-captured & 3));
  const ip = block.subarray(28, 28 + captured);
  const version = ip[0]! >> 4;
  const [source, destination, tcp] =
    version === 4
      ? [ip.subarray(12, 16), ip.subarray(16, 20), ip.subarray(20)]
      : [ip.subarray(8, 24), ip.subarray(24, 40), ip.subarray(40)];
  if (version === 4) {
    assert.equal(ip.readUInt16BE(2), ip.length);
    assert.equal(onesComplement(ip.subarray(0, 20)), 0xffff, 'IPv4 header checksum');
  } else assert.equal(ip.readUInt16BE(4), tcp.length);
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt16BE(tcp.length, 0);
  pseudo[3] = 6;
  assert.equal(onesComplement(source, destination, pseudo, tcp), 0xffff, 'TCP checksum');
  return {
    interface: block.readUInt32LE(8),
    time: (BigInt(block.readUInt32LE(12)) << 32n) | BigInt(block.readUInt32LE(16)),
    direction: found.get(2)!.readUInt32LE() & 3,
    comment: found.get(1)?.toString() ?? null,
    source: source.toString('hex'),
    destination: destination.toString('hex'),
    sourcePort: tcp.readUInt16BE(0),
    destinationPort: tcp.readUInt16BE(2),
    sequence: tcp.readUInt32BE(4),
    acknowledgment: tcp.readUInt32BE(8),
    flags: tcp[13]!,
    payload: tcp.subarray((tcp[12]! >> 4) * 4),
  };
}

function options(block: Buffer, from: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = from; ; ) {
    const code = block.readUInt16LE(at);
    const length = block.readUInt16LE(at + 2);
    if (code === 0) {
      assert.equal(at + 4, block.length - 4, 'options end where the block does');
      return found;
    }
    found.set(code, block.subarray(at + 4, at + 4 + length));
    at += 4 + length + (-length & 3);
  }
}
