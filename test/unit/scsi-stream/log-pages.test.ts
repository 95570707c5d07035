/** Log pages of a virtual tape: bytes and capacities (0Ch), TapeAlert flags (2Eh), what was verified (05h). */
import t from 'tap';
import { inCdb } from '../scsi-primary/rig.js';
import { REWIND, read, record, seen, TapeRig, unload, writeRecord } from './tape-rig.js';

const log = (page: number, control = 1, pointer = 0, allocation = 1024) => [
  ...[0x4d, 0, (control << 6) | page, 0, 0, pointer >> 8, pointer & 0xff, allocation >> 8, allocation & 0xff, 0],
];

/** Code → value. */
function parameters(data: Buffer): Map<number, number> {
  const found = new Map<number, number>();
  for (let at = 4; at < data.length; at += 4 + data[at + 3]!) {
    found.set(data.readUInt16BE(at), Number(BigInt(`0x${data.toString('hex', at + 4, at + 4 + data[at + 3]!)}`)));
  }
  return found;
}

const flagsSet = (data: Buffer) => [...parameters(data)].filter(([, value]) => value === 1).map(([code]) => code);

t.test('0Ch: bytes, and capacities in 10^6 bytes', async (t) => {
  // 16 MiB, of which the last sixteenth is beyond the early warning.
  const rig = new TapeRig({ blocks: 32768 });
  const host = rig.host('a');
  t.same([...parameters(host.run(log(0x0c)).data).keys()], [0, 1, 2, 3, 5, 6, 7, 0x100], 'the end is not known yet');
  for (let i = 0; i < 3; i++) writeRecord(host, record(1_000_000, i));
  host.run(REWIND);
  host.run(read(1_000_000));
  const data = host.run(log(0x0c)).data;
  t.equal(data.toString('hex', 0, 8), '8c0000650000' + '0008', 'counters of eight bytes');
  t.same(
    [...parameters(data)],
    [
      [0, 3_000_000],
      [1, 3_000_000],
      [2, 1_000_000],
      [3, 1_000_000],
      [4, 3],
      [5, 15],
      [6, 1],
      [7, 1],
      [0x100, 0],
    ],
  );
  t.equal(parameters(host.run(log(0x0c, 3)).data).get(0), 0, 'default values');
  t.match(host.run(log(0x0c, 0)).sense, inCdb(2, 7), 'no thresholds');
  t.match(host.run(log(0x0c, 1, 0x101)).sense, inCdb(5));
  t.equal(host.run([0x4c, 0x02, 0x4c, 0, 0, 0, 0, 0, 0, 0]).status, 0);
  t.same([...parameters(host.run(log(0x0c)).data).values()].slice(0, 5), [0, 0, 0, 0, 3], 'reset: counters only');
});

t.test('2Eh: 64 flags, set by what goes wrong, cleared for who has read them all', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  const other = rig.host('b');
  const fresh = host.run(log(0x2e)).data;
  t.equal(fresh.length, 4 + 64 * 5);
  t.equal(fresh.toString('hex', 0, 9), 'ae000140' + '0001030100');
  writeRecord(host, record(1000, 1));
  rig.layer.data[9 * 512]! ^= 1;
  host.run(REWIND);
  t.same(seen(host.run(read(1000))), [3, 0x1100, null]);
  t.match(host.run(log(0x2e, 1, 0x41)).sense, inCdb(5), 'beyond the last flag, nothing is read');
  t.equal(host.run(log(0x2e, 1, 0, 4)).data.length, 4, 'who asks for the length alone has not read them');
  host.run(log(0x2e, 1, 4));
  t.same(flagsSet(host.run(log(0x2e)).data), [3, 5]);
  t.same(flagsSet(host.run(log(0x2e)).data), []);
  t.same(flagsSet(other.run(log(0x2e)).data), [3, 5], 'another host has not');
  rig.layer.failNext = { kind: 'medium-error', lba: 1, write: true };
  t.equal(writeRecord(host, record(10, 1)).sense?.key, 3);
  t.same(flagsSet(host.run(log(0x2e)).data), [3, 6]);
  host.run([0x1e, 0, 0, 0, 1, 0]);
  t.equal(host.run(unload()).sense?.asc, 0x5302);
  t.same(flagsSet(host.run(log(0x2e)).data), [10]);
  t.equal(host.run(unload()).sense?.asc, 0x5302);
  host.manage('logical-unit-reset');
  rig.clock.settle();
  host.attentions();
  t.same(flagsSet(host.run(log(0x2e)).data), [], 'a reset clears them');
});

t.test('05h counts what VERIFY read; disks have neither 2Eh nor the other 0Ch', async (t) => {
  const host = new TapeRig().host('a');
  writeRecord(host, record(1000, 1));
  host.run(REWIND);
  host.run([0x13, 0, 0, 3, 0xe8, 0]);
  t.equal(parameters(host.run(log(0x05)).data).get(5), 1000);
  const { Rig } = await import('../scsi-primary/rig.js');
  const disk = new Rig().host('a');
  t.match(disk.run(log(0x2e)).sense, inCdb(2, 5));
  t.match(disk.run(log(0x0c)).sense, inCdb(2, 5));
});
