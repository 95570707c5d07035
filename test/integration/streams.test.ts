/** Standard output and standard error that cannot be written. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { binary, lunarray } from '../support/programs.js';

t.setTimeout(120_000);
const [program, ...first] = binary('target/cli/lunarray');
const options = ['--listen', '127.0.0.1:0', '--http', 'off'];

/** Resolves with the first URL printed. */
function firstUrl(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((ready, failed) => {
    let text = '';
    child.once('exit', (code) => failed(new Error(`ended with ${code}: ${text}`)));
    child.stdout!.on('data', (chunk) => {
      text += chunk;
      const [, url] = /^ready (\S+).*\n/m.exec(text) ?? [];
      if (url !== undefined) ready(url);
    });
  });
}

async function logsIn(url: string): Promise<number> {
  const unit = await connect(url);
  const { blocks } = await unit.readCapacity();
  await unit.close();
  return blocks;
}

t.test('messages that a full disk does not take do not end the array', async (t) => {
  const args = [...first, 'serve', '--data', join(t.testdir(), 'data'), ...options];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', openSync('/dev/full', 'w')] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = await firstUrl(child);
  for (let logins = 0; logins < 3; logins++) t.ok((await logsIn(url)) > 0, 'a login, which is logged');
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});

t.test('readers that went away do not end the array', async (t) => {
  const args = [...first, 'serve', '--data', join(t.testdir(), 'data'), ...options];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stderr!.destroy();
  const url = await firstUrl(child);
  child.stdout!.destroy();
  for (let logins = 0; logins < 3; logins++) t.ok((await logsIn(url)) > 0, 'a login, which is logged');
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});

t.test('a command that cannot print says so in one line', async (t) => {
  const args = [...first, 'serve', '--help'];
  const child = spawn(program, args, { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  t.equal(await new Promise((resolve) => child.once('close', resolve)), 7);
  t.match(stderr, /^lunarray: standard output cannot be written \(ENOSPC/);
  t.equal(stderr.trim().split('\n').length, 1);
  t.equal((await lunarray(['serve', '--help'])).code, 0);
});
