import { createConnection, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { each } from './each.js';

const descriptorOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

/** Both ends of a connection; `far` reads nothing by itself. */
async function pair(t: Test): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = createConnection((server.address() as { port: number }).port, '127.0.0.1');
  const far = await accepted;
  if (near.connecting) await new Promise((resolve) => near.once('connect', resolve));
  t.teardown(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

for (const [name, native] of each) {
  const { sendNow } = native;
  t.test(`${name}: sendNow`, { skip: sendNow === null && 'not in the twin' }, async (t) => {
    t.test('sends all parts in order', async (t) => {
      const { near, far } = await pair(t);
      const parts = Array.from({ length: 2500 }, (_, i) => Buffer.alloc(i % 7, i));
      const bytes = Buffer.concat(parts);
      t.equal(sendNow!(descriptorOf(near), parts), bytes.length, 'more parts than one system call takes');
      const got: Buffer[] = [];
      for await (const chunk of far) {
        got.push(chunk as Buffer);
        if (Buffer.concat(got).length >= bytes.length) break;
      }
      t.ok(Buffer.concat(got).equals(bytes));
    });

    t.test('takes what there is room for, then nothing', async (t) => {
      const { near } = await pair(t);
      const part = Buffer.alloc(1 << 20);
      let calls = 0;
      let last = 0;
      for (; calls < 1000; calls++) {
        last = sendNow!(descriptorOf(near), [part, part]);
        if (last < 2 * part.length) break;
      }
      t.ok(calls < 1000);
      t.ok(last >= -1);
      while (last > 0) last = sendNow!(descriptorOf(near), [part]);
      t.equal(last, -1);
    });

    t.test('an error is left to the next ordinary write', async (t) => {
      const { near, far } = await pair(t);
      const failed = new Promise<Error>((resolve) => near.once('error', resolve));
      far.resetAndDestroy();
      await failed;
      t.equal(sendNow!(999_999, [Buffer.alloc(1)]), -1);
    });
  });
}
