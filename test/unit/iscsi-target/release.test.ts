/**
 * Every READ pins cache slots until its data has left. Here each READ counts: pinned when its data is handed to the
 * port, released when the port gives it back; whatever happens to the connection, the two agree in the end, and
 * nothing is given back twice.
 */
import t, { type Test } from 'tap';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { type Bench, openBench } from './fixture.js';
import type { Host } from './host.js';

const { Opcode, TaskFunction } = iscsi;

/** READs of `bytes`; those with a one in CDB byte 1 are completed when the test says so. */
function pinning(bench: Bench, bytes: number) {
  const counts = { pinned: 0, released: 0, twice: 0, later: [] as (() => void)[] };
  bench.channel.run = (task) => {
    const complete = () => {
      if (task.finished) return;
      let given = false;
      counts.pinned++;
      const release = () => {
        if (given) counts.twice++;
        given = true;
        counts.released++;
      };
      task.data([Buffer.alloc(bytes, 7)], bytes, release);
    };
    if (task.cdb[1] === 1) counts.later.push(complete);
    else complete();
  };
  return counts;
}

const read = (host: Host, bytes: number, over: Partial<iscsi.ScsiCommand> = {}) =>
  host.scsi({ read: true, expectedDataTransferLength: bytes, ...over });

const later = Buffer.from([0, 1, ...new Array<number>(14).fill(0)]);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Whatever was pinned is given back once, within the test's time. */
async function allBack(t: Test, counts: { pinned: number; released: number; twice: number }) {
  await until(() => counts.released >= counts.pinned);
  t.equal(counts.released, counts.pinned);
  t.equal(counts.twice, 0);
  t.ok(counts.pinned > 0);
}

const MIB = 1 << 20;

for (const bytes of [1, 4096, MIB - 48, MIB, MIB + 4, 3 * MIB]) {
  for (const segment of ['8192', '262144', '16777215']) {
    t.test(`a reader that takes ${bytes} bytes in segments of ${segment}: no further PDU is needed`, async (t) => {
      const bench = await openBench(t);
      const counts = pinning(bench, bytes);
      const host = await bench.login({ MaxRecvDataSegmentLength: segment, MaxBurstLength: '16776192' });
      read(host, bytes);
      let got = 0;
      while (got < bytes) got += (await host.expect(Opcode.scsiDataIn)).data.length;
      await allBack(t, counts);
    });
  }
}

t.test('data that comes later, and large', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, 2 * MIB);
  const host = await bench.login({ MaxRecvDataSegmentLength: '262144', MaxBurstLength: '16776192' });
  read(host, 2 * MIB, { cdb: later });
  await host.ping();
  for (const complete of counts.later) complete();
  for (let got = 0; got < 2 * MIB; ) got += (await host.expect(Opcode.scsiDataIn)).data.length;
  await allBack(t, counts);
});

t.test('the initiator has no room for the data', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, 4096);
  const host = await bench.login();
  read(host, 0, { read: false });
  await host.scsiResponse();
  await allBack(t, counts);
});

t.test('aborted before it is complete', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, 4096);
  const host = await bench.login();
  read(host, 4096);
  await host.expect(Opcode.scsiDataIn);
  const { initiatorTaskTag } = read(host, 4096, { cdb: later });
  host.send(iscsi.encodeTaskManagementRequest, {
    immediate: true,
    fn: TaskFunction.abortTask,
    lun: Buffer.alloc(8),
    initiatorTaskTag: host.tag++,
    referencedTaskTag: initiatorTaskTag,
    cmdSn: host.cmdSn,
    expStatSn: host.expStatSn,
    refCmdSn: 2,
    expDataSn: 0,
  });
  await host.expect(Opcode.taskManagementResponse);
  for (const complete of counts.later) complete();
  await allBack(t, counts);
  t.match(bench.port.sessions(), [{ commandsOutstanding: 0 }]);
});

/** A host that asks for much and reads nothing, so that data is waiting in the port. */
async function slowReader(bench: Bench, commands: number, bytes: number): Promise<Host> {
  const host = await bench.login({ MaxRecvDataSegmentLength: '262144', MaxBurstLength: '16776192' });
  host.socket.pause();
  for (let i = 0; i < commands; i++) read(host, bytes);
  await until(() => bench.channel.tasks.length > 0);
  return host;
}

t.test('a slow reader: commands wait, and all of it comes and is given back once it reads', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, MIB);
  const host = await slowReader(bench, 60, MIB);
  await until(() => counts.pinned > 4);
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(counts.pinned - counts.released < 20, `${counts.pinned} of 60 pinned while nothing is read`);
  host.socket.resume();
  for (let got = 0; got < 60 * MIB; ) got += (await host.expect(Opcode.scsiDataIn)).data.length;
  t.equal(counts.pinned, 60);
  await allBack(t, counts);
});

t.test('a slow reader whose connection is reset', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, MIB);
  const host = await slowReader(bench, 60, MIB);
  await until(() => counts.pinned > 4);
  host.socket.resetAndDestroy();
  await until(() => bench.port.stats().connections === 0);
  await allBack(t, counts);
  t.equal(bench.port.stats().sessions, 0);
});

t.test('a slow reader that logs in anew (session reinstatement)', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, MIB);
  await slowReader(bench, 60, MIB);
  await until(() => counts.pinned > 4);
  await bench.login();
  t.equal(bench.port.stats().sessions, 1);
  await allBack(t, counts);
});

t.test('a slow reader that reconnects (connection reinstatement)', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, MIB);
  const first = await slowReader(bench, 60, MIB);
  await until(() => counts.pinned > 4);
  const second = await bench.connect();
  second.tsih = first.tsih;
  second.cmdSn = first.cmdSn;
  await second.login({
    InitiatorName: 'iqn.2026-01.org.example:host',
    TargetName: 'iqn.2026-01.org.example:array.cl1-a',
  });
  await second.ping();
  await allBack(t, counts);
});

t.test('a slow reader that is dropped for it', async (t) => {
  const bench = await openBench(t, { limits: { pingAfterMs: 200, pingTimeoutMs: 200 } });
  const counts = pinning(bench, MIB);
  await slowReader(bench, 60, MIB);
  await until(() => bench.port.stats().connections === 0);
  await allBack(t, counts);
});

t.test('the port closes on a slow reader', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, MIB);
  await slowReader(bench, 60, MIB);
  await until(() => counts.pinned > 4);
  await bench.port.close(50);
  await allBack(t, counts);
});

t.test('a host group is taken away from a slow reader', async (t) => {
  const bench = await openBench(t, { limits: { closingTimeoutMs: 100 } });
  const counts = pinning(bench, MIB);
  await slowReader(bench, 60, MIB);
  await until(() => counts.pinned > 4);
  bench.directory.emit('host-group-removed', bench.directory.groups[0]!);
  await until(() => bench.port.stats().connections === 0);
  await allBack(t, counts);
});

t.test('half closed: the host says it is done while data is on its way', async (t) => {
  const bench = await openBench(t);
  const counts = pinning(bench, MIB);
  const host = await slowReader(bench, 60, MIB);
  host.socket.end();
  host.socket.resume();
  await until(() => bench.port.stats().connections === 0);
  await allBack(t, counts);
});
