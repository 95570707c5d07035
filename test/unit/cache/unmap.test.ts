import t from 'tap';
import { fill, HOST, Rig } from './rig.js';

t.test('sectors read as zeros, dirty ones too, and the drive gives its space back', (t) => {
  const rig = new Rig();
  rig.write(0, fill(1, 96));
  t.equal(rig.flush(), null);
  rig.write(40, fill(2, 8));
  t.equal(rig.unmap(20, 60), null);
  t.same(rig.read(0, 96), Buffer.concat([fill(1, 20), fill(0, 60), fill(1, 16)]));
  t.same(rig.volume.dirtyRuns(0, 96), []);
  const extents = rig.drive.extents(0, 96 * 512).map(({ offset, bytes, allocated }) => [offset, bytes, allocated]);
  t.same(extents, [
    [0, 20 * 512, true],
    [20 * 512, 60 * 512, false],
    [80 * 512, 16 * 512, true],
  ]);
  rig.restart();
  t.same(rig.read(0, 96), Buffer.concat([fill(1, 20), fill(0, 60), fill(1, 16)]));
  t.end();
});

t.test('space without a region: nothing to punch', (t) => {
  const rig = new Rig();
  t.equal(rig.unmap(0, 1000), null);
  t.equal(rig.cache.stats().punchedBytes, 0);
  t.end();
});

t.test('while a destage of the same sectors is under way', (t) => {
  const rig = new Rig({ drive: { latencyMs: [10, 10] } });
  rig.write(0, fill(1, 32));
  rig.volume.flush(0, 32, () => {});
  t.equal(rig.unmap(0, 32), null);
  rig.clock.advance(1000);
  t.same(rig.onDrive(0, 32), fill(0, 32), 'the destage did not come after the punch');
  t.same(rig.read(0, 32), fill(0, 32));
  t.end();
});

t.test('while a stage of the same sectors is under way, and a read comes during the punch', (t) => {
  const rig = new Rig({ drive: { latencyMs: [10, 10] } });
  rig.write(0, fill(1, 32));
  t.equal(rig.flush(), null);
  rig.restart();
  const got: Buffer[] = [];
  const read = () =>
    rig.volume.read(HOST, 0, 32, (_failure, data, release) => {
      got.push(Buffer.concat(data));
      release();
    });
  read();
  let unmapped = false;
  rig.volume.unmap(0, 32, () => {
    unmapped = true;
  });
  rig.clock.advance(12);
  read();
  rig.clock.settle(() => unmapped && got.length === 2);
  t.ok(unmapped);
  t.same(rig.read(0, 32), fill(0, 32));
  t.end();
});

t.test('a write that comes during the punch waits and is kept', (t) => {
  const rig = new Rig({ drive: { latencyMs: [10, 10] } });
  rig.write(0, fill(1, 32));
  t.equal(rig.flush(), null);
  const order: string[] = [];
  rig.volume.unmap(0, 32, () => order.push('unmap'));
  rig.volume.write(HOST, 8, 8, [fill(2)], () => order.push('write'));
  rig.volume.flush(8, 8, () => order.push('flush'));
  rig.clock.settle(() => order.length === 3);
  t.same(order, ['unmap', 'write', 'flush']);
  t.same(rig.read(0, 32), Buffer.concat([fill(0, 8), fill(2), fill(0, 16)]));
  t.end();
});

t.test('killed after the punch: old dirty data or zeros, never what the drive held before', (t) => {
  for (let killAt = 1; ; killAt++) {
    const rig = new Rig({ slots: 32 });
    rig.write(0, fill(1, 128));
    t.equal(rig.flush(), null);
    rig.write(0, fill(2, 128));
    rig.memory.killAt = rig.memory.commits + killAt;
    let done = false;
    try {
      rig.volume.unmap(0, 128, () => {
        done = true;
      });
      rig.clock.settle(() => done);
    } catch {
      // killed
    }
    rig.restart();
    const got = rig.read(0, 128);
    t.ok(
      got.every((byte) => byte === 0 || (byte === 2 && !done)),
      `kill ${killAt}`,
    );
    if (done) break;
  }
  t.end();
});

t.test('a punch that fails', (t) => {
  const rig = new Rig();
  rig.write(0, fill(1, 32));
  rig.drive.fail('punch');
  t.match(rig.unmap(0, 32), { kind: 'medium-error', lba: 0, write: true });
  t.same(rig.read(0, 32), fill(1, 32), 'dirty data is kept');
  t.equal(rig.unmap(0, 32), null);
  t.same(rig.read(0, 32), fill(0, 32));
  t.end();
});
