import t from 'tap';
import { Suspects } from '../../../../target/disk/raid/suspects.js';

t.test('ranges that overlap count once; the first one left is found', (t) => {
  const suspects = new Suspects([
    { first: 3, end: 5 },
    { first: 4, end: 6 },
    { first: 900, end: 901 },
  ]);
  t.equal(suspects.count, 4);
  t.equal(suspects.first, 3);
  suspects.removeRange(0, 5);
  t.equal(suspects.count, 1 + 1);
  t.equal(suspects.first, 5);
  suspects.remove(5);
  suspects.remove(5);
  t.equal(suspects.first, 900);
  t.ok(suspects.has(900));
  t.notOk(suspects.has(899));
  t.notOk(suspects.has(1_000_000));
  suspects.removeRange(0, 1_000_000);
  t.equal(suspects.count, 0);
  t.equal(suspects.first, -1);
  t.end();
});

t.test('as many as a map can tell of are gone through in one go', (t) => {
  const suspects = new Suspects(Array.from({ length: 2 ** 18 }, (_, bit) => ({ first: 2 * bit, end: 2 * bit + 1 })));
  let seen = 0;
  for (let stripe = suspects.first; stripe >= 0; stripe = suspects.first) {
    suspects.remove(stripe);
    seen++;
  }
  t.equal(seen, 2 ** 18);
  t.end();
});

t.test('none', (t) => {
  const suspects = new Suspects([]);
  t.equal(suspects.count, 0);
  t.equal(suspects.first, -1);
  suspects.removeRange(0, 10);
  t.notOk(suspects.has(0));
  t.end();
});
