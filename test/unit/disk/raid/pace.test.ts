/** How fast a rebuild goes: its rate, and how it gives way to hosts. */
import t from 'tap';
import type { CopyRate } from '../../../../target/disk/raid/pace.js';
import { RaidWorld, SECTOR, UNIT } from './raid-world.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
const STRIPES = 640;
const MiB = 2 ** 20;
t.comment(`LUNARRAY_SEED=${seed}`);

/** A full mirror whose first drive is being rebuilt; what it holds is 10 MiB. */
function rebuilding(rate: CopyRate): RaidWorld {
  const w = new RaidWorld(seed, { level: 'raid1+0', drives: 2, stripes: STRIPES, drive: { latencyMs: [0, 1] }, rate });
  w.write(0, w.sectors.length);
  w.drain();
  w.failDrive(0);
  w.clock.advance(50);
  w.replaceDrive(0);
  return w;
}

/** Bytes on the new drive after so many milliseconds. */
function after(w: RaidWorld, ms: number): number {
  w.clock.advance(ms);
  const { state, rebuilt } = w.group.members[0]!;
  return (state === 'good' ? STRIPES : rebuilt) * UNIT;
}

t.test('no faster than the rate, which may change in its midst', (t) => {
  const rate: CopyRate = { bytesPerSecond: 2 * MiB };
  const w = rebuilding(rate);
  const slow = after(w, 3_000);
  t.ok(slow >= 5 * MiB && slow <= 8 * MiB, `${slow} bytes in 3 s at 2 MiB/s`);
  rate.bytesPerSecond = null;
  t.equal(after(w, 1_000), 10 * MiB, 'the rest at once');
  w.verify('after the rebuild', 'kill');
  t.equal(w.wrong, null);
  t.end();
});

t.test('it rests while hosts read, and goes on when they do not', (t) => {
  const w = rebuilding({ bytesPerSecond: null });
  const host = (every: () => void) => {
    for (let ms = 0; ms < 100; ms += 5) {
      every();
      w.clock.advance(5);
    }
    return after(w, 0);
  };
  const busy = host(() => w.group.readNow(0, [Buffer.alloc(SECTOR)]));
  t.ok(busy > 0 && busy <= 6 * MiB, `${busy} bytes in 100 ms beside reads`);
  t.equal(
    host(() => {}),
    10 * MiB,
    'all of it in 100 ms without',
  );
  t.end();
});
