/** Slots chosen for destaging whose turn has not come yet may be something else by then. */
import t from 'tap';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import { SimulatedDrive } from '../../../target/disk/simulated-drive.js';
import { fill, HOST, Region, Rig } from './rig.js';

t.test('a slot that was chosen, unmapped and used for something else is written to its new place', (t) => {
  const rig = new Rig({ slots: 2000, volumeSlots: 1000, drive: { latencyMs: [1000, 1000] } });
  const drive = new SimulatedDrive('fast', 1000 * 16384, rig.clock, rig.random);
  const volume = rig.cache.attach(8, new Region(createParityGroup('2-1', 'plain', [drive]), 0, 1000));
  for (let slot = 0; slot < 600; slot++) rig.write(slot * 32, fill(1, 32));
  for (let slot = 0; slot < 100; slot++) volume.write(HOST, slot * 32, 32, [fill(1, 32)], () => {});
  // All are chosen; those on the slow drive come first, more than is sent at once.
  rig.clock.advance(1500);
  t.equal(
    rig.wait((done) => volume.unmap(0, 100 * 32, done)),
    null,
  );
  for (let slot = 500; slot < 600; slot++) volume.write(HOST, slot * 32, 32, [fill(2, 32)], () => {});
  rig.clock.advance(60_000);
  t.equal(rig.cache.stats().dirtySlots, 0);
  const onDrive = (slot: number) => {
    const data = Buffer.alloc(16384);
    drive.read(slot * 16384, [data], () => {});
    rig.clock.advance(1);
    return data[0];
  };
  for (let slot = 0; slot < 100; slot++) {
    if (onDrive(slot) !== 0) t.fail(`slot ${slot} was unmapped and is not zeros`);
    if (onDrive(slot + 500) !== 2) t.fail(`slot ${slot + 500} was written and is not on the drive`);
  }
  t.end();
});
