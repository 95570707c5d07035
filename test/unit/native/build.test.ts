import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** The folder with package.json, from sources as from dist. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!fs.existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

t.test('without a compiler: one line, and the twin is used', (t) => {
  const folder = t.testdir();
  const root = packageRoot();
  fs.cpSync(join(root, 'scripts', 'build-native.mjs'), join(folder, 'scripts', 'build-native.mjs'));
  fs.cpSync(join(root, 'native', 'src'), join(folder, 'native', 'src'), { recursive: true });
  fs.cpSync(join(root, 'native', 'binding.gyp'), join(folder, 'native', 'binding.gyp'));
  const build = (wanted: string) =>
    spawnSync(process.execPath, [join(folder, 'scripts', 'build-native.mjs')], {
      env: { ...process.env, CXX: '/nonexistent/c++', LUNARRAY_NATIVE: wanted },
      encoding: 'utf8',
      timeout: 20_000,
    });
  const quiet = build('');
  t.equal(quiet.status, 0);
  t.match(quiet.stderr, /^lunarray: addon not built \(no C\+\+ compiler: [^\n]*\); [^\n]*TypeScript twin[^\n]*\n$/);
  t.equal(build('1').status, 1, 'LUNARRAY_NATIVE=1 makes it an error');
  const none = build('0');
  t.equal(none.status, 0);
  t.equal(none.stderr, '', 'LUNARRAY_NATIVE=0 does not try');

  const binary = join(folder, 'native', 'build', 'Release', 'lunarray.node');
  fs.mkdirSync(dirname(binary), { recursive: true });
  fs.writeFileSync(binary, '');
  fs.utimesSync(binary, new Date(), new Date(Date.now() + 60_000));
  t.equal(build('').stderr, '', 'nothing to do when the binary is newer than its sources');
  t.end();
});
