/** xcopy: between logical units, also of different block sizes; what it refuses. */
import t from 'tap';
import { connect } from '../../../initiator/index.js';
import { array, lunctl } from './run-lunctl.js';

const MIB = 1 << 20;

t.test('there and back, over units of different block sizes', async (t) => {
  const { url } = await array(t);
  const [small, large] = [await connect(url(0)), await connect(url(1))];
  t.teardown(() => Promise.all([small.close(), large.close()]));
  const image = Buffer.alloc(3 * MIB, 0x5a);
  for (let at = 0; at < image.length; at += 512) image.writeUInt32BE(at, at);
  await small.write(16, image);

  const args = ['--lba', '16', '--length', '3m', '--to-lba', '100', url(0), url(1)];
  t.match(await lunctl(['xcopy', ...args]), { code: 0, out: /^copied 3 MiB in / });
  t.ok((await large.read(100, image.length / 4096)).equals(image));
  const back = ['--lba', '100', '--blocks', '768', '--to-lba', '50000', url(1), url(0)];
  t.match(JSON.parse((await lunctl(['xcopy', '--json', ...back])).out), { bytes: 3 * MIB });
  t.ok((await small.read(50_000, image.length / 512)).equals(image));
});

t.test('a whole unit: more than one command and one segment hold; holes stay holes', async (t) => {
  const { url } = await array(t);
  const [small, large] = [await connect(url(0)), await connect(url(1))];
  t.teardown(() => Promise.all([small.close(), large.close()]));
  await small.write(131_064, Buffer.alloc(4096, 9));
  t.match(await lunctl(['xcopy', url(0), url(1)]), { code: 0, out: /^copied 64 MiB/ });
  t.equal((await large.read(16_383, 1))[0], 9);
  t.match((await large.getLbaStatus(0))[0], { lba: 0, state: 'deallocated' });
});

t.test('refusals', async (t) => {
  const { url } = await array(t);
  for (const [args, code, text] of [
    [['--blocks', '1', url(0), url(1)], 2, /not whole blocks of the destination/],
    [['--to-lba', '1', url(0), url(1)], 2, /too few from block 1 on/],
    [['--blocks', '999999999', url(0), url(1)], 2, /not inside the unit/],
    [[url(0), url(0).replace(/0$/, '7')], 1, /LOGICAL UNIT NOT SUPPORTED/i],
  ] as const) {
    t.match(await lunctl(['xcopy', ...args]), { code, err: text }, args.join(' '));
  }
});

t.test('inside of one unit, to blocks that the source has too', async (t) => {
  const { url } = await array(t);
  const unit = await connect(url(0));
  t.teardown(() => unit.close());
  // More than one segment holds.
  const count = 70_000;
  const image = Buffer.alloc(count * 512);
  for (let block = 0; block < count; block++) image.writeUInt32BE(block + 1, block * 512);
  for (const [from, to] of [
    [0, 100],
    [100, 0],
  ] as const) {
    for (let at = 0; at < count; at += 1000) await unit.write(from + at, image.subarray(at * 512, (at + 1000) * 512));
    const where = ['--lba', String(from), '--blocks', String(count), '--to-lba', String(to)];
    t.match(await lunctl(['xcopy', ...where, url(0), url(0)]), { code: 0 });
    const parts: Buffer[] = [];
    for (let at = 0; at < count; at += 1000) parts.push(await unit.read(to + at, 1000));
    t.ok(Buffer.concat(parts).equals(image), `from ${from} to ${to}`);
  }
});
