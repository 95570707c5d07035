/** Copies and the ACA condition of a logical unit that they read or write (SAM-6 5.9). */
import t from 'tap';
import { COPY_PATIENCE_MS } from '../../../target/channel/contingent-allegiance.js';
import { PIECES_AT_ONCE, PIECES_OF_UNIT } from '../../../target/copy/copy-limits.js';
import { ACA, ACA_ACTIVE, BUSY, CHECK_CONDITION, fault, GOOD, naca, READY } from '../channel/aca-rig.js';
import { blocks, CopyRig, cscd, startCopy } from './copy-rig.js';

const BAD_READ = Buffer.from([0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]);

t.test('a copy waits for the end of the condition of its destination', async (t) => {
  const rig = new CopyRig();
  const [source, destination] = rig.layers;
  source!.fill(0, 4, 0x11);
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  a.start(naca(BAD_READ), null, { lun: 1 });
  t.equal(b.start(READY, null, { lun: 1 }).status, BUSY);
  const copying = startCopy(b, { segments: [blocks(4, 0, 8)] });
  rig.clock.advance(1000);
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
  a.start(naca(BAD_READ), null, { lun: 1 });
  const copying = startCopy(b, { segments: [blocks(4, 0, 8)] });
  rig.clock.advance(1000);
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

t.test('copies that wait for the end of a condition fail in time, and give their turns to others', async (t) => {
  const rig = new CopyRig(Array.from({ length: 7 }, () => ({})));
  for (const layer of rig.layers) layer.fill(0, 4, 0x11);
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  a.start(naca(BAD_READ), null, { lun: 6 });
  const held = Array.from({ length: PIECES_AT_ONCE }, (_, i) => {
    const lun = i % (PIECES_AT_ONCE / PIECES_OF_UNIT);
    return startCopy(b, { listId: i + 1, cscds: [cscd(lun), cscd(6)], segments: [blocks(4, 0, 8)] }, { lun });
  });
  const other = startCopy(b, { cscds: [cscd(4), cscd(5)], segments: [blocks(4, 0, 8)] }, { lun: 4 });
  rig.clock.advance(COPY_PATIENCE_MS - 1);
  t.notOk([...held, other].some(({ finished }) => finished));
  rig.clock.advance(1);
  for (const { status, sense } of held) {
    t.equal(status, CHECK_CONDITION);
    t.match(sense, { name: 'third-party-device-failure', forwarded: { status: BUSY } });
  }
  t.equal(other.status, GOOD);
  const late = startCopy(b, { cscds: [cscd(0), cscd(6)], segments: [blocks(4, 0, 8)] });
  rig.clock.advance(0);
  t.equal(late.status, CHECK_CONDITION, 'one that comes later is not held at all');
  t.equal(a.start(READY, null, { lun: 6 }).status, ACA_ACTIVE, 'the condition stays');
  t.equal(a.manage('clear-aca', { lun: 6 }).outcome, 'complete');
  t.equal(rig.layers[6]!.view(8, 1)[0], 0);
});
