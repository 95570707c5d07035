/** `lunarray trace` on an array that hosts use meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { startArray } from '../../target/array.js';
import type { TraceRecord } from '../../target/svp/trace/record.js';
import { binary, lunarray } from '../support/programs.js';

t.setTimeout(120_000);
const INITIATOR = 'iqn.2026-11.example:tracer';
const array = await startArray({ control: true });
const { url } = array.luns[0]!;
t.teardown(() => array.stop());

const host = (t: Test): Promise<LogicalUnit> =>
  connect(url, { initiatorName: INITIATOR }).then((unit) => {
    t.teardown(() => unit.close());
    return unit;
  });

interface Trace {
  readonly child: ChildProcess;
  /** All that it printed, and its exit code, when it has ended. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function trace(...args: string[]): Trace {
  const [program, ...first] = binary('target/cli/lunarray');
  const child = spawn(program, [...first, 'trace', '--data', array.dataDir, ...args], { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Awaited<Trace['ended']>>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

/** Does it again and again until the trace has seen enough. */
async function until<T>(ended: Promise<T>, act: () => Promise<unknown>): Promise<T> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over) await act();
  return ended;
}

const records = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TraceRecord);

t.test('lines for programs: filters, parts of the latency', async (t) => {
  const unit = await host(t);
  const { ended } = trace('--json', '--opcode', 'READ', '2A', '--ldev', '00:00', '--count', '3');
  const { code, stdout } = await until(ended, async () => {
    await unit.write(8, Buffer.alloc(512));
    await unit.command(Buffer.alloc(6), {});
    await unit.read(8, 1);
  });
  t.equal(code, 0);
  const told = records(stdout);
  t.equal(told.length, 3);
  for (const one of told) {
    t.match(one, { initiator: INITIATOR, port: 'CL1-A', lun: 0, ldev: '00:00', lba: 8, blocks: 1, status: 'GOOD' });
    t.match(one.command, /^(READ|WRITE)\(10\)$/);
    t.ok(Math.abs(one.queue + one.host + one.drives + one.cache - one.latency) <= 3, 'the parts make the whole');
  }
});

t.test('lines for people: what failed', async (t) => {
  const unit = await host(t);
  const { ended } = trace('--status', 'failed', '--initiator', INITIATOR, '--count', '1');
  const { stdout, stderr } = await until(ended, async () => {
    await unit.read(8, 1);
    await unit.command(Buffer.from('ff0000000000', 'hex'), {}).catch(() => {});
  });
  t.match(stdout, /opcode 0xff: CHECK CONDITION, ILLEGAL REQUEST: INVALID COMMAND OPERATION CODE.*, \d+\.\d{3} ms/);
  t.equal(stderr, '');
});

t.test('what waits for drives, and for the host, says so', async (t) => {
  const unit = await host(t);
  const { ended } = trace('--json', '--opcode', '35', '2a', '--count', '8');
  const { stdout } = await until(ended, async () => {
    await unit.write(4096, Buffer.alloc(2 ** 20, 1));
    await unit.command(Buffer.from('35000000000000000000', 'hex'), {});
  });
  const told = records(stdout);
  const flushes = told.filter((one) => one.command === 'SYNCHRONIZE CACHE(10)');
  const writes = told.filter((one) => one.command === 'WRITE(10)');
  t.ok(flushes.length >= 3 && flushes.every((one) => one.drives > 0 && one.host === 0));
  t.ok(writes.length >= 3 && writes.every((one) => one.host > 0 && one.drives === 0));
});

t.test('refusals', async (t) => {
  const run = (...args: string[]) => lunarray(['trace', ...args]);
  t.match(await run('--data', array.dataDir, '--min-latency', 'soon'), { code: 2, stderr: /as 0\.5/ });
  t.match(await run('--data', array.dataDir, '--status', 'bad'), { code: 2, stderr: /check-condition/ });
  t.match(await run('--data', join(array.dataDir, 'none')), { code: 8, stderr: /no array runs/ });
  t.match(await run('--data', array.dataDir, '--opcode', 'RAED'), { code: 9, stderr: /"RAED" is no command/ });
  t.match(await run('--data', array.dataDir, '--ldev', '99:99'), { code: 9, stderr: /no LDEV 99:99/ });
  t.match(await run('--data', array.dataDir, '--initiator', 'x'.repeat(300)), { code: 9, stderr: /initiator/ });
});

t.test('it ends with the array', async (t) => {
  const unit = await host(t);
  const { child, ended } = trace('--opcode', '28');
  const seen = new Promise((resolve) => child.stdout!.once('data', resolve));
  await until(seen, () => unit.read(0, 1));
  await unit.close();
  await array.stop();
  t.match(await ended, { code: 0, stderr: '' });
});
