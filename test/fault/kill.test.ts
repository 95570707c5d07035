/**
 * SIGKILL in the middle of a write load, 20 rounds on one data directory: nothing acknowledged is missing, no
 * block is torn within itself. `LUNARRAY_SEED` replays the loads, `LUNARRAY_KILL_ROUNDS` makes it longer.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import { type ServedArray, serve } from '../support/serve.js';
import { Ledger } from './ledger.js';

const rounds = Number(process.env.LUNARRAY_KILL_ROUNDS ?? 20);
const seed = Number(process.env.LUNARRAY_SEED ?? 20261120);
const depth = 16;
/** Most writes fall here, so that slots are rewritten while dirty, being destaged, and being sent. */
const hotBlocks = 4096;

t.setTimeout(0);
t.comment(`seed ${seed}, ${rounds} rounds`);
const random = seededRandom(seed);
const data = mkdtempSync(join(tmpdir(), 'lunarray-kill-'));
t.teardown(() => rmSync(data, { recursive: true, force: true }));
const ledger = new Ledger(512);

/** Keeps `depth` commands in flight until the session breaks. */
async function load(session: LogicalUnit, totalBlocks: number): Promise<void> {
  const one = async (): Promise<void> => {
    for (;;) {
      const blocks = 1 + random.below(random.below(8) === 0 ? 300 : 24);
      const lba = random.below(10) === 0 ? random.below(totalBlocks - blocks) : random.below(hotBlocks - 300);
      if (!ledger.free(lba, blocks)) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const kind = random.below(12);
      const stamp = ledger.begin(lba, blocks, kind === 0);
      try {
        if (kind === 0) await session.unmap([{ lba, blocks }]);
        else await session.write(lba, ledger.fill(lba, blocks, stamp));
      } catch {
        return;
      }
      ledger.acknowledge(lba, blocks, stamp);
      if (random.below(200) === 0) await session.synchronizeCache().catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: depth }, one));
}

async function verify(session: LogicalUnit): Promise<string[]> {
  const wrong: string[] = [];
  const touched = ledger.touched();
  for (let at = 0; at < touched.length; ) {
    const first = touched[at]!;
    let blocks = 1;
    while (at + blocks < touched.length && touched[at + blocks] === first + blocks && blocks < 512) blocks++;
    const read = await session.read(first, blocks);
    for (let i = 0; i < blocks; i++) {
      const problem = ledger.check(first + i, read.subarray(i * 512, (i + 1) * 512));
      if (problem) wrong.push(problem);
    }
    at += blocks;
  }
  return wrong;
}

const open = (array: ServedArray) => {
  const lun = array.ready.find((line) => line.kind === 'thin')!;
  return connect(lun.url, { reconnect: false });
};

for (let round = 1; round <= rounds; round++) {
  await t.test(`round ${round}`, async (t) => {
    const array = await serve(data);
    const session = await open(array);
    t.same((await verify(session)).slice(0, 5), [], `${ledger.touched().length} blocks are right`);
    const { blocks } = await session.readCapacity();
    const before = ledger.acknowledgedWrites;
    const dead = load(session, Math.min(blocks, 2 ** 21));
    await new Promise((resolve) => setTimeout(resolve, 100 + random.below(500)));
    await array.end('SIGKILL');
    await dead;
    await session.close().catch(() => {});
    ledger.died();
    t.ok(
      ledger.acknowledgedWrites > before,
      `${ledger.acknowledgedWrites - before} writes were acknowledged before the kill`,
    );
  });
}

await t.test('after the last kill', async (t) => {
  const array = await serve(data);
  const session = await open(array);
  t.same((await verify(session)).slice(0, 5), []);
  await session.close();
  t.equal(await array.end('SIGTERM'), 0, 'a stop in good order ends with 0');
});
