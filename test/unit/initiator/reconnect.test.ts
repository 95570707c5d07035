import t, { type Test } from 'tap';
import { connect, type LogicalUnit } from '../../../initiator/index.js';
import { encodeAsyncMessage, encodeReject, Opcode, opcodeOf } from '../../../wire/iscsi/bhs.js';
import { powerOnOrReset } from '../../../wire/scsi/sense.js';
import { type Behaviour, BLOCK, FakeTarget } from './fake-target.js';

async function start(t: Test, behaviour: Partial<Behaviour> = {}): Promise<FakeTarget> {
  const target = await FakeTarget.start(behaviour);
  t.teardown(() => target.stop());
  return target;
}

const quick = { reconnect: { firstDelayMs: 1, maxDelayMs: 5 } };

/** Loses the connection when the `nth` command with one of these operation codes comes. */
function losing(opcodes: readonly number[], nth: number): Partial<Behaviour> {
  let seen = 0;
  return {
    onCommand: (command, host) => {
      if (!opcodes.includes(command.cdb[0]!)) return false;
      seen += 1;
      if (seen !== nth) return false;
      host.socket.destroy();
      return true;
    },
  };
}

t.test('reads and writes out when the connection breaks are issued again', async (t) => {
  const target = await start(t, losing([0x28, 0x2a], 7));
  const unit = await connect(target.url, quick);
  const events: string[] = [];
  for (const name of ['disconnected', 'reconnected'] as const) unit.session.on(name, () => events.push(name));
  await unit.readCapacity();
  await Promise.all(Array.from({ length: 20 }, (_, index) => unit.write(index, Buffer.alloc(BLOCK, index + 1))));
  const all = await unit.read(0, 20);
  for (let index = 0; index < 20; index += 1) t.equal(all[index * BLOCK], index + 1);
  t.same(events, ['disconnected', 'reconnected']);
  t.equal(target.hosts.length, 2);
  await unit.close();
});

t.test('the unit attention after a reconnect is reported and waited out', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url, quick);
  const seen: string[] = [];
  unit.session.on('attention', (text) => seen.push(text));
  target.behaviour.attentions.push(powerOnOrReset());
  target.dropAll();
  t.equal((await unit.read(0, 1)).length, BLOCK);
  t.match(seen, [/UNIT ATTENTION/]);
  await unit.close();
});

t.test('the new session has the same ISID and no TSIH, so that it takes the old one over', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url, quick);
  target.dropAll();
  await unit.testUnitReady();
  const [first, second] = target.hosts.map((host) => host.pdus[0]!.bhs.subarray(8, 16));
  t.same(first, second);
  t.equal(second?.readUInt16BE(6), 0);
  await unit.close();
});

t.test('a command that breaks the connection each time comes to an end', async (t) => {
  const target = await start(t, {
    onCommand: (command, host) => {
      if (command.cdb[0] === 0x28) host.socket.destroy();
      return command.cdb[0] === 0x28;
    },
  });
  const unit = await connect(target.url, { reconnect: { attempts: 3, firstDelayMs: 1, maxDelayMs: 1 } });
  await t.rejects(unit.read(0, 1), { name: 'ConnectionLostError' });
  t.equal(target.commands.filter(({ cdb }) => cdb[0] === 0x28).length, 4);
  await unit.testUnitReady();
  await unit.close();
});

t.test('what is not safe to repeat fails', async (t) => {
  const target = await start(t, losing([0x89], 1));
  const unit = await connect(target.url, quick);
  await t.rejects(unit.compareAndWrite(0, Buffer.alloc(BLOCK), Buffer.alloc(BLOCK)), {
    name: 'ConnectionLostError',
    code: 'connection-lost',
  });
  t.equal((await unit.read(0, 1)).length, BLOCK, 'and the session goes on');
  await unit.close();
});

t.test('without reconnect the session ends', async (t) => {
  const target = await start(t, losing([0x28], 1));
  const unit = await connect(target.url, { reconnect: false });
  await t.rejects(unit.read(0, 1), { name: 'ConnectionLostError' });
  t.equal(unit.session.state, 'closed');
  await t.rejects(unit.read(0, 1), { name: 'ClosedError' });
});

t.test('attempts end, and what waits fails with the reason', async (t) => {
  const target = await start(t);
  const unit = await connect(target.url, { reconnect: { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 } });
  let retries = 0;
  unit.session.on('retrying', () => {
    retries += 1;
  });
  await target.stop();
  await t.rejects(unit.testUnitReady(), { name: 'ConnectError', message: /nothing listens/ });
  t.equal(retries, 2);
  t.equal(unit.session.state, 'closed');
});

t.test('a refused login is not tried again', async (t) => {
  let refuse = false;
  const target = await start(t, {
    onLogin: (request, _keys, host) => {
      if (refuse) host.answerLogin(request, [], { status: 0x0203 });
      return refuse;
    },
  });
  const unit = await connect(target.url, quick);
  refuse = true;
  target.dropAll();
  await t.rejects(unit.testUnitReady(), { name: 'LoginError', statusClass: 2, statusDetail: 3 });
  t.equal(target.hosts.length, 2);
});

/** Breaks the protocol once, in answer to the first READ(10). */
function nonsense(answer: (host: FakeTarget['hosts'][number], tag: number) => void): Partial<Behaviour> {
  let done = false;
  return {
    onCommand: (command, host) => {
      if (command.cdb[0] !== 0x28 || done) return false;
      done = true;
      answer(host, command.initiatorTaskTag);
      return true;
    },
  };
}

t.test('a target that breaks the protocol is left and found again', async (t) => {
  const raw = (fill: (bhs: Buffer, tag: number) => void, data = 0): Partial<Behaviour> =>
    nonsense((host, tag) =>
      host.send((to) => {
        to.writeUInt32BE(tag, 16);
        to.writeUInt32BE(host.statSn, 24);
        fill(to, tag);
      }, Buffer.alloc(data)),
    );
  const cases: [string, Partial<Behaviour>][] = [
    ['unknown opcode', raw((to) => to.writeUInt8(0x3c, 0))],
    [
      'wrong StatSN',
      raw((to) => {
        to[0] = Opcode.scsiResponse;
        to.writeUInt32BE(12345, 24);
      }),
    ],
    [
      'unknown tag',
      raw((to) => {
        to[0] = Opcode.scsiResponse;
        to.writeUInt32BE(999999, 16);
      }),
    ],
    [
      'more data than asked for',
      raw((to) => {
        to[0] = Opcode.scsiDataIn;
      }, 4 * BLOCK),
    ],
    [
      'data out of order',
      raw((to) => {
        to[0] = Opcode.scsiDataIn;
        to.writeUInt32BE(256, 40);
      }, 256),
    ],
    [
      'R2T for a read',
      raw((to) => {
        to[0] = Opcode.r2t;
        to.writeUInt32BE(512, 44);
      }),
    ],
    [
      'segment above the limit',
      nonsense((host) => {
        const bhs = Buffer.alloc(48);
        bhs[0] = Opcode.scsiDataIn;
        bhs.writeUIntBE(0xffffff, 5, 3);
        host.socket.write(bhs);
      }),
    ],
    ['half a PDU, then the end', nonsense((host) => host.socket.end(Buffer.alloc(20, 0x25)))],
  ];
  for (const [name, behaviour] of cases) {
    const target = await start(t, behaviour);
    const unit = await connect(target.url, quick);
    t.equal((await unit.read(0, 1)).length, BLOCK, name);
    t.equal(target.hosts.length, 2, `${name}: a second connection`);
    await unit.close();
  }
});

t.test('a Reject fails the command it names', async (t) => {
  const target = await start(t, {
    onCommand: (command, host) => {
      if (command.cdb[0] !== 0x91) return false;
      const header = Buffer.alloc(48);
      header[0] = Opcode.scsiCommand;
      header.writeUInt32BE(command.initiatorTaskTag, 16);
      host.send((to) => encodeReject(to, 0, { reason: 0x09, ...host.numbers(), dataSn: 0 }), header);
      return true;
    },
  });
  const unit = await connect(target.url, quick);
  await t.rejects(unit.synchronizeCache(), {
    name: 'ProtocolError',
    message: /rejects SCSI command: invalid PDU field/,
  });
  t.equal((await unit.read(0, 1)).length, BLOCK);
  t.equal(target.hosts.length, 1);
  await unit.close();
});

t.test('asynchronous messages: logout on request, drop', async (t) => {
  for (const event of [1, 2, 3]) {
    const target = await start(t);
    const unit = await connect(target.url, quick);
    const host = target.hosts[0]!;
    const back = new Promise((resolve) => unit.session.once('reconnected', resolve as () => void));
    const fields = { lun: null, vendorCode: 0, parameter1: 0, parameter2: 0, parameter3: 0 };
    host.send((to) => encodeAsyncMessage(to, 0, { event, ...fields, ...host.numbers() }));
    await back;
    if (event === 1)
      t.ok(
        host.pdus.some(({ bhs }) => opcodeOf(bhs) === Opcode.logoutRequest),
        'logged out',
      );
    t.equal((await unit.read(0, 1)).length, BLOCK, `event ${event}`);
    await unit.close();
  }
});

t.test('a late command is aborted', async (t) => {
  const target = await start(t, { onCommand: (command) => command.cdb[0] === 0x91 });
  const unit: LogicalUnit = await connect(target.url, quick);
  await t.rejects(unit.command(Buffer.from('91000000000000000000000000000000', 'hex'), { timeoutMs: 20 }), {
    name: 'TimeoutError',
    code: 'timeout',
    message: /aborted/,
  });
  const abort = target.hosts[0]!.pdus.find(({ bhs }) => opcodeOf(bhs) === Opcode.taskManagementRequest)!;
  const command = target.commands.at(-1)!;
  t.equal(abort.bhs[1], 0x81, 'ABORT TASK');
  t.equal(abort.bhs.readUInt32BE(20), command.initiatorTaskTag);
  t.equal(abort.bhs.readUInt32BE(32), command.cmdSn, 'RefCmdSN');
  t.equal((await unit.read(0, 1)).length, BLOCK);
  await unit.close();
});

t.test('closing while the connection is being got back', async (t) => {
  let hold = false;
  let held: (() => void) | null = null;
  const target = await start(t, {
    onLogin: (request, keys, host) => {
      if (!hold) return false;
      held = () => host.answerLogin(request, host.loginAnswer(request, keys));
      return true;
    },
  });
  const unit = await connect(target.url, quick);
  hold = true;
  target.dropAll();
  const waiting = unit.testUnitReady();
  while (held === null) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([t.rejects(waiting, { name: 'ClosedError' }), unit.close()]);
  hold = false;
  (held as () => void)();
  await new Promise((resolve) => target.hosts[1]!.socket.once('close', resolve));
  t.equal(unit.session.state, 'closed');
});
