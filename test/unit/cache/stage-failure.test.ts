import t from 'tap';
import { fill, HOST, Rig } from './rig.js';

/** A volume of one byte value, not in the cache. */
function cold(): Rig {
  const rig = new Rig({ slots: 64, drive: { latencyMs: [1, 1] } });
  rig.write(0, fill(1, 32 * 32));
  rig.flush();
  rig.restart();
  return rig;
}

t.test('the failure names the first bad sector of the read', (t) => {
  const rig = cold();
  rig.drive.badRange('read', 77 * 512, 512);
  rig.drive.badRange('read', 100 * 512, 1024);
  t.same(rig.tryRead(0, 128), { kind: 'medium-error', lba: 77, write: false });
  t.same(rig.tryRead(100, 4), { kind: 'medium-error', lba: 100, write: false });
  t.same(rig.tryRead(101, 4), { kind: 'medium-error', lba: 101, write: false });
  t.end();
});

t.test('sectors beside a bad one can be read', (t) => {
  const rig = cold();
  rig.drive.badRange('read', 77 * 512, 512);
  t.same(rig.tryRead(76, 1), fill(1, 1));
  t.same(rig.tryRead(78, 50), fill(1, 50));
  t.match(rig.logged[0], /read failed/, 'the log has the cause');
  t.end();
});

t.test('a bad sector that is written over is good in the cache', (t) => {
  const rig = cold();
  rig.drive.badRange('read', 77 * 512, 512);
  rig.write(77, fill(2, 1));
  t.same(rig.read(76, 3), Buffer.concat([fill(1, 1), fill(2, 1), fill(1, 1)]));
  t.end();
});

t.test('a failed stage keeps no slot, and the next read tries again', (t) => {
  const rig = cold();
  const error = { kind: 'missing' as const, message: 'gone' };
  rig.drive.fail('read', error);
  t.match(rig.tryRead(0, 8), { kind: 'hardware-error', cause: 'gone' });
  t.match(rig.cache.stats(), { freeSlots: 64, cleanSlots: 0 });
  t.same(rig.read(0, 8), fill(1));
  t.end();
});

t.test('commands that share a failed stage all hear of it, a write that waited goes on', (t) => {
  const rig = cold();
  rig.drive.fail('read', { kind: 'missing', message: 'gone' });
  const ended: unknown[] = [];
  for (let i = 0; i < 2; i++) rig.volume.read(HOST, 0, 8, (failure) => ended.push(failure?.kind));
  rig.volume.write(HOST, 0, 8, [fill(4)], (failure) => ended.push(failure));
  rig.clock.settle(() => ended.length === 3);
  t.same(ended, ['hardware-error', 'hardware-error', null]);
  t.same(rig.read(0, 8), fill(4));
  t.end();
});

t.test('a drive that is not there is a hardware error, not a bad sector', (t) => {
  const rig = cold();
  for (const kind of ['missing', 'wrong-length'] as const) {
    const { adapter } = rig;
    rig.open({
      stage: (_group, _offset, _buffers, _priority, done) => done({ kind, message: `drive: ${kind}` }),
      destage: adapter.destage.bind(adapter),
      punch: adapter.punch.bind(adapter),
      sync: adapter.sync.bind(adapter),
    });
    t.same(rig.tryRead(0, 8), { kind: 'hardware-error', cause: `drive: ${kind}` });
    t.same(rig.tryRead(3, 300), { kind: 'hardware-error', cause: `drive: ${kind}` }, 'in parts');
  }
  t.end();
});
