/**
 * The disk under the drives becomes full while hosts write: they are told, nothing acknowledged is lost, and it goes
 * on when there is room again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CheckCondition, connect, type LogicalUnit } from '../../initiator/index.js';
import { binary } from '../support/programs.js';

t.setTimeout(180_000);
const canMount = spawnSync('unshare', ['-rm', 'true'], { timeout: 10_000 }).status === 0;
const CHUNK = 128;
const BALLAST = 40;

/** The file system lives in the namespace of the array; this process reaches it through /proc. */
function started(
  script: string,
  args: readonly string[],
): Promise<{ pid: number; url: string; log(): string; stop(): Promise<number | null> }> {
  const child = spawn('unshare', ['-rm', 'sh', '-c', script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  return new Promise((ready, failed) => {
    let text = '';
    child.once('exit', () => failed(new Error(`ended: ${log}`)));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const [, url] = /^ready (\S+).*\n/m.exec(text) ?? [];
      if (url === undefined) return;
      const stop = () => {
        child.kill('SIGTERM');
        const limit = setTimeout(() => child.kill('SIGKILL'), 10_000);
        return ended.finally(() => clearTimeout(limit));
      };
      ready({ pid: child.pid!, url, log: () => log, stop });
    });
  });
}

const stamp = (lba: number) => Buffer.alloc(CHUNK * 512, 1 + ((lba / CHUNK) % 251));

async function wrongChunks(unit: LogicalUnit, acknowledged: ReadonlySet<number>): Promise<number[]> {
  const wrong: number[] = [];
  for (const lba of acknowledged) if (!(await unit.read(lba, CHUNK)).equals(stamp(lba))) wrong.push(lba);
  return wrong;
}

const drives = ['a', 'b', 'c', 'd'].map((id) => ({ id, capacity: '1G' }));

/** With the least that hosts can write before the disk is full, in MiB. */
const arrays = [
  ['plain drives', {}, 80],
  ['RAID 5', { drives, parityGroups: [{ id: '1-1', level: 'raid5', drives: drives.map(({ id }) => id) }] }, 40],
] as const;

for (const [name, parts, least] of arrays) {
  const skip = !canMount && 'cannot mount';
  t.test(`a disk that becomes full under ${name}`, { skip }, (t) => fill(t, parts, least));
}

async function fill(t: Test, parts: object, least: number): Promise<void> {
  const folder = t.testdir({
    mount: {},
    'config.json': JSON.stringify({ cache: '16M', ldevs: [{ id: '00:00', capacity: '1G' }], ...parts }),
  });
  const mount = join(folder, 'mount');
  const config = join(folder, 'config.json');
  const [program, ...first] = binary('target/cli/lunarray');
  const options = [
    'serve',
    '--data',
    join(mount, 'data'),
    '--listen',
    '127.0.0.1:0',
    '--http',
    'off',
    '--config',
    config,
  ];
  const ballast = `head -c ${BALLAST}M /dev/zero > "$0/ballast"`;
  const script = `mount -t tmpfs -o size=160m lunarray "$0" && ${ballast} && exec "$@"`;
  const array = await started(script, [mount, program, ...first, ...options]);
  t.teardown(() => array.stop());
  const inside = join('/proc', String(array.pid), 'root', mount);
  t.ok(existsSync(join(inside, 'ballast')), 'the file system of the array can be reached');

  const unit = await connect(array.url, { reconnect: false });
  await unit.readCapacity();
  const acknowledged = new Set<number>();
  let refusal: unknown = null;
  for (let lba = 0; refusal === null && lba < 4096 * CHUNK; lba += CHUNK) {
    try {
      await unit.write(lba, stamp(lba));
      acknowledged.add(lba);
    } catch (error) {
      refusal = error;
    }
  }
  t.ok(acknowledged.size * CHUNK * 512 > least * 2 ** 20, `${acknowledged.size} chunks acknowledged`);
  t.match(refusal, CheckCondition);
  t.match(refusal, { sense: { key: 7, asc: 0x2707 } }, 'DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT');
  t.match(array.log(), /destage to .*kept in the cache, will be tried again/);
  await t.rejects(unit.synchronizeCache(), 'a flush does not claim what it could not do');
  t.same(await wrongChunks(unit, acknowledged), [], 'all of it can be read');
  const last = [...acknowledged].at(-1)!;
  await unit.write(last, stamp(last));

  rmSync(join(inside, 'ballast'));
  const until = Date.now() + 30_000;
  let lba = last + CHUNK;
  for (let more = 0; more < 96; ) {
    try {
      await unit.write(lba, stamp(lba));
      acknowledged.add(lba);
      lba += CHUNK;
      more++;
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  t.pass('it goes on when there is room');
  await unit.synchronizeCache();
  t.same(await wrongChunks(unit, acknowledged), []);
  await unit.close();
  t.equal(await array.stop(), 0);
}
