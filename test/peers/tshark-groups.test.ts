/**
 * A capture of each group of libiscsi's tests, and of each kind of recovery, is one that tshark has nothing to say against.
 * One test of each group, the last, as the first ones move the most data; with LUNARRAY_ALL=1 all of them.
 */
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { call } from '../../target/cli/client.js';
import { startArray } from '../../target/index.js';
import type { CaptureReply } from '../../target/svp/control/api.js';
import { Opcode } from '../../wire/iscsi/bhs.js';
import { slow } from '../conformance/expected.js';
import { listTests, runTests } from '../conformance/iscsi-test-cu.js';
import { config, type Profile, pathsOf } from '../conformance/profiles.js';
import { once } from '../conformance/run-all.js';
import { run } from '../support/run.js';
import { opcodesIn, portOf, remarks } from '../support/tshark.js';
import { damageData, openWire, type Rule } from '../support/wire-proxy.js';

t.setTimeout(0);
const folder = t.testdir();

const all = (await listTests()).filter((test) => !slow.includes(test));
const profileOf = new Map<string, Profile>();
for (const [profile, tests] of once(all)) for (const test of tests) profileOf.set(test, profile);
const groups = new Map<string, string[]>();
for (const test of all) {
  const [, group] = test.split('.') as [string, string];
  const tests = groups.get(group) ?? [];
  groups.set(group, process.env.LUNARRAY_ALL === '1' ? [...tests, test] : [test]);
}

/** What Wireshark 4.0 itself gets wrong: its own limits, looked at byte by byte. */
const unreadable: readonly { readonly group: string; readonly remark: RegExp; readonly reason: string }[] = [
  {
    group: 'Mandatory',
    remark: /READ CAPACITY\(16\).*Malformed|Malformed.*READ CAPACITY\(16\)/,
    reason: 'the allocation length cuts the data to 15 bytes, the dissector reads 32',
  },
  {
    group: 'MultipathIO',
    remark: /INQUIRY.*Malformed|Malformed.*INQUIRY/,
    reason: 'the allocation length cuts a designator of page 83h, the dissector reads all of it',
  },
  { group: 'ReceiveCopyResults', remark: /Unknown serv_action 0/, reason: 'RECEIVE COPY STATUS(LID1) is not known' },
  {
    group: 'ReadCapacity16',
    remark: /READ CAPACITY\(16\).*Malformed/,
    reason: 'the allocation length cuts the data to 1 to 15 bytes, the dissector reads 32',
  },
  {
    group: 'PrinReadKeys',
    remark: /READ KEYS.*Malformed/,
    reason: 'the allocation length cuts a key, the dissector reads all of it',
  },
  {
    group: 'ExtendedCopy',
    remark: /EXTENDED COPY\(LID1\).*Malformed/,
    reason: 'the test cuts the parameter list within a descriptor',
  },
  {
    group: 'Sanitize',
    remark: /SANITIZE: OVERWRITE.*Malformed/,
    reason: 'the test cuts the parameter list, or sends none',
  },
  {
    group: 'connections that break',
    remark: /Unknown SCSI exchange/,
    reason: 'the dissector looks for the command in the same TCP stream, and the task was reassigned',
  },
];

const isKnown = (group: string, line: string) =>
  unreadable.some((each) => each.group === group && each.remark.test(line));

/** Of one file each: what is rotated away is missing. */
const maxSize = 2 ** 30;
/** A machine with much else to do may leave packets out, which a capture says. */
const ATTEMPTS = 3;

t.test('groups of libiscsi', async (t) => {
  const array = await startArray({ config, control: true });
  t.teardown(() => array.stop());
  const ports = [...new Set(array.luns.map(({ url }) => portOf(url)))];
  t.ok(groups.size > 50, `${groups.size} groups`);
  const captures: { readonly group: string; readonly file: string; readonly packets: number }[] = [];
  for (const [group, tests] of groups) {
    const file = join(folder, `${group}.pcapng`);
    let reply: CaptureReply;
    let attempts = 0;
    do {
      const { id } = await call<CaptureReply>(array.dataDir, 'POST', '/captures', { file, maxSize });
      for (const test of tests) await runTests(pathsOf(array, profileOf.get(test)!), [test]);
      reply = await call<CaptureReply>(array.dataDir, 'DELETE', `/captures/${id}`);
    } while (reply.dropped > 0 && ++attempts < ATTEMPTS);
    t.equal(reply.dropped, 0, 'all of it is in the file');
    captures.push({ group, file, packets: reply.packets });
  }
  // Looked at in one file first, as what tshark takes longest for is its start. Connections of two groups may have the same
  // port there, which it takes for one: a group with remarks is looked at by itself.
  const merged = join(folder, 'merged.pcapng');
  const { code, stderr } = await run('mergecap', ['-a', '-w', merged, ...captures.map(({ file }) => file)], 60_000);
  t.equal(code, 0, stderr);
  const frames = (await remarks(merged, ports)).map((line) => Number.parseInt(line, 10));
  let first = 1;
  for (const { group, file, packets } of captures) {
    const after = first + packets;
    const suspected = frames.some((frame) => frame >= first && frame < after);
    const own = suspected ? await remarks(file, ports) : [];
    t.same(
      own.filter((line) => !isKnown(group, line)),
      [],
      `${group}: ${packets} packets`,
    );
    first = after;
  }
  t.ok(
    frames.every((frame) => frame < first),
    'every frame is of a group',
  );
});

/** Hurts every n-th PDU. */
const every = (n: number, hurt: Rule): Rule => {
  let count = 0;
  return (passing) => (++count % n === 0 ? hurt(passing) : 'pass');
};

const damaged: Rule = (passing) => {
  if (passing.dataLength > 0) damageData(passing);
  return 'pass';
};

for (const [name, query, rule, wanted] of [
  ['lost PDUs', 'erl=1&data_digest=crc32c', every(9, () => 'drop'), [Opcode.snackRequest]],
  ['damaged data', 'erl=1&data_digest=crc32c', every(5, damaged), [Opcode.snackRequest, Opcode.reject]],
  ['PDUs out of order', 'erl=1', every(6, () => 'late'), [Opcode.scsiDataIn]],
  ['connections that break', 'erl=2&connections=2', every(40, () => 'cut'), [Opcode.taskManagementRequest]],
] as const) {
  t.test(`recovery: ${name}`, async (t) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.pcapng`);
    const wire = await openWire(t, query, { capture: { file, maxSize } });
    const port = portOf(wire.array.luns[0]!.url);
    const unit = await connect(wire.url, { reconnect: { firstDelayMs: 10 }, maxRecvDataSegmentLength: 32768 });
    await unit.read(0, 1);
    wire.rule = rule;
    const data = Buffer.alloc(512 * 1024, 0x5a);
    for (let round = 0; round < 2; round++) {
      await Promise.all([0, 1, 2, 3].map((index) => unit.write(index * 1024, data)));
      const back = await Promise.all([0, 1, 2, 3].map((index) => unit.read(index * 1024, 1024)));
      t.ok(back.every((each) => each.equals(data)));
    }
    wire.rule = () => 'pass';
    await unit.session.manage('logicalUnitReset', unit.address);
    await unit.close();
    await wire.array.stop();
    const seen = await opcodesIn(file, [port]);
    for (const opcode of wanted) t.ok(seen.has(opcode), `opcode ${opcode} is in it`);
    t.same(
      (await remarks(file, [port])).filter((line) => !isKnown(name, line)),
      [],
    );
  });
}
