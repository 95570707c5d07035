/** Blocks with protection information: kept beside them through writes that share slots, unmaps, kills, formats. */
import t from 'tap';
import { native } from '../../../native/index.js';
import { seededRandom } from '../../../target/base/random.js';
import type { Io } from '../../../target/volumes/block-layer.js';
import { protectedLayouts } from '../../../target/volumes/layers/protected-layout.js';
import { PI_BYTES, type ProtectionType } from '../../../wire/scsi/protection.js';
import { brief, codeOf, extents, flush, GiB, hostIo, MiB, type Rig, read, rig, unmap, write } from './fixture.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

const withInformation: Io = { ...hostIo, protected: true };
const NEVER_WRITTEN = Buffer.alloc(PI_BYTES, 0xff);

/** What the array makes of a block that comes without. */
function generated(block: Buffer, type: ProtectionType, lba: number): Buffer {
  const guard = new Uint16Array(1);
  native.guards(block, block.length, block.length, guard);
  const bytes = Buffer.alloc(PI_BYTES);
  bytes.writeUInt16BE(guard[0]!, 0);
  bytes.writeUInt16BE(0xffff, 2);
  bytes.writeUInt32BE(type === 1 ? lba : 0xffffffff, 4);
  return bytes;
}

/** Blocks with their information, as they should be. */
class Model {
  readonly blocks: Buffer[];

  constructor(
    count: number,
    readonly blockSize: number,
    readonly type: ProtectionType,
  ) {
    this.blocks = Array.from({ length: count }, () => this.empty());
  }

  empty(): Buffer {
    return Buffer.concat([Buffer.alloc(this.blockSize), NEVER_WRITTEN]);
  }

  /** @returns what is to be written */
  put(lba: number, data: Buffer, interleaved: boolean): void {
    const stride = this.blockSize + (interleaved ? PI_BYTES : 0);
    for (let i = 0; i * stride < data.length; i++) {
      const block = data.subarray(i * stride, (i + 1) * stride);
      this.blocks[lba + i] = interleaved ? block : Buffer.concat([block, generated(block, this.type, lba + i)]);
    }
  }

  clear(lba: number, count: number): void {
    for (let i = 0; i < count; i++) this.blocks[lba + i] = this.empty();
  }
}

function made(
  t: { teardown(run: () => void): void },
  blockSize: 512 | 4096,
  protection: ProtectionType,
  blocks: number,
): Rig {
  const one = rig(t);
  one.addPool(GiB);
  one.volumes.createLdev({ id: 1, blockSize, blocks, protection });
  return one;
}

for (const blockSize of [512, 4096] as const) {
  t.test(`blocks of ${blockSize}: writes, unmaps and kills against a model`, async (t) => {
    const random = seededRandom(seed);
    const type = ([1, 2, 3] as const)[random.below(3)]!;
    const { perSlot } = protectedLayouts[blockSize];
    const count = 5 * perSlot + random.below(perSlot);
    const array = made(t, blockSize, type, count);
    const model = new Model(count, blockSize, type);
    const top = () => array.volumes.ldev(1)!.top;
    for (let round = 0; round < 150; round++) {
      // Some at once, whose blocks differ, as the task set has it, but whose slots need not.
      const cuts = [0, random.below(count), random.below(count), count].sort((a, b) => a - b);
      const work: Promise<unknown>[] = [];
      for (let part = 0; part < 3; part++) {
        const room = cuts[part + 1]! - cuts[part]!;
        if (room === 0) continue;
        const lba = cuts[part]! + random.below(room);
        const length = 1 + random.below(Math.min(cuts[part + 1]! - lba, 2 * perSlot));
        if (random.below(4) === 0) {
          model.clear(lba, length);
          work.push(unmap(top(), lba, length));
          continue;
        }
        const interleaved = random.below(2) === 0;
        const stride = blockSize + (interleaved ? PI_BYTES : 0);
        const data = random.bytes(length * stride);
        model.put(lba, data, interleaved);
        const io = interleaved ? withInformation : hostIo;
        work.push(write(top(), lba, data, stride, random.below(8) === 0 ? { ...io, fua: true } : io));
      }
      for (const failure of await Promise.all(work)) t.equal(failure, null);
      if (random.below(10) === 0) t.equal(await flush(top()), null);
      if (random.below(12) === 0) {
        array.kill();
        array.open();
      }
      const from = random.below(count);
      const length = 1 + random.below(count - from);
      const expected = model.blocks.slice(from, from + length);
      const all = Buffer.concat(expected);
      const plain = Buffer.concat(expected.map((block) => block.subarray(0, blockSize)));
      const got = (await read(top(), from, length, withInformation)) as Buffer;
      if (!got.equals(all)) throw new Error(`round ${round}: ${from}+${length} with information (seed ${seed})`);
      if (!((await read(top(), from, length)) as Buffer).equals(plain)) {
        throw new Error(`round ${round}: ${from}+${length} without information (seed ${seed})`);
      }
    }
    await array.stop();
  });
}

t.test('what is told as mapped: whole slots; unmapped edges of what was never written take no space', async (t) => {
  const array = made(t, 512, 1, 310);
  const { top } = array.volumes.ldev(1)!;
  t.same(brief(await extents(top, 3, 200)), [[3, 200, false]]);
  t.equal(await unmap(top, 5, 300), null);
  t.same(brief(await extents(top, 0, 310)), [[0, 310, false]]);
  t.equal(array.volumes.assignedBytes(1), 0);
  await write(top, 40, Buffer.alloc(512, 1));
  t.same(brief(await extents(top, 0, 310)), [
    [0, 31, false],
    [31, 31, true],
    [62, 248, false],
  ]);
  t.same(brief(await extents(top, 35, 3)), [[35, 3, true]]);
  t.equal((await extents(top, 0, 310, 2)).length, 2);
  t.equal(await unmap(top, 31, 31), null);
  t.same(brief(await extents(top, 0, 310)), [[0, 310, false]]);
  t.equal(await unmap(top, 0, 310), null);
  await array.volumes.settled();
  t.equal(array.volumes.assignedBytes(1), 0, 'the region is given back');
  await array.stop();
});

t.test('an LDEV that grows keeps its information, and one made full has room for it', async (t) => {
  const array = made(t, 512, 2, 100);
  const { volumes } = array;
  await write(volumes.ldev(1)!.top, 90, Buffer.alloc(10 * 520, 7), 520, withInformation);
  volumes.expandLdev(1, { blocks: 131_072 });
  const { top } = volumes.ldev(1)!;
  t.ok(((await read(top, 90, 10, withInformation)) as Buffer).equals(Buffer.alloc(10 * 520, 7)));
  t.ok(((await read(top, 131_071, 1, withInformation)) as Buffer).subarray(512).equals(NEVER_WRITTEN));
  // 64 MiB and 2 MiB of information are three regions.
  volumes.createLdev({ id: 2, bytes: 64 * MiB, thin: false, protection: 1 });
  await volumes.settled();
  t.equal(volumes.assignedBytes(2), 96 * MiB);
  t.equal(await write(volumes.ldev(2)!.top, 131_071, Buffer.alloc(512, 9)), null);
  const ldev = volumes.ldev(2)!;
  t.equal(ldev.formatting!.begin(0), null);
  await unmap(ldev.top, 0, 131_072);
  t.equal(ldev.formatting!.end(0), null);
  t.ok(((await read(ldev.top, 131_071, 1)) as Buffer).equals(Buffer.alloc(512)));
  volumes.expandLdev(2, { bytes: 96 * MiB });
  await volumes.settled();
  t.equal(volumes.assignedBytes(2), 96 * MiB);
  await array.stop();
  array.open();
  t.equal(array.volumes.ldev(2)!.protection, 0);
  t.equal(array.volumes.ldev(1)!.protection, 2);
  await array.stop();
});

t.test('a format that is cut off leaves it unformatted; without room it is refused', async (t) => {
  const array = made(t, 4096, 0, 16);
  const ldev = () => array.volumes.ldev(1)!;
  t.equal(ldev().formatting!.begin(0), null);
  t.notOk(ldev().unformatted, 'the type stays');
  t.equal(ldev().formatting!.begin(3), null);
  t.ok(ldev().unformatted);
  array.kill();
  array.open();
  t.ok(ldev().unformatted);
  t.equal(ldev().protection, 0);
  t.equal(ldev().formatting!.end(3), null);
  t.notOk(ldev().unformatted);
  array.kill();
  array.open();
  t.equal(ldev().protection, 3);
  t.notOk(ldev().unformatted);
  array.volumes.createLdev({ id: 2, bytes: GiB, thin: false });
  t.match(array.volumes.ldev(2)!.formatting!.begin(1), { kind: 'no-space' });
  t.notOk(array.volumes.ldev(2)!.unformatted);
  t.equal(
    codeOf(() => array.volumes.createLdev({ id: 3, bytes: 32 * MiB, thin: false, protection: 1 })),
    'pool-full',
  );
  await array.stop();
});

t.test('the longest atomic write fits one commit of the cache, wherever it begins', async (t) => {
  for (const blockSize of [512, 4096] as const) {
    const { perSlot, atomicBlocks } = protectedLayouts[blockSize];
    const array = made(t, blockSize, 1, 1000);
    const { top } = array.volumes.ldev(1)!;
    for (let lba = 0; lba < perSlot; lba += Math.ceil(perSlot / 6)) {
      const data = Buffer.alloc(atomicBlocks * (blockSize + PI_BYTES), lba + 1);
      const io = { ...withInformation, atomic: true };
      t.equal(await write(top, lba, data, blockSize + PI_BYTES, io), null, `${blockSize}: from ${lba} on`);
      t.ok(((await read(top, lba, atomicBlocks, withInformation)) as Buffer).equals(data));
    }
    await array.stop();
  }
});

t.test('a sector that cannot be read is told as the block it belongs to', async (t) => {
  const layout = protectedLayouts[512];
  t.equal(layout.blockOf(layout.sectorOf(40), 31, 31), 40);
  t.equal(layout.blockOf(32 + 16, 31, 31), 31, 'of information: the first block of the slot');
  t.equal(layout.blockOf(32 + 16, 35, 5), 35, 'that was asked for');
  const large = protectedLayouts[4096];
  for (let lba = 0; lba < 9; lba++) t.equal(large.blockOf(large.sectorOf(lba) + 7, 0, 9), lba);
});
