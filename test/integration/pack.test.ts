/**
 * The package as others get it: packed, laid out as npm installs it, its install script run, used without
 * TypeScript. Its dependencies are those of this checkout by symbolic link, only those that package.json names, so
 * that nothing is downloaded and nothing undeclared is found. LUNARRAY_PACK_INSTALL=1: `npm install` instead,
 * from the registry, which compiles better-sqlite3.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { checkout } from '../support/root.js';
import { run } from '../support/run.js';

t.setTimeout(270_000);
if (import.meta.url.endsWith('.ts')) {
  t.pass('only the built test runs this: packing builds');
  t.end();
  process.exit();
}

const elsewhere = mkdtempSync(join(tmpdir(), 'lunarray-pack-'));
t.teardown(() => rmSync(elsewhere, { recursive: true, force: true }));
const installed = join(elsewhere, 'node_modules', 'lunarray');
const environment = { ...process.env, NODE_PATH: '', npm_config_loglevel: 'error' };

function inside(program: string, args: readonly string[], cwd = elsewhere): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', env: environment, timeout: 240_000, stdio: 'pipe' });
}

function link(name: string): void {
  const to = join(elsewhere, 'node_modules', name);
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(join(checkout, 'node_modules', name), to);
}

t.test('pack and install', async (t) => {
  const [packed] = JSON.parse(inside('npm', ['pack', '--json', '--pack-destination', elsewhere], checkout));
  const files: string[] = packed.files.map(({ path }: { path: string }) => path);
  const wanted = [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'dist/target/index.js',
    'dist/target/index.d.ts',
    'docs/cli.md',
  ];
  for (const file of [...wanted, 'native/binding.gyp', 'scripts/build-native.mjs']) t.ok(files.includes(file), file);
  const unwanted = files.filter((file) => /^(test|dist\/test|\.ci|node_modules|native\/build)|\.map$/.test(file));
  t.same(unwanted, [], 'no tests, no build leftovers');
  t.comment(`${files.length} files, ${Math.round(packed.size / 1024)} KiB packed`);

  const tarball = join(elsewhere, packed.filename);
  if (process.env.LUNARRAY_PACK_INSTALL === '1') {
    writeFileSync(join(elsewhere, 'package.json'), '{"private":true}');
    inside('npm', ['install', '--omit=dev', tarball]);
  } else {
    mkdirSync(installed, { recursive: true });
    inside('tar', ['xzf', tarball, '-C', installed, '--strip-components=1']);
    const { dependencies, scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) link(name);
    t.equal(scripts.install, 'node scripts/build-native.mjs');
    inside(process.execPath, ['scripts/build-native.mjs'], installed);
  }
  t.ok(existsSync(join(installed, 'native/build/Release/lunarray.node')), 'the addon was built');
  const require = createRequire(join(installed, 'package.json'));
  for (const name of ['typescript', 'tsx', 'tap']) t.throws(() => require.resolve(name), `${name} is not there`);
});

t.test('the command', async (t) => {
  const bin = join(installed, 'dist/target/cli/lunarray.js');
  const lunctl = join(installed, 'dist/initiator/cli/lunctl.js');
  t.match(await run(process.execPath, [bin, '--version']), { code: 0 });
  const child = spawn(process.execPath, [bin, 'serve', '--data', 'data', '--listen', '127.0.0.1:0', '--http', 'off'], {
    cwd: elsewhere,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const url = await new Promise<string>((ready, failed) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const match = /^next: npx lunctl inq (\S+)$/m.exec(text);
      if (match) ready(match[1]!);
    });
    child.once('exit', () => failed(new Error(`it ended: ${text}`)));
  });
  t.match(await run(process.execPath, [lunctl, 'inq', url]), { code: 0, stdout: /LUNARRAY/ });
  const status = await run(process.execPath, [bin, 'status', '--json', '--data', join(elsewhere, 'data')]);
  t.match(JSON.parse(status.stdout), { native: 'addon' });
  const ended = new Promise((end) => child.once('exit', end));
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});

t.test('the library', async (t) => {
  const script = `import { startArray } from 'lunarray';
    const array = await startArray({ config: { cache: '16M', ldevs: [{ id: '00:00', capacity: '1G' }] } });
    console.log(array.luns[0].ldev);
    await array.stop();`;
  writeFileSync(join(elsewhere, 'use.mjs'), script);
  t.equal(inside(process.execPath, ['use.mjs']), '00:00\n');
});
