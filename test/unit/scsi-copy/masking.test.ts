/**
 * Nobody reaches by a copy what he does not reach himself: an LDEV that is masked from the sender answers as one that
 * does not exist, in every way of naming one and in every segment (CVE-2020-28374); what he does reach works.
 */
import t from 'tap';
import { encodeMoveSegment, encodeRegisterSegment, encodeVerifySegment } from '../../../wire/scsi/copy-segments.js';
import { Association, CodeSet, DesignatorType } from '../../../wire/scsi/vpd.js';
import { blocks, bytes, CopyRig, copy, cscd, image, inCopyList, naaOf, startCopy } from './copy-rig.js';
import { deviceIdentification } from './designators.js';

const unreachable = (byte: number) => ({ name: 'unreachable-copy-target', key: 0xa, field: inCopyList(byte) });
const ends = (source: number, destination: number) => ({ source, destination });

/** Every segment that names another logical unit, with it as source (first) and destination (second CSCD). */
const segments = (other: number): readonly Buffer[] => {
  const own = 1 - other;
  return [
    blocks(1, 0, 0, ends(other, own)),
    blocks(1, 0, 0, ends(own, other)),
    blocks(1, 0, 0, { ...ends(other, own), hold: true }),
    bytes(1, [0, 0], [0, 0], ends(other, own)),
    bytes(1, [0, 0], [0, 0], ends(own, other)),
    image(1, 0, 0),
    encodeVerifySegment({ ...ends(other, 0), testUnitReady: false }),
    encodeVerifySegment({ ...ends(other, 0), testUnitReady: true }),
    encodeRegisterSegment({ ...ends(0, other), keys: Buffer.alloc(16, 1) }),
    encodeMoveSegment({ ...ends(0, other), list: Buffer.alloc(48, 1) }),
  ];
};

/** LDEV 0 is the host's own; 1 is mapped to it nowhere. */
function masked() {
  const rig = new CopyRig([{}, { readOnly: true, blocks: 8, blockSize: 4096 }]);
  for (const port of [0, 1]) rig.group(port).luns.delete(1);
  rig.layers[1]!.fill(0, 8, 0x5e);
  return rig;
}

t.test('a masked LDEV answers as one that does not exist', async (t) => {
  const rig = masked();
  const host = rig.host('a');
  for (const segment of segments(1)) {
    const [hidden, nowhere] = [naaOf(1), naaOf(77)].map((designator) => {
      const { sense, status } = copy(host, { cscds: [cscd(0), cscd(1, { designator })], segments: [segment] });
      return { sense, status };
    });
    t.match(hidden!.sense, { ...unreachable(48), segment: 0 }, segment.toString('hex'));
    t.same(hidden, nowhere, 'the answers do not differ in anything');
  }
  t.same(rig.layers[1]!.calls, [], 'nothing reached it');
});

t.test('nor do a wrong block length, a wrong device type or a range beyond its end tell it apart', async (t) => {
  const host = masked().host('a');
  for (const [spec, segment] of [
    [{ blockLength: 512 }, blocks(1, 0, 0, ends(1, 0))],
    [{ blockLength: 4096 }, blocks(1, 0, 0, ends(1, 0))],
    [{}, blocks(1, 5000, 0, ends(1, 0))],
    [{}, blocks(1, 0, 5000)],
  ] as const) {
    const answers = [naaOf(1), naaOf(77)].map((designator) => {
      const other = cscd(1, { ...spec, designator });
      const typed = Buffer.from(other);
      typed[1] = 0x05;
      return [other, typed].map((each) => copy(host, { cscds: [cscd(0), each], segments: [segment] }).sense);
    });
    t.same(answers[0], answers[1]);
    t.match(answers[0]![0], unreachable(48));
  }
});

t.test(
  'every designator of the own logical unit that fits a CSCD descriptor names it, and no other does',
  async (t) => {
    const rig = new CopyRig();
    const host = rig.host('a');
    const verify = [encodeVerifySegment({ ...ends(0, 0), testUnitReady: true })];
    const found = [];
    for (const { association, codeSet, type, value } of deviceIdentification(host)) {
      if (value.length > 20) continue;
      const one = cscd(0, { association, codeSet, type, designator: value });
      found.push([association, copy(host, { cscds: [one], segments: verify }).status]);
    }
    t.same(
      found.filter(([association]) => association === Association.logicalUnit),
      [[0, 0]],
    );
    t.ok(found.length > 1);
    for (const [association, status] of found) if (association !== 0) t.equal(status, 2, 'ports are no logical units');
    for (const spec of [
      { type: DesignatorType.eui64 },
      { codeSet: CodeSet.ascii },
      { association: Association.targetPort },
      { designator: naaOf(0).subarray(0, 15) },
      { designator: Buffer.alloc(0) },
    ]) {
      t.match(copy(host, { cscds: [cscd(0, spec)], segments: verify }).sense, unreachable(16));
    }
  },
);

t.test('an LDEV behind another port is reached if its initiator is let in there', async (t) => {
  const rig = new CopyRig();
  rig.group(0).luns.delete(1);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 4, 0x31);
  const once = () => copy(host, { segments: [blocks(4, 0, 0)] });
  t.match(once().sense, unreachable(48), 'the other group admits anybody, but who knows whether this host gets there');
  const there = rig.host('a', { port: 1 });
  t.equal(once().status, 0, 'it does');
  t.ok(rig.layers[1]!.view(0, 4).every((byte) => byte === 0x31));
  rig.group(1).initiators = ['iqn.2000-01.test:b'];
  t.match(once().sense, unreachable(48), 'it admits somebody else');
  rig.group(1).initiators = ['iqn.2000-01.test:b', host.nexus.initiatorName];
  t.equal(once().status, 0);
  for (const auth of ['chap', 'mutual-chap'] as const) {
    rig.group(1).auth = auth;
    t.match(once().sense, unreachable(48), `${auth}: a name proves nothing`);
  }
  rig.group(1).auth = 'none';
  there.logout();
  t.match(once().sense, unreachable(48), 'not any more');
});

t.test('CHAP of the own host group is no hindrance: its login has been proven', async (t) => {
  const rig = new CopyRig();
  rig.group(0).auth = 'chap';
  rig.group(1).auth = 'chap';
  t.equal(copy(rig.host('a'), { segments: [blocks(4, 0, 0)] }).status, 0);
});

t.test('what is unmapped while a copy runs is out of its reach at once', async (t) => {
  for (const [port, immediate] of [
    [0, false],
    [0, true],
  ] as const) {
    const rig = new CopyRig([{ blocks: 16384 }, { blocks: 16384 }]);
    const host = rig.host('a');
    rig.layers[0]!.fill(0, 16384, 1);
    const task = startCopy(host, { format: 'lid4', immediate, segments: [blocks(16000, 0, 0, ends(1, 2))] });
    t.equal(task.finished, immediate);
    for (const each of [port, 1]) rig.group(each).luns.delete(1);
    rig.events.emit('luns-changed', rig.group(port));
    rig.clock.settle();
    if (!immediate) t.match(task.sense, { name: 'unreachable-copy-target', segment: 0 });
    t.equal(rig.layers[1]!.mapped.filter(Boolean).length, 2048, 'the piece that was under way, and no more');
  }
});

t.test('FFFFh, when the logical unit itself is taken from its sender', async (t) => {
  const rig = new CopyRig([{ blocks: 16384 }, { blocks: 16384 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 16384, 1);
  const segment = blocks(16000, 0, 0, ends(0xffff, 2));
  startCopy(host, { format: 'lid4', immediate: true, segments: [segment] });
  for (const each of [0, 1]) rig.group(each).luns.delete(0);
  rig.events.emit('luns-changed', rig.group(0));
  rig.clock.settle();
  t.equal(rig.layers[1]!.mapped.filter(Boolean).length, 2048);
});

t.test('the logical unit that got the command is taken from its sender: the copy ends', async (t) => {
  const rig = new CopyRig([{}, { blocks: 16384 }, { blocks: 16384 }]);
  const host = rig.host('a');
  rig.layers[1]!.fill(0, 16384, 1);
  const cscds = [cscd(1), cscd(2)];
  startCopy(host, { format: 'lid4', immediate: true, cscds, segments: [blocks(16000, 0, 0, ends(1, 2))] });
  rig.group(0).luns.delete(0);
  rig.events.emit('luns-changed', rig.group(0));
  rig.clock.settle();
  t.equal(rig.layers[2]!.mapped.filter(Boolean).length, 2048);
});
