/** Predicted failures as hosts are told of them: Informational Exceptions Control mode page (1Ch), log page 2Fh. */
import t from 'tap';
import { type Host, inList, MemoryStore, Rig } from './rig.js';

const PREDICTED = 0x5d00;
const TESTED = 0x5dff;
const READ = [0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0];
const TUR = [0, 0, 0, 0, 0, 0];

interface Control {
  readonly flags?: number;
  readonly method: number;
  readonly interval?: number;
  readonly count?: number;
}

/** MODE SELECT(6) of page 1Ch. */
function select({ flags = 0, method, interval = 0, count = 0 }: Control, host: Host, save = false) {
  const page = Buffer.from([0x1c, 10, flags, method, 0, 0, 0, 0, 0, 0, 0, 0]);
  page.writeUInt32BE(interval, 4);
  page.writeUInt32BE(count, 8);
  return host.run([0x15, save ? 0x11 : 0x10, 0, 0, 16, 0], Buffer.concat([Buffer.alloc(4), page]));
}

function predict(rig: Rig, failurePredicted = true): void {
  const ldev = rig.ldevs.get(0)! as { failurePredicted?: boolean };
  ldev.failurePredicted = failurePredicted;
  rig.events.emit('prediction-changed', ldev);
}

/** `key/asc` of a command, `none` if it ended with GOOD. */
function told(host: Host, cdb: readonly number[] = TUR): string {
  const { sense } = host.run(cdb);
  return sense ? `${sense.key.toString(16)}/${sense.asc.toString(16)}` : 'none';
}

const requested = (host: Host) => {
  const { data } = host.run([0x03, 0, 0, 0, 252, 0]);
  return `${(data[2]! & 0x0f).toString(16)}/${data.toString('hex', 12, 14)}`;
};
const logged = (host: Host) => host.run([0x4d, 0, 0x6f, 0, 0, 0, 0, 0, 255, 0]).data.readUInt16BE(8);
const modeSense = (host: Host, pc: number) =>
  host
    .run([0x1a, 0x08, (pc << 6) | 0x1c, 0, 255, 0])
    .data.subarray(4)
    .toString('hex');

/** Seconds at which a command, one a second, told of the condition. The rig's own way lets all timers run. */
function heard(rig: Rig, host: Host, seconds: number): number[] {
  const at: number[] = [];
  for (let second = 0; second < seconds; second++) {
    const task = host.start(Buffer.from(TUR));
    rig.clock.advance(0);
    if (task.sense !== null) at.push(second);
    rig.clock.advance(1000);
  }
  return at;
}

t.test('the page: default, changeable, saved', async (t) => {
  const store = new MemoryStore();
  const host = new Rig({ store }).host('a');
  t.equal(modeSense(host, 2), '9c0a00060000000000000000');
  t.equal(modeSense(host, 1), '9c0a9d0fffffffffffffffff');
  t.equal(select({ flags: 0x95, method: 4, interval: 70, count: 3 }, host, true).status, 0);
  t.equal(modeSense(host, 0), '9c0a95040000004600000003');
  t.equal(modeSense(host, 3), '9c0a91040000004600000003', 'all but TEST');
  t.equal(modeSense(new Rig({ store }).host('a'), 0), '9c0a91040000004600000003', 'after a restart');
});

t.test('refused: methods there are not, EBF, EBACKERR, a test that is disabled', async (t) => {
  const host = new Rig().host('a');
  for (const method of [1, 7, 0xc, 0xf]) t.match(select({ method }, host).sense, inList(7, 3));
  t.match(select({ flags: 0x20, method: 6 }, host).sense, inList(6, 5));
  t.match(select({ flags: 0x02, method: 6 }, host).sense, inList(6, 1));
  t.match(select({ flags: 0x0c, method: 6 }, host).sense, inList(6, 2));
});

t.test('MRIE 6h, the default: on REQUEST SENSE and in the log page, as long as it lasts', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  t.equal(requested(host), '0/0000');
  t.equal(logged(host), 0);
  predict(rig);
  t.equal(told(host), 'none', 'commands go on');
  for (let i = 0; i < 2; i++) t.equal(requested(host), '0/5d00');
  t.equal(logged(host), PREDICTED);
  t.same([...host.run([0x4d, 0, 0x6f, 0, 0, 0, 0, 0, 255, 0]).data.subarray(4)], [0, 0, 3, 4, 0x5d, 0, 25, 60]);
  predict(rig, false);
  t.equal(requested(host), '0/0000');
  t.equal(logged(host), 0);
});

t.test('MRIE 0h and DEXCPT: nobody is told', async (t) => {
  for (const control of [{ method: 0 }, { flags: 0x08, method: 2 }, { flags: 0x08, method: 6 }]) {
    const rig = new Rig();
    const host = rig.host('a');
    select(control, host);
    predict(rig);
    t.equal(told(host), 'none');
    t.equal(requested(host), '0/0000');
    t.equal(logged(host), control.method === 0 ? PREDICTED : 0);
  }
});

t.test('MRIE 2h: a unit attention on every nexus, once', async (t) => {
  const rig = new Rig();
  const [one, two] = [rig.host('a'), rig.host('b', { port: 1 })];
  select({ method: 2 }, one);
  two.attentions();
  predict(rig);
  t.equal(told(one, READ), '6/5d00');
  t.equal(told(one, READ), 'none');
  t.equal(told(two), '6/5d00');
  t.equal(told(two), 'none');
});

t.test('MRIE 2h: a host that logs in later is told too', async (t) => {
  const rig = new Rig();
  select({ method: 2 }, rig.host('a'));
  const early = rig.host('b', { greeted: false });
  predict(rig);
  const late = rig.host('c', { greeted: false });
  const conditions = (host: Host) => Array.from({ length: 4 }, () => told(host)).filter((each) => each !== 'none');
  t.ok(conditions(late).includes('6/5d00'));
  t.ok(conditions(early).includes('6/5d00'));
  predict(rig, false);
  t.notOk(conditions(rig.host('d', { greeted: false })).includes('6/5d00'));
});

t.test(
  'MRIE 4h and 5h: a command does its work and ends with the condition; INQUIRY and the like do not',
  async (t) => {
    for (const [method, key] of [
      [4, 1],
      [5, 0],
    ] as const) {
      const rig = new Rig();
      const [one, two] = [rig.host('a'), rig.host('b', { port: 1 })];
      one.run([0x2a, 0, 0, 0, 0, 5, 0, 0, 1, 0], Buffer.alloc(512, 'data'));
      select({ method }, one);
      two.attentions();
      predict(rig);
      t.equal(told(one, [0x12, 0, 0, 0, 96, 0]), 'none');
      t.equal(told(one, [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]), 'none');
      t.equal(requested(one), '0/0000');
      t.equal(told(one, [0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 0]), '5/2100', 'one that fails tells why');
      const read = one.run(READ);
      t.match(read, { status: 2, sense: { key, asc: PREDICTED } });
      t.ok(read.data.equals(Buffer.alloc(512, 'data')), 'with what was read');
      t.equal(told(one), 'none', 'once');
      t.equal(told(two), 'none', 'on one nexus');
    }
  },
);

t.test('MRIE 3h goes by PER', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  select({ method: 3 }, host);
  predict(rig);
  t.equal(told(host), 'none');
  const recovery = Buffer.from([0, 0, 0, 0, 0x01, 10, 0xc4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  t.equal(host.run([0x15, 0x10, 0, 0, 16, 0], recovery).status, 0);
  t.equal(told(host), '1/5d00');
});

t.test('TEST: told as a real one would be, as false', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  t.equal(select({ flags: 0x04, method: 4 }, host).status, 0, 'MODE SELECT itself tells of nothing');
  t.equal(told(host), '1/5dff');
  t.equal(logged(host), TESTED);
  select({ flags: 0x04, method: 6 }, host);
  t.equal(requested(host), '0/5dff');
  select({ flags: 0x04, method: 2 }, host);
  t.equal(told(host), '6/5dff');
  predict(rig);
  t.equal(told(host), '6/5d00', 'a real one goes before');
  predict(rig, false);
  t.equal(told(host), '6/5dff', 'the test is on still');
  select({ method: 2 }, host);
  t.equal(told(host), 'none');
  t.equal(logged(host), 0);
});

t.test('INTERVAL TIMER and REPORT COUNT', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  select({ method: 2, interval: 50, count: 3 }, host);
  predict(rig);
  t.same(heard(rig, host, 30), [0, 5, 10]);
  select({ flags: 0x04, method: 4, interval: 20 }, host);
  t.same(heard(rig, host, 9), [0, 2, 4, 6, 8]);
  rig.units.close();
  t.equal(rig.clock.pending, 0, 'no timer is left');
});

t.test('a reset takes back what was not saved', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  select({ flags: 0x04, method: 4, interval: 20 }, host);
  host.manage('logical-unit-reset');
  host.attentions();
  rig.clock.advance(10_000);
  t.equal(told(host), 'none');
  t.equal(logged(host), 0);
});
