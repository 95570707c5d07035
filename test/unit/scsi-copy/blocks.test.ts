/** EXTENDED COPY from block device to block device: both formats, DC, block sizes, holes, overlaps, pieces. */
import t from 'tap';
import { pattern } from '../scsi-block/harness.js';
import { blocks, CopyRig, copy, cscd, image, inSegment, OWN_UNIT } from './copy-rig.js';

t.test('LID1 and LID4 copy the same', async (t) => {
  for (const format of ['lid1', 'lid4'] as const) {
    const rig = new CopyRig();
    const [from, to] = rig.layers;
    pattern(20 * 512).copy(from!.data, 10 * 512);
    from!.mapped.fill(true, 10, 30);
    // In LID4 the first CSCD descriptor has ID 1.
    const ids = format === 'lid1' ? { source: 0, destination: 1 } : { source: 1, destination: 2 };
    const { status } = copy(rig.host('a'), { format, segments: [blocks(20, 10, 100, ids)] });
    t.equal(status, 0);
    t.ok(to!.view(100, 20).equals(from!.view(10, 20)), format);
    t.equal(to!.mapped.filter(Boolean).length, 20, 'and nothing else');
    t.equal(from!.pinned, 0);
    t.equal(to!.lastIo?.priority, 'background');
    t.equal(to!.lastIo?.initiator, 'iqn.2000-01.test:a');
  }
});

t.test('no list, and lists without segments, do nothing', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  t.equal(host.run([0x83, ...new Array<number>(15).fill(0)]).status, 0);
  t.equal(copy(host, { segments: [] }).status, 0);
  t.equal(copy(host, { segments: [blocks(0, 5000, 5000)] }).status, 0, 'zero blocks, from anywhere');
  t.same(
    rig.layers.map(({ calls }) => calls),
    [[], []],
  );
});

t.test('several segments, within one unit, by FFFFh too', async (t) => {
  const rig = new CopyRig();
  const [layer] = rig.layers;
  layer!.fill(0, 4, 0xaa);
  const segments = [
    blocks(4, 0, 100, { destination: 0 }),
    blocks(2, 100, 200, { source: OWN_UNIT, destination: OWN_UNIT }),
  ];
  t.equal(copy(rig.host('a'), { cscds: [cscd(0)], segments }).status, 0);
  t.ok(layer!.view(200, 2).every((byte) => byte === 0xaa));
  t.equal(layer!.mapped[202], false);
});

t.test('DC: whose blocks are counted', async (t) => {
  for (const [dc, sizes, written] of [
    [false, [4096, 512], 16],
    [true, [4096, 512], 2],
    [false, [512, 4096], 2],
    [true, [512, 4096], 16],
  ] as const) {
    const rig = new CopyRig(sizes.map((blockSize) => ({ blockSize, blocks: 256 })));
    const [from, to] = rig.layers;
    pattern(from!.data.length).copy(from!.data);
    from!.mapped.fill(true);
    const count = !dc && sizes[0] === 512 ? 16 : dc && sizes[0] === 512 ? 16 : 2;
    // 4096 to 512 counted in the destination's blocks: 2 are a part of a source block, which CAT lets pass.
    const { status } = copy(rig.host('a'), { segments: [blocks(count, 1, 3, { dc, cat: true })] });
    t.equal(status, 0);
    t.equal(to!.mapped.filter(Boolean).length, written, `${dc} ${sizes}`);
    const bytes = written * sizes[1];
    t.ok(to!.view(3, written).equals(from!.data.subarray(sizes[0], sizes[0] + bytes)));
  }
});

t.test('deallocated blocks become holes, or zeros where there are none', async (t) => {
  for (const thin of [true, false]) {
    const rig = new CopyRig([{ blocks: 8192 }, { blocks: 8192, thin }]);
    const [from, to] = rig.layers;
    from!.fill(100, 8, 0x11);
    from!.fill(4000, 8, 0x22);
    to!.fill(0, 8192, 0xff);
    t.equal(copy(rig.host('a'), { segments: [blocks(8192, 0, 0)] }).status, 0);
    t.ok(to!.data.equals(from!.data));
    if (thin) t.same(to!.mapped, from!.mapped, 'what is not allocated is not allocated there');
    t.equal(from!.calls.filter((call) => call.startsWith('read')).join(), 'read 100+8,read 4000+8');
  }
});

t.test('a copy of nothing allocates nothing', async (t) => {
  const rig = new CopyRig([{ blocks: 65536 }, { blocks: 65536 }]);
  t.equal(copy(rig.host('a'), { segments: [blocks(65535, 0, 0)] }).status, 0);
  t.equal(rig.layers[1]!.mapped.includes(true), false);
  t.same(rig.layers[0]!.calls, [], 'and reads nothing');
});

t.test('fully provisioned sources are read as a whole', async (t) => {
  const rig = new CopyRig([{ thin: false }, {}]);
  rig.layers[0]!.view(0, 8).fill(7);
  t.equal(copy(rig.host('a'), { segments: [blocks(8, 0, 0)] }).status, 0);
  t.ok(rig.layers[1]!.view(0, 8).equals(rig.layers[0]!.view(0, 8)));
});

t.test('large segments go in pieces', async (t) => {
  const rig = new CopyRig([{ blocks: 8192 }, { blocks: 8192 }]);
  const [from, to] = rig.layers;
  pattern(from!.data.length, 3).copy(from!.data);
  from!.mapped.fill(true);
  t.equal(copy(rig.host('a'), { segments: [blocks(5000, 8, 16)] }).status, 0);
  t.ok(to!.view(16, 5000).equals(from!.view(8, 5000)));
  t.same(
    to!.calls.filter((call) => call.startsWith('write')),
    ['write 16+2048', 'write 2064+2048', 'write 4112+904'],
  );
});

t.test('source and destination overlap: as if all had been read first', async (t) => {
  for (const [from, to] of [
    [0, 1],
    [0, 3000],
    [1, 0],
    [3000, 10],
    [5, 5],
  ] as const) {
    const rig = new CopyRig([{ blocks: 16384 }, {}]);
    const [layer] = rig.layers;
    pattern(layer!.data.length, 5).copy(layer!.data);
    layer!.mapped.fill(true);
    layer!.mapped.fill(false, from + 4000, from + 4100);
    layer!.view(from + 4000, 100).fill(0);
    const before = Buffer.from(layer!.view(from, 6000));
    t.equal(copy(rig.host('a'), { segments: [blocks(6000, from, to, { destination: 0 })] }).status, 0);
    t.ok(layer!.view(to, 6000).equals(before), `${from} to ${to}`);
  }
});

t.test('image copy: the number of blocks, or up to the end of either unit', async (t) => {
  const rig = new CopyRig([{ blocks: 100 }, { blocks: 60 }]);
  const [from, to] = rig.layers;
  pattern(from!.data.length).copy(from!.data);
  from!.mapped.fill(true);
  const host = rig.host('a');
  t.equal(copy(host, { segments: [image(5, 1, 2)] }).status, 0);
  t.equal(to!.mapped.filter(Boolean).length, 5);
  t.equal(copy(host, { segments: [image(0, 10, 20)] }).status, 0);
  t.ok(to!.view(20, 40).equals(from!.view(10, 40)), 'the destination ends first');
  t.equal(copy(host, { segments: [image(0, 95, 20)] }).status, 0);
  t.ok(to!.view(20, 5).equals(from!.view(95, 5)), 'the source ends first');
  t.match(copy(host, { segments: [image(1, 100, 0)] }).sense, { name: 'copy-segment-field', field: inSegment(8) });
  t.match(copy(host, { segments: [image(1, 0, 60)] }).sense, { name: 'copy-segment-field', field: inSegment(16) });
  const mixed = new CopyRig([{}, { blockSize: 4096 }]);
  t.match(copy(mixed.host('a'), { segments: [image(1, 0, 0)] }).sense, {
    name: 'incorrect-copy-target-type',
    segment: 0,
  });
});
