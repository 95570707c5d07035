import t from 'tap';
import { Cache } from '../../../target/cache/cache.js';
import { fill, HOST, Rig } from './rig.js';

/** What the next process of array `owner` opens. */
function open(rig: Rig, owner: string): Cache {
  const { adapter, clock, log, bootId } = rig;
  rig.memory = rig.memory.next();
  return Cache.open({ memory: rig.memory, adapter, clock, log, bootId, owner });
}

t.test('dirty data of another array is not taken for ours', (t) => {
  const rig = new Rig();
  const cache = open(rig, '11111111');
  cache.attach(7, rig.region).write(HOST, 0, 8, [fill(1)], () => {});
  t.throws(() => open(rig, '22222222'), { code: 'cache-foreign', message: /array 11111111.*22222222/ });
  t.equal(open(rig, '11111111').recovered.slots, 1, 'and is still there for its own');
  t.end();
});

t.test('a memory of another array that holds nothing is taken over', (t) => {
  const rig = new Rig();
  open(rig, '11111111');
  t.equal(open(rig, '22222222').recovered.slots, 0);
  const cache = open(rig, '22222222');
  cache.attach(7, rig.region).write(HOST, 0, 8, [fill(1)], () => {});
  t.throws(() => open(rig, '11111111'), { code: 'cache-foreign' });
  t.end();
});

t.test('a memory whose array is not known is taken over with what it holds', (t) => {
  const rig = new Rig();
  rig.write(0, fill(1));
  t.equal(open(rig, '11111111').recovered.slots, 1);
  t.throws(() => open(rig, '22222222'), { code: 'cache-foreign' });
  t.end();
});
