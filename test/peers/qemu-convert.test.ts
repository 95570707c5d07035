/** A real ext4 image goes to an LU through QEMU's block layer and comes back bit for bit. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { seededRandom } from '../../target/base/random.js';
import { startArray } from '../../target/index.js';
import { run } from '../support/run.js';

t.setTimeout(180_000);
const work = mkdtempSync(join(tmpdir(), 'lunarray-qemu-'));
const imageBytes = 96 * 1024 ** 2;
const array = await startArray({
  config: {
    ldevs: [
      { id: '00:00', capacity: imageBytes },
      { id: '00:01', capacity: imageBytes, blockSize: 4096 },
    ],
  },
});
t.teardown(async () => {
  await array.stop();
  rmSync(work, { recursive: true, force: true });
});

/** An ext4 file system holding a tree of files, made without mounting anything. */
async function makeImage(path: string): Promise<void> {
  const seed = 20261120;
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const tree = join(work, 'tree');
  for (let i = 0; i < 40; i++) {
    const folder = join(tree, `d${i % 7}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${i}`), random.bytes(1 + random.below(600_000)));
  }
  writeFileSync(path, '');
  truncateSync(path, imageBytes);
  const made = await run('mkfs.ext4', ['-q', '-F', '-d', tree, path]);
  t.equal(made.code, 0, made.stderr);
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

t.test('convert there, compare, convert back', async (t) => {
  const image = join(work, 'fs.img');
  await makeImage(image);
  for (const lun of array.luns.filter((one) => one.kind === 'thin').slice(0, 2)) {
    const there = await run('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, lun.url], 120_000);
    t.equal(there.code, 0, there.stderr);
    const same = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, lun.url], 120_000);
    t.equal(same.code, 0, `${same.stdout}${same.stderr}`);
    const back = join(work, 'back.img');
    const home = await run('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', lun.url, back], 120_000);
    t.equal(home.code, 0, home.stderr);
    t.equal(digest(back), digest(image), `${lun.ldev} came back bit for bit`);
    const check = await run('fsck.ext4', ['-n', '-f', back]);
    t.equal(check.code, 0, check.stdout + check.stderr);
  }
});

t.test('qemu-io: patterns, discard, zeroes', async (t) => {
  const { url } = array.luns.find((one) => one.kind === 'thin')!;
  const script = ['write -P 0x5a 1M 64k', 'read -P 0x5a 1M 64k', 'write -z 1M 32k', 'read -P 0 1M 32k'];
  script.push('read -P 0x5a 1056k 32k', 'discard 1056k 32k', 'read -P 0 1056k 32k', 'flush');
  const { code, stdout, stderr } = await run('qemu-io', ['-f', 'raw', ...script.flatMap((line) => ['-c', line]), url]);
  t.equal(code, 0, stderr);
  t.notMatch(stdout, /failed|verification/i);
});
