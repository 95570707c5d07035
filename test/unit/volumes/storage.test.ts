/** Drives, parity groups and pools. */
import { existsSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { codeOf, flush, GiB, MiB, read, rig, write } from './fixture.js';

const drive = (name: string, bytes = 64 * MiB) => ({ name, path: name, bytes, kind: 'ssd' as const });

t.test('parity groups and pools are durable', async (t) => {
  const array = rig(t);
  array.volumes.createParityGroup('1-1', 'raid0', [drive('a'), drive('b')], 128 * 1024);
  array.volumes.createParityGroup('1-2', 'plain', [drive('c')]);
  t.match(array.volumes.createPool('p', ['1-1']), { name: 'p', parityGroups: ['1-1'], bytes: 128 * MiB });
  const { top } = array.volumes.createLdev({ bytes: GiB });
  const data = Buffer.alloc(MiB, 3);
  t.equal(await write(top, 100, data), null);
  await array.stop();
  array.open();
  t.same(array.volumes.parityGroups(), [
    {
      name: '1-1',
      level: 'raid0',
      drives: [drive('a'), drive('b')],
      stripeBytes: 128 * 1024,
      checksums: false,
      pool: 'p',
      bytes: 128 * MiB,
    },
    {
      name: '1-2',
      level: 'plain',
      drives: [drive('c')],
      stripeBytes: null,
      checksums: false,
      pool: null,
      bytes: 64 * MiB,
    },
  ]);
  t.same(array.volumes.pools(), [
    {
      name: 'p',
      parityGroups: ['1-1'],
      bytes: 128 * MiB,
      freeBytes: 128 * MiB - REGION_BYTES,
      tiers: [{ tier: 'ssd', bytes: 128 * MiB, freeBytes: 128 * MiB - REGION_BYTES }],
    },
  ]);
  t.same(await read(array.volumes.ldev(0)!.top, 100, 2048), data);
  await array.stop();
});

t.test('refusals', async (t) => {
  const array = rig(t);
  const { volumes } = array;
  volumes.createParityGroup('1-1', 'plain', [drive('a')]);
  volumes.createPool('p', ['1-1']);
  const group = (name: string, level: 'plain' | 'raid0', drives: ReturnType<typeof drive>[], stripe?: number) =>
    codeOf(() => volumes.createParityGroup(name, level, drives, stripe ?? null));
  t.equal(group('1-1', 'plain', [drive('x')]), 'parity-group-exists');
  t.equal(group('a b', 'plain', [drive('x')]), 'bad-name');
  t.equal(group('2', 'plain', []), 'bad-number');
  t.equal(group('2', 'plain', [drive('x'), drive('y')]), 'bad-number');
  t.equal(group('2', 'raid0', [drive('x')]), 'bad-number');
  t.equal(group('2', 'raid3' as 'raid0', [drive('x')]), 'bad-name');
  t.equal(group('2', 'plain', [drive('a')]), 'drive-exists');
  t.equal(group('2', 'plain', [{ ...drive('z'), path: 'a' }]), 'drive-exists');
  t.equal(group('2', 'raid0', [drive('x'), drive('x')]), 'drive-exists');
  t.equal(group('2', 'plain', [drive('x', 100)]), 'bad-number', 'below one region');
  t.equal(group('2', 'plain', [drive('x', 64 * MiB + 512)]), 'bad-number');
  t.equal(group('2', 'raid0', [drive('x'), drive('y')], 1000), 'bad-number');
  t.notOk(existsSync(join(array.dir, 'drives', 'x')), 'no file was made');
  t.equal(
    codeOf(() => volumes.createPool('p', [])),
    'pool-exists',
  );
  t.equal(
    codeOf(() => volumes.createPool('q', ['1-1'])),
    'parity-group-taken',
  );
  t.equal(
    codeOf(() => volumes.createPool('q', ['9-9'])),
    'parity-group-unknown',
  );
  t.equal(
    codeOf(() => volumes.extendPool('z', '1-1')),
    'pool-unknown',
  );
  t.same(
    volumes.pools().map((pool) => pool.name),
    ['p'],
  );
  await array.stop();
});

t.test('a drive whose file is of another length is refused at creation', async (t) => {
  const array = rig(t);
  writeFileSync(join(array.dir, 'drives', 'a'), 'something else');
  t.throws(() => array.volumes.createParityGroup('1-1', 'plain', [drive('a')]), {
    code: 'drive-unusable',
    message: /14 bytes/,
  });
  t.same(array.volumes.parityGroups(), []);
  await array.stop();
});

t.test('a drive that is there with old data: none of it shows', async (t) => {
  const array = rig(t);
  const path = join(array.dir, 'drives', 'a');
  writeFileSync(path, '');
  truncateSync(path, 4 * REGION_BYTES);
  array.kill();
  const { openSync, writeSync, closeSync } = await import('node:fs');
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(65536, 0xbb), 0, 65536, REGION_BYTES);
  closeSync(fd);
  array.open();
  array.volumes.createParityGroup('1-1', 'plain', [drive('a', 4 * REGION_BYTES)]);
  array.volumes.createPool('p', ['1-1']);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  const stride = REGION_BYTES / 512;
  for (const region of [0, 1, 2]) t.equal(await write(top, region * stride, Buffer.alloc(512, 1)), null);
  await array.volumes.settled();
  t.equal(await write(top, 3 * stride, Buffer.alloc(512, 1)), null, 'the region with old data, punched');
  for (const region of [0, 1, 2, 3]) {
    t.same(await read(top, region * stride + 1, 127), Buffer.alloc(127 * 512), `region ${region}`);
  }
  await array.stop();
});

t.test('without one of its drives the array runs on, and uses no region there', async (t) => {
  const messages: string[] = [];
  const array = rig(t);
  array.addPool(4 * REGION_BYTES);
  array.volumes.createParityGroup('second', 'plain', [drive('second')]);
  array.volumes.extendPool('pool', 'second');
  const { top } = array.volumes.createLdev({ bytes: GiB });
  t.equal(await write(top, 0, Buffer.alloc(512, 1)), null, 'in the roomier group');
  t.equal(await flush(top), null);
  await array.stop();
  rmSync(join(array.dir, 'drives', 'drive-pool'));
  truncateSync(join(array.dir, 'drives', 'second'), 64 * MiB);
  writeFileSync(join(array.dir, 'drives', 'drive-pool'), 'gone');
  const log = { info() {}, warn() {}, error: (message: string) => messages.push(message) };
  array.open({ log });
  t.match(messages, [/drive-pool/]);
  t.equal(array.volumes.pools()[0]!.freeBytes, 64 * MiB, 'of the drive that works');
  const again = array.volumes.ldev(0)!.top;
  t.notOk(Buffer.isBuffer(await read(again, 0, 1)), 'what was on the drive fails');
  t.equal(await write(again, REGION_BYTES / 512, Buffer.alloc(512, 2)), null, 'the rest works');
  await array.stop();
});
