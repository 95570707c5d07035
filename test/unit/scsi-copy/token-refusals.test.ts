/** Token commands that are refused: each with its sense and field pointer. */
import t from 'tap';
import { tokenCommand } from '../../../wire/scsi/cdb-build.js';
import { CopyOut } from '../../../wire/scsi/opcodes.js';
import { ROD_TOKEN_BYTES, RodType, zeroRodToken } from '../../../wire/scsi/rod-token.js';
import { Status } from '../../../wire/scsi/status.js';
import { inList } from '../scsi-primary/rig.js';
import {
  information,
  populate,
  populateList,
  TokenRig,
  tokenFor,
  writeCdb,
  writeList,
  writeUsing,
} from './token-rig.js';

const TOKEN_AT = 16;

/** A parameter list with some of its bytes changed. */
function bent(list: Buffer, changes: readonly (readonly [at: number, value: number])[]): Buffer {
  const copy = Buffer.from(list);
  for (const [at, value] of changes) copy.writeUInt16BE(value, at);
  return copy;
}

t.test('POPULATE TOKEN: parameter lists that are wrong', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const good = populateList([
    [0, 4],
    [10, 4],
  ]);
  const send = (list: Buffer, length = list.length) =>
    host.run(tokenCommand(CopyOut.populateToken, 1, length), list).sense;
  const length = { name: 'parameter-list-length', asc: 0x1a00 };
  t.match(send(good, 15), length);
  t.match(send(good, 0x10002), length, 'longer than any list can be');
  t.match(send(good.subarray(0, 20)), length, 'no descriptor came whole');
  t.match(send(good.subarray(0, 32), 48), length, 'less came than the CDB says');
  t.match(send(bent(good, [[0, 29]])), inList(0));
  t.match(send(bent(good, [[14, 15]])), inList(14));
  const many = populateList(Array.from({ length: 257 }, (_, i) => [i, 1] as const));
  t.match(send(many.subarray(0, 16 + 4096)), undefined, '256 descriptors are taken');
  t.match(send(many), { key: 5, asc: 0x2608, field: { byte: 14 } });
  const say = (ranges: [number, number][], spec = {}) => populate(host, ranges, spec).sense;
  t.match(say([[0, 4]], { inactivityTimeout: 86_401 }), inList(4));
  t.equal(say([[0, 4]], { inactivityTimeout: 86_400 }), null);
  for (const rodType of [0, 0x00010000, 0x00800003, RodType.zero]) t.match(say([[0, 4]], { rodType }), inList(8));
  t.match(
    say([
      [0, 4],
      [1020, 5],
    ]),
    { name: 'lba-out-of-range', information: 1020 },
  );
  t.match(say([[2 ** 53, 1]]), { name: 'lba-out-of-range' });
  t.match(
    say([
      [10, 4],
      [0, 11],
    ]),
    inList(32),
    'the same LBA twice: the later descriptor',
  );
  t.match(
    say([
      [0, 11],
      [20, 1],
      [10, 4],
    ]),
    inList(48),
  );
  t.equal(information(host).result.status, Status.good, 'those that were taken are told of');
});

t.test('a descriptor that the list cuts off is ignored', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const list = populateList([
    [0, 4],
    [9999, 4],
  ]);
  for (const cut of [list.subarray(0, 47), bent(list, [[14, 31]]), bent(list, [[0, 45]])]) {
    t.equal(host.run(tokenCommand(CopyOut.populateToken, 1, cut.length), cut).status, Status.good);
    t.equal(information(host).status!.bytes, 4);
  }
});

t.test('WRITE USING TOKEN: parameter lists that are wrong', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const token = tokenFor(host, [[0, 8]]);
  const good = writeList(token, [[0, 4]]);
  const send = (list: Buffer) => host.run(writeCdb(list), list, { lun: 1 }).sense;
  t.match(send(good.subarray(0, 535)), { name: 'parameter-list-length' }, 'the token is cut short');
  t.match(send(good.subarray(0, 540)), { name: 'parameter-list-length' });
  t.match(send(bent(good, [[0, 549]])), inList(0));
  t.match(send(bent(good, [[0, 551]])), inList(0), 'the lengths do not agree');
  t.match(send(bent(good, [[534, 15]])), inList(534));
  t.match(writeUsing(host, token, [[1020, 5]]).sense, { name: 'lba-out-of-range', information: 1020 });
  t.match(
    writeUsing(host, token, [
      [0, 4],
      [3, 1],
    ]).sense,
    inList(552),
  );
  t.match(writeUsing(host, token, [[0, 1]], { offset: 8 }).sense, inList(8));
  t.match(writeUsing(host, token, [[0, 1]], { offset: 2 ** 53 }).sense, inList(8));
});

t.test('forged tokens', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  const token = tokenFor(host, [[0, 8]]);
  const use = (changes: readonly (readonly [at: number, value: number])[]) =>
    writeUsing(host, bent(token, changes), [[0, 1]]).sense;
  const at = (byte: number) => ({ inCdb: false, byte: TOKEN_AT + byte });
  t.match(use([[6, 0x1f9]]), { name: 'token-length', asc: 0x230a, field: at(6) });
  t.match(
    use([
      [0, 0x0001],
      [2, 0],
    ]),
    { name: 'token-type', asc: 0x2301, field: at(0) },
    'access upon reference',
  );
  t.match(
    use([
      [0, 0x0080],
      [2, 0xffff],
    ]),
    { name: 'token-type' },
    'a type for requests only',
  );
  t.match(use([[136, 0x1234]]), { name: 'token-remote', asc: 0x2302, field: at(128) }, 'of another array');
  t.match(
    use([
      [8, 0],
      [10, 0],
      [12, 0],
      [14, 0],
    ]),
    { name: 'token-unknown', asc: 0x2304, field: at(0) },
  );
  for (const byte of [2, 4, 16, 48, 56, 64, 96, 256, 510]) {
    const other = token.readUInt16BE(byte) ^ 2;
    t.match(use([[byte, other]]), { name: 'token-corrupt', asc: 0x2305, field: at(0) }, `byte ${byte}`);
  }
  t.match(writeUsing(host, Buffer.alloc(ROD_TOKEN_BYTES), [[0, 1]]).sense, { name: 'token-length' });
  const longer = bent(zeroRodToken(), [[6, 0]]);
  t.match(writeUsing(host, longer, [[0, 1]]).sense, { name: 'token-length' });
  t.ok(
    rig.layers[1]!.data.every((byte) => byte === 0),
    'nothing was written',
  );
  t.equal(writeUsing(host, token, [[0, 1]]).status, Status.good, 'and the token itself is good');
});

t.test('tokens of an array that has stopped are unknown to the next', async (t) => {
  const token = tokenFor(new TokenRig().host('a'), [[0, 8]]);
  t.match(writeUsing(new TokenRig().host('a'), token, [[0, 1]]).sense, { name: 'token-unknown' });
});

t.test('what ends a token is told by whoever tries it', async (t) => {
  const cases: [string, number, (rig: TokenRig) => void][] = [
    ['token-expired', 0x2307, (rig) => rig.clock.pass(601)],
    ['token-cancelled', 0x2308, (rig) => rig.images[0]!.discard('sanitized', () => {})],
    ['token-revoked', 0x2306, (rig) => rig.images[0]!.discard('expanded', () => {})],
    ['token-revoked', 0x2306, (rig) => rig.images[0]!.discard('deleted', () => {})],
  ];
  for (const [name, asc, end] of cases) {
    const rig = new TokenRig();
    const host = rig.host('a');
    const token = tokenFor(host, [[0, 8]]);
    end(rig);
    t.match(writeUsing(host, token, [[0, 1]]).sense, { name, asc, field: { inCdb: false, byte: TOKEN_AT } });
    t.equal(rig.images[0]!.alive, 0);
    const other = Buffer.from(token);
    other[300]! ^= 1;
    t.match(writeUsing(host, other, [[0, 1]]).sense, { name: 'token-corrupt' }, 'and not to who does not have it');
  }
});

t.test('a token cannot be kept: the pool has no room for old blocks', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  const token = tokenFor(host, [[0, 8]]);
  rig.room = false;
  t.equal(host.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], Buffer.alloc(512, 1)).status, Status.good, 'the write goes on');
  t.match(writeUsing(host, token, [[0, 1]]).sense, { name: 'token-cancelled' });
});

t.test('time: each use begins the timeout anew, the lifetime ends it all the same', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const token = tokenFor(host, [[0, 8]], { inactivityTimeout: 86_400 });
  const use = () => writeUsing(host, token, [[0, 1]]).sense?.name ?? null;
  for (let day = 0; day < 7; day++) {
    rig.clock.pass(86_399);
    t.equal(use(), null);
  }
  rig.clock.pass(8);
  t.equal(use(), 'token-expired');
});

t.test('not while it is used', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  const token = tokenFor(host, [[0, 8]]);
  const list = writeList(token, [[0, 8]]);
  rig.layers[1]!.held = [];
  const task = host.start(writeCdb(list), list, { lun: 1 });
  rig.clock.settle();
  rig.clock.pass(10_000);
  rig.layers[1]!.complete();
  rig.clock.settle();
  t.equal(task.status, Status.good);
  rig.clock.pass(601);
  t.match(writeUsing(host, token, [[0, 1]]).sense, { name: 'token-expired' });
});

t.test('limits: tokens of one initiator, images of one LDEV', async (t) => {
  const rig = new TokenRig(Array.from({ length: 4 }, () => ({})));
  const host = rig.host('a');
  for (let i = 0; i < 64; i++) tokenFor(host, [[0, 1]], {}, { lun: i % 3 });
  t.match(populate(host, [[0, 1]], {}, { lun: 3 }).sense, { name: 'no-rod-resources', asc: 0x550c });
  t.match(information(host, 1, { lun: 3 }).status, { status: 2, sense: { asc: 0x550c } });
  const other = rig.host('b');
  t.equal(populate(other, [[0, 1]], {}, { lun: 3 }).status, Status.good, 'others have theirs');
  rig.clock.pass(601);
  t.ok(tokenFor(host, [[0, 1]], {}, { lun: 3 }), 'ended ones do not count');
  for (let i = 0; i < 31; i++) tokenFor(host, [[0, 1]], {}, { lun: 3 });
  t.match(populate(other, [[0, 1]], {}, { lun: 3 }).sense, { name: 'no-rod-resources' });
});
