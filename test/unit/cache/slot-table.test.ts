import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { SlotTable } from '../../../target/cache/slot-table.js';

t.test('against a map: any slot numbers, two owners, removals in any order', (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 2 ** 31);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  for (const slots of [1, 2, 7, 64, 500]) {
    const table = new SlotTable(slots);
    const model = new Map<string, { owner: number; slot: number; index: number }>();
    // Neighbours, strides and numbers that differ only above 32 bits.
    const bases = [0, 2 ** 32, 3 * 2 ** 32, 2 ** 47];
    const key = () => ({
      owner: random.below(2),
      slot: bases[random.below(4)]! + random.below(slots) * [1, 32, 65536][random.below(3)]!,
    });
    for (let step = 0; step < 4000; step++) {
      const { owner, slot } = key();
      const name = `${owner}/${slot}`;
      const known = model.get(name);
      if (table.find(owner, slot) !== (known?.index ?? -1)) t.fail(`${name} in step ${step}`);
      if (known !== undefined && random.below(2) === 0) {
        table.delete(owner, slot);
        model.delete(name);
      } else if (known !== undefined || model.size < slots) {
        const index = random.below(2 ** 31 - 1);
        table.set(owner, slot, index);
        model.set(name, { owner, slot, index });
      }
      if (step % 100 !== 0) continue;
      for (const each of model.values()) {
        if (table.find(each.owner, each.slot) !== each.index) t.fail(`${JSON.stringify(each)} after step ${step}`);
      }
    }
    t.throws(() => table.delete(5, 5), /not in the table/);
  }
  t.end();
});
