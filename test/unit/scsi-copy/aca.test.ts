/** Copies and the ACA condition of a logical unit that they read or write (SAM-6 5.9). */
import t from 'tap';
import { ACA, BUSY, fault, GOOD, naca, READY } from '../channel/aca-rig.js';
import { blocks, CopyRig, startCopy } from './copy-rig.js';

const BAD_READ = Buffer.from([0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]);

t.test('a copy waits for the end of the condition of its destination', async (t) => {
  const rig = new CopyRig();
  const [source, destination] = rig.layers;
  source!.fill(0, 4, 0x11);
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  a.run(naca(BAD_READ), null, { lun: 1 });
  t.equal(b.run(READY, null, { lun: 1 }).status, BUSY);
  const copying = startCopy(b, { segments: [blocks(4, 0, 8)] });
  rig.clock.settle();
  t.notOk(copying.finished);
  t.equal(destination!.view(8, 1)[0], 0);
  a.manage('clear-aca', { lun: 1 });
  rig.clock.settle();
  t.equal(copying.status, GOOD);
  t.equal(destination!.view(11, 1)[511], 0x11);
});

t.test('an abort ends it while it waits', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 4, 0x11);
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  a.run(naca(BAD_READ), null, { lun: 1 });
  const copying = startCopy(b, { segments: [blocks(4, 0, 8)] });
  rig.clock.settle();
  const aborted = b.manage('abort-task', { tag: copying.tag });
  rig.clock.settle();
  t.equal(aborted.outcome, 'complete');
  a.manage('clear-aca', { lun: 1 });
  rig.clock.settle();
  t.equal(rig.layers[1]!.view(8, 1)[0], 0);
  t.equal(rig.adapters[1]!.stats().depth, 0);
});

t.test('the faulted nexus copies by a command with the ACA attribute', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 4, 0x11);
  const a = rig.host('a');
  fault(a);
  const copying = startCopy(a, { segments: [blocks(4, 0, 8)] }, ACA);
  rig.clock.settle();
  t.equal(copying.status, GOOD);
  t.equal(rig.layers[1]!.view(8, 1)[0], 0x11);
});
