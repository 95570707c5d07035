/** The array of the conformance tests is one that anybody can start. */
import t from 'tap';
import { startArray } from '../../../target/index.js';
import { config, pathsOf, profileNames } from '../../conformance/profiles.js';
import { everywhere, once } from '../../conformance/run-all.js';

t.test('its file starts an array with every kind of LU, in its own host group', async (t) => {
  const array = await startArray({ config: { ...config, cache: '16M' } });
  t.teardown(() => array.stop());
  t.same(new Set(array.luns.map((lun) => lun.hostGroup.split('/')[1])), new Set(profileNames));
  const paths = profileNames.map((profile) => pathsOf(array, profile).length);
  t.same(
    paths.filter((count) => count !== 1),
    [2],
    'one of them has two paths',
  );
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

t.test('an array on which no profile is left out, and no test', async (t) => {
  const tests = ['ALL.Read10.Simple', 'ALL.PreventAllow.Eject', 'ALL.Write10.Simple', 'ALL.MultipathIO.Reset'];
  const all = everywhere(tests);
  t.same([...all.keys()], profileNames);
  t.same(all.get('read-only'), ['ALL.Read10.Simple']);
  t.same(all.get('removable'), ['ALL.Read10.Simple', 'ALL.PreventAllow.Eject', 'ALL.Write10.Simple']);
  const single = [...once(tests)].flatMap(([profile, own]) => own.map((test) => `${profile} ${test}`));
  t.same(single.sort(), [
    '512e ALL.Write10.Simple',
    'removable ALL.PreventAllow.Eject',
    'thin ALL.Read10.Simple',
    'two-paths ALL.MultipathIO.Reset',
  ]);
});
