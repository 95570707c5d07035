/** The ACA condition over iSCSI, between two hosts on two ports: attribute 4, CLEAR ACA, statuses, loss of the session. */
import t, { type Test } from 'tap';
import { CheckCondition, connect, type LogicalUnit, StatusError } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { Status } from '../../wire/scsi/status.js';

t.setTimeout(60_000);

const array = await startArray({
  polling: 0,
  config: {
    cache: '16M',
    ldevs: [{ id: '00:00', capacity: '1G' }],
    ports: [
      { id: 'CL1-A', listen: '127.0.0.1:0' },
      { id: 'CL2-A', listen: '127.0.0.1:0' },
    ],
  },
});
t.teardown(() => array.stop());

const READY = Buffer.alloc(6);
const WRITE = Buffer.from('2a000000001000000800', 'hex');
const READ_CAPACITY_16 = '9e1000000000000000000000002000';
/** Beyond the end, with NACA. */
const FAULTY = Buffer.from('2800ffffffff00000104', 'hex');
const recovery = { attribute: 'aca' } as const;

async function login(t: Test, path: number): Promise<LogicalUnit> {
  const unit = await connect(array.luns[path]!.url, { initiatorName: `iqn.2026-11.example.test:${path}` });
  t.teardown(() => unit.close());
  return unit;
}

/** What became of a command: its status by name. */
async function outcome(command: Promise<unknown>): Promise<number> {
  try {
    await command;
    return Status.good;
  } catch (error) {
    if (error instanceof CheckCondition) return Status.checkCondition;
    if (error instanceof StatusError) return error.status;
    throw error;
  }
}

t.test('both hosts are kept out, the faulted one recovers and clears', async (t) => {
  const [a, b] = [await login(t, 0), await login(t, 1)];
  const inquiry = await a.command(Buffer.from('120000006000', 'hex'), { dataIn: 96 });
  t.ok(inquiry.data[3]! & 0x20, 'NORMACA');
  t.equal(await outcome(a.command(READY, recovery)), Status.checkCondition, 'nothing to recover from');
  t.equal(await outcome(a.command(FAULTY, { dataIn: 512 })), Status.checkCondition);
  t.equal(await outcome(a.command(READY)), Status.acaActive);
  t.equal(await outcome(b.command(READY)), Status.busy);
  t.equal(await outcome(b.command(WRITE, { dataOut: Buffer.alloc(4096, 1) })), Status.busy);
  const naca = Buffer.from(`${READ_CAPACITY_16}04`, 'hex');
  t.equal(await outcome(b.command(naca, { dataIn: 32 })), Status.acaActive);
  t.equal(await outcome(a.command(WRITE, { dataOut: Buffer.alloc(4096, 2), ...recovery })), Status.good);
  t.equal(await b.session.manage('clearAca', b.address), 'rejected');
  t.equal(await a.session.manage('clearAca', a.address), 'complete');
  t.equal(await outcome(a.command(READY)), Status.good);
  t.equal((await b.read(16, 8))[0], 2);
});

t.test('the faulted host goes away', async (t) => {
  const [a, b] = [await login(t, 0), await login(t, 1)];
  t.equal(await outcome(a.command(FAULTY, { dataIn: 512 })), Status.checkCondition);
  t.equal(await outcome(b.command(READY)), Status.busy);
  await a.close();
  t.equal(await outcome(b.command(READY)), Status.good);
});
