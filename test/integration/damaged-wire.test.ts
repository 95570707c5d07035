/** Bits that change between initiator and array: digests find them, and nothing hangs or is lost. */
import { createServer, connect as dial, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/array.js';

t.setTimeout(60_000);

const BLOCKS = 512;
const WRITES = 16;
const pattern = (index: number) => Buffer.alloc(BLOCKS * 512, 1 + index);

/** Changes a bit in the middle of every `every`-th large chunk that goes one way, `times` times. */
async function damagingUrl(t: Test, way: 'to-array' | 'to-host', every: number, times: number): Promise<string> {
  const array = await startArray({ config: { cache: '16M', ldevs: [{ id: '00:00', capacity: '64M' }] } });
  t.teardown(() => array.stop());
  const [, host, port, path] = /iscsi:\/\/([^:]+):(\d+)\/(.*)$/.exec(array.luns[0]!.url)!;
  let chunks = 0;
  let left = times;
  const pass = (from: Socket, to: Socket, damages: boolean) => {
    from.on('data', (chunk: Buffer) => {
      if (damages && left > 0 && chunk.length > 8192 && ++chunks % every === 0) {
        left--;
        chunk[chunk.length >> 1]! ^= 4;
      }
      to.write(chunk);
    });
    from.on('error', () => {});
    from.on('close', () => to.destroy());
  };
  const proxy = createServer((near) => {
    const far = dial(Number(port), host!);
    pass(near, far, way === 'to-array');
    pass(far, near, way === 'to-host');
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => proxy.once('listening', listening));
  t.teardown(() => proxy.close());
  const { port: open } = proxy.address() as { port: number };
  return `iscsi://127.0.0.1:${open}/${path}?header_digest=crc32c&data_digest=crc32c`;
}

for (const way of ['to-array', 'to-host'] as const) {
  t.test(`data damaged ${way}: done again on a new session`, async (t) => {
    const unit = await connect(await damagingUrl(t, way, 3, 4));
    let losses = 0;
    unit.session.on('disconnected', () => losses++);
    const all = Array.from({ length: WRITES }, (_, index) => index);
    await Promise.all(all.map((index) => unit.write(index * BLOCKS, pattern(index))));
    const back = await Promise.all(all.map((index) => unit.read(index * BLOCKS, BLOCKS)));
    t.ok(back.every((data, index) => data.equals(pattern(index))));
    t.ok(losses > 0, 'there was damage');
    await unit.close();
  });
}

t.test('without reconnecting all commands fail at once, none waits for its time-out', async (t) => {
  const unit = await connect(await damagingUrl(t, 'to-array', 1, Number.POSITIVE_INFINITY), { reconnect: false });
  const ends = await Promise.allSettled(
    Array.from({ length: WRITES }, (_, index) => unit.write(index * BLOCKS, pattern(index))),
  );
  for (const end of ends) {
    t.equal(end.status, 'rejected');
    if (end.status === 'rejected') t.notMatch(end.reason, { name: 'TimeoutError' });
  }
  await unit.close();
});
