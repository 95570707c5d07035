import t from 'tap';
import { Cache } from '../../../target/cache/cache.js';
import { HeaderWord, memoryBytes, slotsIn } from '../../../target/cache/layout.js';
import { CacheMemoryError } from '../../../target/cache/memory-header.js';
import { SLOT_BYTES } from '../../../target/cache/types.js';
import { fill, HOST, KillableMemory, Rig } from './rig.js';

function refused(rig: Rig): CacheMemoryError {
  const before = Buffer.from(rig.memory.buffer);
  try {
    rig.open();
  } catch (error) {
    if (!(error instanceof CacheMemoryError)) throw error;
    t.ok(rig.memory.buffer.equals(before), 'nothing was changed');
    return error;
  }
  throw new Error('it was opened');
}

/** A rig whose memory holds one dirty slot; stopped. */
function withDirtySlot(): Rig {
  const rig = new Rig();
  rig.write(3, fill(1));
  rig.cache.close();
  rig.memory = rig.memory.next();
  return rig;
}

function header(rig: Rig): Int32Array {
  return new Int32Array(rig.memory.buffer.buffer, rig.memory.buffer.byteOffset, 1024);
}

t.test('sizes', (t) => {
  for (const slots of [1, 2, 127, 128, 129, 16384, 16385]) {
    t.equal(slotsIn(memoryBytes(slots)), slots);
    t.equal(slotsIn(memoryBytes(slots) - 1), slots - 1);
    t.equal(memoryBytes(slots) % 4096, 0);
    t.equal(Cache.memoryBytes(slots * SLOT_BYTES + 100), memoryBytes(slots));
  }
  t.end();
});

t.test('a file that is none of ours', (t) => {
  const rig = withDirtySlot();
  rig.memory.buffer.write('#!/bin/sh\nexit 0\n');
  t.equal(refused(rig).code, 'cache-foreign');
  t.end();
});

t.test('a header that was lost or damaged', (t) => {
  const lost = withDirtySlot();
  lost.memory.buffer.fill(0, 0, 4096);
  t.equal(refused(lost).code, 'cache-torn');
  const damaged = withDirtySlot();
  header(damaged)[HeaderWord.slots]! ^= 64;
  t.equal(refused(damaged).code, 'cache-torn');
  t.end();
});

t.test('a later version', (t) => {
  const rig = withDirtySlot();
  header(rig)[HeaderWord.version] = 2;
  t.equal(refused(rig).code, 'cache-version');
  t.end();
});

t.test('a directory record that makes no sense', (t) => {
  const rig = withDirtySlot();
  const directory = 2 * 4096 + 16 * SLOT_BYTES;
  const records = new Int32Array(rig.memory.buffer.buffer, rig.memory.buffer.byteOffset + directory, 16 * 8);
  const dirty = Array.from({ length: 16 }, (_, index) => index).find((index) => records[index * 8 + 1] !== 0)!;
  records[dirty * 8] = -5;
  t.equal(refused(rig).code, 'cache-torn');
  t.end();
});

t.test('too small for a slot', (t) => {
  const rig = new Rig();
  rig.memory = new KillableMemory(Buffer.alloc(memoryBytes(1) - 4096));
  t.equal(refused(rig).code, 'cache-too-small');
  t.end();
});

t.test('of another size: refused while it holds data, laid out anew when it does not', (t) => {
  const rig = withDirtySlot();
  const larger = Buffer.alloc(memoryBytes(40));
  rig.memory.buffer.copy(larger);
  rig.memory = new KillableMemory(larger);
  const error = refused(rig);
  t.equal(error.code, 'cache-geometry');
  t.match(error.message, /start once with that cache size/);
  const empty = new Rig();
  empty.write(0, fill(2));
  t.equal(empty.flush(), null);
  empty.memory.written.copy(larger);
  for (let killAt = 1; killAt < 6; killAt++) {
    empty.memory = new KillableMemory(larger);
    empty.memory.killAt = killAt;
    t.throws(() => empty.open(), /killed/);
    empty.memory = empty.memory.next();
    empty.open();
    t.match(empty.cache.stats(), { slots: 40, dirtySlots: 0 }, 'a kill while formatting does no harm');
  }
  t.same(empty.read(0, 8), fill(2));
  t.end();
});

t.test('opening a cache of 256 MiB looks at its directory only', (t) => {
  const bytes = Cache.memoryBytes(256 << 20);
  t.equal(slotsIn(bytes), 16384);
  const buffer = Buffer.alloc(bytes);
  const memory = { buffer, commit() {}, sync() {}, close() {} };
  const { adapter, clock, log, region } = new Rig();
  const parts = { memory, adapter, clock, log, bootId: 'boot' };
  const volume = Cache.open(parts).attach(7, region);
  for (let slot = 0; slot < 64; slot++) volume.write(HOST, slot * 32, 32, [fill(slot + 1, 32)], () => {});
  const started = performance.now();
  t.equal(Cache.open(parts).recovered.slots, 64);
  t.comment(`opened in ${(performance.now() - started).toFixed(1)} ms`);
  t.end();
});
