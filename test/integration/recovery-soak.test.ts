/**
 * Random faults on the wire at ErrorRecoveryLevel 1 and 2, held against a model of the data: nothing is lost, nothing is
 * done twice, nothing hangs. Replayed with LUNARRAY_SEED.
 */
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import { damageData, damageHeader, openWire } from '../support/wire-proxy.js';

t.setTimeout(110_000);

const seed = Number(process.env.LUNARRAY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const BLOCKS = 2048;
const ROUNDS = 3;
const AT_ONCE = 12;
/** One PDU in so many is hurt. */
const ONE_IN = 25;

for (const [level, connections] of [
  [1, 1],
  [2, 1],
  [2, 3],
] as const) {
  t.test(`ErrorRecoveryLevel ${level}, ${connections} connections, seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const below = (limit: number) => random.below(limit);
    const query = `erl=${level}&connections=${connections}&header_digest=crc32c&data_digest=crc32c`;
    const wire = await openWire(t, query);
    const unit = await connect(wire.url, {
      reconnect: level === 1 ? false : { firstDelayMs: 10 },
      maxBurstLength: 65536,
      firstBurstLength: 16384,
    });
    let hurt = 0;
    /** Ways of connections on which a damaged header is to be followed by a good one: two in a row end a connection. */
    const careful = new Set<string>();
    wire.rule = (passing) => {
      const way = `${passing.connection} ${passing.way}`;
      if (below(ONE_IN) > 0 || careful.has(way)) {
        careful.delete(way);
        return 'pass';
      }
      hurt++;
      const kind = below(level === 1 ? 5 : 6);
      if (kind === 0) {
        damageHeader(passing);
        careful.add(way);
      } else if (kind <= 2 && passing.dataLength > 0) damageData(passing);
      else if (kind === 5) return 'cut';
      else return 'drop';
      return 'pass';
    };
    const model = Buffer.alloc(BLOCKS * 512);
    for (let round = 0; round < ROUNDS; round++) {
      const share = Math.floor(BLOCKS / AT_ONCE);
      await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, index) => {
          const blocks = 1 + below(share);
          const lba = index * share + below(share - blocks + 1);
          if (below(2) === 0) {
            const data = Buffer.alloc(blocks * 512, 1 + below(255));
            await unit.write(lba, data);
            data.copy(model, lba * 512);
          } else {
            const data = await unit.read(lba, blocks);
            if (!data.equals(model.subarray(lba * 512, (lba + blocks) * 512)))
              t.fail(`blocks ${lba} to ${lba + blocks - 1}`);
          }
        }),
      );
    }
    wire.rule = () => 'pass';
    t.ok((await unit.read(0, BLOCKS)).equals(model));
    t.ok(hurt > 0, `${hurt} PDUs hurt`);
    await unit.close();
  });
}
