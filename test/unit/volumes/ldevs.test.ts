import t from 'tap';
import { nativeKind } from '../../../native/index.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { codeOf, flush, GiB, MiB, read, rig, TiB, write } from './fixture.js';

t.test('an LDEV is thin, has its identity, and is there after a restart', async (t) => {
  const array = rig(t);
  array.addPool(4 * GiB);
  const ldev = array.volumes.createLdev({ bytes: 10 * TiB, label: 'big' });
  t.equal(ldev.id, 0);
  t.equal(ldev.blocks, (10 * TiB) / 512);
  t.equal(array.volumes.assignedBytes(0), 0, 'costs nothing');
  t.equal(ldev.naa.length, 16);
  t.equal(ldev.naa[0]! >> 4, 6, 'NAA 6');
  t.equal(ldev.naa.toString('hex').slice(1, 7), '024c55', 'company identifier');
  t.equal(ldev.serial.length, 20);
  const naa = ldev.naa.toString('hex');
  await array.stop();
  array.open();
  const [again] = array.volumes.ldevs();
  t.match(again, {
    id: 0,
    label: 'big',
    attribute: 'ordinary',
    pool: 'pool',
    blockSize: 512,
    physicalBlockSize: 512,
    thin: true,
  });
  t.equal(again!.naa.toString('hex'), naa);
  await array.stop();
});

t.test('512e: the physical block size is kept, and capacities stay whole physical blocks', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const ldev = array.volumes.createLdev({ bytes: GiB, physicalBlockSize: 4096 });
  t.match(ldev, { blockSize: 512, physicalBlockSize: 4096, blocks: GiB / 512 });
  t.match(array.volumes.createLdev({ bytes: GiB, blockSize: 4096 }), { physicalBlockSize: 4096 });
  t.equal(
    codeOf(() => array.volumes.expandLdev(0, { bytes: GiB + 512 })),
    'bad-capacity',
  );
  t.equal(array.volumes.expandLdev(0, { bytes: GiB + 4096 }).blocks, (GiB + 4096) / 512);
  await array.stop();
  array.open();
  t.match(array.volumes.ldev(0), { blockSize: 512, physicalBlockSize: 4096 });
  await array.stop();
});

t.test('first writes assign regions, later ones do not', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const ldev = array.volumes.createLdev({ bytes: TiB });
  const block = Buffer.alloc(4096, 7);
  t.equal(await write(ldev.top, 0, block), null);
  t.equal(await write(ldev.top, 100, block), null);
  t.equal(array.volumes.assignedBytes(0), REGION_BYTES);
  t.equal(await write(ldev.top, ldev.blocks - 8, block), null, 'the last blocks');
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES);
  t.equal(array.volumes.pools()[0]!.freeBytes, GiB - 2 * REGION_BYTES);
  t.same(await read(ldev.top, ldev.blocks - 8, 8), block);
  t.same(await read(ldev.top, 1 << 20, 8), Buffer.alloc(4096), 'no region: zeros');
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES, 'reading assigns none');
  await array.stop();
});

t.test('a write across a region boundary, and data after a kill', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  const data = Buffer.alloc(64 * 1024, 0xa5);
  const lba = REGION_BYTES / 512 - 64;
  t.equal(await write(top, lba, data), null);
  array.kill();
  array.open();
  t.same(await read(array.volumes.ldev(0)!.top, lba, 128), data);
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES);
  await array.stop();
});

t.test('a full pool fails the write that needs a region, and no other', async (t) => {
  const array = rig(t);
  array.addPool(2 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  const block = Buffer.alloc(512, 1);
  const stride = REGION_BYTES / 512;
  t.equal(await write(top, 0, block), null);
  t.equal(await write(top, stride, block), null);
  t.match(await write(top, 2 * stride, block), { kind: 'no-space' });
  t.equal(await write(top, 1, block), null);
  t.equal(await flush(top), null);
  array.volumes.createParityGroup('more', 'raid0', [
    { name: 'm1', path: 'm1', bytes: 64 * MiB },
    { name: 'm2', path: 'm2', bytes: 64 * MiB },
  ]);
  t.equal(array.volumes.extendPool('pool', 'more').freeBytes, 128 * MiB);
  t.equal(await write(top, 2 * stride, block), null, 'room was added');
  await array.stop();
});

t.test('a fully provisioned LDEV has all its regions at once, and needs them', async (t) => {
  const array = rig(t);
  array.addPool(4 * REGION_BYTES);
  array.volumes.createLdev({ bytes: 2 * REGION_BYTES + 512, thin: false });
  t.equal(array.volumes.assignedBytes(0), 3 * REGION_BYTES);
  t.equal(
    codeOf(() => array.volumes.createLdev({ bytes: 2 * REGION_BYTES, thin: false })),
    'pool-full',
  );
  array.volumes.expandLdev(0, { bytes: 4 * REGION_BYTES });
  t.equal(array.volumes.assignedBytes(0), 4 * REGION_BYTES);
  t.equal(
    codeOf(() => array.volumes.expandLdev(0, { bytes: 5 * REGION_BYTES })),
    'pool-full',
  );
  await array.stop();
});

const reads = nativeKind === 'typescript' && 'the twin reads what it gives to such an LDEV: minutes';

t.test(
  'a large fully provisioned LDEV has its room at once and its regions piece by piece',
  { skip: reads },
  async (t) => {
    const array = rig(t);
    array.addPool(TiB);
    const free = () => array.volumes.pools()[0]!.freeBytes;
    const turns = async (work: Promise<unknown>) => {
      let count = 0;
      let over = false;
      void work.then(() => {
        over = true;
      });
      for (; !over; count++) await new Promise((resolve) => setImmediate(resolve));
      return count;
    };
    const ldev = array.volumes.createLdev({ bytes: TiB - 2 * REGION_BYTES, thin: false });
    const thin = array.volumes.createLdev({ bytes: TiB });
    t.equal(array.volumes.assignedBytes(0), TiB - 2 * REGION_BYTES);
    t.equal(free(), 2 * REGION_BYTES);
    const stride = REGION_BYTES / 512;
    const block = Buffer.alloc(512, 1);
    t.equal(await write(thin.top, 0, block), null);
    t.equal(await write(ldev.top, ldev.blocks - 1, block), null, 'before its turn');
    t.equal(await write(thin.top, stride, block), null);
    t.match(await write(thin.top, 2 * stride, block), { kind: 'no-space' }, 'the rest is promised');
    array.kill();
    array.open();
    t.equal(array.volumes.assignedBytes(0), TiB - 2 * REGION_BYTES);
    t.equal(free(), 0);
    t.ok((await turns(array.volumes.settled())) > 20, 'others had their turns');
    t.equal(array.volumes.assignedBytes(0), TiB - 2 * REGION_BYTES);
    t.equal(free(), 0);
    t.ok((await turns(array.volumes.deleteLdev(0))) > 20);
    t.equal(free(), TiB - 2 * REGION_BYTES);
    array.volumes.createLdev({ id: 0, bytes: TiB / 2, thin: false });
    await array.volumes.deleteLdev(0);
    t.equal(free(), TiB - 2 * REGION_BYTES, 'deleted while its regions were being assigned');
    await array.stop();
  },
);

t.test('a virtual tape stays an ordinary LDEV', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  array.volumes.createLdev({ id: 27, bytes: GiB, tape: true });
  t.equal(
    codeOf(() => array.volumes.changeLdev(27, { attribute: 'command-device' })),
    'bad-tape',
  );
  t.equal(array.volumes.changeLdev(27, { attribute: 'ordinary', label: 'tape' }).label, 'tape');
});

t.test('capacity, numbers and attributes out of range are refused', async (t) => {
  const array = rig(t);
  t.equal(
    codeOf(() => array.volumes.createLdev({ bytes: GiB })),
    'pool-unknown',
    'there is none',
  );
  array.addPool(GiB);
  const refused = (spec: object, code: string) =>
    t.equal(
      codeOf(() => array.volumes.createLdev({ bytes: GiB, ...spec })),
      code,
      JSON.stringify(spec),
    );
  refused({ bytes: 0 }, 'bad-capacity');
  refused({ bytes: -512 }, 'bad-capacity');
  refused({ bytes: 513 }, 'bad-capacity');
  refused({ bytes: Number.NaN }, 'bad-capacity');
  refused({ bytes: 2 ** 48 + 512 }, 'bad-capacity');
  refused({ bytes: 512, blockSize: 4096 }, 'bad-capacity');
  refused({ blockSize: 520 }, 'bad-capacity');
  refused({ physicalBlockSize: 8192 }, 'bad-capacity');
  refused({ blockSize: 4096, physicalBlockSize: 512 }, 'bad-capacity');
  refused({ bytes: GiB + 512, physicalBlockSize: 4096 }, 'bad-capacity');
  refused({ id: 65536 }, 'bad-number');
  refused({ id: -1 }, 'bad-number');
  refused({ pool: 'other' }, 'pool-unknown');
  refused({ attribute: 'quorum' }, 'bad-name');
  refused({ label: 'x'.repeat(33) }, 'bad-name');
  t.same(array.volumes.ldevs(), []);
  array.volumes.createLdev({ id: 26, bytes: GiB });
  refused({ id: 26 }, 'ldev-exists');
  t.equal(array.volumes.createLdev({ bytes: 512 }).id, 0, 'lowest free number');
  t.equal(
    codeOf(() => array.volumes.expandLdev(26, { bytes: GiB })),
    'would-shrink',
  );
  t.equal(
    codeOf(() => array.volumes.expandLdev(27, { bytes: GiB })),
    'ldev-unknown',
  );
  t.equal(
    codeOf(() => array.volumes.deleteLdev(27)),
    'ldev-unknown',
  );
  await array.stop();
});

t.test('changes keep the object, are durable, and are told', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const ldev = array.volumes.createLdev({ bytes: MiB });
  const told: string[] = [];
  array.volumes.on('capacity-changed', (each) => told.push(`capacity ${each.blocks}`));
  array.volumes.on('ldev-changed', (each) => told.push(`changed ${each.attribute}`));
  array.volumes.on('ldev-removed', (each) => told.push(`removed ${each.id}`));
  t.equal(array.volumes.expandLdev(0, { blocks: 4096 }), ldev);
  t.equal(ldev.blocks, 4096);
  array.volumes.changeLdev(0, { attribute: 'command-device', readOnly: true, label: 'cmd' });
  t.match(ldev, { attribute: 'command-device', readOnly: true, label: 'cmd' });
  await array.stop();
  array.open();
  t.match(array.volumes.ldev(0), { blocks: 4096, attribute: 'command-device', readOnly: true, label: 'cmd' });
  array.volumes.on('ldev-removed', (each) => told.push(`removed ${each.id}`));
  await array.volumes.deleteLdev(0);
  t.same(told, ['capacity 4096', 'changed command-device', 'removed 0']);
  await array.stop();
});
