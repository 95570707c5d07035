/** What long commands of a tape leave to others: turns of the event loop, a start that has little to look at. */
import t from 'tap';
import {
  FIXED,
  filemarks,
  position,
  REWIND,
  read,
  record,
  setBlockLength,
  space,
  TapeRig,
  write,
  writeRecord,
} from './tape-rig.js';

const MANY = 3000;

t.test('commands of many objects let others have their turn', async (t) => {
  const rig = new TapeRig({ blocks: 16384 });
  const host = rig.host('a');
  const other = rig.host('b');
  setBlockLength(host, 1);
  other.attentions();
  for (const [name, cdb, data] of [
    ['WRITE', write(MANY, FIXED), Buffer.alloc(MANY)],
    ['WRITE FILEMARKS', filemarks(MANY, 1), null],
    ['REWIND', REWIND, null],
    ['READ', read(MANY, FIXED), null],
  ] as const) {
    const task = host.start(Buffer.from(cdb), data);
    t.equal(task.finished, name === 'REWIND', name);
    t.equal(other.start(Buffer.alloc(6)).finished, true, `TEST UNIT READY during ${name}`);
    rig.clock.settle();
    t.equal(task.status, 0, name);
    task.release();
  }
  t.same(position(host), [MANY, 0]);
  t.equal(rig.layer.pinned, 0);

  host.run(filemarks(MANY, 1));
  const again = rig.restarted();
  const task = again.host('a').start(Buffer.from(space(3, 0)));
  t.equal(task.finished, false, 'looking for the end of data');
  again.clock.settle();
  t.equal(task.status, 0);
});

t.test('few objects that are large let others have their turn, too', async (t) => {
  const rig = new TapeRig({ blocks: 16384 });
  const host = rig.host('a');
  const other = rig.host('b');
  other.attentions();
  for (let i = 0; i < 30; i++) writeRecord(host, record(200_000, i));
  host.run(filemarks(1, 1));
  const again = rig.restarted().host('a');
  const looking = again.start(Buffer.from(space(3, 0)));
  t.equal(looking.finished, false, 'looking for the end of data');
  again.rig.clock.settle();
  t.equal(looking.status, 0);

  host.run(REWIND);
  const verify = host.start(Buffer.from([0x13, 0x08, 0, 0, 1, 0]));
  t.equal(verify.finished, false);
  t.equal(other.start(Buffer.alloc(6)).finished, true);
  rig.clock.settle();
  t.equal(verify.status, 0);
  t.same(position(host), [31, 1]);
});

t.test(
  'many filemarks are synchronized, though they take little room: the next start has few to look at',
  async (t) => {
    const rig = new TapeRig({ blocks: 65536 });
    const host = rig.host('a');
    t.equal(host.run(filemarks(40_000, 1)).status, 0);
    const next = rig.restarted();
    const again = next.host('a');
    next.layer.calls.length = 0;
    again.run(space(3, 0));
    t.same(position(again), [40_000, 40_000]);
    t.ok(next.layer.calls.length < 20_000, `${next.layer.calls.length} calls`);
  },
);
