/** The Application Tag mode page (SBC-4 6.5.3): its descriptors, and what they have checked. */
import t from 'tap';
import { silentLog } from '../../../target/base/log.js';
import { seededRandom } from '../../../target/base/random.js';
import { ApplicationTags } from '../../../target/scsi/application-tags.js';
import { modePageDefinitionsOf } from '../../../target/scsi/mode-definitions-of.js';
import { ModePages } from '../../../target/scsi/mode-state.js';
import type { Ldev } from '../../../target/volumes/model.js';
import { orwrite32 } from '../../../wire/scsi/cdb-build.js';
import { cdb, pattern } from '../scsi-block/harness.js';
import { longCdb, MADE, protect, protectedBlocks } from '../scsi-block/protection.js';
import { type Host, inCdb, inList, MemoryStore, Rig, type RigOptions } from './rig.js';

interface Descriptor {
  readonly last?: boolean;
  readonly tag?: number;
  readonly lba: number;
  readonly blocks: number;
}

const HEADER = 8;
const at = (index: number, byte = 0) => HEADER + 16 + 24 * index + byte;
const BLOCKS = 1024;
const failed = (lba: number, key = 0x0b) => ({ key, asc: 0x1002, information: lba });

function tagPage(...descriptors: readonly Descriptor[]): Buffer {
  const page = Buffer.alloc(400);
  page.set([0x4a, 0x02, 396 >> 8, 396 & 0xff]);
  for (const [index, { last = false, tag = 0, lba, blocks }] of descriptors.entries()) {
    const from = at(index) - HEADER;
    page[from] = last ? 0x80 : 0;
    page.writeUInt16BE(tag, from + 6);
    page.writeBigUInt64BE(BigInt(lba), from + 8);
    page.writeBigUInt64BE(BigInt(blocks), from + 16);
  }
  return page;
}

const control = (enabled: boolean) => Buffer.from([0x0a, 0x0a, 0, 0, 0, enabled ? 0xa0 : 0x80, 0, 0, 0, 0, 0, 1]);

function select(host: Host, pages: readonly Buffer[], flags = 0x10) {
  const list = Buffer.concat([Buffer.alloc(HEADER), ...pages]);
  return host.run([0x55, flags, 0, 0, 0, 0, 0, list.length >> 8, list.length & 0xff, 0], list);
}

const sense = (host: Host, pc = 0) => host.run([0x5a, 8, (pc << 6) | 0x0a, 0x02, 0, 0, 0, 2, 0, 0]).data.subarray(8);

const THREE = tagPage(
  { tag: 0x1111, lba: 0, blocks: 100 },
  { lba: 77, blocks: 0, last: true },
  { tag: 0x2222, lba: 100, blocks: 200 },
  { tag: 0x3333, lba: 300, blocks: 724, last: true },
);

/** A host of a logical unit on which THREE is enabled. */
function enabled(options: RigOptions = {}) {
  const rig = new Rig({ protection: 1, blocks: BLOCKS, ...options });
  const host = rig.host('a');
  if (select(host, [THREE, control(true)]).sense !== null) throw new Error('MODE SELECT failed');
  return { rig, host };
}

t.test('it is there with protection information', async (t) => {
  const plain = new Rig().host('a');
  t.match(plain.run([0x5a, 8, 0x0a, 0x02, 0, 0, 0, 2, 0, 0]).sense, inCdb(3));
  t.match(select(plain, [THREE]).sense, inList(HEADER + 1));
  t.match(select(plain, [control(true)]).sense, inList(HEADER + 5, 5), 'nor is ATMPE');
  const host = new Rig({ protection: 3 }).host('a');
  t.same([...sense(host).subarray(0, 4)], [0xca, 0x02, 1, 0x8c]);
  t.ok(sense(host).subarray(4).equals(Buffer.alloc(396)));
  t.match(select(host, [control(true)]).sense, null);
});

t.test('it is taken as it was sent, told to others, saved', async (t) => {
  const { rig, host } = enabled();
  const other = rig.host('b');
  t.ok(sense(host).subarray(4).equals(THREE.subarray(4)));
  const one = tagPage({ tag: 5, lba: 0, blocks: BLOCKS, last: true });
  t.equal(select(host, [one], 0x11).sense, null);
  t.same(other.attentions(), ['mode-parameters-changed']);
  host.manage('logical-unit-reset');
  host.attentions();
  t.ok(sense(host).subarray(4).equals(one.subarray(4)));
  const restarted = new Rig({ protection: 1, blocks: BLOCKS, store: rig.store }).host('a');
  t.ok(sense(restarted, 3).subarray(4).equals(one.subarray(4)));
  select(restarted, [control(true)]);
  const block = protectedBlocks(pattern(512), 9, { applicationTag: 6 });
  t.match(restarted.run(cdb(0x2a, 9, 1, protect(1)), block).sense, failed(9), 'what was saved holds');
});

t.test('ranges that do not fit are refused and pointed at', async (t) => {
  const host = new Rig({ protection: 1, blocks: BLOCKS }).host('a');
  const end = { lba: 100, blocks: 924, last: true };
  const [lba, count] = [8, 16];
  const wrong: [string, Descriptor[], ReturnType<typeof inList>][] = [
    ['not from LBA 0', [{ lba: 1, blocks: 1023, last: true }], inList(at(0, lba))],
    ['a gap', [{ lba: 0, blocks: 99 }, end], inList(at(1, lba))],
    ['an overlap', [{ lba: 0, blocks: 101 }, end], inList(at(1, lba))],
    ['the wrong order', [end, { lba: 0, blocks: 100 }], inList(at(0, lba))],
    ['past the end', [{ lba: 0, blocks: 1025, last: true }], inList(at(0, count))],
    ['far past the end', [{ lba: 0, blocks: 2 ** 52 }, end], inList(at(0, count))],
    ['LAST before the end', [{ lba: 0, blocks: 1022, last: true }], inList(at(0, count))],
    [
      'LAST that is not the last',
      [
        { lba: 0, blocks: 1023, last: true },
        { lba: 1023, blocks: 1 },
      ],
      inList(at(0), 7),
    ],
    [
      'no LAST',
      [
        { lba: 0, blocks: 100 },
        { lba: 100, blocks: 924 },
      ],
      inList(at(1), 7),
    ],
  ];
  for (const [what, descriptors, pointer] of wrong) {
    t.match(select(host, [tagPage(...descriptors)]).sense, pointer, what);
  }
  const huge = tagPage({ lba: 0, blocks: 1, last: true });
  huge.fill(0xff, at(0, count) - HEADER, at(0, count) - HEADER + 8);
  t.match(select(host, [huge]).sense, inList(at(0, count)), '2^64 - 1');
  const reserved = tagPage({ lba: 0, blocks: 1024, last: true });
  reserved[at(0, 1) - HEADER] = 1;
  t.match(select(host, [reserved]).sense, inList(at(0, 1), 0));
  const short = Buffer.from(THREE.subarray(0, 376));
  short.writeUInt16BE(372, 2);
  t.match(select(host, [short]).sense, inList(HEADER + 3), 'PAGE LENGTH');
  t.ok(sense(host).subarray(4).equals(Buffer.alloc(396)), 'nothing was taken over');
  t.equal(select(host, [tagPage({ lba: 0, blocks: 1023, last: true })]).sense, null, 'as SBC-4 counts');
  t.equal(select(host, [tagPage()]).sense, null, 'none');
});

t.test('WRITE and READ of 10, 12 and 16 bytes', async (t) => {
  for (const [write, read] of [
    [0x2a, 0x28],
    [0xaa, 0xa8],
    [0x8a, 0x88],
  ] as const) {
    const { host } = enabled();
    const two = Buffer.concat([
      protectedBlocks(pattern(512), 99, { applicationTag: 0x1111 }),
      protectedBlocks(pattern(512), 100, { applicationTag: 0x2222 }),
    ]);
    t.equal(host.run(cdb(write, 99, 2, protect(1)), two).sense, null);
    for (const value of [0, 1, 2, 3, 4, 5]) t.equal(host.run(cdb(read, 99, 2, protect(value))).sense, null);
    const wrong = protectedBlocks(pattern(1024), 99, { applicationTag: 0x1111 });
    for (const value of [1, 2, 5]) t.match(host.run(cdb(write, 99, 2, protect(value)), wrong).sense, failed(100));
    t.equal(host.run(cdb(write, 99, 2, protect(3)), wrong).sense, null, 'WRPROTECT 011b checks nothing');
    for (const value of [0, 1, 2, 5]) t.match(host.run(cdb(read, 99, 2, protect(value))).sense, failed(100));
    for (const value of [3, 4]) t.equal(host.run(cdb(read, 99, 2, protect(value))).sense, null);
    t.equal(host.run(cdb(write, 100, 1), pattern(512)).sense, null, 'without information it has FFFFh');
    t.ok(host.run(cdb(read, 100, 1, protect(1))).data.equals(protectedBlocks(pattern(512), 100, MADE)));
    const last = protectedBlocks(pattern(512), 1023, { applicationTag: 0x3333 });
    t.equal(host.run(cdb(write, 1023, 1, protect(1)), last).sense, null);
    t.match(host.run(cdb(write, 1022, 1, protect(1)), protectedBlocks(pattern(512), 1022)).sense, failed(1022));
  }
});

t.test('without ATMPE, or without descriptors, nothing is known', async (t) => {
  const { host } = enabled();
  const block = protectedBlocks(pattern(512), 5, { applicationTag: 7 });
  const write = () => host.run(cdb(0x2a, 5, 1, protect(1)), block).sense;
  t.match(write(), failed(5));
  select(host, [control(false)]);
  t.equal(write(), null);
  t.equal(host.run(cdb(0x28, 5, 1)).sense, null);
  select(host, [control(true)]);
  t.match(host.run(cdb(0x28, 5, 1)).sense, failed(5), 'what was written meanwhile');
  select(host, [tagPage()]);
  t.equal(write(), null);
});

t.test('the last range reaches to the end, also when SBC-4 leaves out the last block', async (t) => {
  const { host } = enabled();
  select(host, [tagPage({ tag: 9, lba: 0, blocks: 1023, last: true })]);
  t.match(host.run(cdb(0x2a, 1023, 1, protect(1)), protectedBlocks(pattern(512), 1023)).sense, failed(1023));
});

t.test('VERIFY, WRITE AND VERIFY, COMPARE AND WRITE, WRITE SCATTERED, ORWRITE', async (t) => {
  const { host } = enabled();
  const [good, bad] = [0x1111, 0x2222].map((applicationTag) => protectedBlocks(pattern(512), 4, { applicationTag }));
  t.match(host.run(cdb(0x2e, 4, 1, protect(1)), bad!).sense, failed(4));
  t.equal(host.run(cdb(0x2e, 4, 1, protect(1)), good!).sense, null);
  t.equal(host.run(cdb(0x2f, 4, 1, protect(1))).sense, null);
  t.match(host.run(cdb(0x2f, 4, 1, protect(1) | 2), bad!).sense, failed(4));
  const compare = cdb(0x89, 4, 0, protect(1));
  compare[13] = 1;
  t.match(host.run(compare, Buffer.concat([good!, bad!])).sense, failed(4));
  const scattered = Buffer.from([0x9f, 0x12, protect(1), 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0]);
  const list = Buffer.alloc(520);
  list.writeBigUInt64BE(4n, 32);
  list.writeUInt32BE(1, 40);
  t.match(host.run(scattered, Buffer.concat([list, bad!])).sense, failed(4));
  t.equal(host.run(scattered, Buffer.concat([list, good!])).sense, null);
  t.match(host.run(cdb(0x8b, 4, 1, protect(1)), bad!).sense, failed(4));
  t.match(host.run(orwrite32(4, 1, { expected: 0 }, { protect: 1 }), bad!).sense, failed(4));
  t.equal(host.run(orwrite32(4, 1, { expected: 0 }, { protect: 1 }), good!).sense, null);
  host.run(cdb(0x2a, 4, 1, protect(3)), bad!);
  t.match(host.run(cdb(0x2f, 4, 1)).sense, failed(4), 'VERIFY of what is stored');
  t.match(host.run(cdb(0x8b, 4, 1), pattern(512)).sense, failed(4), 'ORWRITE, too');
});

t.test('WRITE SAME: one block for ranges that want other tags', async (t) => {
  const { host } = enabled();
  const same = (lba: number, applicationTag: number, value = 1, count = 250) =>
    host.run(cdb(0x93, lba, count, protect(value)), protectedBlocks(pattern(512), lba, { applicationTag })).sense;
  t.match(same(90, 0x1111), failed(100));
  t.match(same(90, 0x2222), failed(90));
  t.match(same(100, 0x2222), failed(300));
  t.equal(same(100, 0x2222, 1, 200), null);
  t.equal(same(90, 0x1111, 3), null, 'not checked');
  t.equal(same(90, 0xffff), null, '"unchecked"');
});

t.test('CDBs of 32 bytes have tags of their own', async (t) => {
  const { host } = enabled({ protection: 2 });
  const fields = { lba: 4, length: 1, options: protect(1), referenceTag: 8, applicationTag: 0x77, mask: 0xffff };
  const block = protectedBlocks(pattern(512), 8, { applicationTag: 0x77 });
  t.equal(host.run(longCdb(0x0b, fields), block).sense, null);
  t.equal(host.run(longCdb(0x09, fields)).sense, null);
  t.match(host.run(cdb(0x28, 4, 1)).sense, failed(4), 'READ(10) goes by the page');
});

t.test('a format brings the page, and takes it away', async (t) => {
  const store = new MemoryStore();
  const ldev = (protection: 0 | 1 | 2) => ({ protection, tape: false }) as Ldev;
  const modes = new ModePages(0, store, silentLog, modePageDefinitionsOf(ldev(1)));
  const page = () => modes.find(0x0a, 0x02);
  const controls = () => modes.find(0x0a, 0)!;
  const set = (values: Buffer, bytes: Buffer) => {
    bytes.copy(values, 4, 4);
    return values;
  };
  const writeProtected = Buffer.from(controls().current);
  writeProtected.set([0x08, 0xa0], 4);
  const change = new Map([
    [page()!, set(Buffer.from(page()!.current), THREE)],
    [controls(), writeProtected],
  ]);
  t.ok(modes.change(change, true));
  t.equal(modes.applicationTags?.of(150), 0x2222);
  modes.formatted(ldev(2));
  t.equal(modes.applicationTags?.of(150), 0x2222, 'another type: as it was');
  modes.formatted(ldev(0));
  t.equal(page(), null);
  t.equal(modes.applicationTags, null);
  t.same([...controls().current.subarray(4, 6)], [0x08, 0x80], 'ATMPE went, SWP stayed');
  modes.formatted(ldev(1));
  t.ok(page()!.current.subarray(4).equals(THREE.subarray(4)), 'what was saved');
  t.equal(modes.applicationTags, null, 'ATMPE is off until the saved values come back');
  modes.reset();
  t.equal(modes.applicationTags?.of(1023), 0x3333);
});

t.test('tags by block, against a list of all of them', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
  t.comment(`LUNARRAY_SEED=${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const blocks: number[] = [];
    const ranges: { lba: number; tag: number }[] = [];
    for (let i = random.below(16); i >= 0; i--) {
      const tag = random.below(3);
      ranges.push({ lba: blocks.length, tag });
      for (let left = random.below(5); left >= 0; left--) blocks.push(tag);
    }
    const tags = new ApplicationTags(ranges);
    if (blocks.some((tag, lba) => tags.of(lba) !== tag)) t.fail(`round ${round}: of`);
    const [tag, lba] = [random.below(3), random.below(blocks.length)];
    const count = 1 + random.below(blocks.length - lba);
    const other = blocks.slice(lba, lba + count).findIndex((each) => each !== tag);
    t.equal(tags.firstOther(tag, lba, count), other < 0 ? null : lba + other, `round ${round}`);
  }
});
