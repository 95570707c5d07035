/** POPULATE TOKEN, WRITE USING TOKEN and what is told of them (SBC-4 4.28, 5.12, 5.25, 5.59). */
import t from 'tap';
import { unmapList, write16 } from '../../../wire/scsi/cdb-build.js';
import { CopyStatus } from '../../../wire/scsi/copy-results.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { decodeRodToken, MANAGEMENT_TOKEN_BYTES, RodType, zeroRodToken } from '../../../wire/scsi/rod-token.js';
import { Status } from '../../../wire/scsi/status.js';
import { copy, receive } from './copy-rig.js';
import { allTokens, information, populate, TokenRig, tokenFor, writeCdb, writeList, writeUsing } from './token-rig.js';

const block = (byte: number, count = 1) => Buffer.alloc(512 * count, byte);

t.test('a token is made, told once, and written from', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(10, 4, 1);
  rig.layers[0]!.fill(100, 2, 2);
  t.equal(
    populate(host, [
      [10, 4],
      [100, 2],
    ]).status,
    Status.good,
  );
  const told = information(host);
  t.match(told.status, { status: CopyStatus.completed, bytes: 6, completion: 0, sense: null, segments: 0 });
  t.equal(told.result.data[4], 0x10, 'RESPONSE TO SERVICE ACTION');
  t.equal(told.result.data[15], 0xf1, 'TRANSFER COUNT UNITS: blocks');
  t.equal(told.result.data.readUInt32BE(32), 514);
  t.match(decodeRodToken(told.token!), {
    type: RodType.pointInTimeDefault,
    length: 0x1f8,
    bytes: 6 * 512,
    blockSize: 512,
  });
  t.equal(information(host).token, null, 'the second time it is not told');
  t.equal(
    writeUsing(host, told.token!, [
      [5, 3],
      [50, 3],
    ]).status,
    Status.good,
  );
  t.same(rig.layers[1]!.view(5, 3), block(1, 3));
  t.same(rig.layers[1]!.view(50, 3), Buffer.concat([block(1), block(2, 2)]));
  const after = information(host, 2, { lun: 1 });
  t.match(after.status, { status: CopyStatus.completed, bytes: 6 });
  t.equal(after.result.data[4], 0x11);
  t.equal(after.token, null);
});

t.test('what the source holds later does not matter', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 200, 7);
  const token = tokenFor(host, [[0, 200]]);
  host.run(write16(0, 3), block(9, 3));
  const list = unmapList([{ lba: 100, blocks: 100 }]);
  host.run([0x42, 0, 0, 0, 0, 0, 0, 0, list.length, 0], list);
  t.same(rig.layers[0]!.view(0, 1), block(9));
  t.same(rig.layers[0]!.view(150, 1), block(0));
  t.equal(host.run([0x04, 0, 0, 0, 0, 0]).status, Status.good, 'FORMAT UNIT');
  t.equal(writeUsing(host, token, [[0, 200]]).status, Status.good);
  t.same(rig.layers[1]!.view(0, 200), block(7, 200));
  t.equal(writeUsing(host, token, [[1, 200]], {}, { lun: 0 }).status, Status.good, 'to the source itself');
  t.same(rig.layers[0]!.view(1, 200), block(7, 200));
  t.equal(writeUsing(host, token, [[0, 200]]).status, Status.good, 'which changes nothing in it');
  t.same(rig.layers[1]!.view(0, 200), block(7, 200));
});

t.test('holes become holes, and zeros where the destination is fully provisioned', async (t) => {
  const rig = new TokenRig([{}, {}, { thin: false }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(8, 8, 3);
  const token = tokenFor(host, [[0, 24]]);
  for (const lun of [1, 2]) {
    rig.layers[lun]!.fill(0, 24, 0xff);
    t.equal(writeUsing(host, token, [[0, 24]], {}, { lun }).status, Status.good);
    t.same(rig.layers[lun]!.view(0, 24), Buffer.concat([block(0, 8), block(3, 8), block(0, 8)]));
  }
  t.same(rig.layers[1]!.mapped.slice(0, 24).filter(Boolean).length, 8);
});

t.test('offset into the ROD; block sizes of source and destination differ', async (t) => {
  const rig = new TokenRig([{ blocks: 64 }, { blockSize: 4096, blocks: 64 }]);
  const host = rig.host('a');
  for (let lba = 0; lba < 40; lba++) rig.layers[0]!.fill(lba, 1, lba);
  const token = tokenFor(host, [
    [0, 9],
    [20, 11],
  ]);
  t.equal(writeUsing(host, token, [[3, 1]], { offset: 1 }).status, Status.good);
  const expected = Buffer.concat([8, 20, 21, 22, 23, 24, 25, 26].map((byte) => block(byte)));
  t.same(rig.layers[1]!.view(3, 1), expected);
  const back = tokenFor(host, [[3, 1]], {}, { lun: 1 });
  t.equal(writeUsing(host, back, [[50, 3]], { offset: 2 }, { lun: 0 }).status, Status.good);
  t.same(rig.layers[0]!.view(50, 3), Buffer.concat([block(21), block(22), block(23)]));
});

t.test('more is asked for than the token represents', async (t) => {
  const rig = new TokenRig([{ blocks: 64 }, { blockSize: 4096, blocks: 64 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 20, 6);
  const token = tokenFor(host, [[0, 20]]);
  rig.layers[1]!.fill(0, 8, 0xff);
  t.match(writeUsing(host, token, [[0, 8]]).sense, { key: 0xa, asc: 0x0d04, information: 3 });
  t.same(
    rig.layers[1]!.view(2, 2),
    Buffer.concat([block(6, 4), block(0, 4), block(0xff, 8)]),
    'zeros fill the last block',
  );
  const told = information(host, 2, { lun: 1 });
  t.match(told.status, {
    status: CopyStatus.partial,
    bytes: 3,
    completion: Status.checkCondition,
    sense: { asc: 0x0d04, information: 3 },
  });
});

t.test('the block device zero ROD token', async (t) => {
  const rig = new TokenRig([{}, {}, { thin: false, blocks: 200_000 }]);
  const host = rig.host('a');
  rig.layers[1]!.fill(0, 1000, 0xff);
  t.equal(
    writeUsing(
      host,
      zeroRodToken(),
      [
        [0, 500],
        [600, 1],
      ],
      { offset: 1000 },
    ).status,
    Status.good,
  );
  t.same(rig.layers[1]!.view(0, 500), block(0, 500));
  t.same(rig.layers[1]!.view(500, 102), Buffer.concat([block(0xff, 100), block(0), block(0xff)]));
  rig.layers[2]!.fill(0, 200_000, 1);
  t.equal(writeUsing(host, zeroRodToken(), [[0, 200_000]], {}, { lun: 2 }).status, Status.good);
  t.ok(rig.layers[2]!.data.every((byte) => byte === 0));
});

t.test('ranges and tokens of nothing', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 4, 5);
  const token = tokenFor(host, [
    [9999, 0],
    [0, 2],
    [1, 0],
    [2, 2],
  ]);
  t.equal(
    writeUsing(host, token, [
      [7, 0],
      [10, 4],
      [9999, 0],
    ]).status,
    Status.good,
  );
  t.same(rig.layers[1]!.view(10, 4), block(5, 4));
  t.equal(writeUsing(host, token, [[7, 0]]).status, Status.good);
  t.match(writeUsing(host, tokenFor(host, [[0, 0]]), [[0, 1]]).sense, {
    name: 'invalid-field-in-list',
    field: { byte: 8 },
  });
  for (const action of [0x10, 0x11]) {
    t.equal(host.run([0x83, action, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]).status, Status.good, 'no list at all');
  }
});

t.test('DEL_TKN: the token is gone afterwards', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 4, 5);
  const token = tokenFor(host, [[0, 4]]);
  t.equal(writeUsing(host, token, [[0, 4]], { deleteToken: true }).status, Status.good);
  t.equal(rig.images[0]!.alive, 0, 'and what was kept for it');
  t.match(writeUsing(host, token, [[0, 4]]).sense, { name: 'token-deleted', asc: 0x2309, field: { byte: 16 } });
});

t.test('IMMED: in the background, and its errors are told by RECEIVE ROD TOKEN INFORMATION', async (t) => {
  const rig = new TokenRig([{ blocks: 20_000 }, { blocks: 20_000 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 20_000, 5);
  t.equal(populate(host, [[0, 20_000]], { immediate: true }).status, Status.good);
  const { token, status } = information(host);
  t.match(status, { status: CopyStatus.completed, bytes: 20_000 });
  const list = writeList(token!, [[0, 20_000]], { immediate: true });
  rig.layers[1]!.held = [];
  const task = host.start(writeCdb(list), list, { lun: 1 });
  t.equal(task.finished, true, 'answered before it is done');
  rig.clock.settle();
  t.match(information(host, 2, { lun: 1 }).status, { status: CopyStatus.background, bytes: 0, updateDelay: 100 });
  rig.layers[1]!.complete();
  rig.clock.settle();
  t.match(information(host, 2, { lun: 1 }).status, { status: CopyStatus.background, bytes: 2048 });
  rig.layers[1]!.failNext = { kind: 'no-space', cause: 'test' };
  for (const _ of [0, 1]) {
    rig.layers[1]!.complete();
    rig.clock.settle();
  }
  t.match(information(host, 2, { lun: 1 }).status, {
    status: CopyStatus.failed,
    bytes: 4096,
    completion: Status.checkCondition,
    sense: { asc: 0x2707 },
  });
});

t.test('a write that fails in the midst ends the command with the sense of the write', async (t) => {
  const rig = new TokenRig([{ blocks: 20_000 }, { blocks: 20_000 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 20_000, 5);
  const token = tokenFor(host, [[0, 20_000]]);
  let writes = 0;
  const { write } = rig.layers[1]!;
  rig.layers[1]!.write = function (io, lba, blocks, data, done) {
    if (++writes === 3) done({ kind: 'no-space', cause: 'test' });
    else write.call(this, io, lba, blocks, data, done);
  };
  t.match(writeUsing(host, token, [[0, 20_000]]).sense, { name: 'no-space' });
  t.match(information(host, 2, { lun: 1 }).status, { status: CopyStatus.failed, bytes: 4096, sense: { asc: 0x2707 } });
});

t.test('list identifiers are those of all copies of the I_T nexus', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  const token = tokenFor(host, [[0, 8]]);
  const list = writeList(token, [[0, 8]], { immediate: true });
  rig.layers[1]!.held = [];
  host.start(writeCdb(list, 7), list, { lun: 1 });
  t.match(host.run(writeCdb(list, 7), list, { lun: 1 }).sense, { name: 'operation-in-progress' });
  copy(host, { listId: 8, cscds: [], segments: [] }, { lun: 1 });
  t.equal(host.run(writeCdb(list, 8), list, { lun: 1 }).status, Status.good, 'one that has ended makes way');
  t.match(receive(rig.host('b'), CopyIn.status4, 7, 100, { lun: 1 }).sense, { name: 'invalid-field-in-cdb' });
  t.equal(
    receive(host, CopyIn.status4, 7, 100, { lun: 1 }).data[15],
    0xf1,
    'RECEIVE COPY STATUS(LID4) tells of it too',
  );
});

t.test('aborted: a command ends, one in the background by COPY OPERATION ABORT', async (t) => {
  const rig = new TokenRig([{ blocks: 20_000 }, { blocks: 20_000 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 20_000, 5);
  const token = tokenFor(host, [[0, 20_000]]);
  for (const immediate of [false, true]) {
    const list = writeList(token, [[0, 20_000]], { immediate });
    rig.layers[1]!.held = [];
    const task = host.start(writeCdb(list, 3), list, { lun: 1 });
    rig.clock.settle();
    if (immediate) host.start(Buffer.from([0x83, 0x1c, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), null, { lun: 1 });
    else host.manage('abort-task', { lun: 1, tag: task.tag });
    rig.layers[1]!.complete();
    rig.clock.settle();
    rig.layers[1]!.held = null;
    t.match(information(host, 3, { lun: 1 }).status, { status: CopyStatus.terminated, bytes: 2048 });
  }
  t.equal(writeUsing(host, token, [[0, 1]]).status, Status.good, 'the token stays good');
});

t.test('REPORT ALL ROD TOKENS: of this logical unit, and nothing by which they could be used', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const tokens = [tokenFor(host, [[0, 4]]), tokenFor(host, [[4, 4]], { rodType: RodType.pointInTimeAny })];
  tokenFor(host, [[0, 4]], {}, { lun: 1 });
  t.same(
    allTokens(host),
    tokens.map((token) => token.subarray(0, MANAGEMENT_TOKEN_BYTES)),
  );
  t.equal(decodeRodToken(tokens[1]!).type, RodType.pointInTimePersistent);
  t.notOk(tokens[0]!.subarray(256).equals(tokens[1]!.subarray(256)));
  writeUsing(host, tokens[0]!, [[0, 1]], { deleteToken: true });
  t.equal(allTokens(host).length, 1);
});

t.test('change vulnerable: good until its blocks change, and takes no space', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.room = false;
  rig.layers[0]!.fill(0, 16, 5);
  const token = tokenFor(host, [[0, 8]], { rodType: RodType.pointInTimeVulnerable });
  t.equal(decodeRodToken(token).type, RodType.pointInTimeVulnerable);
  host.run([0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0], Buffer.alloc(512));
  t.equal(writeUsing(host, token, [[0, 8]]).status, Status.good, 'a write beside it');
  t.ok(rig.layers[1]!.view(0, 8).every((byte) => byte === 5));
  host.run([0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0], Buffer.alloc(512));
  t.match(writeUsing(host, token, [[0, 8]]).sense, { key: 5, asc: 0x2308, field: { byte: 16 } });
  const own = tokenFor(host, [[0, 8]], { rodType: RodType.pointInTimeVulnerable });
  t.equal(writeUsing(host, own, [[4, 8]], {}, { lun: 0 }).status, Status.good, 'onto itself, in one piece');
  t.match(writeUsing(host, own, [[4, 8]]).sense, { asc: 0x2308 });
});
