import t from 'tap';
import { seededRandom, systemRandom } from '../../../target/base/random.js';

for (const [name, random] of [
  ['system', systemRandom],
  ['seeded', seededRandom(7)],
] as const) {
  t.test(name, (t) => {
    const seen = new Set<number>();
    for (let i = 0; i < 500; i++) seen.add(random.below(10));
    t.same([...seen].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    t.equal(random.below(1), 0);
    let high = false;
    for (let i = 0; i < 100; i++) {
      const value = random.below(2 ** 53 - 1);
      if (!Number.isSafeInteger(value) || value < 0) t.fail(`${value}`);
      high ||= value > 2 ** 40;
    }
    t.ok(high, 'wide limits use all bits');
    for (const wrong of [0, -1, 1.5, Number.NaN, 2 ** 53]) t.throws(() => random.below(wrong), RangeError);
    t.equal(random.bytes(13).length, 13);
    t.notOk(random.bytes(13).equals(random.bytes(13)));
    t.end();
  });
}

t.test('a seed gives the same numbers each time, another seed others', (t) => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 20 }, () => random.below(1000));
  };
  t.same(draw(1), draw(1));
  t.notSame(draw(1), draw(2));
  t.end();
});
