/** Connections of one capture between the same two ports, one after the other: nobody may take them for one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readCapture, SYN, streamOf } from '../../support/pcapng.js';
import { portsAgain } from '../../support/ports-again.js';

t.test('each begins with a sequence number of its own', async (t) => {
  const file = join(t.testdir(), 'again.pcapng');
  await portsAgain(file, 3);
  const { packets } = readCapture(readFileSync(file));
  for (const direction of [1, 2]) {
    const first = packets.filter((one) => one.direction === direction && (one.flags & SYN) !== 0);
    t.equal(new Set(first.map(({ sequence }) => sequence)).size, 3);
  }
  const begins = packets.flatMap((one, index) => (one.direction === 1 && (one.flags & SYN) !== 0 ? [index] : []));
  for (const [number, from] of begins.entries()) {
    const own = packets.slice(from, begins[number + 1]);
    t.equal(streamOf(own, 1).length, 48);
    t.equal(streamOf(own, 2).length, 48);
  }
});
