import t from 'tap';
import type { Volume } from '../../../target/cache/volume.js';
import { WriteLine } from '../../../target/cache/write-line.js';

/** A line with writes of some slots each; the volumes are told apart and nothing else. */
function lineOf(writes: readonly { readonly volume: Volume; readonly slots: number; readonly count: number }[]) {
  const line = new WriteLine();
  for (const { volume, slots, count } of writes) {
    for (let each = 0; each < count; each++) {
      line.push({ write: { volume, admitted: () => {}, refused: () => {} }, slots, since: each });
    }
  }
  return line;
}

const [a, b, c] = [{}, {}, {}] as [Volume, Volume, Volume];

t.test('volumes get the same number of slots, whatever the length and number of their writes', (t) => {
  const line = lineOf([
    { volume: a, slots: 1, count: 1000 },
    { volume: b, slots: 16, count: 50 },
    { volume: c, slots: 3, count: 200 },
  ]);
  const served = new Map([a, b, c].map((volume) => [volume, 0]));
  for (let step = 0; step < 400; step++) {
    const { write, slots } = line.first()!;
    served.set(write.volume, served.get(write.volume)! + slots);
    line.shift();
  }
  const counts = [...served.values()];
  t.ok(Math.max(...counts) - Math.min(...counts) <= 32, `${counts} slots`);
  t.equal(line.length, 850);
  t.end();
});

t.test('writes to one volume keep their order; those to another can be taken out', (t) => {
  const line = lineOf([
    { volume: a, slots: 2, count: 5 },
    { volume: b, slots: 1, count: 5 },
  ]);
  t.equal(line.take(b).length, 5);
  t.equal(line.take(c).length, 0);
  const order: number[] = [];
  for (let first = line.first(); first !== undefined; first = line.first()) {
    order.push(first.since);
    line.shift();
  }
  t.same(order, [0, 1, 2, 3, 4]);
  t.equal(line.length, 0);
  t.end();
});
