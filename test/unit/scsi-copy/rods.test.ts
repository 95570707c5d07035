/** RODs within EXTENDED COPY: populated, read by segments of all kinds, made of tokens and made into tokens. */
import t from 'tap';
import { encodeVerifySegment } from '../../../wire/scsi/copy-segments.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { decodeRodToken, RodType, zeroRodToken } from '../../../wire/scsi/rod-token.js';
import { Status } from '../../../wire/scsi/status.js';
import { pattern } from '../scsi-block/harness.js';
import { blocks, bytes, copy, cscd, image, inCopyList, OWN_UNIT, receive } from './copy-rig.js';
import { populateBy, populateByOne, ROD_AT, rod, withRod, withTokenRod } from './rod-rig.js';
import { blocksAndStream, recordsOf, TAPE } from './stream-rig.js';
import { allTokens, information, TokenRig, tokenFor, writeUsing } from './token-rig.js';

function rigged() {
  const rig = new TokenRig([{ blocks: 4096 }, { blocks: 4096 }]);
  const data = pattern(100 * 512);
  data.copy(rig.layers[0]!.data, 10 * 512);
  rig.layers[0]!.mapped.fill(true, 10, 110);
  const of = (lba: number, count: number) => data.subarray((lba - 10) * 512, (lba - 10 + count) * 512);
  const [source, target] = rig.layers as [(typeof rig.layers)[0], (typeof rig.layers)[0]];
  return { rig, host: rig.host('a'), data, of, source, target };
}

t.test('BEh, BFh: ranges in order are blocks from 0 on; 02h, 0Dh, 0Ah and 16h read them', async (t) => {
  const { host, of, target, rig } = rigged();
  const populating = [
    populateBy([
      [50, 4],
      [10, 0],
      [12, 8],
    ]),
    populateByOne([100, 4]),
  ];
  const expected = Buffer.concat([of(50, 4), of(12, 8), of(100, 4)]);
  const run = (segment: Buffer) => copy(host, { cscds: withRod(), segments: [...populating, segment] });
  t.equal(run(blocks(16, 0, 1000)).sense, null);
  t.ok(target.view(1000, 16).equals(expected));
  t.equal(run(blocks(10, 3, 2000, { hold: true })).sense, null);
  t.ok(target.view(2000, 10).equals(expected.subarray(3 * 512, 13 * 512)));
  t.ok(receive(host, CopyIn.data1, 1).data.subarray(4).equals(target.view(2000, 10)));
  t.equal(run(bytes(1000, [3, 500], [3000, 100])).sense, null);
  t.ok(
    target
      .view(3000, 3)
      .subarray(100, 1100)
      .equals(expected.subarray(3 * 512 + 500, 3 * 512 + 1500)),
  );
  t.equal(run(image(0, 2, 100)).sense, null);
  t.ok(target.view(100, 14).equals(expected.subarray(2 * 512)));
  t.notOk(target.mapped[114], 'to the end of the ROD');
  t.match(run(blocks(16, 1, 0)).sense, { name: 'copy-segment-field', segment: 2, field: { byte: 12 } });
  t.same(
    rig.images.map(({ alive }) => alive),
    [0, 0],
    'nothing is kept when the copy has ended',
  );
  t.equal(rig.layers[0]!.pinned, 0);
});

t.test('LID4: the same, in the background too', async (t) => {
  for (const immediate of [false, true]) {
    const { host, of, target } = rigged();
    const segments = [populateBy([[20, 8]], 1), blocks(8, 0, 0, { source: 1, destination: 2 })];
    t.equal(copy(host, { format: 'lid4', immediate, cscds: withRod(), segments }).sense, null);
    t.ok(target.view(0, 8).equals(of(20, 8)));
    t.match(information(host).status, { status: 1, segments: 2, bytes: 4096 });
  }
});

t.test('a point in time: what was there when it was populated, whatever the same list writes then', async (t) => {
  const { host, of, source } = rigged();
  const own = { source: 0, destination: OWN_UNIT };
  const segments = [
    populateBy([[10, 40]]),
    blocks(40, 0, 30, own),
    blocks(8, 0, 10, own),
    blocks(4, 36, 2000, own),
    populateBy([[30, 4]], 1),
    blocks(4, 0, 3000, { ...own, source: 1 }),
  ];
  t.equal(copy(host, { cscds: [rod(), rod()], segments }).sense, null);
  t.ok(source.view(30, 40).equals(of(10, 40)), 'onto itself, forwards');
  t.ok(source.view(2000, 4).equals(of(46, 4)), 'blocks that had been overwritten by then');
  t.ok(source.view(3000, 4).equals(of(10, 4)), 'another ROD has what was there later');
});

t.test('what holds nothing is not read and allocates nothing', async (t) => {
  const { host, target, source } = rigged();
  target.fill(0, 3000, 7);
  source.calls.length = 0;
  const segments = [populateBy([[200, 3000]]), blocks(3000, 0, 0)];
  t.equal(copy(host, { cscds: withRod(), segments }).sense, null);
  t.notOk(target.mapped.some(Boolean));
  t.notOk(source.calls.some((call) => call.startsWith('read')));
});

t.test('40 segments that populate make one image', async (t) => {
  const { host, of, target } = rigged();
  const each = Array.from({ length: 40 }, (_, i) => populateByOne([10 + 2 * i, 1]));
  t.equal(copy(host, { cscds: withRod(), segments: [...each, blocks(40, 0, 0)] }).sense, null);
  t.ok(target.view(0, 40).equals(Buffer.concat(Array.from({ length: 40 }, (_, i) => of(10 + 2 * i, 1)))));
});

t.test('as source of a tape', async (t) => {
  const rig = new TokenRig([{}, { tape: true, blocks: 8192 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(4, 16, 3);
  const cscds = [rod(), cscd(1, TAPE)];
  t.equal(copy(host, { cscds, segments: [populateBy([[4, 16]]), blocksAndStream(0x00, 4096, 16, 0)] }).sense, null);
  t.same(recordsOf(host, 1), [Buffer.alloc(4096, 3), Buffer.alloc(4096, 3)]);
});

t.test('R_TOKEN: a token for each ROD, with its CSCD ID; it is good afterwards', async (t) => {
  const { host, of, target, rig } = rigged();
  const any = { wantsToken: true, type: RodType.pointInTimeAny };
  const cscds = [rod({ wantsToken: true }), cscd(1), rod(), rod(any), rod(any)];
  const segments = [populateBy([[10, 4]]), blocks(4, 0, 0), populateBy([[20, 8]], 2), populateBy([[30, 2]], 3)];
  t.equal(copy(host, { cscds, segments }).sense, null);
  const told = information(host);
  t.equal(told.result.data[4], 0, 'RESPONSE TO SERVICE ACTION');
  t.same(
    told.tokens.map((one) => one.cscd),
    [0, 3],
    'not of what is not to have one, nor of what nothing has populated',
  );
  const [first, second] = told.tokens.map(({ token }) => token) as [Buffer, Buffer];
  t.match(decodeRodToken(first), { type: RodType.pointInTimePersistent, bytes: 4 * 512, blockSize: 512 });
  t.equal(decodeRodToken(second).type, RodType.pointInTimePersistent, 'the type that was chosen');
  t.same(information(host).tokens, [], 'told once');
  t.equal(allTokens(host).length, 2);
  t.equal(rig.images[0]!.alive, 2);
  t.equal(writeUsing(host, first, [[500, 4]]).sense, null);
  t.ok(target.view(500, 4).equals(of(10, 4)));
  t.equal(writeUsing(host, second, [[600, 2]], { deleteToken: true }).sense, null);
  t.ok(target.view(600, 2).equals(of(30, 2)));
});

t.test('a token of a ROD of several images', async (t) => {
  const { host, of, target } = rigged();
  const own = { source: 1, destination: OWN_UNIT };
  const cscds = [rod({ wantsToken: true }), cscd(1)];
  const segments = [populateBy([[10, 4]]), blocks(8, 0, 50, own), populateByOne([20, 3]), populateByOne([50, 1])];
  t.equal(copy(host, { cscds, segments }).sense, null);
  t.equal(writeUsing(host, information(host).token!, [[700, 8]]).sense, null);
  t.ok(target.view(700, 7).equals(Buffer.concat([of(10, 4), of(20, 3)])));
  t.ok(target.view(707, 1).equals(Buffer.alloc(512)), 'what was written in between');
});

t.test('lifetime and inactivity timeout', async (t) => {
  const { host, rig } = rigged();
  const make = (spec: { lifetime?: number; inactivityTimeout?: number }) => {
    copy(host, { cscds: withRod({ wantsToken: true, ...spec }), segments: [populateBy([[10, 4]])] });
    return information(host).token!;
  };
  const state = (token: Buffer) => writeUsing(host, token, [[0, 1]]).sense?.name ?? null;
  const [shortest, day, idle] = [make({}), make({ lifetime: 86_400 }), make({ lifetime: 9000, inactivityTimeout: 60 })];
  rig.clock.pass(61);
  t.same([shortest, day, idle].map(state), [null, null, 'token-expired']);
  rig.clock.pass(3600);
  t.same([shortest, day].map(state), ['token-expired', null], 'an hour at least; unused all the while');
  rig.clock.pass(86_400);
  t.equal(state(day), 'token-expired');
});

t.test('ROD TYPE 0: a token as a source, of another initiator and another block size', async (t) => {
  const rig = new TokenRig([{}, {}, { blockSize: 4096 }]);
  const data = pattern(16 * 512);
  data.copy(rig.layers[0]!.data, 0);
  rig.layers[0]!.mapped.fill(true, 0, 16);
  const [host, other] = [rig.host('a'), rig.host('b')];
  const token = tokenFor(host, [[0, 16]]);
  const cscds = [rod({ producer: 0xf800, type: 0, tokenOffset: 100, deleteToken: true }), cscd(2)];
  const inline = Buffer.concat([Buffer.alloc(100), token]);
  const segments = [blocks(16, 0, 5), encodeVerifySegment({ source: 0, destination: 0, testUnitReady: true })];
  t.equal(copy(other, { cscds, segments, inline }, { lun: 1 }).sense, null);
  t.ok(rig.layers[2]!.view(5, 2).equals(data));
  t.match(writeUsing(host, token, [[0, 1]]).sense, { name: 'token-deleted' }, 'DEL_TKN');
  t.equal(rig.images[0]!.alive, 0);
});

t.test('the block device zero ROD token is as many zeros as are asked for', async (t) => {
  const { host, target } = rigged();
  target.fill(0, 4096, 7);
  const run = (blockLength: number, segment: Buffer) =>
    copy(host, { cscds: withTokenRod({ blockLength }), segments: [segment], inline: zeroRodToken() }).sense;
  t.equal(run(0, blocks(100, 2 ** 40, 8)), null);
  t.ok(target.view(8, 100).equals(Buffer.alloc(100 * 512)));
  t.notOk(target.mapped.slice(8, 108).some(Boolean));
  t.ok(target.mapped[7] && target.mapped[108]);
  t.equal(run(512, image(0, 0, 200)), null);
  t.notOk(target.mapped.slice(200).some(Boolean), 'to the end of the destination');
  t.match(run(4096, image(0, 0, 200)), { name: 'incorrect-copy-target-type' });
  t.equal(run(4096, blocks(2, 0, 300)), null);
  for (const blockLength of [1, 513, 0xfffe00]) {
    // One of 16 MiB would be left over by each copy.
    const sense = run(blockLength, blocks(1, 0, 0, { dc: true, cat: true }));
    const field = inCopyList(ROD_AT + 29);
    t.match(sense, { name: 'incorrect-copy-target-type', segment: 0, field }, `DISK BLOCK LENGTH ${blockLength}`);
  }
});

t.test('07h: tokens that are good; RODs to be populated are ignored, and populated no further', async (t) => {
  const { host, rig } = rigged();
  const verify = encodeVerifySegment({ source: 0, destination: 0, testUnitReady: true });
  t.equal(copy(host, { cscds: withRod(), segments: [verify] }).status, Status.good);
  t.match(copy(host, { cscds: withRod(), segments: [verify, populateBy([[0, 1]])] }).sense, {
    name: 'copy-invalid-field',
    segment: 1,
    field: { byte: 6, inSegment: true },
  });
  const token = tokenFor(host, [[0, 4]], { rodType: RodType.pointInTimeVulnerable });
  const good = { cscds: withTokenRod(), segments: [verify], inline: token };
  t.equal(copy(host, good).status, Status.good);
  const changed = { ...good, segments: [blocks(1, 0, 0, { source: 1, destination: OWN_UNIT }), verify] };
  const gone = { name: 'unreachable-copy-target', segment: 1, field: inCopyList(ROD_AT) };
  t.match(copy(host, changed).sense, gone);
  t.equal(rig.images[0]!.alive, 0);
});
