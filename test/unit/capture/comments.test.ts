/** Comments of a PDU that came in several pieces, or fills several packets: each packet says what it is of. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readCapture } from '../../support/pcapng.js';
import { startCapture, streamIn } from '../../support/start-capture.js';

t.test('packets that go on with a PDU have its comment too', async (t) => {
  const file = join(t.testdir(), 'comments.pcapng');
  const capture = await startCapture(file);
  const stream = streamIn(capture);
  const pass = (outbound: boolean, bytes: number, comment: string | null) =>
    stream.pass(outbound, [Buffer.alloc(bytes)], bytes, comment);
  pass(false, 100, null);
  pass(false, 48, 'WRITE');
  pass(true, 100_000, 'DATA');
  pass(false, 10, null);
  pass(false, 48, 'READ');
  stream.closed(true);
  await capture.stop();
  const { packets } = readCapture(readFileSync(file));
  t.same(
    packets.filter(({ payload }) => payload.length > 0).map(({ comment }) => comment),
    [null, 'WRITE', 'DATA', 'DATA (continued)', 'WRITE (continued)', 'READ'],
  );
  t.ok(
    packets.every(({ payload, comment }) => payload.length > 0 || comment === null),
    'none without data',
  );
});
