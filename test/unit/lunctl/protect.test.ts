/** read and write --protect: protection information made and checked at both ends. */
import { readFileSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { connect, type LogicalUnit, ProtectedBlocks } from '../../../initiator/index.js';
import { startArray } from '../../../target/index.js';
import { decodeProtection, PI_BYTES } from '../../../wire/scsi/protection.js';
import { lunctl, scratch } from './run-lunctl.js';

const SIZES = [512, 4096] as const;
const TYPES = [1, 2, 3] as const;
const BYTES = 300 * 4096;
const content = Buffer.alloc(BYTES);
for (let at = 0; at < BYTES; at += 4) content.writeUInt32BE((at * 2654435761) % 2 ** 32, at);

async function array(t: Test) {
  const kinds = SIZES.flatMap((blockSize) => TYPES.map((protection) => ({ blockSize, protection })));
  const running = await startArray({
    polling: 0,
    config: {
      cache: '16M',
      ldevs: [
        { id: '00:00', capacity: '8M' },
        ...kinds.map((kind, index) => ({ id: `00:0${index + 1}`, capacity: '8M', ...kind })),
      ],
      ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
    },
  });
  t.teardown(() => running.stop());
  const url = (lun: number) => running.luns.find((one) => one.lun === lun)!.url;
  return { url, kinds: kinds.map((kind, index) => ({ ...kind, url: url(index + 1) })) };
}

t.test('there and back, on all types and block sizes', async (t) => {
  const file = scratch(t);
  writeFileSync(file('image'), content);
  const { kinds } = await array(t);
  for (const { url, protection, blockSize } of kinds) {
    const about = `type ${protection}, ${blockSize} bytes`;
    const wrote = await lunctl(['write', '--protect', '--app-tag', '0x1234', '--lba', '3', url, file('image')]);
    t.match(wrote, { code: 0, err: '' }, about);
    const back = ['read', '--protect', '--lba', '3', '--length', String(BYTES), url, file('back')];
    t.match(await lunctl(back), { code: 0, err: '' }, about);
    t.ok(readFileSync(file('back')).equals(content), about);
    const unit = await connect(url);
    const stored = await unit.read(3, 2, { protect: 1, long: protection === 2 });
    const told = decodeProtection(stored, 2 * blockSize + PI_BYTES);
    t.match(told, { applicationTag: 0x1234, referenceTag: 4 }, about);
    await unit.close();
    t.equal(
      (await lunctl(['read', '--protect', '--no-holes', url, file('all')])).code,
      0,
      `${about}: blocks never written`,
    );
  }
});

t.test('what is wrong is named', async (t) => {
  const wrong = Buffer.alloc(2 * 520, 7);
  const fake = (bytes: Buffer, protectionType: number) => {
    const unit = { blockSize: 512, readCapacity: async () => ({ protectionType }), read: async () => bytes };
    return ProtectedBlocks.of(unit as unknown as LogicalUnit);
  };
  const guard = await (await fake(wrong, 1)).read(9, 2).catch((error: unknown) => error);
  t.match(guard, { code: 'protection', lba: 9, message: /^block 9: guard 707h where [0-9a-f]+h is due$/ });
  const sent: Buffer[] = [];
  const taker = {
    blockSize: 512,
    readCapacity: async () => ({ protectionType: 1 }),
    write: async (_: number, data: Buffer) => sent.push(data),
  };
  await (await ProtectedBlocks.of(taker as unknown as LogicalUnit)).write(100, Buffer.alloc(1024, 1));
  const moved = await (await fake(sent[0]!, 2)).read(101, 2).catch((error: unknown) => error);
  t.match(moved, { code: 'protection', lba: 101, message: 'block 101: reference tag 64h where 65h is due' });
  t.ok((await (await fake(sent[0]!, 3)).read(101, 2)).equals(Buffer.alloc(1024, 1)), 'of type 3 it is not checked');
});

t.test('refusals', async (t) => {
  const { url, kinds } = await array(t);
  const file = scratch(t);
  writeFileSync(file('image'), content);
  const none = await lunctl(['read', '--protect', url(0), '-']);
  t.match(none, { code: 1, err: /the unit keeps no protection information/ });
  t.match(await lunctl(['write', '--protect', url(0), file('image')]), { code: 1, err: /keeps no protection/ });
  const { url: kept } = kinds[0]!;
  t.match(await lunctl(['write', '--app-tag', '1', kept, file('image')]), { code: 2, err: /goes with --protect/ });
  t.match(await lunctl(['write', '--protect', '--app-tag', '65536', kept, file('image')]), { code: 2 });
  t.match(await lunctl(['write', '--protect', '--from-lu', url(0), kept]), { code: 2, err: /goes with a file/ });
});
