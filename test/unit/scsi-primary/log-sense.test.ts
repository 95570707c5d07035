import t from 'tap';
import { inCdb, Rig } from './rig.js';

const log = (
  page: number,
  options: { pc?: number; subpage?: number; pointer?: number; flags?: number; allocation?: number } = {},
) => {
  const { pc = 1, subpage = 0, pointer = 0, flags = 0, allocation = 4096 } = options;
  return [0x4d, flags, (pc << 6) | page, subpage, 0, pointer >> 8, pointer & 255, allocation >> 8, allocation & 255, 0];
};

/** Parameters as code → value. */
function parameters(data: Buffer): Map<number, bigint> {
  const found = new Map<number, bigint>();
  for (let at = 4; at < data.length; at += 4 + data[at + 3]!) {
    found.set(data.readUInt16BE(at), BigInt(`0x${data.toString('hex', at + 4, at + 4 + data[at + 3]!)}`));
  }
  return found;
}

t.test('supported pages', async (t) => {
  const host = new Rig().host('a');
  t.same([...host.run(log(0)).data], [0x80, 0, 0, 6, 0x00, 0x02, 0x03, 0x0d, 0x0e, 0x2f]);
  const all = host.run(log(0, { subpage: 0xff })).data;
  t.same([...all], [0xc0, 0xff, 0, 14, 0, 0, 2, 0, 3, 0, 0x0d, 0, 0x0e, 0, 0x2f, 0, 0, 0xff]);
});

t.test('error counters count', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  host.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 3, 0], Buffer.alloc(3 * 512));
  host.run([0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
  rig.layer.failNext = { kind: 'medium-error', lba: 1, write: false };
  host.run([0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
  const writes = parameters(host.run(log(2)).data);
  t.same([...writes.keys()], [0, 1, 2, 3, 4, 5, 6]);
  t.equal(writes.get(5), 1536n);
  t.equal(writes.get(6), 0n);
  const reads = parameters(host.run(log(3)).data);
  t.equal(reads.get(5), 1024n);
  t.equal(reads.get(6), 1n);
  t.ok(
    [...parameters(host.run(log(3, { pc: 3 })).data).values()].every((value) => value === 0n),
    'defaults',
  );
});

t.test('temperature and cycles', async (t) => {
  const host = new Rig().host('a');
  t.same([...host.run(log(0x0d)).data], [0x8d, 0, 0, 12, 0, 0, 3, 2, 0, 25, 0, 1, 3, 2, 0, 60]);
  t.equal(parameters(host.run(log(0x0e)).data).get(4), 1n);
  host.run([0x1b, 0, 0, 0, 0, 0]);
  host.run([0x1b, 0, 0, 0, 1, 0]);
  t.equal(parameters(host.run(log(0x0e)).data).get(4), 2n);
});

t.test('parameter pointer and allocation length', async (t) => {
  const host = new Rig().host('a');
  t.same([...parameters(host.run(log(2, { pointer: 5 })).data).keys()], [5, 6]);
  t.match(host.run(log(2, { pointer: 7 })).sense, inCdb(5));
  t.match(host.run(log(0, { pointer: 1 })).sense, inCdb(5));
  const whole = host.run(log(2)).data;
  for (const allocation of [0, 3, 4, 20]) {
    t.ok(host.run(log(2, { allocation })).data.equals(whole.subarray(0, allocation)));
  }
});

t.test('what is not there', async (t) => {
  const host = new Rig().host('a');
  t.match(host.run(log(0x15)).sense, inCdb(2, 5));
  t.match(host.run(log(0x02, { subpage: 1 })).sense, inCdb(3));
  t.match(host.run(log(0x00, { subpage: 1 })).sense, inCdb(3));
  t.match(host.run(log(0x02, { pc: 0 })).sense, inCdb(2, 7), 'thresholds');
  t.match(host.run(log(0x02, { flags: 1 })).sense, inCdb(1, 0), 'SP');
  t.match(host.run(log(0x02, { flags: 2 })).sense, inCdb(1, 1), 'PPC');
});
