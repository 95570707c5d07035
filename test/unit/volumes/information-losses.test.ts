/** What is said of lost protection information: not one line for each of very many places. */
import t from 'tap';
import { InformationLosses } from '../../../target/volumes/information-losses.js';

t.test('the first, second, fourth … is said, each is counted', async (t) => {
  const said: string[] = [];
  const log = { info() {}, warn: (line: string) => said.push(line), error() {} };
  const losses = new InformationLosses({ name: '00:1A' }, log);
  for (let slot = 0; slot < 1000; slot++) losses.note(slot * 31, 31);
  t.equal(losses.count, 1000);
  t.equal(said.length, 10);
  t.match(said[2], /^LDEV 00:1A: .* LBA 93 to 123 was lost, .*\(4 such places\)$/);
});
