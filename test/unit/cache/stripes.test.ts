import t from 'tap';
import { silentLog } from '../../../target/base/log.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { RedundantGroup } from '../../../target/disk/raid/redundant-group.js';
import { redundantMemoryBytes, underWayMemoryBytes } from '../../../target/disk/raid/redundant-shape.js';
import { SimulatedDrive } from '../../../target/disk/simulated-drive.js';
import { SimulatedMemory } from '../volumes/simulated-memory.js';
import { fill, HOST, Region, Rig } from './rig.js';

const UNIT = 64 * 1024;
const STRIPE_SLOTS = (3 * UNIT) / 16384;

/** A cache on RAID 5 of four drives that count what they are asked for. */
class StripedRig extends Rig {
  readonly bytes = { read: 0, written: 0 };

  constructor(slots: number, volumeSlots: number, latencyMs: number) {
    super({ slots, volumeSlots });
    const stripes = Math.ceil(volumeSlots / STRIPE_SLOTS);
    const drives = Array.from({ length: 4 }, (_, index) => {
      const options = { latencyMs: [latencyMs, latencyMs] as const };
      return this.#counted(new SimulatedDrive(`d${index}`, stripes * UNIT, this.clock, this.random, options));
    });
    const shape = { name: '1-2', level: 'raid5', drives, stripeBytes: UNIT } as const;
    const memory = new SimulatedMemory(Buffer.alloc(redundantMemoryBytes(shape)), this.clock);
    const underWay = new SimulatedMemory(Buffer.alloc(underWayMemoryBytes(shape)), this.clock);
    this.group = RedundantGroup.open({
      ...shape,
      memory,
      underWay,
      bootId: 'boot',
      clock: this.clock,
      log: silentLog,
      changed: () => {},
    });
    this.adapter = new DiskAdapter('DKA', this.clock);
    this.region = new Region(this.group, 0, volumeSlots);
    this.open();
  }

  #counted(drive: SimulatedDrive): SimulatedDrive {
    const { read, write } = drive;
    drive.read = (offset, buffers, done) => {
      this.bytes.read += Buffer.concat(buffers).length;
      read.call(drive, offset, buffers, done);
    };
    drive.write = (offset, buffers, done) => {
      this.bytes.written += Buffer.concat(buffers).length;
      write.call(drive, offset, buffers, done);
    };
    return drive;
  }

  /** Writes all of the volume in requests of 256 KiB, one every so many milliseconds when nothing holds it up. */
  stream(value: number, everyMs: number): void {
    const { slots } = this.region;
    for (let slot = 0; slot < slots; slot += 16) {
      this.write(slot * 32, fill(value, Math.min(16, slots - slot) * 32));
      this.clock.advance(everyMs);
    }
  }
}

for (const { name, slots, volumeSlots, everyMs } of [
  { name: 'faster than the drives', slots: 384, volumeSlots: 1200, everyMs: 0.1 },
  { name: 'in a cache much larger', slots: 2048, volumeSlots: 600, everyMs: 37 },
  { name: 'in spurts', slots: 2048, volumeSlots: 300, everyMs: 130 },
]) {
  t.test(`a sequential stream ${name}: stripes are written whole, nothing is read back`, (t) => {
    const rig = new StripedRig(slots, volumeSlots, 2);
    for (const value of [1, 2]) {
      rig.bytes.read = 0;
      rig.bytes.written = 0;
      rig.stream(value, everyMs);
      rig.clock.advance(5000);
      t.equal(rig.cache.stats().dirtySlots, 0);
      const data = volumeSlots * 16384;
      t.ok(rig.bytes.read <= data * 0.01, `read ${rig.bytes.read} of ${data}`);
      t.ok(rig.bytes.written <= data * (4 / 3) * 1.01, `written ${rig.bytes.written} of ${(data * 4) / 3}`);
    }
    const end = (volumeSlots - 16) * 32;
    t.same(rig.read(end, 512), fill(2, 512));
    t.end();
  });
}

t.test('slots that are dirty in the stripe of an old one go with it, those of other stripes wait', (t) => {
  const rig = new StripedRig(256, 64, 0);
  rig.write(0, fill(1, 32));
  rig.clock.advance(800);
  for (let slot = 1; slot < STRIPE_SLOTS + 4; slot++) rig.write(slot * 32, fill(1, 32));
  rig.write(40 * 32, fill(1, 32));
  rig.clock.advance(350);
  t.equal(rig.cache.stats().dirtySlots, 5);
  t.equal(rig.bytes.read, 0);
  rig.clock.advance(1000);
  t.equal(rig.cache.stats().dirtySlots, 0, 'a stripe that is never filled is written in the end');
  t.end();
});

t.test('a flush does not wait for a stripe to be filled', (t) => {
  const rig = new StripedRig(256, 64, 0);
  rig.volume.write(HOST, 0, 32, [fill(1, 32)], () => {});
  t.equal(rig.flush(), null);
  t.equal(rig.cache.stats().dirtySlots, 0);
  t.end();
});
