/** Segments that do not fit whole blocks: CAT, PAD, byte offsets (SPC-5 table 116), against a model. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { pattern } from '../scsi-block/harness.js';
import { blocks, bytes, CopyRig, copy, cscd, inSegment } from './copy-rig.js';

/** 512-byte blocks into 4096-byte ones or the other way round, the source filled. */
function mixed(from: 512 | 4096) {
  const rig = new CopyRig([
    { blockSize: from, blocks: 64 },
    { blockSize: from === 512 ? 4096 : 512, blocks: 64 },
  ]);
  const [source, destination] = rig.layers;
  pattern(source!.data.length, 9).copy(source!.data);
  source!.mapped.fill(true);
  destination!.data.fill(0xee);
  destination!.mapped.fill(true);
  return { rig, host: rig.host('a'), source: source!.data, destination: destination!.data };
}

const pads = (source: boolean, destination: boolean) => [cscd(0, { pad: source }), cscd(1, { pad: destination })];

t.test('neither CAT nor PAD: an inexact segment is refused, and nothing written', async (t) => {
  const small = mixed(512);
  t.match(copy(small.host, { segments: [blocks(9, 0, 0)] }).sense, {
    name: 'unexpected-inexact-segment',
    key: 0xa,
    segment: 0,
  });
  const large = mixed(4096);
  t.match(copy(large.host, { segments: [blocks(8, 0, 0), blocks(9, 0, 0, { dc: true })] }).sense, {
    name: 'unexpected-inexact-segment',
    segment: 1,
  });
  t.ok(small.destination.every((byte) => byte === 0xee));
  t.equal(copy(small.host, { segments: [blocks(16, 0, 0)] }).status, 0, 'an exact one goes through');
});

t.test('PAD of the destination fills the last block with zeros', async (t) => {
  for (const source of [false, true]) {
    const { host, source: from, destination: to } = mixed(512);
    t.equal(copy(host, { cscds: pads(source, true), segments: [blocks(9, 2, 1)] }).status, 0);
    t.ok(to.subarray(4096, 4096 + 9 * 512).equals(from.subarray(1024, 1024 + 9 * 512)));
    t.ok(to.subarray(4096 + 9 * 512, 3 * 4096).every((byte) => byte === 0));
    t.equal(to[3 * 4096], 0xee);
  }
});

t.test('PAD of the source alone strips what is left over', async (t) => {
  const { host, source, destination } = mixed(512);
  t.equal(copy(host, { cscds: pads(true, false), segments: [blocks(9, 0, 0), blocks(8, 16, 1)] }).status, 0);
  t.ok(destination.subarray(0, 4096).equals(source.subarray(0, 4096)));
  t.ok(destination.subarray(4096, 8192).equals(source.subarray(8192, 12288)), 'the next segment begins afresh');
  const counted = mixed(4096);
  t.equal(copy(counted.host, { cscds: pads(true, false), segments: [blocks(9, 0, 0, { dc: true })] }).status, 0);
  t.ok(counted.destination.subarray(0, 9 * 512).equals(counted.source.subarray(0, 9 * 512)));
  t.equal(counted.destination[9 * 512], 0xee);
});

t.test('PAD of the destination alone keeps left-over source data', async (t) => {
  const { host, source, destination } = mixed(4096);
  const segments = [blocks(3, 0, 0, { dc: true }), blocks(3, 5, 10, { dc: true })];
  t.equal(copy(host, { cscds: pads(false, true), segments }).status, 0);
  t.ok(destination.subarray(10 * 512, 13 * 512).equals(source.subarray(3 * 512, 6 * 512)), 'it comes first');
});

t.test('CAT: left-over data goes before that of the next segment, whatever its ends', async (t) => {
  const { host, source, destination } = mixed(512);
  const segments = [blocks(3, 0, 0, { cat: true }), blocks(2, 20, 7, { cat: true }), blocks(3, 40, 9)];
  t.equal(copy(host, { segments }).status, 0);
  const whole = Buffer.concat([source.subarray(0, 1536), source.subarray(10240, 11264), source.subarray(20480, 22016)]);
  t.ok(destination.subarray(9 * 4096, 10 * 4096).equals(whole));
  t.equal(destination[7 * 4096], 0xee, 'there was no whole block before');
  t.equal(copy(host, { segments: [blocks(9, 0, 0, { cat: true })] }).status, 0, 'after the last one it is dropped');
});

t.test('byte offsets: what stands before and behind stays', async (t) => {
  const { host, source, destination } = mixed(512);
  t.equal(copy(host, { segments: [bytes(5000, [3, 100], [2, 4000])] }).status, 0);
  const start = 2 * 4096 + 4000;
  t.ok(destination.subarray(start, start + 5000).equals(source.subarray(3 * 512 + 100, 3 * 512 + 5100)));
  t.ok(destination.subarray(0, start).every((byte) => byte === 0xee));
  t.ok(destination.subarray(start + 5000).every((byte) => byte === 0xee));
  t.equal(copy(host, { segments: [bytes(0, [9999, 0], [9999, 0])] }).status, 0, 'no bytes, from anywhere');
  const invalid = { name: 'copy-invalid-field', key: 0xa };
  t.match(copy(host, { segments: [bytes(1, [0, 512], [0, 0])] }).sense, { ...invalid, field: inSegment(28) });
  t.match(copy(host, { segments: [bytes(1, [0, 0], [0, 4096])] }).sense, { ...invalid, field: inSegment(30) });
  t.match(copy(host, { segments: [bytes(513, [63, 0], [0, 0])] }).sense, {
    name: 'copy-segment-field',
    field: inSegment(12),
  });
  t.match(copy(host, { segments: [bytes(2, [0, 0], [63, 4095])] }).sense, { field: inSegment(20) });
});

t.test('byte offsets: what a host writes to the block meanwhile is not lost', async (t) => {
  const { rig, host, source, destination } = mixed(512);
  const layer = rig.layers[1]!;
  const read = layer.read.bind(layer);
  let overtaken = false;
  layer.read = (io, lba, count, done) => {
    if (!overtaken) {
      overtaken = true;
      read(io, lba, count, (...reply) => {
        destination[0] = 0x77;
        done(...reply);
      });
      return;
    }
    read(io, lba, count, done);
  };
  t.equal(copy(host, { segments: [bytes(10, [0, 0], [0, 100])] }).status, 0);
  t.equal(destination[0], 0x77);
  t.ok(destination.subarray(100, 110).equals(source.subarray(0, 10)));
});

/** The rules of SPC-5 5.17.7.2 on plain buffers, byte for byte. */
function model(random: ReturnType<typeof seededRandom>, sizes: readonly [number, number], data: Buffer, into: Buffer) {
  let left = { source: Buffer.alloc(0), destination: Buffer.alloc(0) };
  const segments: Buffer[] = [];
  for (let i = 0; i < 6; i++) {
    const dc = random.below(2) === 0;
    const count = random.below(20);
    const [sourceLba, destinationLba] = [random.below(20), random.below(8)];
    if (random.below(3) === 0) {
      const length = random.below(9000);
      const [sourceOffset, destinationOffset] = [random.below(sizes[0]), random.below(sizes[1])];
      const from = sourceLba * sizes[0] + sourceOffset;
      const row = Buffer.concat([left.destination, left.source, data.subarray(from, from + length)]);
      row.copy(into, destinationLba * sizes[1] + destinationOffset, 0, length);
      const rest = row.subarray(length);
      left = { destination: rest.subarray(0, left.destination.length), source: rest.subarray(left.destination.length) };
      segments.push(bytes(length, [sourceLba, sourceOffset], [destinationLba, destinationOffset], { cat: true }));
      continue;
    }
    const head = left.destination.length;
    const processed = dc ? Math.max(0, count * sizes[1] - head) : count * sizes[0];
    const missing = Math.max(0, processed - left.source.length);
    const from = sourceLba * sizes[0];
    const read = Math.ceil(missing / sizes[0]) * sizes[0];
    const row = Buffer.concat([left.destination, left.source, data.subarray(from, from + read)]);
    const written = dc ? count * sizes[1] : Math.floor((head + processed) / sizes[1]) * sizes[1];
    row.copy(into, destinationLba * sizes[1], 0, written);
    left = {
      destination: row.subarray(written, head + processed),
      source: row.subarray(Math.max(written, head + processed)),
    };
    segments.push(blocks(count, sourceLba, destinationLba, { dc, cat: true }));
  }
  return segments;
}

for (const seed of [21, 22, 23]) {
  t.test(`any segments with CAT, seed ${seed}: as the model has it`, async (t) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 150; round++) {
      const sizes = [random.below(2) ? 512 : 4096, random.below(2) ? 512 : 4096] as const;
      const rig = new CopyRig(sizes.map((blockSize) => ({ blockSize, blocks: 262_144 / blockSize })));
      const [source, destination] = rig.layers;
      for (let at = 0; at < 64; at += 4) if (random.below(3) !== 0) source!.fill(at, 4, 1 + random.below(255));
      const expected = Buffer.from(destination!.data);
      const segments = model(random, sizes, source!.data, expected);
      const { status, sense } = copy(rig.host('a'), { segments });
      if (status !== 0 || !destination!.data.equals(expected)) t.fail(`round ${round}: ${sense?.name} ${sizes}`);
      if (source!.pinned + destination!.pinned !== 0) t.fail(`round ${round}: pinned`);
    }
    t.pass('150 lists');
  });
}
