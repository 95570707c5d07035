/** Captures by command and option, on an array that hosts use meanwhile. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import type { CaptureReply } from '../../target/svp/control/api.js';
import { readCapture, SYN, streamOf } from '../support/pcapng.js';
import { lunarray } from '../support/programs.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);
const dir = t.testdir();
const data = join(dir, 'data');
const whole = join(dir, 'whole.pcapng');
const array = await serve(data, ['--capture', whole, '--capture-size', '1M', '--capture-files', '2']);
const { url } = array.ready[0]!;
const MARK = Buffer.alloc(512, 'a block that is easy to find, ');

const run = (...args: string[]) => lunarray(['capture', ...args, '--data', data]);
const syns = (file: string) => readCapture(readFileSync(file)).packets.filter((one) => one.flags === SYN).length;

async function writeBlock(): Promise<void> {
  const session = await connect(url, {});
  await session.write(5, MARK);
  await session.close();
}

t.test('from the start, in files of 1 MiB', async (t) => {
  await writeBlock();
  const [running] = JSON.parse((await run('list', '--json')).stdout) as CaptureReply[];
  t.match(running, { id: 'capture-1', path: whole, maxSize: 2 ** 20, files: 2, port: null, dropped: 0 });
  t.ok(running!.packets > 10);
  t.match(
    (await run('list')).stdout,
    /^capture-1 +any port, any initiator, to .*whole\.pcapng \(2 files of 1 MiB\) +\d+ +0 /m,
  );
  const session = await connect(url, {});
  for (let mib = 0; mib < 3; mib++) await session.write(0, Buffer.alloc(2 ** 20));
  await session.close();
  t.match(await run('stop', 'capture-1'), {
    code: 0,
    stdout: /^stopped capture-1: .*whole\.pcapng, \d+ packets, 3\.\d+ MiB\n$/,
  });
  for (const file of [whole, join(dir, 'whole.1.pcapng')]) {
    t.ok(statSync(file).size <= 2 ** 20, file);
    t.equal(statSync(file).mode & 0o777, 0o600);
    readCapture(readFileSync(file));
  }
});

t.test('of one port or initiator, while hosts go on', async (t) => {
  const other = join(dir, 'other.pcapng');
  const mine = join(dir, 'mine.pcapng');
  t.match(await run('start', other, '--port', 'CL2-A'), {
    code: 0,
    stdout: `started capture-2: CL2-A, any initiator, to ${other} (10 files of 100 MiB)\n`,
  });
  await writeBlock();
  const sessions = JSON.parse((await lunarray(['session', 'list', '--json', '--data', data])).stdout);
  t.same(sessions, []);
  const session = await connect(url, { initiatorName: 'iqn.2026-11.example:mine' });
  t.match(await run('start', mine, '--initiator', 'iqn.2026-11.example:mine'), { code: 0 });
  await session.write(5, MARK);
  await writeBlock();
  await session.close();
  t.match(await run('stop', 'all'), { code: 0, stdout: /^stopped capture-2: .*\nstopped capture-3: / });
  t.equal(syns(other), 0);
  t.equal(syns(mine), 1);
  t.ok(streamOf(readCapture(readFileSync(mine)).packets, 1).includes(MARK));
});

t.test('refusals', async (t) => {
  const notes = join(dir, 'notes');
  writeFileSync(notes, 'not yours');
  t.match(await run('start', notes), {
    code: 9,
    stderr: /notes cannot be written: notes exists and is no capture file/,
  });
  t.match(await run('start', join(dir, 'x'), '--port', 'CL9-Z'), { code: 9, stderr: /no port "CL9-Z"/ });
  t.match(await run('start', join(dir, 'x'), '--max-size', '1K'), { code: 9, stderr: /1 MiB/ });
  t.match(await run('start', join(dir, 'x'), '--max-size', 'much'), { code: 2 });
  t.match(await run('stop', 'capture-77'), { code: 9, stderr: /no capture capture-77/ });
  t.equal(readFileSync(notes, 'utf8'), 'not yours');
  t.match(await lunarray(['serve', '--data', join(dir, 'second'), '--capture', notes]), {
    code: 9,
    stderr: /capture: .*notes cannot be written/,
  });
});

t.test('the end of the array is the end of its captures', async (t) => {
  const last = join(dir, 'last.pcapng');
  await run('start', last);
  await writeBlock();
  t.equal(await array.end(), 0);
  const { packets, statistics } = readCapture(readFileSync(last));
  t.equal(statistics?.received, packets.length);
  t.ok(streamOf(packets, 1).includes(MARK));
});
