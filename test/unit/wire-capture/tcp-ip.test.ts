import t from 'tap';
import {
  addressBytes,
  type Flow,
  headerBytes,
  SEGMENT_BYTES,
  TcpFlag,
  writeHeaders,
} from '../../../wire/capture/tcp-ip.js';
import { onesComplement } from '../../support/pcapng.js';

const flow = (from: string, to: string): Flow => ({
  from: { address: addressBytes(from)!, port: 0xc001 },
  to: { address: addressBytes(to)!, port: 3260 },
});

function made(one: Flow, flags: number, payload: Buffer): Buffer {
  const headers = headerBytes(one, flags);
  const packet = Buffer.alloc(3 + headers + payload.length, 0xee);
  payload.copy(packet, 3 + headers);
  writeHeaders(packet, 3, one, { sequence: 0xfffffff0, acknowledgment: 5, flags }, payload.length);
  t.equal(packet.subarray(0, 3).toString('hex'), 'eeeeee', 'nothing before it is touched');
  return packet.subarray(3);
}

const LENGTHS = [0, 1, 2, 511, SEGMENT_BYTES - 1, SEGMENT_BYTES];

t.test('IPv4: every byte of a small packet', async (t) => {
  const packet = made(flow('192.168.0.1', '192.168.0.199'), TcpFlag.ack | TcpFlag.push, Buffer.from('abc'));
  t.equal(packet.subarray(0, 10).toString('hex'), '4500002b000040004006');
  t.equal(packet.subarray(12, 20).toString('hex'), 'c0a80001c0a800c7');
  t.equal(packet.subarray(20, 36).toString('hex'), 'c0010cbcfffffff0000000055018ffff');
  t.equal(packet.subarray(38).toString('hex'), '0000616263');
});

t.test('a SYN brings the largest window scale, and the segment size', async (t) => {
  const packet = made(flow('10.0.0.1', '10.0.0.2'), TcpFlag.syn, Buffer.alloc(0));
  t.equal(packet.length, 48);
  t.equal(packet.subarray(32).toString('hex').slice(0, 4), '7002');
  t.equal(packet.subarray(40).toString('hex'), '0204fe000103030e');
});

t.test('checksums are right for all lengths, IPv4 and IPv6', async (t) => {
  for (const length of LENGTHS) {
    const payload = Buffer.alloc(length, 0xff);
    const four = made(flow('10.1.2.3', '10.9.8.7'), TcpFlag.ack, payload);
    t.ok(four.length <= 65535);
    t.equal(onesComplement(four.subarray(0, 20)), 0xffff, 'IPv4 header');
    const pseudo = Buffer.from([0, 6, 0, 0]);
    pseudo.writeUInt16BE(four.length - 20, 2);
    t.equal(onesComplement(four.subarray(12, 20), pseudo, four.subarray(20)), 0xffff, `TCP over IPv4, ${length}`);
    const six = made(flow('fe80::1', '2001:db8::7'), TcpFlag.ack, payload);
    t.equal(six.readUInt16BE(4), six.length - 40);
    pseudo.writeUInt16BE(six.length - 40, 2);
    t.equal(onesComplement(six.subarray(8, 40), pseudo, six.subarray(40)), 0xffff, `TCP over IPv6, ${length}`);
  }
});

t.test('addresses as sockets tell them', async (t) => {
  const cases: Record<string, string | null> = {
    '127.0.0.1': '7f000001',
    '::ffff:10.0.0.1': '0a000001',
    '::1': '00000000000000000000000000000001',
    '::': '00000000000000000000000000000000',
    'fe80::a:1%eth0': 'fe8000000000000000000000000a0001',
    '2001:db8:1:2:3:4:5:6': '20010db8000100020003000400050006',
    '1:2:3': null,
    '1::2::3': null,
    '1::g': null,
    '1.2.3': null,
    '1.2.3.256': null,
    '1..2.3': null,
    '': null,
  };
  for (const [text, hex] of Object.entries(cases)) t.equal(addressBytes(text)?.toString('hex') ?? null, hex, text);
});
