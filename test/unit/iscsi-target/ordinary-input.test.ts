/** Input by the ordinary way, as with a version of Node that has no buffers of one's own for accepted sockets. */
import { createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { receiveInto } from '../../../target/ports/iscsi/receive.js';
import type { Task } from '../../../target/scsi/task.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { openBench } from './fixture.js';
import type { Host } from './host.js';

const SEED = Number(process.env.LUNARRAY_SEED ?? 22);
const { Opcode } = iscsi;

/** Takes `useUserBuffer` from all handles of this process until the test ends. */
async function takeAway(t: Test): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let prototype: object = (server as Server & { _handle: object })._handle;
  server.close();
  while (!Object.hasOwn(prototype, 'useUserBuffer')) prototype = Object.getPrototypeOf(prototype);
  const own = Object.getOwnPropertyDescriptor(prototype, 'useUserBuffer')!;
  Object.defineProperty(prototype, 'useUserBuffer', { configurable: true, writable: true, value: undefined });
  t.teardown(() => Object.defineProperty(prototype, 'useUserBuffer', own));
}

/** A socket with what Node's have, less `missing`. */
function socketWithout(missing: string) {
  const socket: { [key: symbol]: unknown; _handle: object | null } = {
    _handle: missing === '_handle' ? null : missing === 'useUserBuffer' ? {} : { useUserBuffer: () => t.fail() },
  };
  for (const name of ['kBuffer', 'kBufferCb', 'kBufferGen']) if (name !== missing) socket[Symbol(name)] = null;
  return socket;
}

for (const missing of ['kBuffer', 'kBufferCb', 'kBufferGen', 'useUserBuffer', '_handle']) {
  t.test(`without ${missing} nothing is changed`, async (t) => {
    const socket = socketWithout(missing);
    const receiver = { next: () => t.fail() as never, received: () => t.fail() };
    t.equal(receiveInto(socket as never, receiver), false);
    for (const symbol of Object.getOwnPropertySymbols(socket)) t.equal(socket[symbol], null);
  });
}

/** Answers R2Ts with Data-Outs of `piece` bytes until a response comes. */
async function carryOut(host: Host, sent: ReadonlyMap<number, Buffer>, piece: number): Promise<iscsi.ScsiResponse> {
  for (;;) {
    const received = await host.next();
    if (received === null) throw new Error('connection closed');
    if (received.opcode === Opcode.scsiResponse) return iscsi.decodeScsiResponse(received.bhs);
    const r2t = iscsi.decodeR2t(received.bhs);
    const { initiatorTaskTag, targetTransferTag, desiredLength } = r2t;
    for (let at = 0, dataSn = 0; at < desiredLength; at += piece, dataSn++) {
      const bufferOffset = r2t.bufferOffset + at;
      const end = Math.min(at + piece, desiredLength);
      host.dataOut(
        { initiatorTaskTag, targetTransferTag, final: end === desiredLength, dataSn, bufferOffset },
        sent.get(initiatorTaskTag)!.subarray(bufferOffset, r2t.bufferOffset + end),
      );
    }
  }
}

for (const digest of ['None', 'CRC32C']) {
  t.test(`writes of all sizes, held up while more comes in; digests ${digest}, seed ${SEED}`, async (t) => {
    await takeAway(t);
    const { login, channel } = await openBench(t);
    const random = seededRandom(SEED);
    const written = new Map<number, Buffer>();
    channel.run = (task: Task) => {
      const end = () => {
        written.set(task.tag, Buffer.concat(task.dataOut));
        task.good();
      };
      task.onDataOut = () => {
        if (random.below(2) === 0) end();
        else setTimeout(end, random.below(4));
      };
      task.owner.fetchDataOut(task, task.expectedDataOut);
    };
    const host = await login({ InitialR2T: 'Yes', HeaderDigest: digest, DataDigest: digest });
    const sent = new Map<number, Buffer>();
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 12; i++) {
        const data = Buffer.alloc(
          1 + random.below([600, 20_000, 70_000, 600_000][random.below(4)]!),
          random.below(256),
        );
        data.writeUInt8(i);
        const immediate = random.below(2) === 0 ? Math.min(data.length, 65_536) : 0;
        const command = host.scsi(
          { write: true, expectedDataTransferLength: data.length },
          data.subarray(0, immediate),
        );
        sent.set(command.initiatorTaskTag, data);
      }
      for (let i = 0; i < 12; i++) {
        const { status } = await carryOut(host, sent, [3000, 65_536, 262_144][random.below(3)]!);
        if (status !== 0) t.fail(`status ${status}`);
      }
    }
    t.equal(written.size, sent.size);
    t.ok([...sent].every(([tag, data]) => written.get(tag)!.equals(data)));
  });
}

t.test('a host that does not read: its commands wait, and go on when it does', async (t) => {
  await takeAway(t);
  const { login, channel } = await openBench(t, { limits: { outputBytes: 65_536 } });
  const data = Buffer.alloc(1 << 20, 7);
  channel.run = (task: Task) => task.data([data], data.length);
  const host = await login();
  host.socket.pause();
  for (let i = 0; i < 64; i++) host.scsi({ read: true, expectedDataTransferLength: data.length });
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(channel.tasks.length < 64);
  host.socket.resume();
  let bytes = 0;
  while (bytes < 64 * data.length) bytes += (await host.expect(Opcode.scsiDataIn)).data.length;
  t.equal(channel.tasks.length, 64);
});
