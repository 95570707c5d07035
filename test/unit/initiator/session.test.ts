import t, { type Test } from 'tap';
import { connect, discover } from '../../../initiator/index.js';
import {
  decodeTextRequest,
  encodeNopIn,
  encodeTextResponse,
  Opcode,
  opcodeOf,
  RESERVED_TAG,
} from '../../../wire/iscsi/bhs.js';
import { busDeviceResetFunctionOccurred } from '../../../wire/scsi/sense.js';
import { type Behaviour, BLOCK, FakeTarget } from './fake-target.js';

function pattern(bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index += 1) data[index] = index * 7 + (index >> 9);
  return data;
}

async function start(t: Test, behaviour: Partial<Behaviour> = {}): Promise<FakeTarget> {
  const target = await FakeTarget.start(behaviour);
  t.teardown(() => target.stop());
  return target;
}

t.test('data goes both ways under every combination of keys', async (t) => {
  const data = pattern(300 * BLOCK);
  for (const initialR2T of [false, true]) {
    for (const immediateData of [false, true]) {
      for (const digest of ['None', 'CRC32C'] as const) {
        for (const separateStatus of [false, true]) {
          const target = await start(t, {
            separateStatus,
            dataInBytes: 20000,
            loginKeys: { MaxRecvDataSegmentLength: '8192', FirstBurstLength: '32768' },
          });
          const unit = await connect(target.url, {
            initialR2T,
            immediateData,
            headerDigest: digest,
            dataDigest: digest,
            firstBurstLength: 40000,
          });
          await unit.write(5, data);
          t.ok(target.disk.subarray(5 * BLOCK, 305 * BLOCK).equals(data));
          t.ok((await unit.read(5, 300)).equals(data), `R2T ${initialR2T} immediate ${immediateData} ${digest}`);
          t.match(unit.session.parameters, { initialR2T, immediateData, headerDigest: digest === 'CRC32C' });
          await unit.close();
        }
      }
    }
  }
});

t.test('unsolicited data stays within the first burst', async (t) => {
  const target = await start(t, { loginKeys: { MaxRecvDataSegmentLength: '4096' } });
  const unit = await connect(target.url, { firstBurstLength: 10240 });
  await unit.write(0, pattern(64 * BLOCK));
  const host = target.hosts[0]!;
  const outs = host.pdus.filter(({ bhs }) => opcodeOf(bhs) === Opcode.scsiDataOut);
  const unsolicited = outs.filter(({ bhs }) => bhs.readUInt32BE(20) === RESERVED_TAG);
  t.same(
    unsolicited.map(({ dataLength }) => dataLength),
    [4096, 2048],
    'after 4096 immediate bytes',
  );
  t.same(
    unsolicited.map(({ bhs }) => bhs.readUInt32BE(36)),
    [0, 1],
    'DataSN',
  );
  t.same(
    unsolicited.map(({ bhs }) => (bhs[1]! & 0x80) !== 0),
    [false, true],
    'final bit',
  );
  await unit.close();
});

t.test('the command window is honoured', async (t) => {
  const held: (() => void)[] = [];
  let most = 0;
  let open = 0;
  const target = await start(t, {
    window: 4,
    onCommand: (command, host) => {
      if (command.cdb[0] !== 0x28) return false;
      open += 1;
      most = Math.max(most, open);
      held.push(() => {
        open -= 1;
        host.answer(command, target.disk.subarray(0, BLOCK));
      });
      setImmediate(() => held.shift()?.());
      return true;
    },
  });
  const unit = await connect(target.url);
  await unit.readCapacity();
  await Promise.all(Array.from({ length: 50 }, (_, index) => unit.read(index, 1)));
  t.ok(most > 1 && most <= 4, `at most ${most} at once`);
  await unit.close();
});

t.test('residuals', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url);
  const inquiry = await unit.command(Buffer.from('12000000ff00', 'hex'), { dataIn: 255 });
  t.same([inquiry.data.length, inquiry.residual], [36, 255 - 36]);
  await unit.close();
});

t.test('errors carry decoded sense', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url);
  await t.rejects(unit.read(4000, 1), {
    name: 'CheckCondition',
    code: 'check-condition',
    message: /READ\(10\): ILLEGAL REQUEST: LOGICAL BLOCK ADDRESS OUT OF RANGE/,
    sense: { key: 5, asc: 0x2100, information: 4000 },
  });
  await t.rejects(unit.command(Buffer.from('ff0000000000', 'hex')), {
    name: 'CheckCondition',
    sense: { asc: 0x2000 },
  });
  await unit.close();
});

t.test('unit attentions are reported and waited out, but not by raw commands', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url);
  const seen: string[] = [];
  unit.session.on('attention', (text) => seen.push(text));
  target.behaviour.attentions.push(busDeviceResetFunctionOccurred(), busDeviceResetFunctionOccurred());
  t.equal((await unit.read(0, 1)).length, BLOCK);
  t.equal(seen.length, 2);
  target.behaviour.attentions.push(busDeviceResetFunctionOccurred());
  await t.rejects(unit.command(Buffer.alloc(6)), {
    name: 'CheckCondition',
    sense: { key: 6, asc: 0x2903 },
  });
  await unit.close();
});

t.test('BUSY is waited out, RESERVATION CONFLICT is not', async (t) => {
  let busy = 2;
  const target = await start(t, {
    onCommand: (command, host) => {
      if (command.cdb[0] === 0x91) host.respond(command, 0x18);
      else if (command.cdb[0] === 0x28 && busy-- > 0) host.respond(command, 0x08);
      else return false;
      return true;
    },
  });
  const unit = await connect(target.url);
  t.equal((await unit.read(0, 1)).length, BLOCK);
  await t.rejects(unit.synchronizeCache(), { name: 'StatusError', code: 'scsi-status', status: 0x18 });
  await unit.close();
});

t.test('pings both ways, task management', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url);
  t.type(await unit.session.ping(), 'number');
  t.equal(await unit.session.manage('logicalUnitReset', unit.address), 'complete');
  const host = target.hosts[0]!;
  const fields = { lun: null, initiatorTaskTag: RESERVED_TAG, targetTransferTag: 77 };
  host.send((to) =>
    encodeNopIn(to, 0, { ...fields, statSn: host.statSn, expCmdSn: host.expCmdSn, maxCmdSn: host.expCmdSn + 31 }),
  );
  await unit.session.ping();
  const answer = host.pdus.find(({ bhs }) => opcodeOf(bhs) === Opcode.nopOut && bhs.readUInt32BE(20) === 77);
  t.equal(answer?.bhs.readUInt32BE(16), RESERVED_TAG, "the target's ping is answered without a tag of its own");
  await unit.close();
});

t.test('a closed session refuses, and closing twice is nothing', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url);
  await unit.close();
  await unit.close();
  t.equal(unit.session.state, 'closed');
  await t.rejects(unit.testUnitReady(), { name: 'ClosedError', code: 'closed' });
  const last = target.hosts[0]!.pdus.at(-1)!;
  t.equal(opcodeOf(last.bhs), Opcode.logoutRequest);
});

t.test('discovery', async (t) => {
  const target = await start(t, {
    sendTargets: [
      ['TargetName', 'iqn.a:1'],
      ['TargetAddress', '127.0.0.1:3260,1'],
      ['TargetAddress', '[::1]:3261,2'],
      ['TargetName', 'iqn.a:2'],
    ],
  });
  const found = await discover(target.portal);
  t.same(found[0]?.portals, [
    { host: '127.0.0.1', port: 3260, portalGroup: 1 },
    { host: '::1', port: 3261, portalGroup: 2 },
  ]);
  t.same(
    found[1]?.portals,
    [{ host: '127.0.0.1', port: target.port, portalGroup: null }],
    'without an address: where it was asked',
  );
  t.equal(target.hosts[0]?.keys.get('SessionType'), 'Discovery');
  t.notOk(target.hosts[0]?.keys.has('InitialR2T'), 'keys of normal sessions stay out');
});

t.test('an answer to SendTargets that comes in parts', async (t) => {
  const whole = Array.from({ length: 40 }, (_, index) => `TargetName=iqn.a:${index}\0`).join('');
  let sent = 0;
  const target = await start(t, {
    onPdu: (pdu, host) => {
      if (opcodeOf(pdu.bhs) !== Opcode.textRequest) return false;
      const { initiatorTaskTag, targetTransferTag } = decodeTextRequest(pdu.bhs);
      t.equal(targetTransferTag, sent === 0 ? RESERVED_TAG : 99);
      const part = whole.slice(sent, sent + 100);
      sent += part.length;
      const last = sent === whole.length;
      const fields = { final: last, continues: !last, lun: null, initiatorTaskTag };
      host.send(
        (to) =>
          encodeTextResponse(to, 0, { ...fields, targetTransferTag: last ? RESERVED_TAG : 99, ...host.numbers() }),
        Buffer.from(part),
      );
      return true;
    },
  });
  const found = await discover(target.portal);
  t.same(
    found.map(({ name }) => name),
    Array.from({ length: 40 }, (_, index) => `iqn.a:${index}`),
  );
});
