/** What an LDEV tells of its pool's space and of scrubs below it, for log pages. */
import t from 'tap';
import { GiB, MiB, read, rig, write } from './fixture.js';

t.test('space: regions that it has, and those it could get', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { volumes } = array;
  volumes.createLdev({ id: 0, bytes: 512 * MiB });
  volumes.createLdev({ id: 1, bytes: 512 * MiB });
  const [one, two] = [volumes.ldev(0)!, volumes.ldev(1)!];
  const { availableBytes } = one.space!;
  t.equal(one.space!.assignedBytes, 0);
  t.equal(await write(one.top, 0, Buffer.alloc(512, 1)), null);
  t.same(one.space, { assignedBytes: 32 * MiB, availableBytes: availableBytes - 32 * MiB });
  t.equal(two.space!.availableBytes, availableBytes - 32 * MiB, 'the pool is shared');
  t.equal(one.mediumScan, null, 'nothing scrubs a drive alone');
  t.ok(Buffer.isBuffer(await read(one.top, 0, 1)));
  await array.stop();
});

t.test('scans of the redundant groups that it has regions in', async (t) => {
  const array = rig(t);
  const { volumes } = array;
  const drives = ['a', 'b', 'c', 'd'].map((name) => ({ name, path: name, bytes: 64 * MiB }));
  volumes.createParityGroup('1-1', 'raid5', drives);
  volumes.createPool('pool', ['1-1']);
  volumes.createLdev({ id: 0, bytes: 64 * MiB });
  const ldev = volumes.ldev(0)!;
  t.equal(ldev.mediumScan, null, 'it has none yet');
  t.equal(await write(ldev.top, 0, Buffer.alloc(512, 1)), null);
  t.same(ldev.mediumScan, { running: false, progress: 0, passes: 0 });
  volumes.scrubs.start('1-1');
  t.match(ldev.mediumScan, { running: true, passes: 0 });
  await array.stop();
});
