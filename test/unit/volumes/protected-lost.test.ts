/** Sectors that cannot be read under blocks with protection information: writing mends them, and harms nothing beside them. */
import t from 'tap';
import type { BlockLayer, Io } from '../../../target/volumes/block-layer.js';
import { ProtectedLayer } from '../../../target/volumes/layers/protected.js';
import { protectedLayouts } from '../../../target/volumes/layers/protected-layout.js';
import { PI_BYTES } from '../../../wire/scsi/protection.js';
import { hostIo, read, unmap, write } from './fixture.js';

const layout = protectedLayouts[512];
const SLOTS = 3;
const BLOCKS = SLOTS * layout.perSlot;
const STRIDE = 512 + PI_BYTES;
const io: Io = { ...hostIo, protected: true };
const UNCHECKED = Buffer.alloc(PI_BYTES, 0xff);

/** Sectors in memory. */
class Sectors implements BlockLayer {
  readonly bytes = Buffer.alloc(SLOTS * 32 * 512);
  readonly lost = new Set<number>();
  /** Writes that are still done; none after them, as when the array is killed. */
  writesLeft = Number.POSITIVE_INFINITY;

  read: BlockLayer['read'] = (_io, lba, blocks, done) => {
    for (let sector = lba; sector < lba + blocks; sector++) {
      if (this.lost.has(sector)) return done({ kind: 'medium-error', lba: sector, write: false }, [], () => {});
    }
    done(null, [Buffer.from(this.bytes.subarray(lba * 512, (lba + blocks) * 512))], () => {});
  };

  write: BlockLayer['write'] = (_io, lba, blocks, data, done) => {
    if (this.writesLeft-- <= 0) return done({ kind: 'not-ready', cause: 'killed' });
    Buffer.concat([...data]).copy(this.bytes, lba * 512);
    for (let sector = lba; sector < lba + blocks; sector++) this.lost.delete(sector);
    done(null);
  };

  unmap: BlockLayer['unmap'] = (_io, _lba, _blocks, done) => done(null);
  flush: BlockLayer['flush'] = (_io, _lba, _blocks, done) => done(null);
  prefetch: BlockLayer['prefetch'] = (_io, _lba, _blocks, done) => done(null);
  extents: BlockLayer['extents'] = (lba, blocks, _limit, done) => done(null, [{ lba, blocks, mapped: true }]);
}

/** Blocks of one number each, with it in data and information. */
function numbered(count: number, number: (index: number) => number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.alloc(STRIDE, number(i))));
}

async function made(lost: readonly number[]) {
  const sectors = new Sectors();
  const told: [lba: number, blocks: number][] = [];
  const informationLost = (lba: number, blocks: number) => told.push([lba, blocks]);
  const layer = new ProtectedLayer(sectors, layout, { blocks: BLOCKS, protection: 1, informationLost });
  await write(
    layer,
    0,
    numbered(BLOCKS, (i) => i + 1),
    STRIDE,
    io,
  );
  for (const sector of lost) sectors.lost.add(sector);
  return { sectors, layer, told };
}

const MINE = 200;
/** Within a slot and over two, before, around and after the information. */
const RANGES = [0, 1, 4, 5, 6, 15, 16, 17, 20, 30, 33, 44].flatMap((lba) =>
  [1, 3, 14, 17, 30, 40].map((count) => [lba, count] as const),
);
const LOST = [[5], [16], [20], [16, 4, 25], [48, 35, 60], [2, 29, 33, 62]];

t.test('what is written and what is not, for each range', async (t) => {
  const wrong: string[] = [];
  for (const lost of LOST) {
    for (const [lba, count] of RANGES) {
      const { sectors, layer, told } = await made(lost);
      const where = `lost ${lost}, write ${lba}+${count}`;
      if (
        (await write(
          layer,
          lba,
          numbered(count, () => MINE),
          STRIDE,
          io,
        )) !== null
      )
        wrong.push(where);
      const toTell = lost
        .filter((sector) => sector % 32 === 16 && !sectors.lost.has(sector))
        .map((sector) => Math.floor(sector / 32) * layout.perSlot)
        .filter((first) => lba > first || lba + count < first + layout.perSlot);
      const places = [...told].sort(([a], [b]) => a - b);
      if (
        JSON.stringify(places) !== JSON.stringify(toTell.sort((a, b) => a - b).map((first) => [first, layout.perSlot]))
      )
        wrong.push(`${where}: told of ${JSON.stringify(told)}`);
      for (let block = 0; block < BLOCKS; block++) {
        const mine = block >= lba && block < lba + count;
        const slot = layout.slotOf(block);
        const rebuilt = lost.includes(slot * 32 + 16) && !sectors.lost.has(slot * 32 + 16);
        const gone = !mine && (lost.includes(layout.sectorOf(block)) || sectors.lost.has(slot * 32 + 16));
        const got = await read(layer, block, 1, io);
        if (gone !== !Buffer.isBuffer(got)) wrong.push(`${where}: block ${block} ${gone ? 'is' : 'cannot be'} read`);
        if (!Buffer.isBuffer(got)) continue;
        const wanted = Buffer.alloc(STRIDE, mine ? MINE : block + 1);
        if (rebuilt && !mine) UNCHECKED.copy(wanted, 512);
        if (!got.equals(wanted)) wrong.push(`${where}: block ${block} has ${got[0]}, information ${got[512]}`);
      }
    }
  }
  t.same(wrong, []);
});

t.test('a kill in the midst leaves no block with the information of another write', async (t) => {
  const wrong: string[] = [];
  for (const lost of LOST) {
    for (const [lba, count] of RANGES) {
      for (let writes = 0; writes < 4; writes++) {
        const { sectors, layer } = await made(lost);
        sectors.writesLeft = writes;
        await write(
          layer,
          lba,
          numbered(count, () => MINE),
          STRIDE,
          io,
        );
        for (let block = lba; block < lba + count; block++) {
          const got = await read(layer, block, 1, io);
          if (!Buffer.isBuffer(got)) continue;
          const is = got[512];
          if (is !== got[0] && is !== 0xff)
            wrong.push(`lost ${lost}, ${lba}+${count}: ${got[0]} has information ${is}`);
        }
      }
    }
  }
  t.same(wrong, []);
});

t.test('an atomic write over a lost block of others is refused; unmapping mends', async (t) => {
  const { sectors, layer } = await made([5]);
  const failure = await write(
    layer,
    3,
    numbered(1, () => MINE),
    STRIDE,
    { ...io, atomic: true },
  );
  t.match(failure, { kind: 'medium-error', write: true });
  t.ok(((await read(layer, 3, 1, io)) as Buffer).equals(Buffer.alloc(STRIDE, 4)));
  t.equal(await unmap(layer, 5, 1), null);
  t.ok(((await read(layer, 5, 1, io)) as Buffer).equals(Buffer.concat([Buffer.alloc(512), UNCHECKED])));
  t.equal(sectors.lost.size, 0);
});
