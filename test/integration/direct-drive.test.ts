/** `direct` of a drive: which descriptors have O_DIRECT, at the first start and at later ones. */
import fs from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { ArrayError } from '../../target/svp/errors.js';

const drives = (direct: boolean) => [
  { id: 'D0', capacity: '1G', direct },
  { id: 'D1', capacity: '1G' },
];
const common = { cache: '16M', ldevs: [{ id: '00:00', capacity: '64M' }] };

/** Drives of a data directory that this process has open past the page cache. */
function direct(dataDir: string): string[] {
  const found: string[] = [];
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    let path = '';
    try {
      path = fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      continue;
    }
    if (!path.startsWith(join(dataDir, 'drives'))) continue;
    const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!, 8);
    if ((flags & fs.constants.O_DIRECT) !== 0) found.push(path.slice(path.lastIndexOf('/') + 1));
  }
  return found;
}

t.test('a drive is opened as the configuration says', async (t) => {
  const dataDir = join(t.testdir(), 'data');
  const pattern = Buffer.alloc(3 << 20, 'direct');
  let array: Awaited<ReturnType<typeof startArray>>;
  try {
    array = await startArray({ dataDir, config: { ...common, drives: drives(true) } });
  } catch (error) {
    t.ok(error instanceof ArrayError && error.code === 'bad-config');
    t.match((error as Error).message, /^drive D0: .*direct/, 'refused by name where it cannot be');
    return;
  }
  t.same(direct(dataDir), ['D0']);
  const unit = await connect(array.luns[0]!.url);
  await unit.write(7, pattern);
  t.ok((await unit.read(7, pattern.length / 512)).equals(pattern));
  await unit.close();
  await array.stop();

  array = await startArray({ dataDir });
  t.same(direct(dataDir), ['D0'], 'kept without a file');
  const reader = await connect(array.luns[0]!.url);
  t.ok((await reader.read(7, pattern.length / 512)).equals(pattern), 'read from the drives');
  await reader.close();
  await array.stop();

  const notes: string[] = [];
  array = await startArray({ dataDir, config: { ...common, drives: drives(false) }, note: (line) => notes.push(line) });
  t.same(direct(dataDir), []);
  t.same(notes, [], 'no difference: it follows the file');
  await array.stop();
});
