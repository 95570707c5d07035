/** Drives past the page cache. */
import fs from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { native } from '../../../native/index.js';
import { seededRandom } from '../../../target/base/random.js';
import { DirectError, FileDrive } from '../../../target/disk/file-drive.js';
import { defaultFileIo, threadIo } from '../../../target/disk/file-io.js';
import type { DriveDone, DriveError } from '../../../target/disk/types.js';

const SECTOR = 512;
const BYTES = 1 << 20;

const outcome = (start: (done: DriveDone) => void) => new Promise<DriveError | null>((resolve) => start(resolve));

/** Null: this machine or this file system has no direct I/O. */
function open(path: string): FileDrive | null {
  try {
    return FileDrive.open(path, 'd', BYTES, 'create', { direct: true });
  } catch (error) {
    if (error instanceof DirectError) return null;
    throw error;
  }
}

t.test('refused by name, not done otherwise', (t) => {
  const path = join(t.testdir(), 'd');
  const refused = (functions: typeof native, io = threadIo(native)) => {
    t.throws(() => FileDrive.open(path, 'HDD7', BYTES, 'create', { functions, io, direct: true }), {
      name: 'DirectError',
      message: /^drive HDD7: /,
    });
  };
  refused(native);
  if (defaultFileIo().kind === 'uring') {
    const einval = () => {
      throw Object.assign(new Error('pread: EINVAL'), { code: 'EINVAL' });
    };
    refused({ ...native, tryDirect: einval }, defaultFileIo());
    refused({ ...native, tryDirect: null }, defaultFileIo());
  }
  t.end();
});

t.test('direct', async (t) => {
  const path = join(t.testdir(), 'd');
  const drive = open(path);
  if (drive === null) return t.pass('not here');
  t.teardown(() => drive.close());
  t.equal(drive.failure, null);

  const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
  await t.test(`memory anywhere, in pieces of any length, as a model says (LUNARRAY_SEED=${seed})`, async (t) => {
    const random = seededRandom(seed);
    const model = Buffer.alloc(BYTES);
    /** The bytes cut into buffers at odd places of memory. */
    const scattered = (bytes: number): Buffer[] => {
      const pieces: Buffer[] = [];
      for (let left = bytes; left > 0; ) {
        const step = Math.min(left, random.below(3) === 0 ? SECTOR : random.below(3000));
        pieces.push(
          Buffer.alloc(step + 13)
            .subarray(random.below(13))
            .subarray(0, step),
        );
        left -= step;
      }
      return pieces;
    };
    for (let round = 0; round < 20; round++) {
      const ends: Promise<unknown>[] = [];
      for (let at = 0; at < BYTES / SECTOR; ) {
        const sectors = Math.min(1 + random.below(100), BYTES / SECTOR - at);
        const [offset, bytes] = [at * SECTOR, sectors * SECTOR];
        at += sectors;
        const pieces = scattered(bytes);
        const what = random.below(5);
        if (what < 2) {
          for (const piece of pieces) random.bytes(piece.length).copy(piece);
          Buffer.concat(pieces).copy(model, offset);
          ends.push(outcome((done) => drive.write(offset, pieces, done)).then((error) => t.equal(error, null)));
        } else if (what === 2) {
          model.fill(0, offset, offset + bytes);
          ends.push(outcome((done) => drive.punch(offset, bytes, done)).then((error) => t.equal(error, null)));
        } else {
          const expected = Buffer.from(model.subarray(offset, offset + bytes));
          ends.push(
            outcome((done) => drive.read(offset, pieces, done)).then((error) =>
              t.ok(error === null && Buffer.concat(pieces).equals(expected)),
            ),
          );
        }
      }
      await Promise.all(ends);
    }
    t.equal(await outcome((done) => drive.sync(done)), null);
    t.ok(fs.readFileSync(path).equals(model));
  });

  await t.test('nothing is at hand in the page cache; a file cut short is noticed', async (t) => {
    t.notOk(drive.readNow(0, [Buffer.alloc(SECTOR)]));
    fs.truncateSync(path, 4096);
    t.match(await outcome((done) => drive.read(2048, [Buffer.alloc(4096)], done)), { kind: 'wrong-length' });
  });
});
