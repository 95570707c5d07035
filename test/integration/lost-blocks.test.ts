/**
 * A RAID 5 group of three drives, one of which is missing, and places on a second one that cannot be read: hosts get
 * MEDIUM ERROR for exactly the blocks that are lost, until they write them anew. A preloaded library makes the places
 * unreadable until they are written to, as a drive does.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CheckCondition, connect, type LogicalUnit } from '../../initiator/index.js';
import { nativeKind } from '../../native/index.js';
import { type ServedArray, serve } from '../support/serve.js';

t.setTimeout(120_000);

/** BAD_PLACES: offsets on drive b; at each, 4 KiB cannot be read. */
const BAD = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
static off_t places[8];
static int count = -1;
static void load(void) {
  if (count >= 0) return;
  count = 0;
  const char* at = getenv("BAD_PLACES");
  while (at && *at && count < 8) { places[count++] = strtoll(at, (char**)&at, 10); if (*at) at++; }
}
static int on_drive(int fd) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, "/drives/b") != NULL;
}
static size_t total(const struct iovec* v, int n) {
  size_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += v[i].iov_len;
  return bytes;
}
static int touches(int fd, off_t at, size_t bytes, int heal) {
  load();
  if (count == 0 || !on_drive(fd)) return 0;
  int found = 0;
  for (int i = 0; i < count; i++) {
    if (places[i] < 0 || at >= places[i] + 4096 || at + (off_t)bytes <= places[i]) continue;
    found = 1;
    if (heal) places[i] = -1;
  }
  return found;
}
#define REAL(name, ...) static ssize_t (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)
#define READV(name) ssize_t name(int fd, const struct iovec* v, int n, off_t at) { \\
  REAL(#name, int, const struct iovec*, int, off_t); \\
  if (touches(fd, at, total(v, n), 0)) { errno = EIO; return -1; } \\
  return real(fd, v, n, at); }
#define READV2(name) ssize_t name(int fd, const struct iovec* v, int n, off_t at, int flags) { \\
  REAL(#name, int, const struct iovec*, int, off_t, int); \\
  if (touches(fd, at, total(v, n), 0)) { errno = EIO; return -1; } \\
  return real(fd, v, n, at, flags); }
#define READ(name) ssize_t name(int fd, void* to, size_t bytes, off_t at) { \\
  REAL(#name, int, void*, size_t, off_t); \\
  if (touches(fd, at, bytes, 0)) { errno = EIO; return -1; } \\
  return real(fd, to, bytes, at); }
#define WRITEV(name) ssize_t name(int fd, const struct iovec* v, int n, off_t at) { \\
  REAL(#name, int, const struct iovec*, int, off_t); \\
  touches(fd, at, total(v, n), 1); \\
  return real(fd, v, n, at); }
#define WRITE(name) ssize_t name(int fd, const void* from, size_t bytes, off_t at) { \\
  REAL(#name, int, const void*, size_t, off_t); \\
  touches(fd, at, bytes, 1); \\
  return real(fd, from, bytes, at); }
READV(preadv) READV(preadv64) READV2(preadv2) READV2(preadv64v2) READ(pread) READ(pread64)
WRITEV(pwritev) WRITEV(pwritev64) WRITE(pwrite) WRITE(pwrite64)
`;

const folder = t.testdir({
  'config.json': JSON.stringify({
    cache: '16M',
    drives: ['a', 'b', 'c'].map((id) => ({ id, capacity: '256M' })),
    parityGroups: [{ id: '1-1', level: 'raid5', drives: ['a', 'b', 'c'], stripe: '64K' }],
    ldevs: [{ id: '00:00', capacity: '256M' }],
  }),
});
const library = join(folder, 'bad.so');
const compiled = spawnSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', library, '-ldl'], { input: BAD });
const skip =
  (compiled.status !== 0 && 'no C compiler') || (nativeKind === 'typescript' && 'the addon is what reads the drives');

async function serveBad(data: string, places: readonly number[]): Promise<ServedArray> {
  const env = { LD_PRELOAD: library, LUNARRAY_IO: 'threads', BAD_PLACES: places.join(',') };
  const array = await serve(data, ['--config', join(folder, 'config.json')], [], env);
  t.teardown(() => array.end('SIGKILL'));
  return array;
}

const WRITTEN = 2048;

/** Blocks that tell where they belong, and when they were written. */
function blocks(lba: number, count: number, version: number): Buffer {
  const data = Buffer.alloc(count * 512, version);
  for (let block = 0; block < count; block++) data.writeUInt32BE(lba + block, block * 512);
  return data;
}

/** The sense that a read ends with. */
async function senseOf(read: Promise<Buffer>) {
  const error = await read.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CheckCondition)) return error;
  const { key, asc, information } = error.sense;
  return { key, asc, information };
}

/** All that is looked at but the blocks in `lost`. */
async function checkOthers(t: Test, unit: LogicalUnit): Promise<void> {
  let next = 0;
  for (const lba of [...lost, WRITTEN]) {
    t.same(await unit.read(next, lba - next), blocks(next, lba - next, 1), `blocks ${next} to ${lba}`);
    next = lba + 8;
  }
}

/**
 * Each bad place begins 16 blocks into a stripe unit of 128 blocks. By stripe, left-symmetric: parity on
 * c, data on a and b; parity on b, data on c and a; parity on a, data on b and c.
 */
const UNIT = 64 * 1024;
const places = [0, 1, 2].map((stripe) => stripe * UNIT + 8192);
/** LBA of eight lost blocks each. */
const lost = [
  // b's own, as the parity is gone with c.
  128 + 16,
  // c's, as the parity that would tell them cannot be read.
  256 + 16,
  // b's own, and c's: of each the other would be needed.
  512 + 16,
  640 + 16,
];

t.test('blocks that are lost, and no others', { skip }, async (t) => {
  const data = join(folder, 'data');
  const whole = await serveBad(data, []);
  const writer = await connect(whole.ready[0]!.url, { reconnect: false });
  await writer.write(0, blocks(0, WRITTEN, 1));
  await writer.close();
  t.equal(await whole.end(), 0);
  rmSync(join(data, 'drives', 'c'));

  const array = await serveBad(data, places);
  const unit = await connect(array.ready[0]!.url, { reconnect: false });
  const mediumError = (lba: number) => ({ key: 3, asc: 0x1100, information: lba });
  for (const lba of lost) {
    for (let block = lba; block < lba + 8; block++) t.same(await senseOf(unit.read(block, 1)), mediumError(block));
    t.same(await senseOf(unit.read(lba - 16, 64)), mediumError(lba), 'the first of them is named');
    t.same(await unit.read(lba - 8, 8), blocks(lba - 8, 8, 1), 'before');
    t.same(await unit.read(lba + 8, 8), blocks(lba + 8, 8, 1), 'after');
  }
  await checkOthers(t, unit);
  for (const lba of lost) await unit.write(lba, blocks(lba, 8, 2));
  await unit.synchronizeCache();
  await unit.close();
  t.equal(await array.end(), 0);

  const again = await serveBad(data, []);
  const reader = await connect(again.ready[0]!.url, { reconnect: false });
  for (const lba of lost) t.same(await reader.read(lba, 8), blocks(lba, 8, 2), `written anew at ${lba}`);
  await checkOthers(t, reader);
  await reader.close();
  t.equal(await again.end(), 0);
});
