// Brings a checkout into the state in which the array runs: dependencies, addon, TypeScript. Does only what is
// due and prints a line for each step it really does. Safe to call from several processes at once.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const inRoot = (...parts) => join(root, ...parts);
const LOCK_LIMIT_MS = 5 * 60_000;
const LOCK_STALE_MS = 20_000;

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function mtime(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Newest modification below `path` (itself included), among names that `wanted` accepts. */
function newest(path, wanted = () => true) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return wanted(path) ? stat.mtimeMs : 0;
  let latest = stat.mtimeMs;
  for (const entry of readdirSync(path)) {
    if (entry === 'node_modules' || entry === 'build') continue;
    latest = Math.max(latest, newest(join(path, entry), wanted));
  }
  return latest;
}

function run(label, command, args) {
  console.error(`setup: ${label}`);
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (result.error) fail(`${label}: ${result.error.message}`);
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}`);
    fail(`${label} failed (${[command, ...args].join(' ')})`);
  }
  // Warnings of a step that succeeded, such as the addon's absence.
  process.stderr.write(result.stderr);
}

function stamp(path, text = '') {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function installDependencies() {
  const mark = inRoot('node_modules', '.lunarray-installed');
  const lock = readFileSync(inRoot('package-lock.json'), 'utf8');
  if (existsSync(mark) ? readFileSync(mark, 'utf8') === lock : dependenciesMatch()) {
    if (!existsSync(mark)) stamp(mark, lock);
    return;
  }
  run('installing dependencies (npm ci, a minute or two)', 'npm', [
    'ci',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  stamp(mark, lock);
}

/** npm's own record of what it installed is not older than the lockfile: somebody ran `npm ci` by hand. */
function dependenciesMatch() {
  const record = mtime(inRoot('node_modules', '.package-lock.json'));
  return record !== 0 && record >= mtime(inRoot('package-lock.json'));
}

function buildAddon() {
  if (process.env.LUNARRAY_NATIVE === '0') return;
  const sources = Math.max(newest(inRoot('native', 'src')), mtime(inRoot('native', 'binding.gyp')));
  if (mtime(inRoot('native', 'build', 'Release', 'lunarray.node')) >= sources) return;
  run('building the addon', process.execPath, [inRoot('scripts', 'build-native.mjs')]);
}

const TYPESCRIPT_FOLDERS = ['wire', 'target', 'initiator', 'manager', 'native', 'test'];

function buildTypeScript() {
  const mark = inRoot('dist', '.typescript-stamp');
  const sources = Math.max(
    ...TYPESCRIPT_FOLDERS.map((folder) => newest(inRoot(folder), (path) => path.endsWith('.ts'))),
    mtime(inRoot('tsconfig.json')),
    mtime(inRoot('node_modules', '.lunarray-installed')),
  );
  if (mtime(mark) >= sources) return;
  const started = new Date();
  run('building TypeScript', process.execPath, [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
  stamp(mark);
  // Sources changed while the compiler ran are newer than the stamp, so the next run sees them.
  utimesSync(mark, started, started);
}

/** `npx lunarray` in the checkout runs dist files directly, and tsc does not set the executable bit. */
function linkBinaries() {
  const { bin } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  for (const file of Object.values(bin)) {
    const path = inRoot(file);
    if (existsSync(path) && (statSync(path).mode & 0o111) !== 0o111) chmodSync(path, 0o755);
  }
}

/** Takes the lock directory; its owner touches it, so one left by a dead process is taken over. */
function withLock(work) {
  const lock = inRoot('dist', '.setup-lock');
  mkdirSync(dirname(lock), { recursive: true });
  const limit = Date.now() + LOCK_LIMIT_MS;
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write to ${root}: ${error.message}`);
    }
    if (ownerGone(lock)) {
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    if (Date.now() > limit) fail(`another setup has held ${lock} for too long; remove it if none is running`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  process.on('exit', () => rmSync(lock, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  work();
}

function ownerGone(lock) {
  try {
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'EPERM') return false;
    // Between mkdir and writing the pid there is none yet; only an old lock without one is abandoned.
    return error.code === 'ESRCH' || Date.now() - mtime(lock) > LOCK_STALE_MS;
  }
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node.js 20 or newer is needed; this is ${process.version}. Install it from https://nodejs.org or with nvm.`);
}
withLock(() => {
  installDependencies();
  buildAddon();
  buildTypeScript();
  linkBinaries();
});
