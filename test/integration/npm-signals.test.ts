/**
 * Who ends `npm start` (a service manager, a CI job) ends the array: npm passes SIGTERM on to its shell, and what would be
 * a child of that shell would not hear of it. Each script is run with a program in its place that only waits.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { checkout } from '../support/root.js';

const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const waits = `
const { writeFileSync } = require('node:fs');
process.on('SIGTERM', () => { writeFileSync('ended', process.argv.at(-1)); process.exit(0); });
setInterval(() => {}, 1000);
writeFileSync('pid', String(process.pid));
`;

for (const name of ['start', 'test', 'conformance', 'bench', 'fuzz']) {
  t.test(name, async (t) => {
    const script = scripts[name]!;
    const file = /dist\/\S+\.js/.exec(script)![0];
    const nested = file
      .split('/')
      .reduceRight<object | string>((inside, part) => ({ [part]: inside }), waits) as object;
    const folder = t.testdir({
      ...nested,
      scripts: { 'setup.mjs': '' },
      'package.json': JSON.stringify({ name: 'scripts', scripts: { [name]: script } }),
    });
    const npm = spawn('npm', ['run', name, '--', 'argument'], { cwd: folder, stdio: 'ignore' });
    const ended = once(npm, 'exit');
    while (!existsSync(join(folder, 'pid')) && npm.exitCode === null) await sleep(20);
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    t.teardown(() => existsSync(`/proc/${pid}`) && process.kill(pid, 'SIGKILL'));
    npm.kill('SIGTERM');
    await ended;
    t.equal(readFileSync(join(folder, 'ended'), 'utf8'), 'argument');
  });
}
