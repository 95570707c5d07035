import t from 'tap';
import {
  Direction,
  interfaceBlock,
  PACKET_AT,
  packetBlock,
  SECTION_MAGIC,
  sectionHeader,
  statisticsBlock,
} from '../../../wire/capture/pcapng.js';
import { headerBytes, writeHeaders } from '../../../wire/capture/tcp-ip.js';
import { readCapture } from '../../support/pcapng.js';

const flow = {
  from: { address: Buffer.from([10, 0, 0, 1]), port: 40000 },
  to: { address: Buffer.from([10, 0, 0, 2]), port: 3260 },
};

function packet(payload: string, comment: string | null, time = 1n): Buffer {
  const headers = headerBytes(flow, 16);
  const block = packetBlock(
    { interface: 1, time, direction: Direction.outbound, comment },
    headers + Buffer.byteLength(payload),
  );
  block.write(payload, PACKET_AT + headers);
  writeHeaders(block, PACKET_AT, flow, { sequence: 7, acknowledgment: 9, flags: 16 }, Buffer.byteLength(payload));
  return block;
}

t.test('a file of every kind of block, packets of all paddings', async (t) => {
  const time = 1_900_000_000_123_456_789n;
  const payloads = ['', 'a', 'ab', 'abc', 'abcd', 'abcde'];
  const file = Buffer.concat([
    sectionHeader('lunarray 1.2.3'),
    interfaceBlock('CL1-A'),
    interfaceBlock('CL2-A'),
    ...payloads.map((payload, index) => packet(payload, index === 0 ? null : 'x'.repeat(index), time)),
    statisticsBlock(0, time, 6, 2 ** 40),
  ]);
  t.ok(file.subarray(0, 4).equals(SECTION_MAGIC));
  t.equal(file.readBigInt64LE(16), -1n, 'section length is not told');
  const { interfaces, packets, statistics } = readCapture(file);
  t.same(interfaces, ['CL1-A', 'CL2-A']);
  t.same(
    packets.map((one) => one.payload.toString()),
    payloads,
  );
  t.same(
    packets.map((one) => one.comment),
    [null, 'x', 'xx', 'xxx', 'xxxx', 'xxxxx'],
  );
  t.match(packets[0], { interface: 1, time, direction: 2, sequence: 7, acknowledgment: 9, flags: 16 });
  t.same(statistics, { received: 6, dropped: 2 ** 40 });
});

t.test('a long comment is cut', async (t) => {
  const { packets } = readCapture(Buffer.concat([sectionHeader(''), interfaceBlock(''), packet('', 'é'.repeat(2000))]));
  t.equal(packets[0]!.comment, 'é'.repeat(512));
});
