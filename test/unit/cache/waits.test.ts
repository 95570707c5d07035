/** What commands say of their waiting for drives: misses and flushes do, hits and writes do not. */
import t from 'tap';
import { Waits } from '../../../target/base/waits.js';
import { FUA, HOST, Rig } from './rig.js';

t.test('drives', async (t) => {
  const rig = new Rig({ drive: { latencyMs: [1, 2], readNowShare: 0 } });
  const waited = (hints: typeof HOST, run: (hints: typeof HOST) => void): number => {
    const waits = new Waits(rig.clock);
    run({ ...hints, waits });
    return waits.sums.drives;
  };
  const block = Buffer.alloc(512, 1);
  t.equal(
    waited(HOST, (hints) => rig.write(0, block, hints)),
    0,
    'a write into the cache',
  );
  t.ok(waited(FUA, (hints) => rig.write(0, block, hints)) > 0, 'FUA');
  rig.restart();
  t.ok(waited(HOST, (hints) => rig.read(0, 1, hints)) > 0, 'a miss');
  rig.write(0, block);
  t.ok(waited(FUA, (hints) => rig.read(0, 1, hints)) > 0, 'a read from the medium of what is dirty');
  t.equal(
    waited(HOST, (hints) => rig.read(0, 1, hints)),
    0,
    'a hit',
  );
});
