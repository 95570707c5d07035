/**
 * Data-out of many commands at once, of all sizes, some of which the array holds up while more comes in on the same
 * connection: memory for input is used again, and none of it may be while a command still needs it. Seed printed.
 */
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import { startArray } from '../../target/index.js';

t.setTimeout(120_000);
const SEED = Number(process.env.LUNARRAY_SEED ?? 20);
const BLOCKS = 32_768;
const ROUNDS = 60;
const DEPTH = 24;
/** Blocks of a write: immediate data in one chunk, over several, and with R2Ts. */
const SIZES = [1, 2, 8, 31, 32, 33, 100, 128, 129, 400, 512, 1000];

for (const digests of ['None', 'CRC32C'] as const) {
  t.test(`digests ${digests}, seed ${SEED}`, async (t) => {
    const array = await startArray({
      config: { cache: '32M', ldevs: [{ id: '00:00', capacity: '16M' }] },
      faults: [
        { ldev: 0, op: 'write', delayMs: 7, every: 3 },
        { ldev: 0, op: 'write', delayMs: 1, every: 5 },
      ],
      polling: 0,
    });
    t.teardown(() => array.stop());
    const random = seededRandom(SEED);
    const units = await Promise.all(
      [0, 1].map(() => connect(array.luns[0]!.url, { headerDigest: digests, dataDigest: digests })),
    );
    const expected = Buffer.alloc(BLOCKS * 512);
    for (let round = 0; round < ROUNDS; round++) {
      const taken: [number, number][] = [];
      const writes: Promise<unknown>[] = [];
      for (let i = 0; i < DEPTH; i++) {
        const blocks = SIZES[random.below(SIZES.length)]!;
        const lba = random.below(BLOCKS - blocks);
        // Of writes that overlap and run together, either may be the later one.
        if (taken.some(([from, count]) => lba < from + count && from < lba + blocks)) continue;
        taken.push([lba, blocks]);
        const data = Buffer.alloc(blocks * 512, 1 + random.below(255));
        for (let block = 0; block < blocks; block++) data.writeUInt32BE(random.below(2 ** 31), block * 512);
        data.copy(expected, lba * 512);
        writes.push(units[random.below(2)]!.write(lba, data));
      }
      await Promise.all(writes);
      const lba = random.below(BLOCKS - 2048);
      const got = await units[0]!.read(lba, 2048);
      if (!got.equals(expected.subarray(lba * 512, (lba + 2048) * 512))) t.fail(`round ${round}`);
    }
    const parts: Buffer[] = [];
    for (let lba = 0; lba < BLOCKS; lba += 2048) parts.push(await units[1]!.read(lba, 2048));
    t.ok(Buffer.concat(parts).equals(expected));
    for (const unit of units) await unit.close();
  });
}
