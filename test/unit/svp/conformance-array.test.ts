/** The array of the conformance tests is one that anybody can start. */
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../../target/index.js';
import { readConfig } from '../../../target/svp/config.js';
import { checkout } from '../../support/root.js';

t.test('its file starts an array with every kind of LU, each on both ports', async (t) => {
  const config = readConfig(join(checkout, 'test/conformance/array.json'));
  const array = await startArray({ config: { ...config, cache: '16M' } });
  t.teardown(() => array.stop());
  t.equal(array.luns.length, 2 * config.ldevs!.length);
  const kinds = array.volumes.ldevs().map((ldev) => {
    const { thin, readOnly, removable = false, blockSize, physicalBlockSize } = ldev;
    return [thin, readOnly, removable, blockSize, physicalBlockSize].join(' ');
  });
  t.same(
    new Set(kinds),
    new Set([
      'true false false 512 512',
      'true false false 512 4096',
      'true true false 512 512',
      'true false true 512 512',
      'false false false 512 512',
      'true false false 4096 4096',
    ]),
  );
});
