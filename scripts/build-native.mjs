// Builds the addon (native/build/Release/lunarray.node). Run as the package's install script and by
// `npm run build`. Without a compiler or node-gyp it says so in one line and succeeds: the TypeScript twin
// does the same work, slower. LUNARRAY_NATIVE=0 skips the build; LUNARRAY_NATIVE=1 makes its failure an error.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'native');
const binary = join(folder, 'build', 'Release', 'lunarray.node');
const wanted = process.env.LUNARRAY_NATIVE;

if (wanted !== '0' && !upToDate()) {
  const problem = build();
  if (problem !== null) {
    console.error(`lunarray: addon not built (${problem}); the slower TypeScript twin will be used`);
    if (wanted === '1') process.exitCode = 1;
  }
}

function upToDate() {
  if (!existsSync(binary)) return false;
  const built = statSync(binary).mtimeMs;
  const sources = readdirSync(join(folder, 'src')).map((name) => join(folder, 'src', name));
  return [join(folder, 'binding.gyp'), ...sources].every((source) => statSync(source).mtimeMs <= built);
}

/** Null when built, else why not, in a few words. */
function build() {
  const compiler = process.env.CXX ?? 'g++';
  if (spawnSync(compiler, ['--version'], { shell: process.env.CXX !== undefined }).status !== 0) {
    return `no C++ compiler: ${compiler} does not run`;
  }
  const gyp = findNodeGyp();
  if (gyp === null) return 'node-gyp, which comes with npm, was not found';
  const args = [gyp, 'rebuild', '--directory', folder, '--loglevel', 'warn'];
  // Headers that were installed along with this Node need no download.
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  if (process.env.npm_config_nodedir === undefined && existsSync(join(prefix, 'include', 'node', 'node_api.h'))) {
    args.push('--nodedir', prefix);
  }
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 300_000 });
  if (run.status === 0 && existsSync(binary)) return null;
  process.stderr.write(`${run.stdout ?? ''}${run.stderr ?? ''}`);
  return 'node-gyp failed, see above';
}

/** npm tells its scripts where its node-gyp is; outside of npm, it is looked for where npm is installed. */
function findNodeGyp() {
  const told = process.env.npm_config_node_gyp;
  if (told !== undefined && existsSync(told)) return told;
  const places = [
    join(root, 'package.json'),
    join(dirname(dirname(process.execPath)), 'lib', 'node_modules', 'npm', 'x'),
  ];
  for (const folderOnPath of (process.env.PATH ?? '').split(delimiter)) {
    const npm = join(folderOnPath, 'npm');
    if (existsSync(npm)) places.push(realpathSync(npm));
  }
  for (const place of places) {
    try {
      return createRequire(place).resolve('node-gyp/bin/node-gyp.js');
    } catch {
      // Not there: the next place.
    }
  }
  return null;
}
