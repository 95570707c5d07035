/** A command ends with its time limit at ErrorRecoveryLevel 2 too, whatever becomes of its connection. */
import t from 'tap';
import { Session } from '../../../initiator/session.js';
import { ScsiTask } from '../../../initiator/task.js';
import { type Bench, INITIATOR, openBench, TARGET } from '../iscsi-target/fixture.js';

t.setTimeout(60_000);

async function endOf(bench: Bench, away: boolean): Promise<unknown> {
  const { address, channel, port } = bench;
  channel.run = () => {};
  channel.manage = () => {};
  const portal = { host: '127.0.0.1', port: address.port };
  const session = await Session.open(portal, TARGET, {
    initiatorName: INITIATOR,
    errorRecoveryLevel: 2,
    commandTimeoutMs: 400,
    reconnect: { attempts: 1000, firstDelayMs: 20, maxDelayMs: 200 },
  });
  const end = new Promise((resolve) => {
    const task = new ScsiTask(Buffer.alloc(8), Buffer.alloc(6), ({ error }) => resolve(error));
    task.reissuable = true;
    session.submit(task);
  });
  if (away) setTimeout(() => void port.close(0), 100);
  try {
    return await end;
  } finally {
    void session.close();
  }
}

t.test('the target does not answer ABORT TASK', async (t) => {
  t.type(await endOf(await openBench(t), false), Error);
});

t.test('the target is away', async (t) => {
  t.type(await endOf(await openBench(t), true), Error);
});
