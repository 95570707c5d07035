/** SPACE, LOCATE, READ POSITION, REWIND, ERASE: directed cases, and many at random against a list of objects. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { type Host, inCdb } from '../scsi-primary/rig.js';
import {
  ERASE,
  filemarks,
  locate,
  Over,
  position,
  REWIND,
  read,
  record,
  seen,
  space,
  TapeRig,
  writeRecord,
} from './tape-rig.js';

/** Three blocks, a filemark, two blocks, two filemarks. */
function filled() {
  const rig = new TapeRig();
  const host = rig.host('a');
  for (let i = 0; i < 3; i++) writeRecord(host, record(10, i));
  host.run(filemarks(1));
  for (let i = 4; i < 6; i++) writeRecord(host, record(10, i));
  host.run(filemarks(2));
  return { rig, host };
}

t.test('SPACE(6): over blocks and filemarks, both ways, and what stops it', async (t) => {
  const { host } = filled();
  const at = (number: number) => t.equal(host.run(locate(number)).status, 0);
  for (const [from, code, count, expected, to] of [
    [0, Over.blocks, 3, null, [3, 0]],
    [0, Over.blocks, 4, [0, 0x0001, 1, 'FILEMARK'], [4, 1]],
    [1, Over.blocks, 9, [0, 0x0001, 7, 'FILEMARK'], [4, 1]],
    [6, Over.blocks, -3, [0, 0x0001, 1, 'FILEMARK'], [3, 0]],
    [6, Over.blocks, -2, null, [4, 1]],
    [3, Over.blocks, -4, [0, 0x0004, 1, 'EOM'], [0, 0]],
    [8, Over.blocks, 1, [8, 0x0005, 1], [8, 3]],
    [5, Over.blocks, 0, null, [5, 1]],
    [0, Over.filemarks, 2, null, [7, 2]],
    [0, Over.filemarks, 5, [8, 0x0005, 2], [8, 3]],
    [8, Over.filemarks, -1, null, [7, 2]],
    [8, Over.filemarks, -3, null, [3, 0]],
    [8, Over.filemarks, -5, [0, 0x0004, 2, 'EOM'], [0, 0]],
    [1, Over.end, 0, null, [8, 3]],
  ] as const) {
    at(from);
    t.same(seen(host.run(space(code, count))), expected, `${count} of ${code} from ${from}`);
    t.same(position(host), to);
  }
  t.match(host.run(space(4, 1)).sense, inCdb(1, 3));
});

t.test('SPACE(16) and LOCATE(16)', async (t) => {
  const { host } = filled();
  const long = (opcode: number, byte1: number, number: bigint) => {
    const cdb = Buffer.alloc(16);
    cdb[0] = opcode;
    cdb[1] = byte1;
    cdb.writeBigInt64BE(number, 4);
    return host.run(cdb);
  };
  t.same(seen(long(0x91, Over.filemarks, -(2n ** 62n)))?.slice(0, 2), [0, 0x0004]);
  t.equal(long(0x91, Over.filemarks, 3n).status, 0);
  t.same(position(host), [8, 3]);
  const [object, file, end] = [0x00, 0x08, 0x18];
  t.equal(long(0x92, object, 5n).status, 0);
  t.same(position(host), [5, 1]);
  t.equal(long(0x92, file, 2n).status, 0);
  t.same(position(host), [7, 2]);
  t.equal(long(0x92, file, 0n).status, 0);
  t.same(position(host), [0, 0]);
  t.equal(long(0x92, end, 0n).status, 0);
  t.same(position(host), [8, 3]);
  t.same(seen(long(0x92, file, 4n)), [8, 0x0005, null]);
  t.same(seen(long(0x92, object, -1n)), [8, 0x0005, null]);
  t.match(long(0x92, 0x10, 0n).sense, inCdb(1, 4));
});

t.test('LOCATE(10): partition 0 only; beyond the data is its end', async (t) => {
  const { host } = filled();
  t.same(seen(host.run(locate(9))), [8, 0x0005, null]);
  t.same(position(host), [8, 3]);
  t.match(host.run([0x2b, 0x02, 0, 0, 0, 0, 0, 0, 1, 0]).sense, inCdb(8));
  t.equal(host.run([0x2b, 0x02, 0, 0, 0, 0, 1, 0, 0, 0]).status, 0);
  t.same(position(host), [1, 0]);
});

t.test('READ POSITION in three forms', async (t) => {
  const { host } = filled();
  const short = host.run([0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0]).data;
  t.equal(short.toString('hex'), '0000000000000008000000080000000000000000');
  const extended = host.run([0x34, 0x08, 0, 0, 0, 0, 0, 0, 40, 0]).data;
  t.equal(extended.toString('hex'), `0000001c00000000${'0000000000000008'.repeat(2)}${'00'.repeat(8)}`);
  host.run(REWIND);
  t.equal(host.run([0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0]).data[0], 0x80, 'BOP');
  t.match(host.run([0x34, 0x07, 0, 0, 0, 0, 0, 0, 0, 0]).sense, inCdb(1, 4));
});

/** The list that a tape is held against. */
class Model {
  objects: (Buffer | null)[] = [];
  at = 0;

  get file(): number {
    return this.objects.slice(0, this.at).filter((one) => one === null).length;
  }

  append(one: Buffer | null): void {
    this.objects = [...this.objects.slice(0, this.at), one];
    this.at++;
  }

  /** @returns the residue, and whether a filemark was why */
  space(code: number, count: number): { left: number; filemark: boolean } {
    const step = Math.sign(count);
    let left = Math.abs(count);
    while (left > 0) {
      const next = step > 0 ? this.at : this.at - 1;
      if (next < 0 || next >= this.objects.length) break;
      this.at += step;
      const isMark = this.objects[next] === null;
      if (code === Over.blocks && isMark) return { left, filemark: true };
      if (code === Over.blocks || isMark) left--;
    }
    return { left, filemark: false };
  }
}

t.test('at random', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 20261122);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const upTo = (limit: number) => random.below(limit);
  let rig = new TapeRig({ blocks: 65536 });
  let host: Host = rig.host('a');
  const model = new Model();
  for (let step = 0; step < 3000; step++) {
    const what = upTo(100);
    if (what < 40) {
      const data = record(1 + upTo(3000), step);
      t.equal(writeRecord(host, data).status, 0);
      model.append(data);
    } else if (what < 50) {
      const count = 1 + upTo(3);
      t.equal(host.run(filemarks(count)).status, 0);
      for (let i = 0; i < count; i++) model.append(null);
    } else if (what < 65) {
      const one = model.objects[model.at];
      const result = host.run(read(3000, 0x02));
      if (one === undefined) t.equal(result.sense?.name, 'end-of-data');
      else if (one === null) t.equal(result.sense?.name, 'filemark');
      else t.ok(result.data.equals(one));
      if (one !== undefined) model.at++;
    } else if (what < 80) {
      const code = upTo(2);
      const count = upTo(12) - 6;
      const { left, filemark } = model.space(code, count);
      const result = host.run(space(code, count));
      t.equal(result.sense?.information, left === 0 ? undefined : left, `step ${step}`);
      t.equal(result.sense?.filemark ?? false, filemark);
    } else if (what < 97) {
      model.at = upTo(model.objects.length + 1);
      t.equal(host.run(locate(model.at)).status, 0);
    } else if (what === 97 && upTo(8) === 0) {
      t.equal(host.run(ERASE).status, 0);
      model.objects = model.objects.slice(0, model.at);
    } else if (what === 98) {
      rig = rig.restarted();
      host = rig.host('a');
      model.at = 0;
    } else {
      model.at = model.objects.length;
      t.equal(host.run(space(Over.end, 0)).status, 0);
    }
    const [number, file] = position(host);
    if (number !== model.at || file !== model.file) t.same([step, number, file], [step, model.at, model.file]);
  }
  t.equal(rig.layer.pinned, 0);
});

t.test('long ways: thousands of objects, any of them in few steps', async (t) => {
  const rig = new TapeRig({ blocks: 1 << 16 });
  const host = rig.host('a');
  for (let i = 0; i < 40; i++) {
    t.equal(host.run(filemarks(200)).status, 0);
    writeRecord(host, record(4, i));
  }
  for (const number of [1, 63, 64, 65, 4095, 4096, 4097, 8039]) {
    rig.layer.calls.length = 0;
    host.run(locate(number));
    t.same(position(host)[0], number);
    t.ok(rig.layer.calls.length < 200, `${rig.layer.calls.length} reads`);
  }
  host.run(REWIND);
  rig.layer.calls.length = 0;
  t.equal(host.run(space(Over.filemarks, 4097)).status, 0);
  t.equal(position(host)[1], 4097);
  t.ok(rig.layer.calls.length < 200, `${rig.layer.calls.length} reads`);
});
