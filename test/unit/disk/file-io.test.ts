import t from 'tap';
import { native, SystemError } from '../../../native/index.js';
import { defaultFileIo, type FileIo, threadIo } from '../../../target/disk/file-io.js';
import { eachIo } from './each-io.js';

/** What is chosen when LUNARRAY_IO has this value and the kernel answers so. */
function chosen(wanted: string | undefined, openRing: typeof native.openRing): FileIo['kind'] {
  const before = process.env.LUNARRAY_IO;
  if (wanted === undefined) delete process.env.LUNARRAY_IO;
  else process.env.LUNARRAY_IO = wanted;
  try {
    return defaultFileIo({ ...native, openRing }).kind;
  } finally {
    if (before === undefined) delete process.env.LUNARRAY_IO;
    else process.env.LUNARRAY_IO = before;
  }
}

const forbidden = () => {
  throw new SystemError('EPERM', 'io_uring_setup');
};
const given = () => ({ read() {}, writeMany() {}, punchHole() {}, sync() {} });

t.test('io_uring where there is one, threads elsewhere, or what LUNARRAY_IO says', (t) => {
  t.equal(chosen(undefined, given), 'uring');
  t.equal(chosen(undefined, forbidden), 'threads', 'forbidden');
  t.equal(chosen('', null), 'threads', 'the twin');
  t.equal(chosen('threads', given), 'threads');
  t.equal(chosen('uring', given), 'uring');
  t.throws(() => chosen('uring', forbidden), { message: 'io_uring_setup: EPERM' });
  t.throws(() => chosen('uring', null), { message: /LUNARRAY_IO=uring, but the addon is not used/ });
  t.throws(() => chosen('aio', given), { message: 'LUNARRAY_IO=aio: neither threads nor uring' });
  t.end();
});

for (const [name, , io] of eachIo) {
  t.test(`${name}: a descriptor that is none`, async (t) => {
    const error = await new Promise((done) => io.read(999_999, 0, [Buffer.alloc(1)], done));
    t.match(error, { code: 'EBADF' });
    t.match(await new Promise((done) => io.writeMany(999_999, [0], [[Buffer.alloc(1)]], done)), { code: 'EBADF' });
    t.match(await new Promise((done) => io.punchHole(999_999, 0, 512, done)), { code: 'EBADF' });
    t.match(await new Promise((done) => io.sync(999_999, done)), { code: 'EBADF' });
    t.equal(await new Promise((done) => io.writeMany(999_999, [], [], done)), null, 'nothing to write');
  });
}

t.test('the ring: a file system without holes gets zeros', (t) => {
  const punched: number[] = [];
  let told: (pairs: Float64Array, count: number) => void = () => {};
  const EOPNOTSUPP = 95;
  const io = defaultFileIo({
    ...native,
    openRing: (ended) => {
      told = ended;
      return {
        ...given(),
        punchHole: (token) => setImmediate(() => told(Float64Array.of(token, -EOPNOTSUPP), 1)),
      };
    },
    punchHole(_fd, offset, bytes, done) {
      punched.push(offset, bytes);
      setImmediate(done, null);
    },
  });
  io.punchHole(3, 512, 1024, (error) => {
    t.equal(error, null);
    t.same(punched, io.kind === 'uring' ? [512, 1024] : punched);
    t.end();
  });
});

t.equal(threadIo(native).kind, 'threads');
