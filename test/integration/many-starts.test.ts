/** Arrays inside a process, started and stopped again and again, under load: nothing is left of them. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';

t.setTimeout(120_000);
process.env.TMPDIR = t.testdir();
const ROUNDS = 50;

const openFiles = () => readdirSync('/proc/self/fd').length;
/** Timers, sockets, servers. What files are being read does not count: it ends by itself. */
const resources = () =>
  process
    .getActiveResourcesInfo()
    .filter((name) => name !== 'FSReqCallback')
    .sort();
const listeners = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)]);

/** Reads and writes until the array ends, wherever that finds it: logging in too. */
async function load(url: string): Promise<void> {
  const unit = await connect(url, { reconnect: false }).catch(() => null);
  if (unit === null) return;
  try {
    const { blocks } = await unit.readCapacity();
    for (let at = 0; ; at = (at + 64) % (blocks - 64)) {
      await unit.write(at, Buffer.alloc(64 * 512, 1));
      await unit.read(at, 8);
    }
  } catch {
    await unit.close();
  }
}

/** What was told to close has closed. */
const quiet = () => new Promise((resolve) => setTimeout(resolve, 100));

t.test(`${ROUNDS} starts and stops under load leave no file, timer, socket or listener`, async (t) => {
  const round = async (number: number) => {
    const array = await startArray({ config: { cache: '16M' }, control: number % 2 === 0, http: '127.0.0.1:0' });
    const loads = [load(array.luns[0]!.url), load(array.luns[6]!.url)];
    if (number % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await array.stop();
    await Promise.all(loads);
  };
  await round(0);
  await quiet();
  const before = { openFiles: openFiles(), resources: resources(), listeners: listeners() };
  for (let number = 1; number <= ROUNDS; number++) await round(number);
  await quiet();
  t.same({ openFiles: openFiles(), resources: resources(), listeners: listeners() }, before);
  t.same(
    readdirSync(tmpdir()).filter((name) => name.startsWith('lunarray-')),
    [],
  );
});

t.test('failing starts leave nothing either', async (t) => {
  const before = { openFiles: openFiles(), resources: resources(), listeners: listeners() };
  const array = await startArray({ config: { cache: '16M' } });
  const { host, port } = array.ports[0]!;
  for (let number = 0; number < 10; number++) {
    const options = { config: { cache: '16M' }, control: true, http: '127.0.0.1:0' };
    await t.rejects(startArray({ ...options, listen: `${host}:${port}` }), { code: 'port-busy' });
    await t.rejects(startArray({ ...options, http: `${host}:${port}` }), { code: 'port-busy' });
    await t.rejects(startArray({ ...options, dataDir: array.dataDir }), { code: 'data-in-use' });
  }
  // SQLite keeps a descriptor of a database that this process has locked until the lock goes.
  await array.stop();
  await quiet();
  t.same({ openFiles: openFiles(), resources: resources(), listeners: listeners() }, before);
});
