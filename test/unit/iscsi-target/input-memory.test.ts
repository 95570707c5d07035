import { createConnection, createServer } from 'node:net';
import t from 'tap';
import { InputChunk, SegmentPool } from '../../../target/ports/iscsi/input-memory.js';
import { receiveInto } from '../../../target/ports/iscsi/receive.js';

t.test('a chunk is used again when nothing in it is needed any more', async (t) => {
  const input = new InputChunk();
  const first = input.next();
  input.filled(100);
  input.add();
  input.add();
  const { stamp } = input;
  input.done(stamp);
  input.settle();
  t.equal(input.next().byteOffset, 100, 'one PDU is still needed: the next bytes go behind it');
  t.equal(input.stamp, stamp);
  input.done(stamp);
  input.settle();
  t.equal(input.next(), first, 'from the start');
  t.not(input.stamp, stamp);
});

t.test('a chunk that is needed and full makes way for another', async (t) => {
  const input = new InputChunk();
  const first = input.next();
  input.add();
  const { stamp } = input;
  input.filled(first.length - 100);
  input.settle();
  const second = input.next();
  t.not(second.buffer, first.buffer);
  input.add();
  input.done(stamp);
  input.settle();
  input.filled(10);
  t.equal(input.next().byteOffset, 10, 'the end of what lay in the first frees nothing in the second');
});

t.test('stamps of two connections are never the same', async (t) => {
  const one = new InputChunk();
  const other = new InputChunk();
  t.not(one.stamp, other.stamp);
  one.settle();
  t.not(one.stamp, other.stamp);
});

t.test('segments go round by size', async (t) => {
  const pool = new SegmentPool();
  const odd = pool.take(196_608);
  t.equal(odd.length, 196_608);
  pool.give(odd);
  t.not(pool.take(65_536).buffer, odd.buffer);
  const again = pool.take(262_144);
  t.equal(again.buffer, odd.buffer);
  t.equal(again.length, 262_144);
  t.not(pool.take(262_144).buffer, again.buffer, 'one at a time');
});

t.test('no more than 16 MiB of segments are kept', async (t) => {
  const pool = new SegmentPool();
  const taken = Array.from({ length: 80 }, () => pool.take(262_144));
  for (const segment of taken) pool.give(segment);
  const before = new Set(taken.map(({ buffer }) => buffer));
  const reused = taken.map(() => pool.take(262_144)).filter(({ buffer }) => before.has(buffer));
  t.equal(reused.length, 64);
});

t.test('input of an accepted socket goes where it is told to, with this version of Node', async (t) => {
  const got: string[] = [];
  const memory = Buffer.alloc(10);
  const ended = new Promise<void>((resolve) => {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      const able = receiveInto(socket, {
        next: () => memory,
        received: (bytes) => got.push(memory.toString('latin1', 0, bytes)),
      });
      t.ok(able);
      socket.on('end', () => {
        socket.end();
        server.close();
        resolve();
      });
      socket.resume();
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      createConnection(port, '127.0.0.1').end('twenty-five bytes of text').resume();
    });
  });
  await ended;
  t.equal(got.join(''), 'twenty-five bytes of text');
  t.ok(got.every((part) => part.length <= 10));
});
