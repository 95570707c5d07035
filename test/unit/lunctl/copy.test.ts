/** read, write, verify, unmap, sync: data and holes. */
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { Readable } from 'node:stream';
import t from 'tap';
import { connect } from '../../../initiator/index.js';
import { array, lunctl, scratch } from './run-lunctl.js';

const MIB = 1 << 20;

/** 5 MiB and a bit: data, a hole, data that ends in the middle of a block. */
function makeSparse(path: string): Buffer {
  const bytes = 5 * MIB + 100;
  const image = Buffer.alloc(bytes);
  for (let index = MIB; index < MIB + 300000; index += 1) image[index] = index * 13 + (index >> 8);
  image.fill(0x77, 4 * MIB + 1000, 4 * MIB + 3000);
  const file = openSync(path, 'w');
  ftruncateSync(file, bytes);
  writeSync(file, image, MIB, 300000, MIB);
  writeSync(file, image, 4 * MIB + 1000, 2000, 4 * MIB + 1000);
  closeSync(file);
  return image;
}

for (const lun of [0, 1]) {
  t.test(`LUN ${lun}: files and streams, there and back`, async (t) => {
    const { url } = await array(t);
    const file = scratch(t);
    const image = makeSparse(file('image'));
    const blockSize = lun === 0 ? 512 : 4096;
    const padded = Math.ceil(image.length / blockSize) * blockSize;
    writeFileSync(file('noise'), Buffer.alloc(8 * MIB, 0xee));

    t.equal((await lunctl(['write', url(lun), file('noise')])).code, 0, 'something that must not show through');
    const wrote = await lunctl(['write', '--json', url(lun), file('image')]);
    t.equal(wrote.code, 0, wrote.err);
    const summary = JSON.parse(wrote.out);
    t.equal(summary.bytes, padded);
    t.ok(summary.holes > 4 * MIB, 'holes were not sent');

    t.match(await lunctl(['verify', url(lun), file('image')]), { code: 0, out: /^equal: 5/ });
    const length = ['--length', String(padded)];
    t.equal((await lunctl(['read', ...length, url(lun), file('back')])).code, 0);
    t.ok(readFileSync(file('back')).subarray(0, image.length).equals(image));
    t.ok(statSync(file('back')).blocks * 512 < MIB, 'holes are holes in the copy');
    t.equal((await lunctl(['read', '--no-holes', ...length, url(lun), file('full')])).code, 0);
    t.ok(readFileSync(file('full')).equals(readFileSync(file('back'))));
    t.ok(statSync(file('full')).blocks * 512 >= 5 * MIB);

    const streamed = await lunctl(['read', ...length, '--chunk', '64k', '--depth', '7', url(lun), '-']);
    t.ok(streamed.bytes.subarray(0, image.length).equals(image), 'in order on standard output');
    t.match(streamed.err, /^read 5/);

    const piped = await lunctl(
      ['write', '--lba', '16', url(lun), '-'],
      createReadStream(file('image'), { highWaterMark: 7777 }),
    );
    t.equal(piped.code, 0, piped.err);
    t.match(await lunctl(['verify', '--lba', '16', url(lun), '-'], createReadStream(file('image'))), { code: 0 });
    t.match(await lunctl(['sync', url(lun)]), { code: 0, out: /synchronized/ });
  });
}

t.test('holes give space back, stay, or are written, as asked', async (t) => {
  const { url } = await array(t);
  const file = scratch(t);
  writeFileSync(file('noise'), Buffer.alloc(2 * MIB, 0xee));
  closeSync(openSync(file('hole'), 'w'));
  const hole = openSync(file('hole'), 'r+');
  ftruncateSync(hole, 2 * MIB);
  closeSync(hole);
  const unit = await connect(url(0));
  t.teardown(() => unit.close());
  const state = async () => {
    const [extent] = await unit.getLbaStatus(0);
    return [extent!.state, (await unit.read(0, 1))[0]];
  };
  const noise = () => lunctl(['write', url(0), file('noise')]);
  await noise();
  t.equal((await lunctl(['write', url(0), file('hole')])).code, 0);
  t.same(await state(), ['deallocated', 0]);
  await noise();
  t.equal((await lunctl(['write', '--holes', 'skip', url(0), file('hole')])).code, 0);
  t.same(await state(), ['mapped', 0xee]);
  t.equal((await lunctl(['write', '--holes', 'write', url(0), file('hole')])).code, 0);
  t.same((await state())[1], 0);
  await noise();
  t.match(await lunctl(['unmap', '--lba', '0', '--length', '1m', url(0)]), {
    code: 0,
    out: /unmapped 2048 blocks \(1 MiB\) from 0/,
  });
  t.same(await state(), ['deallocated', 0]);
  t.equal((await unit.read(2048, 1))[0], 0xee);
  t.equal((await lunctl(['unmap', '--all', url(0)])).code, 0);
  t.equal((await unit.read(2048, 1))[0], 0);
});

t.test('verify finds every difference and ends with 4', async (t) => {
  const { url } = await array(t);
  const file = scratch(t);
  const image = Buffer.alloc(MIB, 0x31);
  writeFileSync(file('image'), image);
  t.equal((await lunctl(['write', url(0), file('image')])).code, 0);
  image[1000] = 0;
  image[1001] = 0;
  image[700_000] = 0;
  writeFileSync(file('other'), image);
  t.match(await lunctl(['verify', '--chunk', '64k', url(0), file('other')]), {
    code: 4,
    out: '',
    err: /differs at byte 1000 \(block 1\)/,
  });
  const all = await lunctl(['verify', '--all', '--json', url(0), file('other')]);
  t.equal(all.code, 4);
  t.match(JSON.parse(all.err), {
    error: { code: 'miscompare', firstDifference: 1000, firstLba: 1, blocksDiffering: 2 },
  });
});

t.test('what does not fit is refused before anything is written, or where a stream goes too far', async (t) => {
  const { url } = await array(t);
  const file = scratch(t);
  writeFileSync(file('image'), Buffer.alloc(MIB, 1));
  t.match(await lunctl(['write', '--lba', '131071', url(0), file('image')]), { code: 2, err: /has room for 512 B/ });
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(MIB, 2);
    })(),
  );
  t.match(await lunctl(['write', '--lba', '129024', url(0), '-'], endless), {
    code: 2,
    err: /standard input has .* or more/,
  });
});

t.test('an empty file, an empty range', async (t) => {
  const { url } = await array(t);
  const file = scratch(t);
  writeFileSync(file('empty'), '');
  t.match(await lunctl(['write', url(0), file('empty')]), { code: 0, out: /wrote 0 B/ });
  t.match(await lunctl(['verify', url(0), file('empty')]), { code: 0 });
  t.match(await lunctl(['read', '--blocks', '0', url(0), file('out')]), { code: 0 });
  t.equal(statSync(file('out')).size, 0);
});
