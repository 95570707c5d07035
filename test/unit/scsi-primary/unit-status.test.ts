/** TEST UNIT READY and REQUEST SENSE. */
import t from 'tap';
import { Rig } from './rig.js';

const STOP = [0x1b, 0, 0, 0, 0, 0];
const START = [0x1b, 0, 0, 0, 1, 0];
const sense = (descriptor = false, allocation = 252) => [3, descriptor ? 1 : 0, 0, 0, allocation, 0];

t.test('TEST UNIT READY: started, stopped', async (t) => {
  const host = new Rig().host('a');
  t.equal(host.run([0, 0, 0, 0, 0, 0]).status, 0);
  host.run(STOP);
  t.match(host.run([0, 0, 0, 0, 0, 0]).sense, { name: 'initializing-command-required' });
  t.equal(host.run(sense()).data.readUInt16BE(12), 0x0402, 'REQUEST SENSE tells the same');
  host.run(START);
  t.equal(host.run([0, 0, 0, 0, 0, 0]).status, 0);
});

t.test('REQUEST SENSE: nothing to tell', async (t) => {
  const host = new Rig().host('a');
  const fixed = host.run(sense()).data;
  t.equal(fixed[0], 0x70);
  t.equal(fixed[2], 0);
  const descriptor = host.run(sense(true)).data;
  t.equal(descriptor[0], 0x72);
  t.equal(host.run(sense(false, 5)).data.length, 5);
  t.equal(host.run(sense(false, 0)).data.length, 0);
});

t.test('REQUEST SENSE: a unit attention is reported and cleared', async (t) => {
  const host = new Rig().host('a', { greeted: false });
  const { status, data } = host.run(sense());
  t.equal(status, 0);
  t.equal(data[2]! & 0x0f, 6);
  t.equal(data.readUInt16BE(12), 0x2900);
  t.same(host.attentions(), []);
});
