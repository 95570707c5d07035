/**
 * An interrupted `npm run conformance` leaves neither `iscsi-test-cu`, which without an array tries again for ever, nor
 * the array's data behind. A program that only waits stands in for it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { binary } from '../support/programs.js';
import { checkout } from '../support/root.js';

const document = join(checkout, 'docs/conformance.md');

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(signal, async (t) => {
    const folder = t.testdir({ bin: {}, tmp: {}, started: {} });
    const waiting = `#!/bin/sh
if [ "$1" = --list ]; then echo ALL.Read10.Simple; exit; fi
echo > "${folder}/started/$$"
exec sleep 600
`;
    writeFileSync(join(folder, 'bin/iscsi-test-cu'), waiting, { mode: 0o755 });
    const before = readFileSync(document);
    const [program, ...args] = binary('test/conformance/main');
    const child = spawn(program, args, {
      env: { ...process.env, PATH: `${folder}/bin:${process.env.PATH}`, TMPDIR: join(folder, 'tmp') },
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    const started = () => readdirSync(join(folder, 'started'));
    while (started().length === 0 && child.exitCode === null) await sleep(20);
    const data = readdirSync(join(folder, 'tmp')).filter((name) => name.startsWith('lunarray-'));
    t.equal(data.length, 1, 'the array runs');
    child.kill(signal);
    t.equal((await ended)[0], 128 + constants.signals[signal]);
    for (const pid of started()) t.notOk(existsSync(`/proc/${pid}`), 'no test is left');
    for (const each of data) t.notOk(existsSync(join(folder, 'tmp', each)), 'nor the data of the array');
    t.same(readFileSync(document), before, 'the document is that of a whole run');
  });
}
