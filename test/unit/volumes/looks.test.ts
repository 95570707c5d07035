/** How much of a drive is looked through for data at a time: where the kernel is not asked, looking is reading. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileDrive } from '../../../target/disk/file-drive.js';
import type { DriveIo } from '../../../target/disk/types.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { GiB, type Rig, rig, TiB, write } from './fixture.js';

/** Bytes looked through in each turn of the event loop. */
class Looks {
  private readonly turns = new Map<number, number>();
  private turn = 0;
  private counted = false;

  note(bytes: number): void {
    this.turns.set(this.turn, (this.turns.get(this.turn) ?? 0) + bytes);
    if (this.counted) return;
    this.counted = true;
    setImmediate(() => {
      this.turn++;
      this.counted = false;
    });
  }

  /** What was noted since the last call. */
  taken(): number[] {
    const bytes = [...this.turns.values()];
    this.turns.clear();
    return bytes;
  }
}

/** Never written but for what `written` says; remembers what it was asked about. */
function watched(looks: Looks, written: (offset: number) => boolean) {
  return (path: string, name: string, bytes: number): DriveIo => {
    const drive = FileDrive.open(path, name, bytes);
    drive.extents = (offset, length) => {
      looks.note(length);
      return [{ offset, bytes: length, allocated: written(offset) }];
    };
    return drive;
  };
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

function watchedRig(t: Test, looks: Looks, written: (offset: number) => boolean): Rig {
  const array: Rig = rig(t);
  array.kill();
  const openDrive = watched(looks, written);
  array.open({ openDrive: (path, name, bytes) => openDrive(join(array.dir, 'drives', path), name, bytes) });
  return array;
}

t.test('the first write of an LDEV looks at the region it takes, not at the drive', async (t) => {
  const looks = new Looks();
  const array = watchedRig(t, looks, () => false);
  array.addPool(TiB);
  const { top } = array.volumes.createLdev({ bytes: TiB });
  looks.taken();
  t.equal(await write(top, 0, Buffer.alloc(512, 1)), null);
  t.same(looks.taken(), [REGION_BYTES]);
  await array.stop();
});

t.test('regions that hold data of nobody are passed over', async (t) => {
  const looks = new Looks();
  const array = watchedRig(t, looks, (offset) => offset >= REGION_BYTES && offset < 6 * REGION_BYTES);
  array.addPool(64 * GiB);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  looks.taken();
  t.equal(await write(top, 0, Buffer.alloc(512, 1)), null);
  t.equal(await write(top, REGION_BYTES / 512, Buffer.alloc(512, 1)), null);
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES);
  t.ok(sum(looks.taken()) <= 16 * REGION_BYTES);
  await array.stop();
});

t.test('full provisioning and deletion look at a few regions in each turn', async (t) => {
  const looks = new Looks();
  const array = watchedRig(t, looks, () => false);
  array.addPool(TiB);
  looks.taken();
  array.volumes.createLdev({ bytes: 64 * GiB, thin: false });
  await array.volumes.settled();
  const provisioning = looks.taken();
  t.equal(sum(provisioning), 64 * GiB);
  t.ok(Math.max(...provisioning) <= 8 * REGION_BYTES);
  await array.volumes.deleteLdev(0);
  const deletion = looks.taken();
  t.equal(sum(deletion), 64 * GiB);
  t.ok(Math.max(...deletion) <= 8 * REGION_BYTES);
  await array.stop();
});
