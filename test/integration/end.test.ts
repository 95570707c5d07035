/** The end of an array under load: by SIGTERM, and by SIGKILL. */
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);
const BLOCKS = 128;

/** Writes to ascending places until the array is gone; how many blocks were acknowledged. */
async function writeUntilGone(url: string, started: () => void): Promise<number> {
  const unit = await connect(url, { reconnect: false });
  await unit.readCapacity();
  let acknowledged = 0;
  try {
    for (;;) {
      await unit.write(acknowledged, Buffer.alloc(BLOCKS * 512, 1 + ((acknowledged / BLOCKS) % 255)));
      acknowledged += BLOCKS;
      if (acknowledged === 64 * BLOCKS) started();
    }
  } catch {
    return acknowledged;
  }
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`${signal} in the middle of writes: what was acknowledged is there`, async (t) => {
    const data = join(t.testdir(), 'data');
    const array = await serve(data);
    t.teardown(() => array.end('SIGKILL'));
    let end: Promise<number | null> | null = null;
    let asked = 0;
    const acknowledged = await writeUntilGone(array.ready[1]!.url, () => {
      asked = Date.now();
      end = array.end(signal);
    });
    t.equal(await end, signal === 'SIGTERM' ? 0 : null);
    t.ok(Date.now() - asked < 5_000);
    t.comment(`${acknowledged} blocks acknowledged`);
    t.ok(acknowledged >= 64 * BLOCKS);

    const again = await serve(data);
    const unit = await connect(again.ready[1]!.url);
    await unit.readCapacity();
    let wrong = 0;
    for (let lba = 0; lba < acknowledged; lba += BLOCKS) {
      const expected = Buffer.alloc(BLOCKS * 512, 1 + ((lba / BLOCKS) % 255));
      if (!(await unit.read(lba, BLOCKS)).equals(expected)) wrong++;
    }
    t.equal(wrong, 0);
    if (signal === 'SIGTERM') t.notMatch(again.output(), /^recovered/m, 'everything had been destaged');
    await unit.close();
    t.equal(await again.end(), 0);
  });
}
