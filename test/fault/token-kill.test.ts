/**
 * SIGKILL while tokens are alive and hosts overwrite what they stand for: the LDEVs hold what was acknowledged, what was
 * kept for the tokens is given back, and the tokens are unknown. `LUNARRAY_SEED` replays the writes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createToken, writeToken } from '../../initiator/copy/tokens.js';
import { connect } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import { lunarray } from '../support/programs.js';
import { serve } from '../support/serve.js';

const seed = Number(process.env.LUNARRAY_SEED ?? 8311);
const ROUNDS = 2;
const BLOCKS = 16 * 2048;
/** Written by one command. */
const RUN = 64;
const random = seededRandom(seed);

t.setTimeout(0);
t.comment(`seed ${seed}`);

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes of the pool that LDEVs do not have. */
async function freeBytes(data: string): Promise<number> {
  const { stdout } = await lunarray(['pool', 'list', '--data', data, '--json']);
  return (JSON.parse(stdout) as { freeBytes: number }[])[0]!.freeBytes;
}

t.test('tokens and a load of writes, killed', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'lunarray-token-kill-'));
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  const config = join(data, 'config.json');
  const ldevs = ['00:00', '00:01'].map((id) => ({ id, capacity: '64M' }));
  writeFileSync(config, JSON.stringify({ cache: '64M', drives: [{ id: 'a', capacity: '1G' }], ldevs }));
  let stamp = 0;
  /** By run of blocks: the last that was acknowledged, and one that may have been written besides. */
  const acknowledged = new Array<number>(BLOCKS / RUN).fill(0);
  const underWay = new Array<number>(BLOCKS / RUN).fill(0);
  let before: number | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const array = await serve(data, round === 0 ? ['--config', config] : []);
    const url = (name: string) => array.ready.find(({ ldev }) => ldev === name)!.url;
    // A host that waits for the array to come back would keep the next round waiting, for half a minute.
    const host = { reconnect: false } as const;
    const [source, other] = await Promise.all([connect(url('00:00'), host), connect(url('00:01'), host)]);
    await source.readCapacity();
    await other.readCapacity();
    const fill = (value: number) => {
      const bytes = Buffer.alloc(RUN * 512);
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(value, at);
      return bytes;
    };
    for (let run = 0; run < BLOCKS / RUN; run++) {
      const found = (await source.read(run * RUN, RUN)) as Buffer;
      const value = found.readUInt32LE(0);
      if (![acknowledged[run], underWay[run]].includes(value) || !found.equals(fill(value))) {
        t.fail(`round ${round}, run ${run}: ${value}, not ${acknowledged[run]} or ${underWay[run]}`);
      }
      acknowledged[run] = value;
      underWay[run] = value;
    }
    if (before !== null) {
      // Given back in the background from the start on.
      for (let tries = 0; tries < 100 && (await freeBytes(data)) !== before; tries++) await later(100);
      t.equal(await freeBytes(data), before, 'what was kept for tokens is free again');
    }
    // Everything is written once, so that the writes below take no space of their own.
    for (let run = 0; run < BLOCKS / RUN; run++) {
      acknowledged[run] = ++stamp;
      await source.write(run * RUN, fill(stamp));
      underWay[run] = stamp;
    }
    await other.write(0, fill(1));
    before = await freeBytes(data);
    const first = await createToken(source, { lba: 0, blocks: BLOCKS }, 0);
    const was = [...acknowledged];
    let killed = false;
    const load = Array.from({ length: 8 }, async (_, lane) => {
      while (!killed) {
        const run = lane + 8 * random.below(BLOCKS / RUN / 8);
        const value = ++stamp;
        underWay[run] = value;
        try {
          await source.write(run * RUN, fill(value));
          acknowledged[run] = value;
        } catch {
          return;
        }
      }
    });
    const check = random.below(BLOCKS / RUN);
    for (const begun = stamp; stamp < begun + 500; ) await later(1);
    await createToken(source, { lba: 0, blocks: BLOCKS }, 0);
    await writeToken(other, first, { lba: 0, blocks: RUN }, { offset: check * RUN, deleteToken: false, progress() {} });
    t.ok((await other.read(0, RUN)).equals(fill(was[check]!)), 'the token holds what was when it was made');
    killed = true;
    await array.end('SIGKILL');
    await Promise.all(load);
    await Promise.allSettled([source.close(), other.close()]);
  }
});
