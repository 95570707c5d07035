/** VERIFY(6) of a virtual tape: media, bytes, files, up to the end of data. */
import t from 'tap';
import { inCdb } from '../scsi-primary/rig.js';
import {
  FIXED,
  filemarks,
  locate,
  Over,
  position,
  REWIND,
  record,
  seen,
  setBlockLength,
  space,
  TapeRig,
  unload,
  writeRecord,
} from './tape-rig.js';

const VTE = 0x20;
const VBF = 0x08;
const IMMED = 0x04;
const BYTCMP = 0x02;
const verify = (length: number, flags = 0) => [
  0x13,
  flags,
  (length >> 16) & 0xff,
  (length >> 8) & 0xff,
  length & 0xff,
  0,
];

/** Three blocks of 1000 bytes, a filemark, one more block, a filemark; rewound. */
function written(rig = new TapeRig()) {
  const host = rig.host('a');
  for (let i = 0; i < 3; i++) writeRecord(host, record(1000, i));
  host.run(filemarks(1));
  writeRecord(host, record(500, 3));
  host.run(filemarks(1));
  host.run(REWIND);
  return { rig, host };
}

t.test('one block of any length', async (t) => {
  const { rig, host } = written();
  t.same(seen(host.run(verify(1000))), null);
  t.same(position(host), [1, 0]);
  t.same(seen(host.run(verify(400, IMMED))), [0, 0, -600, 'ILI']);
  t.same(seen(host.run(verify(1500))), [0, 0, 500, 'ILI']);
  t.same(seen(host.run(verify(10))), [0, 0x0001, 10, 'FILEMARK']);
  t.equal(host.run(verify(0)).status, 0);
  t.same(position(host), [4, 1]);
  host.run(space(Over.end, 0));
  t.same(seen(host.run(verify(10))), [8, 0x0005, 10]);
  t.equal(rig.layer.pinned, 0);
});

t.test('FIXED: as many blocks as there are, however many', async (t) => {
  const { host } = written();
  setBlockLength(host, 1000);
  t.same(seen(host.run(verify(2, FIXED))), null);
  t.same(seen(host.run(verify(0xffffff, FIXED))), [0, 0x0001, 0xfffffe, 'FILEMARK']);
  t.same(seen(host.run(verify(2, FIXED))), [0, 0, 2, 'ILI']);
});

t.test('BYTCMP: data is compared', async (t) => {
  const { host } = written();
  t.same(seen(host.run(verify(1000, BYTCMP), record(1000, 0))), null);
  const other = record(1000, 1);
  other[999]! ^= 1;
  t.same(seen(host.run(verify(1000, BYTCMP), other)), [0xe, 0x1d00, 1000]);
  t.same(position(host), [2, 0], 'after the block');
  setBlockLength(host, 1000);
  host.run(REWIND);
  const three = Buffer.concat([0, 1, 2].map((seed) => record(1000, seed)));
  t.same(seen(host.run(verify(3, BYTCMP | FIXED), three)), null);
  host.run(REWIND);
  three[1500]! ^= 1;
  t.same(seen(host.run(verify(3, BYTCMP | FIXED), three)), [0xe, 0x1d00, 2], 'one was verified');
  t.same(position(host), [2, 0]);
});

t.test('VBF counts files, VTE goes to the end of data', async (t) => {
  const { rig, host } = written();
  t.same(seen(host.run(verify(1, VBF))), null);
  t.same(position(host), [4, 1]);
  t.same(seen(host.run(verify(3, VBF))), [8, 0x0005, 2], 'there was one');
  host.run(REWIND);
  t.same(seen(host.run(verify(0, VTE))), null);
  t.same(position(host), [6, 2]);
  rig.layer.data[(8 + 3 + 1) * 512]! ^= 1;
  host.run(REWIND);
  t.same(seen(host.run(verify(0, VTE))), [3, 0x1100, null]);
  t.same(position(host), [1, 0], 'before the damaged block');
  host.run(locate(2));
  t.same(seen(host.run(verify(0, VTE))), null);
  const damaged = written().rig.restarted();
  damaged.layer.data[(8 + 9 + 1 + 2) * 512]! ^= 1;
  t.same(seen(damaged.host('a').run(verify(0, VTE))), [3, 0x3100, null], 'where the end cannot be read');
});

t.test('refusals', async (t) => {
  const { host } = written();
  for (const [flags, bit] of [
    [VTE | VBF, 3],
    [VTE | BYTCMP, 1],
    [VBF | BYTCMP, 1],
    [VTE | FIXED, 0],
    [VBF | FIXED, 0],
    [FIXED, 0],
    [FIXED | BYTCMP, 0],
    [0x10, 4],
  ] as const) {
    t.match(host.run(verify(1, flags)).sense, inCdb(1, bit), `${flags}`);
  }
  t.match(host.run(verify(0xffffff, BYTCMP)).sense, inCdb(2));
  t.equal(host.run(verify(1000, BYTCMP), record(999, 0)).sense?.asc, 0x0e03, 'too little data');
  t.same(position(host), [0, 0]);
  host.run(unload());
  t.equal(host.run(verify(1)).sense?.asc, 0x3a00);
});

t.test('an abort ends it between blocks', async (t) => {
  const { rig, host } = written();
  const { layer } = rig;
  layer.held = [];
  const task = host.start(Buffer.from(verify(0, VTE)));
  const other = host.start(Buffer.from([0x34, 0x06, 0, 0, 0, 0, 0, 0, 0, 0]));
  host.manage('abort-task-set');
  while (layer.held.length > 0) layer.complete();
  rig.clock.settle();
  t.ok(task.finished && task.aborted);
  t.ok(other.finished);
  layer.held = null;
  t.equal(layer.pinned, 0);
  t.ok(position(host)[0] < 6);
});
