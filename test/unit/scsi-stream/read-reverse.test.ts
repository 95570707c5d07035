/** READ REVERSE(6) of a virtual tape: what READ finds, the other way round. */
import t from 'tap';
import { inCdb } from '../scsi-primary/rig.js';
import {
  FIXED,
  filemarks,
  Over,
  position,
  REWIND,
  read,
  record,
  SILI,
  seen,
  setBlockLength,
  space,
  TapeRig,
  unload,
  writeRecord,
} from './tape-rig.js';

const BYTORD = 0x04;
const reverse = (length: number, flags = 0, order = BYTORD) => [
  ...[0x0f, flags | order, 0, length >> 8, length & 0xff, 0],
];
const turned = (data: Buffer) => Buffer.from(data).reverse();

t.test('blocks and filemarks backwards, to the beginning', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  const records = [record(1, 1), record(700, 2), record(5000, 3)];
  for (const data of records.slice(0, 2)) writeRecord(host, data);
  host.run(filemarks(1));
  writeRecord(host, records[2]!);
  t.ok(host.run(reverse(5000)).data.equals(records[2]!));
  t.same(position(host), [3, 1]);
  t.same(seen(host.run(reverse(10))), [0, 0x0001, 10, 'FILEMARK']);
  t.same(position(host), [2, 0], 'before the filemark');
  t.ok(host.run(reverse(700)).data.equals(records[1]!));
  t.ok(host.run(read(700)).data.equals(records[1]!), 'and forwards again');
  host.run(reverse(700));
  t.ok(host.run(reverse(1)).data.equals(records[0]!));
  t.same(position(host), [0, 0]);
  t.same(seen(host.run(reverse(10))), [0, 0x0004, 10, 'EOM'], 'the beginning of the medium');
  t.equal(host.run(reverse(0)).status, 0);
  t.equal(rig.layer.pinned, 0);
});

t.test('other lengths: ILI and a residue, data from the beginning of the block', async (t) => {
  const host = new TapeRig().host('a');
  const data = record(1000, 1);
  writeRecord(host, data);
  for (const [asked, flags, expected] of [
    [400, 0, [0, 0, -600, 'ILI']],
    [1500, 0, [0, 0, 500, 'ILI']],
    [400, SILI, null],
  ] as const) {
    host.run(space(Over.end, 0));
    const result = host.run(reverse(asked, flags));
    t.same(seen(result), expected, `${asked} ${flags}`);
    t.ok(result.data.equals(data.subarray(0, asked)));
    t.same(position(host), [0, 0]);
  }
});

t.test('FIXED: the last block comes first', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  setBlockLength(host, 100);
  writeRecord(host, record(30, 9));
  for (const seed of [1, 2, 3]) writeRecord(host, record(100, seed));
  const two = host.run(reverse(2, FIXED));
  t.ok(two.data.equals(Buffer.concat([record(100, 3), record(100, 2)])));
  const rest = host.run(reverse(5, FIXED));
  t.same(seen(rest), [0, 0, 4, 'ILI']);
  t.ok(rest.data.equals(record(100, 1)));
  t.same(position(host), [0, 0]);
  t.equal(rig.layer.pinned, 0);
});

t.test('without BYTORD the bytes of each block come from the last one on (SSC-5 5.9)', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  const long = record(5000, 1);
  writeRecord(host, long);
  t.ok(host.run(reverse(5000, 0, 0)).data.equals(turned(long)));
  t.same(position(host), [0, 0]);
  host.run(read(5000));
  const part = host.run(reverse(700, 0, 0));
  t.same(seen(part), [0, 0, 700 - 5000, 'ILI']);
  t.ok(part.data.equals(turned(long).subarray(0, 700)), 'those that are met first');
  t.same(seen(host.run(reverse(700, 0, 0))), [0, 0x0004, 700, 'EOM']);
  setBlockLength(host, 100);
  for (const seed of [1, 2, 3]) writeRecord(host, record(100, seed));
  host.run(filemarks(1));
  t.same(seen(host.run(reverse(4, FIXED, 0))), [0, 0x0001, 4, 'FILEMARK']);
  const rest = host.run(reverse(5, FIXED, 0));
  t.same(seen(rest), [0, 0x0004, 2, 'EOM']);
  t.ok(rest.data.equals(turned(Buffer.concat([1, 2, 3].map((seed) => record(100, seed))))));
  t.equal(rig.layer.pinned, 0);
});

t.test('copies of who does not take them are bounded: then it is BUSY, and nothing has moved', async (t) => {
  const rig = new TapeRig({ blocks: 20_000 });
  const host = rig.host('a');
  const MOST = 8 << 20;
  const whole = Buffer.from([0x0f, 0, 0x80, 0, 0, 0]);
  writeRecord(host, Buffer.alloc(MOST));
  const begun = Array.from({ length: 9 }, () => {
    host.run(space(Over.end, 0));
    const task = host.start(whole);
    rig.clock.settle();
    return task;
  });
  t.same(
    begun.map(({ status }) => status),
    [...new Array<number>(8).fill(0), 0x08],
  );
  t.same(position(host), [1, 0]);
  t.equal(host.run(reverse(10, SILI)).status, 0, 'without a copy');
  for (const task of begun) task.release();
  host.run(space(Over.end, 0));
  t.equal(host.run(whole).data.length, MOST);
  t.equal(host.run(reverse(0, 0, 0)).status, 0);
});

t.test('refusals, and damage', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  t.match(host.run(reverse(1, FIXED)).sense, inCdb(1, 0));
  t.match(host.run(reverse(1, FIXED | SILI)).sense, inCdb(1, 1));
  t.match(host.run(reverse(1, 0x08)).sense, inCdb(1, 3), 'reserved');
  for (const seed of [1, 2, 3]) writeRecord(host, record(1000, seed));
  rig.layer.data[(8 + 6 + 1) * 512]! ^= 1;
  t.same(seen(host.run(reverse(1000))), [3, 0x1100, null], 'data');
  t.same(position(host), [3, 0], 'it has not moved');
  host.run(space(Over.blocks, -1));
  rig.layer.data[8 * 512]! ^= 1;
  t.same(seen(host.run(reverse(1000))), [3, 0x3100, null], 'the object that it would stand behind');
  t.same(position(host), [2, 0]);
  host.run(REWIND);
  host.run(unload());
  t.equal(host.run(reverse(1)).sense?.asc, 0x3a00);
  t.equal(rig.layer.pinned, 0);
});
