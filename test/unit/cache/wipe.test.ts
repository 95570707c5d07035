/** What the cache memory holds beside valid sectors is overwritten. */
import t from 'tap';
import { fill, Rig } from './rig.js';

const wiped = (rig: Rig) => rig.wait((done) => rig.cache.wipe(done));
const holds = (rig: Rig, value: number) => rig.memory.written.includes(Buffer.alloc(64, value));

t.test('unmapped data leaves nothing; what is valid stays', async (t) => {
  const rig = new Rig();
  rig.write(0, fill(0xd1, 32));
  rig.write(32, fill(0xd2, 8));
  rig.unmap(0, 32);
  t.ok(holds(rig, 0xd1), 'as it was before');
  t.equal(wiped(rig), null);
  t.notOk(holds(rig, 0xd1));
  rig.restart();
  t.same(rig.read(32, 8), fill(0xd2, 8), 'dirty data among it');
});

t.test('the intents of overwrites are wiped too', async (t) => {
  const rig = new Rig();
  rig.write(0, fill(0xd1, 8));
  rig.write(0, fill(0xd3, 8));
  rig.unmap(0, 32);
  wiped(rig);
  t.notOk(holds(rig, 0xd1));
  t.notOk(holds(rig, 0xd3));
});

t.test('a slot that a reader keeps follows when it is given back', async (t) => {
  const rig = new Rig();
  rig.write(0, fill(0xd1, 32));
  let release = () => {};
  rig.volume.read({ priority: 'host', fua: false, dpo: false }, 0, 32, (_failure, data, done) => {
    t.equal(data[0]![0], 0xd1);
    release = done;
  });
  rig.unmap(0, 32);
  wiped(rig);
  t.ok(holds(rig, 0xd1), 'it must not change under the reader');
  release();
  t.notOk(holds(rig, 0xd1));
});
