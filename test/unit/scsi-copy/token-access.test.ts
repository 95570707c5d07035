/** Who may make a token of what, and write what with it. */
import t from 'tap';
import type { HostGroup } from '../../../target/volumes/model.js';
import { thirdPartyCopyIn } from '../../../wire/scsi/cdb-build.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { zeroRodToken } from '../../../wire/scsi/rod-token.js';
import { Status } from '../../../wire/scsi/status.js';
import type { Host } from '../scsi-primary/rig.js';
import { allTokens, information, populate, TokenRig, tokenFor, writeUsing } from './token-rig.js';

const RESERVE = [0x16, 0, 0, 0, 0, 0];

t.test('a logical unit that the initiator cannot reach answers as one that does not exist', async (t) => {
  const rig = new TokenRig([{}, {}, {}]);
  const host = rig.host('a');
  const outside = rig.host('b', { port: 1 });
  rig.layers[0]!.fill(0, 8, 5);
  rig.group(1).luns = new Map([[1, 1]]);
  const token = tokenFor(host, [[0, 8]]);
  const nothing = { name: 'lun-not-supported', asc: 0x2500 };
  t.match(populate(outside, [[0, 8]], {}, { lun: 0 }).sense, nothing);
  t.match(populate(outside, [[0, 8]], {}, { lun: 9 }).sense, nothing);
  t.match(writeUsing(outside, zeroRodToken(), [[0, 8]], {}, { lun: 0 }).sense, nothing);
  for (const action of [CopyIn.rodTokenInformation, CopyIn.allRodTokens]) {
    t.match(outside.run(thirdPartyCopyIn(action, 1, 4096), null, { lun: 0 }).sense, nothing);
  }
  t.same(allTokens(outside, { lun: 1 }), [], 'tokens of other logical units are not told of');
  t.match(information(outside, 1, { lun: 1 }).result.sense, { name: 'invalid-field-in-cdb', field: { byte: 2 } });
  t.ok(rig.layers[0]!.view(0, 8).every((byte) => byte === 5));
  t.equal(
    writeUsing(outside, token, [[0, 8]]).status,
    Status.good,
    'who was given the token may use it where it can write',
  );
});

t.test('a token is told to the I_T nexus that it was made for, and to no other', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const other = rig.host('b');
  const same = rig.host('a', { isid: '00023d000002' });
  populate(host, [[0, 8]]);
  for (const each of [other, same]) t.match(information(each).result.sense, { name: 'invalid-field-in-cdb' });
  t.ok(information(host).token);
});

t.test('reservations at both ends', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const other = rig.host('b');
  const token = tokenFor(host, [[0, 8]]);
  const conflict = (result: { status: number }) => t.equal(result.status, Status.reservationConflict);
  other.run(RESERVE, null, { lun: 1 });
  conflict(writeUsing(host, token, [[0, 1]]));
  other.run(RESERVE, null, { lun: 0 });
  conflict(populate(host, [[0, 8]]));
  other.run([0x17, 0, 0, 0, 0, 0], null, { lun: 1 });
  t.equal(writeUsing(host, token, [[0, 1]]).status, Status.good, 'the token itself was made before');
});

t.test('persistent reservations: exclusive access keeps from making, write exclusive from writing', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const other = rig.host('b');
  const register = (who: Host, lun: number, type: number) => {
    const key = Buffer.alloc(24);
    key.writeUInt32BE(7, 12);
    who.run([0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], key, { lun });
    const list = Buffer.alloc(24);
    list.writeUInt32BE(7, 4);
    t.equal(who.run([0x5f, 1, type, 0, 0, 0, 0, 0, 24, 0], list, { lun }).status, Status.good);
  };
  const token = tokenFor(host, [[0, 8]]);
  register(other, 0, 1);
  t.equal(populate(host, [[0, 1]]).status, Status.good, 'reading is allowed');
  t.equal(writeUsing(host, token, [[0, 1]], {}, { lun: 0 }).status, Status.reservationConflict);
  register(other, 1, 3);
  t.equal(populate(host, [[0, 1]], {}, { lun: 1 }).status, Status.reservationConflict);
});

t.test(
  'results are told whatever persistent reservation others have (SPC-5 table 65); RESERVE keeps them',
  async (t) => {
    const asked = Object.entries(CopyIn).map(([name, action]) => [name, thirdPartyCopyIn(action, 1, 4096)] as const);
    for (const type of [1, 3, 5, 6, 7, 8]) {
      const rig = new TokenRig();
      const host = rig.host('a');
      const other = rig.host('b');
      populate(host, [[0, 8]]);
      const key = Buffer.alloc(24);
      key.writeUInt32BE(7, 12);
      other.run([0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], key);
      const list = Buffer.alloc(24);
      list.writeUInt32BE(7, 4);
      t.equal(other.run([0x5f, 1, type, 0, 0, 0, 0, 0, 24, 0], list).status, Status.good);
      for (const [name, cdb] of asked) {
        t.not(host.run([...cdb]).status, Status.reservationConflict, `${name}, type ${type}`);
      }
      const abort = [0x83, 0x1c, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
      t.equal(host.run(abort).status, Status.reservationConflict, `COPY OPERATION ABORT, type ${type}`);
      other.run([0x5f, 3, 0, 0, 0, 0, 0, 0, 24, 0], list);
      t.equal(other.run(RESERVE).status, Status.good);
      for (const [name, cdb] of asked) t.equal(host.run([...cdb]).status, Status.reservationConflict, name);
    }
  },
);

t.test('a reservation that comes in the midst of a write ends it', async (t) => {
  const rig = new TokenRig([{ blocks: 9000 }, { blocks: 9000 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 9000, 5);
  const token = tokenFor(host, [[0, 9000]]);
  const other = rig.host('b');
  let writes = 0;
  const { write } = rig.layers[1]!;
  rig.layers[1]!.write = function (io, lba, blocks, data, done) {
    if (++writes === 2) other.start(Buffer.from(RESERVE), null, { lun: 1 });
    write.call(this, io, lba, blocks, data, done);
  };
  t.match(writeUsing(host, token, [[0, 9000]]).sense, {
    name: 'third-party-device-failure',
    forwarded: { from: 'destination', status: Status.reservationConflict },
  });
});

t.test('write protection; a stopped unit', async (t) => {
  const rig = new TokenRig([{}, { readOnly: true }, {}]);
  const host = rig.host('a');
  const token = tokenFor(host, [[0, 8]]);
  t.match(writeUsing(host, token, [[0, 1]]).sense, { name: 'write-protected' });
  t.equal(populate(host, [[0, 8]], {}, { lun: 1 }).status, Status.good, 'reading is allowed');
  host.run([0x1b, 0, 0, 0, 0, 0], null, { lun: 2 });
  t.match(writeUsing(host, token, [[0, 1]], {}, { lun: 2 }).sense, { name: 'initializing-command-required' });
  t.match(populate(host, [[0, 1]], {}, { lun: 2 }).sense, { name: 'initializing-command-required' });
});

t.test('blocks that a host marked unreadable', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  host.run([0x3f, 0x40, 0, 0, 0, 5, 0, 0, 0, 0]);
  const { sense } = populate(host, [
    [0, 4],
    [4, 4],
  ]);
  t.match(sense, { key: 3, information: 5 });
  t.equal(populate(host, [[0, 5]]).status, Status.good);
});

t.test('SANITIZE ends tokens, and none is made before it has ended', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  const token = tokenFor(host, [[0, 8]]);
  rig.layers[0]!.held = [];
  host.start(Buffer.from([0x48, 0x82, 0, 0, 0, 0, 0, 0, 0, 0]));
  t.match(populate(host, [[0, 8]]).sense, { name: 'sanitize-in-progress' });
  t.match(writeUsing(host, token, [[0, 8]]).sense, { name: 'token-cancelled' });
  t.ok(
    rig.layers[1]!.data.every((byte) => byte === 0),
    'nothing of it has come through',
  );
});

t.test('a logical unit reset drops what was not told, the token stays good', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const token = tokenFor(host, [[0, 8]]);
  populate(host, [[0, 8]], { listId: 5 });
  host.manage('logical-unit-reset');
  rig.clock.settle();
  host.attentions();
  t.match(information(host, 5).result.sense, { name: 'invalid-field-in-cdb' });
  t.equal(writeUsing(host, token, [[0, 1]]).status, Status.good);
});

t.test('a token ends when its source is taken from who made it', async (t) => {
  const rig = new TokenRig([{}, {}, {}]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  const token = tokenFor(host, [[0, 8]]);
  rig.group(1).luns = new Map([[1, 1]]);
  rig.events.emit('luns-changed', rig.group(1));
  host.attentions(1);
  t.equal(writeUsing(host, token, [[0, 8]], {}, { lun: 1 }).status, Status.good, 'the other port still maps it');
  rig.group(0).luns = new Map([[1, 1]]);
  rig.events.emit('luns-changed', rig.group(0));
  host.attentions(1);
  t.match(writeUsing(host, token, [[0, 8]], {}, { lun: 1 }).sense, { key: 5, asc: 0x2306 });
});

t.test('a token ends when who made it is admitted no longer, or the host group goes', async (t) => {
  for (const event of ['admission-changed', 'host-group-removed'] as const) {
    const rig = new TokenRig();
    rig.layers[0]!.fill(0, 8, 5);
    const token = tokenFor(rig.host('a'), [[0, 8]]);
    const other = rig.host('b', { port: 1 });
    const take = () => writeUsing(other, token, [[0, 8]]).sense;
    const lose = (group: HostGroup & { initiators: string[] }) => {
      if (event === 'admission-changed') group.initiators = [other.nexus.initiatorName];
      else (rig.groups as HostGroup[]).splice(rig.groups.indexOf(group), 1);
      rig.events.emit(event, group);
    };
    const left = rig.group(1);
    left.initiators = ['iqn.2000-01.test:a', 'iqn.2000-01.test:b'];
    lose(rig.group(0));
    t.equal(take(), null, `${event}: the other port still has it`);
    left.initiators = [other.nexus.initiatorName];
    rig.events.emit('admission-changed', left);
    t.match(take(), { name: 'token-revoked', asc: 0x2306 }, event);
    t.equal(rig.images[0]!.alive, 0);
  }
});

t.test('a token that did not come whole is told again', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  populate(host, [[0, 8]], { listId: 3 });
  for (const room of [32, 0]) {
    host.start(thirdPartyCopyIn(CopyIn.rodTokenInformation, 3, 4096), null, { room });
    rig.clock.settle();
  }
  t.not(information(host, 3).token, null);
  t.equal(information(host, 3).token, null, 'and then no more');
});
