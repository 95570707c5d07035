import t from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { decodeText } from '../../../wire/iscsi/text.js';
import { group, INITIATOR, openBench, TARGET } from './fixture.js';
import type { Host } from './host.js';

const second = 'iqn.2026-01.org.example:array.second';
const hidden = 'iqn.2026-01.org.example:array.hidden';

async function discovery(connect: () => Promise<Host>, keys: Record<string, string> = {}): Promise<Host> {
  const host = await connect();
  await host.login({ InitiatorName: INITIATOR, SessionType: 'Discovery', ...keys });
  return host;
}

t.test('only targets that admit the initiator, with all their portals', async (t) => {
  const { connect, directory, portals, address } = await openBench(t);
  portals.push({
    port: { name: 'CL2-A', relativeId: 2, portGroup: 1, listen: { host: '::1', port: 3261 } },
    address: { host: '::1', port: 3261 },
  });
  directory.groups = [
    group(),
    group({ id: 2, port: 'CL2-A' }),
    group({ id: 3, target: second, initiators: [INITIATOR] }),
    group({ id: 4, target: hidden, initiators: ['iqn.2026-01.org.example:other'] }),
  ];
  const host = await discovery(connect);
  t.same(await host.text({ SendTargets: 'All' }), [
    ['TargetName', TARGET],
    ['TargetAddress', `127.0.0.1:${address.port},1`],
    ['TargetAddress', '[::1]:3261,2'],
    ['TargetName', second],
    ['TargetAddress', `127.0.0.1:${address.port},1`],
  ]);
  t.same(await host.text({ SendTargets: second }), [
    ['TargetName', second],
    ['TargetAddress', `127.0.0.1:${address.port},1`],
  ]);
  t.same(await host.text({ SendTargets: hidden }), []);
  t.same(await host.text({ SendTargets: '' }), [['SendTargets', 'Reject']], 'no own target in discovery');
});

t.test('in a normal session: its own target, not all', async (t) => {
  const { login, address } = await openBench(t);
  const host = await login();
  const own = [
    ['TargetName', TARGET],
    ['TargetAddress', `127.0.0.1:${address.port},1`],
  ];
  t.same(await host.text({ SendTargets: '' }), own);
  t.same(await host.text({ SendTargets: TARGET }), own);
  t.same(await host.text({ SendTargets: 'All' }), [['SendTargets', 'Reject']]);
});

for (const listen of ['0.0.0.0', '::']) {
  t.test(`a listener on ${listen} is named by the address the host used`, async (t) => {
    const { connect, address } = await openBench(t, { listen });
    const host = await discovery(connect);
    t.same(await host.text({ SendTargets: 'All' }), [
      ['TargetName', TARGET],
      ['TargetAddress', `127.0.0.1:${address.port},1`],
    ]);
  });
}

t.test('a long answer is continued', async (t) => {
  const { connect, directory } = await openBench(t);
  directory.groups = Array.from({ length: 100 }, (_, i) => group({ id: i, target: `${TARGET}.${i}` }));
  const host = await discovery(connect, { MaxRecvDataSegmentLength: '512' });
  host.sendText(Buffer.from('SendTargets=All\0'));
  const parts: Buffer[] = [];
  for (;;) {
    const { bhs, data } = await host.expect(iscsi.Opcode.textResponse);
    const response = iscsi.decodeTextResponse(bhs);
    t.ok(data.length <= 512);
    parts.push(data);
    t.equal(response.final, !response.continues);
    if (response.final) {
      t.equal(response.targetTransferTag, iscsi.RESERVED_TAG);
      break;
    }
    t.not(response.targetTransferTag, iscsi.RESERVED_TAG);
    host.sendText(Buffer.alloc(0), {
      initiatorTaskTag: response.initiatorTaskTag,
      targetTransferTag: response.targetTransferTag,
    });
  }
  t.equal(decodeText(Buffer.concat(parts)).length, 200);
});

t.test('a request over several PDUs', async (t) => {
  const { connect } = await openBench(t);
  const host = await discovery(connect);
  const initiatorTaskTag = 55;
  host.sendText(Buffer.from('SendTar'), { initiatorTaskTag, final: false, continues: true });
  const first = iscsi.decodeTextResponse((await host.expect(iscsi.Opcode.textResponse)).bhs);
  t.match(first, { final: false, continues: false });
  host.sendText(Buffer.from('gets=All\0'), { initiatorTaskTag, targetTransferTag: first.targetTransferTag });
  const { bhs, data } = await host.expect(iscsi.Opcode.textResponse);
  t.equal(iscsi.decodeTextResponse(bhs).final, true);
  t.equal(decodeText(data)[0]![1], TARGET);
});

for (const [why, text, over, reason] of [
  ['F and C', 'A=1\0', { continues: true }, iscsi.RejectReason.protocolError],
  ['reserved tag', 'A=1\0', { initiatorTaskTag: iscsi.RESERVED_TAG }, iscsi.RejectReason.invalidPduField],
  ['no such exchange', '', { targetTransferTag: 1234 }, iscsi.RejectReason.invalidPduField],
  ['malformed', 'SendTargets\0', {}, iscsi.RejectReason.protocolError],
] as const) {
  t.test(`rejected: ${why}`, async (t) => {
    const { connect } = await openBench(t);
    const host = await discovery(connect);
    host.sendText(Buffer.from(text), over);
    t.match(await host.reject(), { reason });
    t.equal((await host.text({ SendTargets: 'All' })).length, 2, 'the session goes on');
  });
}

t.test('MaxRecvDataSegmentLength may be declared anew, other keys may not', async (t) => {
  const { login, port } = await openBench(t);
  const host = await login();
  t.same(await host.text({ MaxRecvDataSegmentLength: '4096', MaxBurstLength: '4096', 'X-org.example': '1' }), [
    ['MaxBurstLength', 'Reject'],
    ['X-org.example', 'NotUnderstood'],
  ]);
  t.equal(port.sessions()[0]!.maxSendDataSegmentLength, 4096);
  t.same(await host.text({ MaxRecvDataSegmentLength: '1' }), [['MaxRecvDataSegmentLength', 'Reject']]);
});

t.test('a discovery session does nothing else', async (t) => {
  const { connect, channel } = await openBench(t);
  const host = await discovery(connect);
  host.scsi({ read: true, expectedDataTransferLength: 36 });
  t.match(await host.reject(), { reason: iscsi.RejectReason.protocolError });
  t.equal(channel.tasks.length, 0);
  t.equal(channel.nexuses.size, 0);
});
