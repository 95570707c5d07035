/** token: made, kept while the source changes, written elsewhere, told of; what it refuses. */
import { statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { connect } from '../../../initiator/index.js';
import { zeroRodToken } from '../../../wire/scsi/rod-token.js';
import { array, lunctl, scratch } from './run-lunctl.js';

const MIB = 1 << 20;

t.test('what a unit held when the token was made is written to another', async (t) => {
  const { url } = await array(t);
  const file = scratch(t)('a.token');
  const [small, large] = [await connect(url(0)), await connect(url(1))];
  t.teardown(() => Promise.all([small.close(), large.close()]));
  const image = Buffer.alloc(3 * MIB, 0x5a);
  for (let at = 0; at < image.length; at += 512) image.writeUInt32BE(at, at);
  await small.write(16, image);
  const made = await lunctl(['token', 'create', '--lba', '16', '--length', '3m', '--inactivity', '60', url(0), file]);
  t.match(made, { code: 0, out: /a\.token represents 3 MiB\n$/ });
  t.equal(statSync(file).mode & 0o777, 0o600, 'for nobody else');
  await small.write(16, Buffer.alloc(3 * MIB, 1));
  await small.unmap([{ lba: 1000, blocks: 3000 }]);

  t.match(await lunctl(['token', 'write', '--lba', '100', url(1), file]), { code: 0, out: /^wrote 3 MiB in / });
  t.ok((await large.read(100, image.length / 4096)).equals(image));
  const part = ['--lba', '9', '--blocks', '1', '--offset', '2', '--delete', '--json'];
  t.match(JSON.parse((await lunctl(['token', 'write', ...part, url(1), file])).out), { bytes: 4096 });
  t.ok((await large.read(9, 1)).equals(image.subarray(8192, 12_288)));
  t.match(await lunctl(['token', 'write', '--lba', '100', url(1), file]), { code: 1, err: /TOKEN DELETED/ });
});

t.test('what there is', async (t) => {
  const { url } = await array(t);
  const file = scratch(t)('b.token');
  t.match(await lunctl(['token', 'info', url(0)]), { code: 0, out: 'no tokens\n' });
  await lunctl(['token', 'create', '--blocks', '8', url(0), file]);
  const all = JSON.parse((await lunctl(['token', 'info', '--json', url(0)])).out);
  t.match(all, { tokens: [{ type: '00800000', bytes: 4096 }] });
  t.same(JSON.parse((await lunctl(['token', 'info', '--json', url(0), file])).out), all);
});

t.test('the zero ROD token: zeros as far as asked for, or to the end', async (t) => {
  const { url } = await array(t);
  const file = scratch(t)('zero.token');
  writeFileSync(file, zeroRodToken());
  const large = await connect(url(1));
  t.teardown(() => large.close());
  const last = (await large.readCapacity()).blocks - 1;
  await large.write(4, Buffer.alloc(4 * 4096, 1));
  await large.write(last, Buffer.alloc(4096, 1));
  t.match(await lunctl(['token', 'write', '--lba', '4', '--blocks', '3', url(1), file]), { code: 0, out: /12 KiB/ });
  t.ok((await large.read(4, 4)).equals(Buffer.concat([Buffer.alloc(3 * 4096), Buffer.alloc(4096, 1)])));
  t.match(await lunctl(['token', 'write', '--lba', String(last), url(1), file]), { code: 0, out: /4 KiB/ });
  t.ok((await large.read(last, 1)).equals(Buffer.alloc(4096)));
});

t.test('refusals', async (t) => {
  const { url } = await array(t);
  const path = scratch(t);
  writeFileSync(path('short'), 'no token');
  writeFileSync(path('other'), Buffer.alloc(512, 0x80));
  await lunctl(['token', 'create', '--blocks', '8', url(0), path('good')]);
  for (const [args, code, text] of [
    [['create', url(0)], 2, /name the file/],
    [['write', url(0), path('short')], 2, /is no token: it has 8 bytes/],
    [['write', url(0), path('other')], 2, /is no token: its length field/],
    [['info', url(0), path('other')], 2, /is no token: its length field/],
    [['write', url(0), path('none')], 5, /none/],
    [['write', '--offset', '8', url(0), path('good')], 2, /offset 8 is beyond what the token represents, 4 KiB/],
    [['write', '--lba', '131071', url(0), path('good')], 2, /not inside the unit/],
    [['write', '--blocks', '9', url(0), path('good')], 1, /DATA UNDERRUN.*8 of 9 blocks/],
    [['create', '--inactivity', '90000', url(0), path('x')], 1, /INVALID FIELD IN PARAMETER LIST/],
    [['burn', url(0)], 2, /Allowed choices/],
  ] as const) {
    t.match(await lunctl(['token', ...args]), { code, err: text }, args.join(' '));
  }
});
