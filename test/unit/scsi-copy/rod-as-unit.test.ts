/** A ROD of a whole logical unit is read by segments just as the logical unit is (SPC-5 5.17.7.6): random lists with either. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { blocks, bytes, copy, cscd, image, receive } from './copy-rig.js';
import { populateByOne, rod } from './rod-rig.js';
import { TokenRig } from './token-rig.js';

const SOURCE_BYTES = 64 * 4096;
const SIZES = [512, 4096] as const;

const seed = Number(process.env.LUNARRAY_SEED ?? 2211);

t.test(`against the logical unit itself, seed ${seed}`, async (t) => {
  const random = seededRandom(seed);
  const flag = () => random.below(2) === 0;
  const outcomes = new Set<string>();
  for (let round = 0; round < 80; round++) {
    const [from, to] = [SIZES[random.below(2)]!, SIZES[random.below(2)]!];
    const sourceBlocks = SOURCE_BYTES / from;
    const [padsSource, padsDestination] = [flag(), flag()];
    const filled = Array.from({ length: 12 }, () => [random.below(sourceBlocks), 1 + random.below(255)] as const);
    const segments = Array.from({ length: 1 + random.below(4) }, () => {
      const [count, lba] = [random.below(20), random.below(sourceBlocks)];
      const flags = { cat: flag(), dc: flag(), hold: flag() };
      if (random.below(5) === 0) return image(count, lba, random.below(64));
      if (flag()) return blocks(count, lba, random.below(64), flags);
      return bytes(random.below(20_000), [lba, random.below(from)], [random.below(64), random.below(to)], flags);
    });
    const run = (byRod: boolean) => {
      const rig = new TokenRig([
        { blocks: sourceBlocks, blockSize: from },
        { blocks: 2048, blockSize: to },
      ]);
      for (const [lba, value] of filled) rig.layers[0]!.fill(lba, Math.min(4, sourceBlocks - lba), value);
      const host = rig.host('a');
      const source = byRod ? rod({ pad: padsSource }) : cscd(0, { pad: padsSource });
      const first = byRod ? [populateByOne([0, sourceBlocks])] : [];
      const list = [...first, ...segments];
      const { sense } = copy(host, { cscds: [source, cscd(1, { pad: padsDestination })], segments: list });
      const segment = sense?.segment === undefined ? null : sense.segment - first.length;
      const told = sense && { name: sense.name, segment, field: sense.field, information: sense.information };
      const { data, mapped } = rig.layers[1]!;
      return { told, data, mapped, held: sense === null ? receive(host, CopyIn.data1, 1).data : null };
    };
    const [direct, through] = [run(false), run(true)];
    outcomes.add(direct.told?.name ?? 'good');
    t.same(through.told, direct.told, `round ${round}`);
    t.ok(through.data.equals(direct.data) && `${through.mapped}` === `${direct.mapped}`, 'what was written');
    t.same(through.held, direct.held, 'what is held');
  }
  t.ok(outcomes.has('good') && outcomes.size > 2, [...outcomes].join());
});
