/** scripts/setup.mjs in a small checkout with a compiler that only notes that it ran. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkout } from '../support/root.js';
import { type Ran, run } from '../support/run.js';

const COMPILER = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('runs', 'tsc\\n');
await new Promise((later) => setTimeout(later, 300));
mkdirSync('dist', { recursive: true });
writeFileSync('dist/tool.js', '');
`;

const FILES = {
  'package.json': '{"type":"module","bin":{"tool":"dist/tool.js"}}',
  'package-lock.json': '{}',
  'tsconfig.json': '{}',
  target: { 'a.ts': '' },
  node_modules: { typescript: { bin: {} }, '.package-lock.json': '' },
};

/** Completes what `FILES` laid out. */
function project(root: string): { root: string; setup(): Promise<Ran>; runs(): number } {
  mkdirSync(join(root, 'scripts'));
  cpSync(join(checkout, 'scripts/setup.mjs'), join(root, 'scripts/setup.mjs'));
  writeFileSync(join(root, 'node_modules/typescript/package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'node_modules/typescript/bin/tsc'), COMPILER);
  const inFolder =
    'process.chdir(process.argv[1]); process.env.LUNARRAY_NATIVE = "0"; await import(process.argv[1] + "/scripts/setup.mjs")';
  return {
    root,
    setup: () => run(process.execPath, ['--input-type=module', '-e', inFolder, root]),
    runs: () => (existsSync(join(root, 'runs')) ? readFileSync(join(root, 'runs'), 'utf8').split('\n').length - 1 : 0),
  };
}

t.test('does what is due, once, and says so', async (t) => {
  const { root, setup, runs } = project(t.testdir(FILES));
  const first = await setup();
  t.match(first, { code: 0, stderr: /^setup: building TypeScript\n$/ });
  t.equal(statSync(join(root, 'dist/tool.js')).mode & 0o111, 0o111, 'binaries can be run');
  t.match(await setup(), { code: 0, stdout: '', stderr: '' }, 'nothing is due');
  t.equal(runs(), 1);
  const later = new Date(Date.now() + 5_000);
  utimesSync(join(root, 'target/a.ts'), later, later);
  t.match(await setup(), { stderr: /building/ });
  t.equal(runs(), 2);
  t.notOk(existsSync(join(root, 'dist/.setup-lock')));
});

t.test('several at once build once', async (t) => {
  const { setup, runs } = project(t.testdir(FILES));
  const all = await Promise.all([setup(), setup(), setup()]);
  t.same(
    all.map(({ code }) => code),
    [0, 0, 0],
  );
  t.equal(runs(), 1);
});

t.test('the lock of a dead process is taken over', async (t) => {
  const { root, setup } = project(t.testdir(FILES));
  mkdirSync(join(root, 'dist/.setup-lock'), { recursive: true });
  writeFileSync(join(root, 'dist/.setup-lock/pid'), '999999999');
  t.match(await setup(), { code: 0 });
});

t.test('a failing step is told with its output', async (t) => {
  const { root, setup } = project(t.testdir(FILES));
  writeFileSync(join(root, 'node_modules/typescript/bin/tsc'), 'console.log("a.ts(1,1): wrong"); process.exit(2);');
  t.match(await setup(), { code: 1, stderr: /a\.ts\(1,1\): wrong.*setup: building TypeScript failed/s });
  rmSync(join(root, 'node_modules/typescript/bin/tsc'));
  t.match(await setup(), { code: 1 });
});
