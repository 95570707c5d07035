/** RESERVE and RELEASE, 6 and 10 bytes. */
import t from 'tap';
import { type Host, inCdb, Rig } from './rig.js';

const CONFLICT = 0x18;
const commands = {
  6: { reserve: [0x16, 0, 0, 0, 0, 0], release: [0x17, 0, 0, 0, 0, 0] },
  10: { reserve: [0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0], release: [0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
} as const;
const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];

for (const size of [6, 10] as const) {
  const { reserve, release } = commands[size];

  t.test(`RESERVE(${size}) shuts others out`, async (t) => {
    const rig = new Rig();
    const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
    t.equal(a.run(reserve).status, 0);
    t.equal(a.run(reserve).status, 0, 'again');
    t.equal(b.run(reserve).status, CONFLICT);
    t.equal(b.run(READ).status, CONFLICT);
    t.equal(b.run([0, 0, 0, 0, 0, 0]).status, CONFLICT, 'TEST UNIT READY');
    t.equal(b.run([0x1a, 8, 0x0a, 0, 255, 0]).status, CONFLICT, 'MODE SENSE');
    for (const free of [
      [0x12, 0, 0, 0, 96, 0],
      [3, 0, 0, 0, 18, 0],
      [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
      [0x4d, 0, 0x40, 0, 0, 0, 0, 1, 0, 0],
    ]) {
      t.equal(b.run(free).status, 0, `${free[0]!.toString(16)}h`);
    }
    t.equal(a.run(READ).status, 0);
    t.equal(b.run(release).status, 0, "another one's RELEASE does nothing");
    t.equal(b.run(READ).status, CONFLICT);
    t.equal(a.run(release).status, 0);
    t.equal(b.run(READ).status, 0);
  });

  t.test(`RESERVE(${size}): extents and third parties are refused`, async (t) => {
    const host = new Rig().host('a');
    t.match(host.run([reserve[0], 1, ...reserve.slice(2)]).sense, inCdb(1, 0));
    t.match(host.run([release[0], 0x10, ...release.slice(2)]).sense, inCdb(1, 4));
  });
}

const ends: Record<string, (host: Host) => void> = {
  logout: (host) => host.logout(),
  'logical unit reset': (host) => host.manage('logical-unit-reset'),
  'target warm reset': (host) => host.manage('target-warm-reset'),
  'target cold reset': (host) => host.manage('target-cold-reset'),
  'I_T nexus reset': (host) => host.manage('i-t-nexus-reset'),
};
for (const [name, end] of Object.entries(ends)) {
  t.test(`RESERVE ends with ${name}`, async (t) => {
    const rig = new Rig();
    const [a, b] = [rig.host('a'), rig.host('b')];
    a.run(commands[6].reserve);
    end(a);
    b.attentions();
    t.equal(b.run(commands[6].reserve).status, 0);
  });
}

t.test('a reset by another nexus ends it too', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  a.run(commands[6].reserve);
  b.manage('logical-unit-reset');
  b.attentions();
  t.equal(b.run(READ).status, 0);
});

t.test('persistent reservations and RESERVE keep apart', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  const list = (key: number, action: number) => {
    const bytes = Buffer.alloc(24);
    bytes[7] = key;
    bytes[15] = action;
    return bytes;
  };
  const out = (action: number, type = 0) => [0x5f, action, type, 0, 0, 0, 0, 0, 24, 0];
  a.run(commands[6].reserve);
  t.equal(a.run(out(6), list(0, 1)).status, CONFLICT, 'PERSISTENT RESERVE OUT under RESERVE, even of the reserver');
  t.equal(a.run([0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0]).status, CONFLICT);
  a.run(commands[6].release);

  t.equal(a.run(out(6), list(0, 1)).status, 0);
  t.equal(b.run(commands[6].reserve).status, CONFLICT, 'a registration exists');
  t.equal(a.run(commands[6].reserve).status, CONFLICT, 'registered, but nothing reserved');
  t.equal(a.run(out(1, 5), list(1, 0)).status, 0);
  t.equal(a.run(commands[6].reserve).status, 0, 'the holder: GOOD without effect (CRH)');
  t.equal(a.run(commands[6].release).status, 0);
  t.equal(b.run(commands[6].release).status, CONFLICT);
  t.equal(b.run(READ).status, 0, 'write exclusive as before');
});
