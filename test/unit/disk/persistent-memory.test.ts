import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type NativeFunctions, SystemError } from '../../../native/index.js';
import { openPartedMemory, openPersistentMemory } from '../../../target/disk/persistent-memory.js';
import { each } from '../native/each.js';

const BYTES = 1 << 16;

for (const [name, functions] of each) {
  t.test(name, async (t) => {
    const folder = t.testdir();
    const path = join(folder, 'cache.mem');

    t.test('new memory is zeros and has its space on the disk', async (t) => {
      const memory = openPersistentMemory(path, BYTES, functions);
      t.equal(memory.buffer.length, BYTES);
      t.ok(functions.isZero(memory.buffer));
      t.ok(fs.statSync(path).blocks * 512 >= BYTES);
      t.equal(fs.statSync(path).mode & 0o777, 0o600);
      memory.buffer.write('first', 5000);
      memory.commit(5000, 5);
      t.equal(await new Promise((done) => memory.sync(done)), null);
      memory.close();
    });

    t.test('opened again it holds what was committed; longer, too', (t) => {
      const same = openPersistentMemory(path, BYTES, functions);
      t.equal(same.buffer.toString('latin1', 5000, 5005), 'first');
      same.close();
      const longer = openPersistentMemory(path, 2 * BYTES, functions);
      t.equal(longer.buffer.length, 2 * BYTES);
      t.equal(longer.buffer.toString('latin1', 5000, 5005), 'first');
      t.ok(functions.isZero(longer.buffer.subarray(BYTES)));
      longer.close();
      t.end();
    });

    t.test('in parts: one after the other in the file, each by itself', async (t) => {
      const file = join(folder, 'parts.mem');
      const lengths = [8192, BYTES, 4096];
      const memory = openPartedMemory(file, lengths, functions);
      t.same(
        memory.parts.map((part) => part.length),
        lengths,
      );
      memory.populate?.();
      memory.parts[1]!.write('middle', 4000);
      memory.commit(1, 4000, 6);
      memory.parts[2]!.write('end', 4093);
      memory.commit(2, 4093, 3);
      t.equal(await new Promise((done) => memory.sync(done)), null);
      memory.close();
      const content = fs.readFileSync(file, 'latin1');
      t.equal(content.length, 8192 + BYTES + 4096);
      t.equal(content.indexOf('middle'), 8192 + 4000);
      t.ok(content.endsWith('end'));
      const again = openPartedMemory(file, lengths, functions);
      t.equal(again.parts[1]!.toString('latin1', 4000, 4006), 'middle');
      t.equal(again.parts[2]!.toString('latin1', 4093), 'end');
      again.close();
    });

    t.test('shorter is refused', (t) => {
      t.throws(() => openPersistentMemory(path, BYTES, functions), { code: 'wrong-length' });
      t.equal(fs.statSync(path).size, 2 * BYTES);
      t.end();
    });

    t.test('a full disk is named, and leaves no file behind', (t) => {
      const full: NativeFunctions = {
        ...functions,
        preallocate(fd) {
          fs.ftruncateSync(fd, 3 * BYTES);
          throw new SystemError('ENOSPC', 'fallocate');
        },
      };
      const file = join(folder, 'full.mem');
      t.throws(() => openPersistentMemory(file, BYTES, full), {
        code: 'no-space',
        message: /needs 65536 bytes, the disk has \d+ free/,
      });
      t.notOk(fs.existsSync(file));
      t.throws(() => openPersistentMemory(path, 4 * BYTES, full), { code: 'no-space' });
      t.equal(fs.statSync(path).size, 2 * BYTES, 'a file that was to grow is as before');
      t.end();
    });

    t.test('a folder that is not there', (t) => {
      t.throws(() => openPersistentMemory(join(folder, 'no', 'such'), BYTES, functions), { code: 'io-error' });
      for (const bytes of [0, -1, 0.5, 2 ** 40])
        t.throws(() => openPersistentMemory(path, bytes, functions), RangeError);
      t.end();
    });

    t.test('a killed process loses nothing it committed', (t) => {
      const file = join(folder, 'killed.mem');
      const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
      const module = fileURLToPath(new URL(`../../../target/disk/persistent-memory.${extension}`, import.meta.url));
      const script = `import(${JSON.stringify(module)}).then(({ openPersistentMemory }) => {
        const memory = openPersistentMemory(${JSON.stringify(file)}, ${BYTES});
        memory.buffer.fill(0x5a, 100, 40000);
        memory.commit(100, 39900);
        process.kill(process.pid, 'SIGKILL');
      })`;
      const run = spawnSync(process.execPath, [...(extension === 'ts' ? ['--import', 'tsx'] : []), '-e', script], {
        env: { ...process.env, LUNARRAY_NATIVE: name === 'addon' ? '1' : '0' },
        timeout: 20_000,
        encoding: 'utf8',
      });
      t.equal(run.signal, 'SIGKILL', run.stderr);
      const memory = openPersistentMemory(file, BYTES, functions);
      t.ok(memory.buffer.equals(Buffer.alloc(BYTES).fill(0x5a, 100, 40000)));
      memory.close();
      t.end();
    });
  });
}
