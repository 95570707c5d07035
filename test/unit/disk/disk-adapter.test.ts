import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import type { DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite } from '../../../target/disk/types.js';

const SLOT = 16384;

interface Operation {
  readonly what: string;
  readonly end: DriveDone;
}

/** Writes down what it is told; the test ends each operation by hand. */
class Recorder implements DriveIo {
  readonly name = 'recorder';
  readonly bytes = 1000 * SLOT;
  readonly begun: string[] = [];
  readonly running: Operation[] = [];
  cached = false;

  readNow(): boolean {
    return this.cached;
  }
  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.#begin(`read ${offset / SLOT}+${Buffer.concat(buffers).length / SLOT}`, done);
  }
  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.#begin(`write ${offset / SLOT}+${Buffer.concat(buffers).length / SLOT}`, done);
  }
  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    const each = writes.map(({ offset, buffers }) => `${offset / SLOT}+${Buffer.concat(buffers).length / SLOT}`);
    this.#begin(`write ${each.join(' ')}`, done);
  }
  punch(offset: number, bytes: number, done: DriveDone): void {
    this.#begin(`punch ${offset / SLOT}+${bytes / SLOT}`, done);
  }
  extents(): readonly DriveExtent[] {
    return [];
  }
  sync(done: DriveDone): void {
    this.#begin('sync', done);
  }
  close(): void {}

  /** Ends the operation that began first of those running. */
  end(error: DriveError | null = null): void {
    this.running.shift()!.end(error);
  }

  #begin(what: string, end: DriveDone): void {
    this.begun.push(what);
    this.running.push({ what, end });
  }
}

function build(concurrency?: number) {
  const clock = new SimulatedClock();
  const drive = new Recorder();
  const group = createParityGroup('1-1', 'plain', [drive]);
  const adapter = new DiskAdapter('DKA-1', clock, concurrency === undefined ? {} : { concurrency });
  const ended: string[] = [];
  const note = (name: string) => (error: DriveError | null) => ended.push(error === null ? name : `${name}!`);
  const slot = [Buffer.alloc(SLOT)];
  return { clock, drive, group, adapter, ended, note, slot };
}

const broken: DriveError = { kind: 'io-error', message: 'broken' };

t.test('stage answers at once what the page cache has, and not before earlier destages of the range', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build();
  drive.cached = true;
  adapter.stage(group, 0, slot, 'host', note('hit'));
  t.same(ended, ['hit']);
  t.same(drive.begun, []);
  t.match(adapter.stats().stage, { submitted: 1, completed: 1, immediate: 1, bytes: SLOT, depth: 0 });

  adapter.destage(group, SLOT, slot, note('destage'));
  adapter.stage(group, SLOT, slot, 'host', note('same place'));
  adapter.stage(group, 2 * SLOT, slot, 'host', note('elsewhere'));
  t.same(ended, ['hit', 'elsewhere']);
  clock.settle();
  t.same(drive.begun, ['write 1+1']);
  drive.end();
  t.same(drive.begun, ['write 1+1', 'read 1+1']);
  drive.end();
  t.same(ended.slice(2), ['destage', 'same place']);
  t.end();
});

t.test('foreground misses, then destages, then background', (t) => {
  const { clock, drive, group, adapter, note, slot } = build(1);
  adapter.stage(group, 0, slot, 'host', note('blocker'));
  adapter.stage(group, 10 * SLOT, slot, 'background', note('background'));
  adapter.destage(group, 20 * SLOT, slot, note('destage'));
  adapter.sync(group, note('sync'));
  adapter.stage(group, 30 * SLOT, slot, 'host', note('host'));
  clock.settle();
  while (drive.running.length > 0) drive.end();
  t.same(drive.begun, ['read 0+1', 'read 30+1', 'sync', 'write 20+1', 'read 10+1']);
  t.end();
});

t.test('operations at a time: so many misses, and beside them three others, of which two in the background', (t) => {
  const { clock, drive, group, adapter, note, slot } = build(8);
  for (let i = 0; i < 9; i++) adapter.stage(group, i * SLOT, slot, 'background', note('b'));
  clock.settle();
  t.equal(drive.running.length, 2);
  for (let i = 0; i < 9; i++) adapter.destage(group, (100 + 2 * i) * SLOT, slot, note('d'));
  clock.settle();
  t.equal(drive.running.length, 3);
  adapter.sync(group, note('s'));
  clock.settle();
  t.equal(drive.running.length, 3, 'a sync too has to wait');
  for (let i = 0; i < 9; i++) adapter.stage(group, (200 + i) * SLOT, slot, 'host', note('h'));
  t.same(
    drive.running.map(({ what }) => what),
    [
      'read 0+1',
      'read 1+1',
      'write 100+1 102+1 104+1 106+1 108+1 110+1 112+1 114+1 116+1',
      ...[200, 201, 202, 203, 204].map((at) => `read ${at}+1`),
    ],
  );
  t.match(adapter.stats(), { stage: { depth: 9 }, destage: { depth: 9 }, background: { depth: 9 } });
  t.end();
});

t.test('a destage does not wait for ever for room that misses take up', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build(2);
  let misses = 0;
  const miss = () => adapter.stage(group, ++misses * SLOT, slot, 'host', () => {});
  miss();
  miss();
  adapter.destage(group, 0, slot, note('destage'));
  clock.settle();
  for (let i = 0; i < 80; i++) {
    miss();
    drive.end();
  }
  t.same(ended, ['destage']);
  t.end();
});

t.test('nobody waits for ever behind a stream of misses', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build(1);
  adapter.destage(group, 0, slot, note('destage'));
  adapter.stage(group, SLOT, slot, 'background', note('background'));
  adapter.sync(group, note('sync'));
  let misses = 0;
  const miss = () => adapter.stage(group, 2 * SLOT, slot, 'host', () => ++misses);
  miss();
  clock.settle();
  for (let i = 0; i < 80; i++) {
    miss();
    drive.end();
  }
  t.same(ended.sort(), ['background', 'destage', 'sync']);
  t.ok(misses > 50);
  t.end();
});

t.test('destages go together in ascending order, adjacent ones joined; the elevator goes on where it was', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build(1);
  for (const at of [7, 3, 5, 4, 9, 1]) adapter.destage(group, at * SLOT, slot, note(`${at}`));
  clock.settle();
  t.same(drive.begun, ['write 1+1 3+3 7+1 9+1']);
  for (const at of [12, 2, 10]) adapter.destage(group, at * SLOT, slot, note(`${at}`));
  drive.end();
  t.same(drive.begun.at(-1), 'write 10+1 12+1');
  drive.end();
  t.same(drive.begun.at(-1), 'write 2+1', 'what came behind it waits for the next sweep');
  drive.end();
  t.same(ended, ['1', '3', '4', '5', '7', '9', '10', '12', '2']);
  t.match(adapter.stats().destage, { operations: 3, completed: 9, bytes: 9 * SLOT, depth: 0 });
  t.end();
});

t.test('destages of one operation stay under 1 MiB and 1024 buffers; joined punches have no such limit', (t) => {
  const { clock, drive, group, adapter, note, slot } = build(1);
  for (let i = 0; i < 100; i++) adapter.destage(group, i * SLOT, slot, note(''));
  clock.settle();
  while (drive.running.length > 0) drive.end();
  t.same(drive.begun, ['write 0+64', 'write 64+36']);
  const sectors = Array.from({ length: 32 }, () => Buffer.alloc(512));
  for (let i = 0; i < 40; i++) adapter.destage(group, i * SLOT, sectors, note(''));
  for (let i = 100; i < 300; i++) adapter.punch(group, i * SLOT, SLOT, note(''));
  clock.settle();
  while (drive.running.length > 0) drive.end();
  t.same(drive.begun.slice(2).sort(), ['punch 100+200', 'write 0+32', 'write 32+8']);
  t.end();
});

t.test('overlapping jobs take effect in the order in which they came', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build();
  const two = [Buffer.alloc(2 * SLOT)];
  adapter.destage(group, 0, two, note('write 0-1'));
  adapter.punch(group, SLOT, SLOT, note('punch 1'));
  adapter.stage(group, SLOT, slot, 'host', note('read 1'));
  adapter.destage(group, SLOT, two, note('write 1-2'));
  adapter.stage(group, 2 * SLOT, slot, 'host', note('read 2'));
  adapter.destage(group, 5 * SLOT, slot, note('write 5'));
  clock.settle();
  t.same(drive.begun, ['write 0+2', 'write 5+1'], 'others are not held up');
  while (drive.running.length > 0) drive.end();
  t.same(drive.begun.slice(2), ['punch 1+1', 'read 1+1', 'write 1+2', 'read 2+1']);
  t.same(ended, ['write 0-1', 'write 5', 'punch 1', 'read 1', 'write 1-2', 'read 2']);
  t.end();
});

t.test('callers share a sync; who comes while it runs gets the next', (t) => {
  const { clock, drive, group, adapter, ended, note } = build();
  for (const name of ['a', 'b']) adapter.sync(group, note(name));
  clock.settle();
  t.same(drive.begun, ['sync']);
  for (const name of ['c', 'd']) adapter.sync(group, note(name));
  clock.settle();
  t.same(drive.begun, ['sync'], 'one at a time');
  drive.end();
  t.same(ended, ['a', 'b']);
  t.same(drive.begun, ['sync', 'sync']);
  drive.end(broken);
  t.same(ended, ['a', 'b', 'c!', 'd!']);
  t.match(adapter.stats().sync, { submitted: 4, completed: 4, failed: 2, operations: 2, depth: 0 });
  t.end();
});

t.test('a joined destage that fails is done again one by one', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build(1);
  for (let i = 0; i < 3; i++) adapter.destage(group, i * SLOT, slot, note(`${i}`));
  clock.settle();
  drive.end(broken);
  t.same(ended, []);
  drive.end();
  drive.end(broken);
  drive.end();
  t.same(drive.begun, ['write 0+3', 'write 0+1', 'write 1+1', 'write 2+1']);
  t.same(ended.sort(), ['0', '1!', '2']);
  t.match(adapter.stats().destage, { completed: 3, failed: 1, bytes: 2 * SLOT, depth: 0 });
  t.end();
});

t.test('depth, wait and service time per queue', (t) => {
  const { clock, drive, group, adapter, note, slot } = build(1);
  adapter.stage(group, 0, slot, 'host', note('a'));
  adapter.stage(group, SLOT, slot, 'host', note('b'));
  t.match(adapter.stats().stage, { depth: 2, submitted: 2, completed: 0 });
  clock.advance(3);
  drive.end();
  clock.advance(5);
  drive.end(broken);
  t.match(adapter.stats().stage, { depth: 0, completed: 2, failed: 1, bytes: SLOT, waitNs: 3e6, serviceNs: 8e6 });
  t.end();
});

t.test('idle', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build();
  adapter.idle(() => ended.push('idle at once'));
  t.same(ended, ['idle at once']);
  adapter.destage(group, 0, slot, note('write'));
  adapter.destage(group, 0, slot, note('again'));
  adapter.sync(group, note('sync'));
  adapter.idle(() => ended.push('idle'));
  clock.settle();
  while (drive.running.length > 0) drive.end();
  t.equal(ended.length, 5);
  t.equal(ended.at(-1), 'idle');
  t.end();
});

t.test('a range outside the group is the caller’s mistake', (t) => {
  const { group, adapter, note, slot } = build();
  t.throws(() => adapter.stage(group, group.bytes, slot, 'host', note('')), RangeError);
  t.throws(() => adapter.destage(group, -SLOT, slot, note('')), RangeError);
  t.throws(() => adapter.destage(group, 0, [], note('')), RangeError);
  t.throws(() => adapter.punch(group, Number.NaN, SLOT, note('')), RangeError);
  t.end();
});

t.test('a group whose drive hangs holds up no other', (t) => {
  const { clock, drive, group, adapter, ended, note, slot } = build(4);
  const other = new Recorder();
  const good = createParityGroup('1-2', 'plain', [other]);
  for (let i = 0; i < 40; i++) {
    adapter.stage(group, i * SLOT, slot, 'host', note('hung read'));
    adapter.destage(group, (100 + 2 * i) * SLOT, slot, note('hung write'));
  }
  adapter.sync(group, note('hung sync'));
  clock.settle();
  t.equal(drive.running.length, 4, 'as much as a group may have under way');
  adapter.destage(good, 0, slot, note('write'));
  adapter.stage(good, 5 * SLOT, slot, 'host', note('read'));
  clock.settle();
  while (other.running.length > 0) other.end();
  adapter.sync(good, note('sync'));
  clock.settle();
  other.end();
  t.same(ended, ['read', 'write', 'sync']);
  t.end();
});
