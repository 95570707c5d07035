/**
 * The test runner behind `npm test`: every test file is a process of its own, three at a time; their TAP is
 * read by tap-parser. With names as arguments, only files whose path contains one of them are run.
 *
 * Last lines: which peers' tests ran and which did not, then `N passed, N failed` (assertion groups).
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'tap-parser';
import { peerTests } from './peers/tools.js';

const root = dirname(fileURLToPath(import.meta.url));
/** One more than the two cores that a machine has at least: of those that wait for something there is mostly one. */
const jobs = Number(process.env.LUNARRAY_TEST_JOBS ?? 3);
const fileLimitMs = 280_000;

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** What to show when something failed. */
  readonly output: string;
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return ['/usr/sbin', '/sbin'].some((extra) => existsSync(join(extra, program)));
    }
  });
}

function* testFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* testFiles(path);
    else if (entry.name.endsWith('.test.js')) yield path;
  }
}

function run(file: string): Promise<Outcome> {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', join(root, file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A busy machine takes its time; what hangs meets the limit of the file.
      env: { ...process.env, TAP_BAIL: '0', TAP_TIMEOUT: String(fileLimitMs / 1000) },
    });
    let output = '';
    let passed = 0;
    let failed = 0;
    const parser = new Parser((results) => {
      passed = results.pass;
      failed = results.fail;
      if (!results.ok && failed === 0) failed = 1;
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      parser.write(chunk.toString());
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    const limit = setTimeout(() => {
      output += `\nended after ${fileLimitMs / 1000} s\n`;
      child.kill('SIGKILL');
    }, fileLimitMs);
    child.on('close', (code) => {
      clearTimeout(limit);
      parser.end();
      if (code !== 0 && failed === 0) failed = 1;
      if (passed + failed === 0) {
        failed = 1;
        output += '\nno test ran\n';
      }
      resolve({ file, passed, failed, seconds: (Date.now() - started) / 1000, output });
    });
  });
}

/** Longest first, so that no long file is left alone at the end. */
const slowFirst = ['peers/', 'fault/', 'integration/', 'simulation/'];
const rank = (file: string) => {
  const at = slowFirst.findIndex((part) => file.startsWith(part));
  return at < 0 ? slowFirst.length : at;
};

const wanted = process.argv.slice(2);
const all = [...testFiles(root)]
  .map((file) => relative(root, file))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
const missing = new Map<string, string>();
const queue = all.filter((file) => {
  const peer = file.startsWith('peers/') ? peerTests[basename(file, '.test.js')] : undefined;
  const lacking = peer?.programs.filter((program) => !onPath(program)) ?? [];
  if (lacking.length > 0) missing.set(file, `needs ${lacking.join(', ')}: apt-get install ${peer!.packages.join(' ')}`);
  return lacking.length === 0;
});
const peersRun = queue.filter((file) => file.startsWith('peers/'));

const outcomes: Outcome[] = [];
async function worker(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const outcome = await run(file);
    outcomes.push(outcome);
    const mark = outcome.failed === 0 ? 'ok    ' : 'FAILED';
    console.log(`${mark} ${file} (${outcome.passed + outcome.failed} tests, ${outcome.seconds.toFixed(1)} s)`);
    if (outcome.failed > 0) console.log(outcome.output.split('\n').slice(-200).join('\n'));
  }
}
await Promise.all(Array.from({ length: jobs }, worker));

const sum = (pick: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + pick(outcome), 0);
let failed = sum((outcome) => outcome.failed);
const broken = outcomes.filter((outcome) => outcome.failed > 0).map((outcome) => outcome.file);
if (broken.length > 0) console.log(`\nfailed: ${broken.join(', ')}`);
console.log(`\npeers' tests that ran: ${peersRun.join(', ') || 'none'}`);
for (const [file, why] of missing) console.log(`peers' test that did not run: ${file} (${why})`);
if (missing.size === 0 && wanted.length === 0) console.log("peers' tests that did not run: none");
if (process.env.LUNARRAY_REQUIRE_PEERS === '1') failed += missing.size;
console.log(`${sum((outcome) => outcome.passed)} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
