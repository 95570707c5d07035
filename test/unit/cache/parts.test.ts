import t from 'tap';
import { dataOffset, memoryBytes, partLengths } from '../../../target/cache/layout.js';
import { SLOT_BYTES } from '../../../target/cache/types.js';
import { fill, HOST, Rig } from './rig.js';

t.test('lengths: what stands before the data, then at most 1 GiB in each part', (t) => {
  t.same(partLengths(3), [dataOffset(3), 3 * SLOT_BYTES]);
  t.same(partLengths(10, 4), [dataOffset(10), 4 * SLOT_BYTES, 4 * SLOT_BYTES, 2 * SLOT_BYTES]);
  const slots = 2 ** 36 / SLOT_BYTES;
  const large = partLengths(slots);
  t.equal(large.length, 1 + 64);
  t.equal(
    large.reduce((sum, length) => sum + length, 0),
    memoryBytes(slots),
  );
  t.ok(large.every((length) => length % 4096 === 0 && length <= 2 ** 30));
  t.end();
});

t.test('writes, overwrites, fresh slots and atomic writes across parts survive a kill at every commit', (t) => {
  for (let killAt = 1; ; killAt++) {
    const rig = new Rig({ slots: 140, partSlots: 4, volumeSlots: 32, seed: killAt });
    rig.memory.killAt = rig.memory.commits + killAt;
    let done = 0;
    const held: (() => void)[] = [];
    const steps = [
      () => rig.volume.write(HOST, 5, 400, [fill(1, 400)], () => done++),
      () => rig.volume.read(HOST, 64, 200, (_failure, _data, release) => done++ && held.push(release)),
      () => rig.volume.write(HOST, 60, 100, [fill(2, 100)], () => done++),
      () => rig.volume.write({ ...HOST, atomic: true }, 150, 90, [fill(3, 90)], () => done++),
    ];
    try {
      for (const step of steps) step();
    } catch {
      // killed
    }
    rig.restart();
    const got = rig.read(0, 512);
    for (let sector = 0; sector < 512; sector++) {
      const first = sector >= 5 && sector < 405 ? [0, 1] : [0];
      const second = sector >= 60 && sector < 160 ? [2] : [];
      const third = sector >= 150 && sector < 240 ? [3] : [];
      const newest = [first.at(-1)!, ...second].at(-1)!;
      const possible =
        done === 0
          ? first
          : done < 3
            ? [first.at(-1), ...second]
            : done === 3
              ? [newest, ...third]
              : [third[0] ?? newest];
      if (!possible.includes(got[sector * 512])) t.fail(`sector ${sector}: ${got[sector * 512]}, kill ${killAt}`);
    }
    if (done === 3) t.ok([1, 2].includes(got[200 * 512]!) === [1, 2].includes(got[239 * 512]!), 'all of it or nothing');
    if (done === steps.length) break;
  }
  t.end();
});
