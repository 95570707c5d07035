/** write --from-lu: within an array by the array, between arrays through this machine; what it refuses. */
import t from 'tap';
import { connect } from '../../../initiator/index.js';
import { array, lunctl } from './run-lunctl.js';

const MIB = 1 << 20;
const image = Buffer.alloc(3 * MIB + 512);
for (let at = 0; at < image.length; at += 512) image.writeUInt32BE(at + 1, at);

t.test('within an array', async (t) => {
  const { url } = await array(t);
  const [small, large] = [await connect(url(0)), await connect(url(1))];
  t.teardown(() => Promise.all([small.close(), large.close()]));
  await small.write(8, image);
  const run = await lunctl(['write', '--from-lu', url(0), url(1)]);
  t.match(run, { code: 0, out: /^the array copied 64 MiB in / });
  t.ok((await large.read(1, 769)).subarray(0, image.length).equals(image));
  await large.write(16_000, Buffer.alloc(4096, 1));
  t.match(JSON.parse((await lunctl(['write', '--json', '--from-lu', url(1), url(0)])).out), {
    bytes: 64 * MIB,
    offloaded: true,
  });
  t.ok((await small.read(8, image.length / 512)).equals(image));
  t.equal((await small.read(128_000, 1))[0], 1);
});

t.test('between arrays, and where holes are to stay: through this machine, with its holes', async (t) => {
  const [from, to] = [await array(t), await array(t)];
  const [source, destination] = [await connect(from.url(0)), await connect(to.url(1))];
  t.teardown(() => Promise.all([source.close(), destination.close()]));
  await source.write(8, image);
  await source.write(131_071, image.subarray(0, 512));
  await destination.write(5000, Buffer.alloc(4096, 0xee));
  const run = await lunctl(['write', '--json', '--depth', '3', '--from-lu', from.url(0), to.url(1)]);
  const { bytes, data, holes, offloaded } = JSON.parse(run.out);
  t.same([bytes, offloaded, data + holes], [64 * MIB, false, 64 * MIB]);
  t.ok(holes > 60 * MIB);
  t.ok((await destination.read(1, 769)).subarray(0, image.length).equals(image));
  t.equal((await destination.read(5000, 1))[0], 0);
  t.ok((await destination.read(16_383, 1)).subarray(4096 - 512).equals(image.subarray(0, 512)));
  await destination.write(5000, Buffer.alloc(4096, 0xee));
  const skip = await lunctl(['write', '--json', '--holes', 'skip', '--from-lu', from.url(0), to.url(1)]);
  t.match(JSON.parse(skip.out), { offloaded: false });
  t.equal((await destination.read(5000, 1))[0], 0xee);
});

t.test('refusals', async (t) => {
  const { url } = await array(t);
  for (const [args, code, text] of [
    [['--from-lu', url(0), url(1), 'file'], 2, /a file or --from-lu, not both/],
    [['--lba', '1', '--from-lu', url(0), url(1)], 2, /has 64 MiB or more, the unit has room for/],
    [['--from-lu', url(0).replace(/0$/, '7'), url(1)], 1, /LOGICAL UNIT NOT SUPPORTED/i],
  ] as const) {
    t.match(await lunctl(['write', ...args]), { code, err: text }, args.join(' '));
  }
});
