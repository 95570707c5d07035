/** CHANGE ALIASES and REPORT ALIASES, and CSCD descriptors that go by them. */
import t from 'tap';
import { type AliasEntry, encodeAliasList } from '../../../wire/scsi/aliases.js';
import { encodeAliasCscd } from '../../../wire/scsi/cscd.js';
import { encodeLun } from '../../../wire/scsi/lun.js';
import { Status } from '../../../wire/scsi/status.js';
import { type Host, inList } from '../scsi-primary/rig.js';
import { blocks, CopyRig, copy, copyList, cscd, inSegment, startCopy } from './copy-rig.js';

const ISCSI = 5;
const CHANGE = 0xa4;
const REPORT = 0xa3;
const LENGTH = { name: 'parameter-list-length', asc: 0x1a00 };

const aliasValue = (n: number) => n.toString(16).padStart(16, '0');

function named(n: number, name: string, format = 0): AliasEntry {
  const text = Buffer.from(`${name}\0`);
  const designation = Buffer.concat([text], Math.ceil(text.length / 4) * 4);
  return { alias: aliasValue(n), protocol: ISCSI, format, designation };
}

const removal = (n: number): AliasEntry => ({ ...named(n, ''), protocol: 0x80, designation: Buffer.alloc(0) });

function cdb(opcode: number, length: number): number[] {
  const bytes = Buffer.from([opcode, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32BE(length, 6);
  return [...bytes];
}

const changeBy = (host: Host, list: Buffer, length = list.length) => host.run(cdb(CHANGE, length), list);
const change = (host: Host, ...entries: AliasEntry[]) => changeBy(host, encodeAliasList(entries, 0));
const report = (host: Host, length = 10_000) => host.run(cdb(REPORT, length)).data;

const byAlias = (n: number, lun: number) =>
  encodeAliasCscd({ alias: Buffer.from(aliasValue(n), 'hex'), lun: encodeLun(lun), pad: false, blockLength: 0 });

t.test('entries are added, changed, removed and told, of each I_T nexus for itself', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const other = rig.host('b');
  const same = rig.host('a', { isid: '00023d000002' });
  t.equal(change(host, named(1, 'iqn.one'), named(2, 'iqn.two')).status, Status.good);
  t.same(report(host), encodeAliasList([named(1, 'iqn.one'), named(2, 'iqn.two')]));
  t.equal(change(host, named(2, 'iqn.three'), removal(1), removal(9)).status, Status.good);
  t.same(report(host), encodeAliasList([named(2, 'iqn.three')]));
  t.same(report(host, 6), encodeAliasList([named(2, 'iqn.three')]).subarray(0, 6));
  for (const each of [other, same]) t.same(report(each), encodeAliasList([]));
  t.equal(host.run(cdb(CHANGE, 0)).status, Status.good);
  t.equal(change(host).status, Status.good);
  t.same(report(host), encodeAliasList([named(2, 'iqn.three')]), 'no entries change nothing');
});

t.test('designations are not checked, their shape is', async (t) => {
  const host = new CopyRig().host('a');
  const good = encodeAliasList([named(1, 'iqn.one'), named(2, 'iqn.two')], 0);
  const bent = (at: number, value: number) => {
    const list = Buffer.from(good);
    list[at] = value;
    return changeBy(host, list).sense;
  };
  const second = 8 + 16 + 8;
  for (const cut of [1, 7, 8 + 15, good.length - 1]) t.match(changeBy(host, good.subarray(0, cut)).sense, LENGTH);
  t.match(changeBy(host, good.subarray(0, second), good.length).sense, LENGTH, 'less came than the CDB says');
  t.match(bent(8 + 14, 0xff), LENGTH, 'an entry that reaches beyond the list');
  t.match(bent(8 + 15, 6), inList(8 + 14), 'no multiple of four');
  t.match(bent(second + 8, 0x10), inList(second + 8));
  t.match(bent(second + 8, 0x81), inList(second + 8));
  t.match(bent(second + 8, 0x80), inList(second + 14), 'a removal with a designation');
  t.match(bent(second + 11, 4), inList(second + 11));
  const removed = Buffer.from(encodeAliasList([removal(1)], 0));
  removed[8 + 11] = 1;
  t.match(changeBy(host, removed).sense, inList(8 + 11));
  t.same(report(host), encodeAliasList([]), 'the first entry of a refused list is not taken either');
  t.equal(bent(0, 0xff), null, 'PARAMETER DATA LENGTH is ignored');
  t.equal(bent(second + 8, 0), null, 'a name of a transport that the array does not have');
});

t.test('more than a list may hold', async (t) => {
  const host = new CopyRig().host('a');
  const many = (count: number) => Array.from({ length: count }, (_, n) => named(n, 'iqn.x'));
  t.equal(change(host, ...many(64)).status, Status.good);
  const before = report(host);
  t.match(change(host, named(64, 'iqn.y')).sense, { key: 5, asc: 0x5503 });
  t.same(report(host), before);
  t.equal(change(host, removal(0), named(64, 'iqn.y')).status, Status.good);
  t.match(host.run(cdb(CHANGE, 0x10001), Buffer.alloc(0)).sense, { key: 5, asc: 0x5503 });
  t.equal(host.owner.responded.at(-1)?.dataOutLength, 0, 'nothing was fetched');
});

t.test('a list grows to 64 KiB, in however many commands: no host takes the room of all', async (t) => {
  const host = new CopyRig().host('a');
  const long = (n: number) => ({ ...named(n, ''), designation: Buffer.alloc(40_000) });
  t.equal(change(host, long(1)).status, Status.good);
  t.match(change(host, long(2)).sense, { asc: 0x5503 });
  t.equal(change(host, long(1)).status, Status.good);
  t.equal(change(host, removal(1), long(2)).status, Status.good);
});

t.test('all lists together are bounded, and what goes gives its room back', async (t) => {
  const rig = new CopyRig();
  const long = Array.from({ length: 64 }, (_, n) => ({ ...named(n, ''), designation: Buffer.alloc(1000) }));
  const hosts = Array.from({ length: 70 }, (_, n) => rig.host(`h${n}`));
  const full = hosts.find((host) => change(host, ...long).status !== Status.good)!;
  t.match(change(full, ...long).sense, { asc: 0x5503 });
  hosts[0]!.manage('logical-unit-reset');
  rig.clock.settle();
  full.attentions();
  t.equal(change(full, ...long).status, Status.good);
});

t.test('a logical unit reset and an I_T nexus reset clear them', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  for (const reset of ['logical-unit-reset', 'i-t-nexus-reset'] as const) {
    change(host, named(1, 'iqn.one'));
    host.manage(reset);
    rig.clock.settle();
    host.attentions();
    t.same(report(host), encodeAliasList([]), reset);
  }
});

t.test('a copy by aliases: the target by its name, the logical unit by its LUN', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  change(host, named(1, rig.group(0).target.toUpperCase()), named(2, rig.group(0).target, 2));
  const cscds = [byAlias(1, 0), byAlias(2, 1)];
  t.equal(copy(host, { cscds, segments: [blocks(8, 0, 16)] }).status, Status.good);
  t.ok(rig.layers[1]!.view(16, 8).every((byte) => byte === 5));
});

t.test('unreachable: no such alias, target or LUN, no iSCSI name, another nexus, what is masked', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const other = rig.host('b');
  const own = rig.group(0).target;
  change(
    host,
    named(1, own),
    named(2, 'iqn.2026-11.example:nobody'),
    named(3, rig.group(1).target),
    { ...named(4, own), protocol: 0 },
    { ...named(5, ''), designation: Buffer.alloc(8) },
    { ...named(6, own), designation: Buffer.from(own.padEnd(64, 'x')) },
  );
  const verdict = (who: Host, alias: number, lun: number) =>
    copy(who, { cscds: [cscd(0), byAlias(alias, lun)], segments: [blocks(1, 0, 0)] }).sense;
  const unreachable = { key: 0xa, asc: 0x0804, segment: 0, field: { inCdb: false, byte: 48 } };
  t.equal(verdict(host, 1, 1), null);
  for (const alias of [2, 3, 4, 5, 6, 99]) t.match(verdict(host, alias, 1), unreachable, `alias ${alias}`);
  t.match(verdict(host, 1, 9), unreachable, 'no such LUN');
  t.match(verdict(other, 1, 1), unreachable, 'aliases of another nexus');
  rig.group(0).luns = new Map([[0, 0]]);
  t.match(verdict(host, 1, 1), unreachable, 'masked');
});

t.test('another port of the array, once the initiator is logged in to it', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  change(host, named(1, rig.group(1).target));
  const spec = { cscds: [cscd(0), byAlias(1, 1)], segments: [blocks(1, 0, 0)] };
  t.match(copy(host, spec).sense, { name: 'unreachable-copy-target' });
  rig.host('a', { port: 1 });
  t.equal(copy(host, spec).status, Status.good);
  rig.group(1).auth = 'chap';
  t.match(copy(host, spec).sense, { name: 'unreachable-copy-target' }, 'a name alone leads not to what CHAP guards');
});

t.test('LU ID TYPE of a proxy token is refused', async (t) => {
  const host = new CopyRig().host('a');
  const proxy = byAlias(1, 1);
  proxy[1] = 0x40;
  t.match(copy(host, { cscds: [cscd(0), proxy], segments: [] }).sense, { ...inList(49), field: { byte: 49, bit: 7 } });
});

t.test('while a copy goes by them, aliases of its nexus stay as they are', async (t) => {
  const rig = new CopyRig([{ blocks: 9000 }, { blocks: 9000 }]);
  const host = rig.host('a');
  const other = rig.host('b');
  rig.layers[0]!.fill(0, 9000, 5);
  change(host, named(1, rig.group(0).target));
  const cscds = [byAlias(1, 0), byAlias(1, 1)];
  const ends = { source: 1, destination: 2 };
  const segments = [blocks(4500, 0, 0, ends), blocks(4500, 4500, 4500, ends)];
  rig.layers[0]!.held = [];
  startCopy(host, { format: 'lid4', immediate: true, cscds, segments });
  const asked = host.start(Buffer.from(cdb(CHANGE, 24)), encodeAliasList([removal(1)], 0));
  t.match(asked.sense, { key: 5, asc: 0x0016 });
  t.equal(host.start(Buffer.from(cdb(CHANGE, 8)), encodeAliasList([], 0)).status, Status.good, 'no entries');
  t.equal(other.start(Buffer.from(cdb(CHANGE, 24)), encodeAliasList([removal(1)], 0)).status, Status.good);
  for (const go of rig.layers[0]!.held.splice(0)) go();
  rig.layers[0]!.held = null;
  rig.clock.settle();
  t.ok(rig.layers[1]!.data.every((byte) => byte === 5));
  t.equal(change(host, removal(1)).status, Status.good, 'and can be changed again');
});

t.test('reservations of others', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  rig.host('b').run([0x16, 0, 0, 0, 0, 0]);
  t.equal(change(host, named(1, 'iqn.one')).status, Status.reservationConflict);
  t.equal(host.run(cdb(REPORT, 100)).status, Status.good);
});

t.test('an extension is no CSCD of its own', async (t) => {
  const host = new CopyRig().host('a');
  const list = copyList({ cscds: [cscd(0), cscd(1)], segments: [blocks(1, 0, 0)] });
  list[16] = 0xea;
  list[48] = 0xff;
  const { sense } = host.run([0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, list.length, 0, 0], list);
  t.match(sense, { name: 'unreachable-copy-target' }, 'no portal has the address');
  const named1 = copyList({ cscds: [cscd(0), cscd(1)], segments: [blocks(1, 0, 0, { source: 1, destination: 1 })] });
  named1[16] = 0xea;
  named1[48] = 0xff;
  const direct = host.run([0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, named1.length, 0, 0], named1);
  t.match(direct.sense, { key: 0xa, asc: 0x2600, segment: 0, field: inSegment(4) });
});
