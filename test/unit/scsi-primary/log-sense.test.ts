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
  t.same(
    [...host.run(log(0)).data],
    [0x80, 0, 0, 11, 0x00, 0x02, 0x03, 0x05, 0x0d, 0x0e, 0x15, 0x19, 0x1a, 0x2f, 0x30],
  );
  const all = host.run(log(0, { subpage: 0xff })).data;
  const pairs = [0, 0, 2, 0, 3, 0, 5, 0, 0x0d, 0, 0x0e, 0, 0x15, 0, 0x19, 0, 0x1a, 0, 0x2f, 0, 0x30, 0, 0, 0xff];
  t.same([...all], [0xc0, 0xff, 0, 24, ...pairs]);
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

t.test('verify errors', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  host.run([0x2f, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
  rig.layer.failNext = { kind: 'medium-error', lba: 1, write: false };
  host.run([0x2f, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
  const verifies = parameters(host.run(log(5)).data);
  t.equal(verifies.get(5), 2048n);
  t.equal(verifies.get(6), 1n);
});

t.test('general statistics: commands, blocks, time in microseconds', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  host.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 3, 0], Buffer.alloc(3 * 512));
  rig.layer.held = [];
  for (const block of [0, 1]) host.start(Buffer.from([0x28, 0, 0, 0, 0, block, 0, 0, 2, 0]));
  rig.clock.advance(5);
  rig.layer.complete();
  const { data } = host.run(log(0x19));
  t.equal(data.length, 4 + 4 + 64 + 4 + 8);
  t.same([...data.subarray(4, 8)], [0, 1, 2, 64], 'unbounded counter');
  const values = Array.from({ length: 8 }, (_, index) => Number(data.readBigUInt64BE(8 + 8 * index)));
  t.same(values, [2, 1, 3, 4, 10_000, 0, 0, 0]);
  t.same([...data.subarray(72)], [0, 3, 3, 8, 0, 0, 0, 6, 0, 0, 0, 1], 'intervals of a microsecond');
});

t.test('background scan: what scrubs of the drives have done', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  rig.clock.advance(180_000);
  const scan = (fields: readonly number[]) => [0x95, 0, 0, 16, 0, 0, 3, 12, 0, 0, 0, 3, 0, ...fields];
  t.same([...host.run(log(0x15)).data], scan([0, 0, 0, 0, 0, 0, 0]));
  Object.assign(rig.ldevs.get(0)!, { mediumScan: { running: true, progress: 0.5, passes: 70_000 } });
  t.same([...host.run(log(0x15)).data], scan([1, 0xff, 0xff, 0x80, 0, 0xff, 0xff]));
});

t.test('logical block provisioning: resources in MiB, for thin LDEVs', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  t.match(host.run(log(0x0c)).sense, inCdb(2, 5), 'not told');
  const space = { assignedBytes: 64 * 2 ** 20, availableBytes: 2 ** 40 };
  Object.assign(rig.ldevs.get(0)!, { space });
  const { data } = host.run(log(0x0c));
  t.same([...data], [0x8c, 0, 0, 24, 0, 1, 3, 8, 0, 0x10, 0, 0, 2, 0, 0, 0, 0, 2, 3, 8, 0, 0, 0, 64, 1, 0, 0, 0]);
  t.ok([...host.run(log(0)).data].includes(0x0c));
  const full = new Rig({ thin: false });
  Object.assign(full.ldevs.get(0)!, { space });
  t.match(full.host('a').run(log(0x0c)).sense, inCdb(2, 5));
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
  t.match(host.run(log(0x16)).sense, inCdb(2, 5));
  t.match(host.run(log(0x02, { subpage: 1 })).sense, inCdb(3));
  t.match(host.run(log(0x00, { subpage: 1 })).sense, inCdb(3));
  t.match(host.run(log(0x02, { pc: 0 })).sense, inCdb(2, 7), 'thresholds');
  t.match(host.run(log(0x02, { flags: 1 })).sense, inCdb(1, 0), 'SP');
  t.match(host.run(log(0x02, { flags: 2 })).sense, inCdb(1, 1), 'PPC');
});
