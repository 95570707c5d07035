/**
 * SIGKILL in the middle of a load of WRITE, UNMAP, WRITE SAME, COMPARE AND WRITE and SYNCHRONIZE CACHE, 20 rounds on
 * one data directory: nothing acknowledged is missing, no block is torn within itself. `LUNARRAY_SEED` replays the loads, `LUNARRAY_KILL_ROUNDS` makes it longer.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CheckCondition, connect, type LogicalUnit } from '../../initiator/index.js';
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
/** What was not carried out though the array was alive: a COMPARE AND WRITE that found what was not acknowledged. */
const refused: string[] = [];

type Kind = 'write' | 'unmap' | 'write-same' | 'compare-and-write';

/** Of what a command is to be, out of twelve. */
function kindOf(dice: number): Kind {
  if (dice === 0) return 'unmap';
  if (dice === 1) return 'write-same';
  return dice <= 3 ? 'compare-and-write' : 'write';
}

const zero = Buffer.alloc(512);

/** Sends one command and waits for its GOOD. */
async function carryOut(session: LogicalUnit, kind: Kind, lba: number, blocks: number, stamp: number): Promise<void> {
  if (kind === 'unmap') await session.unmap([{ lba, blocks }]);
  else if (kind === 'write-same') await session.writeSame(lba, blocks, zero, { unmap: random.below(2) === 0 });
  else if (kind === 'write') await session.write(lba, ledger.fill(lba, blocks, stamp));
  else await session.compareAndWrite(lba, ledger.known(lba, blocks)!, ledger.fill(lba, blocks, stamp));
}

/** Keeps `depth` commands in flight until the session breaks. */
async function load(session: LogicalUnit, totalBlocks: number): Promise<void> {
  const one = async (): Promise<void> => {
    for (;;) {
      const kind = kindOf(random.below(12));
      const most = kind === 'compare-and-write' ? 8 : random.below(8) === 0 ? 300 : 24;
      const blocks = 1 + random.below(most);
      const lba = random.below(10) === 0 ? random.below(totalBlocks - blocks) : random.below(hotBlocks - 300);
      if (!ledger.free(lba, blocks) || (kind === 'compare-and-write' && ledger.known(lba, blocks) === null)) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const stamp = ledger.begin(lba, blocks, kind === 'unmap' || kind === 'write-same');
      try {
        await carryOut(session, kind, lba, blocks, stamp);
      } catch (error) {
        if (error instanceof CheckCondition) refused.push(`${kind} of ${blocks} blocks at ${lba}: ${error.message}`);
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
    t.same(refused, []);
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
