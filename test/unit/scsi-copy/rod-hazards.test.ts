/** RODs of copies that are ended, overtaken, refused by others' reservations, or too many. */
import t from 'tap';
import { MAX_IMAGES } from '../../../target/volumes/point-in-time/images.js';
import { thirdPartyCopyIn, thirdPartyCopyOut, write16 } from '../../../wire/scsi/cdb-build.js';
import { CopyIn, CopyOut } from '../../../wire/scsi/opcodes.js';
import { RodType } from '../../../wire/scsi/rod-token.js';
import { Status } from '../../../wire/scsi/status.js';
import { pattern } from '../scsi-block/harness.js';
import type { Host } from '../scsi-primary/rig.js';
import { blocks, copy, cscd, inCopyList, OWN_UNIT, receive, startCopy } from './copy-rig.js';
import { populateBy, populateByOne, ROD_AT, rod, withRod, withTokenRod } from './rod-rig.js';
import { information, populate, TokenRig, tokenFor, writeUsing } from './token-rig.js';

const GONE = { name: 'unreachable-copy-target', key: 0xa, asc: 0x0804, field: inCopyList(ROD_AT) };
const RESERVE = [0x16, 0, 0, 0, 0, 0];
const PIECE = 2048;

/** A copy of 16000 blocks of a ROD that has done its first piece. */
function large(spec: Parameters<typeof rod>[0] = {}, format: 'lid1' | 'lid4' = 'lid1', immediate = false) {
  const rig = new TokenRig([{ blocks: 16384 }, { blocks: 16384 }]);
  rig.layers[0]!.fill(0, 16384, 0x44);
  const [host, other] = [rig.host('a'), rig.host('b')];
  const first = format === 'lid1' ? 0 : 1;
  const segments = [populateBy([[0, 16000]], first), blocks(16000, 0, 0, { source: first, destination: first + 1 })];
  const task = startCopy(host, { format, immediate, cscds: withRod(spec), segments });
  const copied = () => rig.layers[1]!.mapped.filter(Boolean).length;
  rig.clock.settle(() => copied() > 0);
  t.equal(copied(), PIECE);
  const kept = () => rig.images.map(({ alive }) => alive);
  t.same(kept(), [1, 0]);
  return { rig, host, other, task, copied, kept };
}

t.test('aborts and resets in the midst: the ROD ends, and there is no token', async (t) => {
  for (const fn of ['abort-task', 'abort-task-set', 'clear-task-set', 'logical-unit-reset'] as const) {
    const { rig, host, task, copied, kept } = large({ wantsToken: true });
    host.manage(fn, { tag: task.tag });
    rig.clock.settle();
    t.ok(task.finished && task.aborted, fn);
    t.equal(copied(), PIECE);
    t.same(kept(), [0, 0]);
  }
  const { rig, host, task, kept } = large({ wantsToken: true });
  const abort = thirdPartyCopyOut(CopyOut.abort, 0);
  abort.writeUInt32BE(1, 2);
  t.equal(host.run(abort).status, Status.good);
  rig.clock.settle();
  t.match(task.sense, { name: 'copy-cleared', segment: 1 });
  t.same(kept(), [0, 0]);
  t.same(information(host).tokens, []);
});

t.test('writes of hosts in the midst do not matter to a persistent ROD; a change vulnerable one ends', async (t) => {
  const write = write16(15_000, 1);
  const kept = large();
  kept.host.run(write, Buffer.alloc(512, 9));
  kept.rig.clock.settle();
  t.equal(kept.task.sense, null);
  t.ok(kept.rig.layers[1]!.view(15_000, 1).every((byte) => byte === 0x44));
  const vulnerable = large({ type: RodType.pointInTimeVulnerable });
  vulnerable.other.run(write, Buffer.alloc(512, 9));
  vulnerable.rig.clock.settle();
  t.match(vulnerable.task.sense, { ...GONE, segment: 1 });
  t.ok((vulnerable.task.sense?.information ?? 0) > 0, 'the blocks that were not written');
});

t.test('a ROD that has ended is populated no further', async (t) => {
  const rig = new TokenRig();
  const onto = blocks(1, 100, 0, { source: OWN_UNIT, destination: OWN_UNIT });
  const segments = [populateBy([[0, 8]]), onto, populateByOne([20, 1])];
  const cscds = withRod({ type: RodType.pointInTimeVulnerable, wantsToken: true });
  t.match(copy(rig.host('a'), { cscds, segments }).sense, { ...GONE, segment: 2 });
  t.equal(rig.images[0]!.alive, 0);
});

t.test('a ROD that has ended becomes a token that says why', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const own = blocks(1, 0, 3, { source: 1, destination: OWN_UNIT });
  const cscds = withRod({ type: RodType.pointInTimeVulnerable, wantsToken: true });
  t.equal(copy(host, { cscds, segments: [populateBy([[0, 8]]), own] }).sense, null);
  t.match(writeUsing(host, information(host).token!, [[0, 1]]).sense, { name: 'token-cancelled' });
});

t.test('the logical unit goes, or its path, in the midst', async (t) => {
  const removed = large({ wantsToken: true }, 'lid4', true);
  const ldev = removed.rig.ldevs.get(0)!;
  removed.rig.images[0]!.discard('deleted', () => {});
  removed.rig.ldevs.delete(0);
  removed.rig.events.emit('ldev-removed', ldev);
  removed.rig.clock.settle();
  t.ok(removed.copied() <= 2 * PIECE);
  t.same(removed.kept(), [0, 0]);
  const unmapped = large({ wantsToken: true }, 'lid4', true);
  unmapped.rig.group(0).luns.delete(0);
  unmapped.rig.events.emit('luns-changed', unmapped.rig.groups[0]);
  unmapped.rig.clock.settle();
  t.ok(unmapped.copied() <= 2 * PIECE, 'who may no longer read the source gets no more of it');
  t.same(unmapped.kept(), [0, 0]);
});

t.test('who loses the source in the midst gets no more of it, though the destination is still in reach', async (t) => {
  const { rig, host, copied, kept } = large({ wantsToken: true }, 'lid4', true);
  rig.host('a', { port: 1, greeted: false });
  rig.group(1).luns.delete(0);
  rig.group(0).initiators = ['iqn.2000-01.test:b'];
  rig.events.emit('admission-changed', rig.group(0));
  host.logout();
  rig.clock.settle();
  t.ok(copied() <= 2 * PIECE, `${copied()} blocks`);
  t.same(kept(), [0, 0]);
});

t.test('the I_T nexus is lost: the copy goes on, and makes no token that nobody could ask for', async (t) => {
  const { rig, host, copied, kept } = large({ wantsToken: true }, 'lid4', true);
  host.logout();
  rig.clock.settle();
  t.equal(copied(), 16000);
  t.same(kept(), [0, 0]);
});

t.test('tokens that nobody was told of end with the results that would tell of them', async (t) => {
  const drops: Readonly<Record<string, (host: Host) => void>> = {
    logout: (host) => host.logout(),
    reset: (host) => void host.manage('logical-unit-reset'),
    'the list identifier again': (host) => void copy(host, { segments: [] }),
    'ALLOCATION LENGTH 0': (host) => void host.run(thirdPartyCopyIn(CopyIn.rodTokenInformation, 1, 0)),
  };
  const makes: Readonly<Record<string, (host: Host) => void>> = {
    'EXTENDED COPY': (host) => {
      const cscds = [rod({ wantsToken: true }), cscd(1), rod({ wantsToken: true })];
      copy(host, { cscds, segments: [populateBy([[0, 8]]), populateByOne([4, 1], 2)] });
    },
    'POPULATE TOKEN': (host) => void populate(host, [[0, 8]]),
  };
  for (const [what, drop] of Object.entries(drops)) {
    for (const [how, make] of Object.entries(makes)) {
      const rig = new TokenRig();
      const host = rig.host('a');
      make(host);
      t.ok(rig.images[0]!.alive > 0);
      drop(host);
      rig.clock.settle();
      t.equal(rig.images[0]!.alive, 0, `${how}, ${what}`);
      const other = rig.host('a');
      make(other);
      const { token } = information(other);
      drop(other);
      rig.clock.settle();
      const user = rig.host('b');
      t.equal(writeUsing(user, token!, [[0, 1]]).sense, null, 'what was told stays good');
    }
  }
});

t.test('SANITIZE of the source ends its RODs', async (t) => {
  const { rig, task } = large();
  rig.images[0]!.discard('sanitized', () => {});
  rig.clock.settle();
  t.match(task.sense, { ...GONE, segment: 1 });
});

t.test('a pool without room for old blocks ends RODs, and the write of the host goes on', async (t) => {
  const { rig, other, task, kept } = large({ wantsToken: true });
  rig.room = false;
  const written = other.start(write16(15_000, 1), Buffer.alloc(512, 9));
  rig.clock.settle();
  t.equal(written.status, Status.good);
  t.match(task.sense, { ...GONE, segment: 1 });
  t.same(kept(), [0, 0]);
});

t.test('reservations of others: on the source before it is populated, on the destination after that', async (t) => {
  const rig = new TokenRig([{}, {}, {}]);
  const [host, other] = [rig.host('a'), rig.host('b')];
  rig.layers[0]!.fill(0, 8, 1);
  const key = Buffer.alloc(24);
  key.writeUInt32BE(7, 12);
  const held = Buffer.alloc(24);
  held.writeUInt32BE(7, 4);
  other.run([0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], key);
  // Exclusive access, registrants only: EXTENDED COPY itself is refused.
  other.run([0x5f, 1, 6, 0, 0, 0, 0, 0, 24, 0], held);
  const list = { cscds: withRod(), segments: [populateBy([[0, 8]]), blocks(8, 0, 0)] };
  t.equal(copy(host, list).status, Status.reservationConflict);
  other.run([0x5f, 3, 0, 0, 0, 0, 0, 0, 24, 0], held);
  const task = startCopy(host, list);
  other.run(RESERVE, null, { lun: 1 });
  rig.clock.settle();
  const forwarded = { from: 'destination', status: 0x18 };
  t.match(task.sense, { name: 'third-party-device-failure', segment: 1, forwarded });
  t.same(
    rig.images.map(({ alive }) => alive),
    [0, 0, 0],
  );
});

t.test('a write under way is waited for: it is in the ROD as a whole', async (t) => {
  const rig = new TokenRig();
  const [host, other] = [rig.host('a'), rig.host('b')];
  const data = pattern(8 * 512);
  rig.layers[0]!.held = [];
  const write = other.start(write16(0, 8), data);
  const task = startCopy(host, { cscds: withRod(), segments: [populateBy([[0, 8]]), blocks(8, 0, 0)] });
  rig.clock.settle();
  t.notOk(task.finished);
  t.same(rig.images[0]!.alive, 0);
  rig.layers[0]!.complete();
  rig.layers[0]!.held = null;
  rig.clock.settle();
  t.ok(write.finished && task.finished);
  t.ok(rig.layers[1]!.view(0, 8).equals(data));
  rig.layers[0]!.held = [];
  other.start(write16(0, 8), data);
  const stopped = startCopy(host, { cscds: withRod(), segments: [populateBy([[0, 8]]), blocks(8, 0, 0)] });
  host.manage('abort-task', { tag: stopped.tag });
  t.ok(stopped.finished && stopped.aborted, 'an abort does not wait for it');
  rig.layers[0]!.complete();
  rig.clock.settle();
  t.same(rig.images[0]!.alive, 0);
});

t.test('blocks that cannot be read', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 64, 1);
  rig.ldevs.get(0)!.marks.mark(5, 1, false);
  const marked = copy(host, { cscds: withRod(), segments: [populateBy([[0, 8]])] }).sense;
  const forwarded = { from: 'source', sense: { key: 3, information: 5 } };
  t.match(marked, { name: 'third-party-device-failure', segment: 0, forwarded });
  const failing = (segments: Buffer[], spec = {}) => {
    const { read } = rig.layers[0]!;
    rig.layers[0]!.read = (_io, lba, _blocks, done) => done({ kind: 'medium-error', lba, write: false }, [], () => {});
    const result = copy(host, { segments, ...spec }).sense;
    rig.layers[0]!.read = read;
    return result;
  };
  t.match(failing([populateBy([[32, 8]]), blocks(8, 0, 0)], { cscds: withRod() }), {
    name: 'third-party-device-failure',
    segment: 1,
    field: inCopyList(ROD_AT),
    forwarded: { from: 'source', sense: { name: 'medium-error', information: 32 } },
  });
  const inline = tokenFor(host, [[32, 8]]);
  const told = failing([blocks(8, 0, 0)], { cscds: withTokenRod(), inline });
  t.match(told, { forwarded: { sense: { name: 'hardware-error' } } }, 'where a token is from is not told');
  t.equal(rig.layers[0]!.pinned, 0);
});

t.test('a token does not expire while a copy reads it, and may be deleted by another one', async (t) => {
  const rig = new TokenRig([{ blocks: 16384 }, { blocks: 16384 }, {}]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 16000, 3);
  const start = (spec = {}) => {
    const inline = tokenFor(host, [[0, 16000]], { inactivityTimeout: 60, listId: 9 });
    const cscds = withTokenRod(spec);
    return { inline, task: startCopy(host, { cscds, inline, segments: [blocks(16000, 0, 0)] }) };
  };
  const used = start();
  rig.clock.pass(100);
  rig.clock.settle();
  t.equal(used.task.sense, null);
  rig.clock.pass(61);
  t.match(writeUsing(host, used.inline, [[0, 1]]).sense, { name: 'token-expired' }, 'it expires after that');
  const deleted = start();
  writeUsing(host, deleted.inline, [[0, 1]], { deleteToken: true }, { lun: 2 });
  rig.clock.settle();
  t.match(deleted.task.sense, { ...GONE, segment: 0 });
});

t.test('as many RODs and tokens as there may be', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const rods = Array.from({ length: MAX_IMAGES + 1 }, () => rod());
  const segments = rods.map((_rod, id) => populateByOne([0, 1], id));
  t.equal(copy(host, { cscds: rods, segments: segments.slice(0, MAX_IMAGES) }).sense, null);
  const noRoom = { name: 'no-rod-resources', key: 5, asc: 0x550c };
  t.match(copy(host, { cscds: rods, segments }).sense, noRoom);
  t.equal(rig.images[0]!.alive, 0);
  const wide = new TokenRig([{}, {}, {}, {}]);
  const greedy = wide.host('a');
  for (let i = 0; i < 62; i++) populate(greedy, [[0, 1]], { listId: 100 + i }, { lun: i % 4 });
  const three = [0, 1, 2].map(() => rod({ wantsToken: true }));
  const all = copy(greedy, { cscds: three, segments: three.map((_rod, id) => populateByOne([0, 1], id)) }).sense;
  t.match(all, noRoom, '64 tokens of an initiator');
  t.same(information(greedy).tokens, [], 'none rather than some');
  t.match(receive(greedy, CopyIn.status4, 1).data[5], 2, 'the copy has failed');
  const two = { cscds: three.slice(1), segments: [populateByOne([0, 1]), populateByOne([0, 1], 1)] };
  t.equal(copy(greedy, two).sense, null);
  t.equal(information(greedy).tokens.length, 2);
});
