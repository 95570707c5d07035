/** The administration commands against a running array. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import type {
  FaultReply,
  HostGroupReply,
  LdevReply,
  LunReply,
  PoolReply,
  PortGroupReply,
  SessionReply,
  StatsReply,
  StatusReply,
} from '../../target/svp/control/api.js';
import { lunarray } from '../support/run-lunarray.js';
import { serve } from '../support/serve.js';

t.setTimeout(180_000);

const dir = t.testdir();
const data = join(dir, 'data');
const array = await serve(data);
t.teardown(() => array.end());

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await lunarray([...args, '--data', data, '--json']);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`);
  return JSON.parse(stdout) as T;
}
const plain = (...args: string[]) => lunarray([...args, '--data', data]);

t.test('status', async (t) => {
  const status = await json<StatusReply>('status');
  t.match(status, {
    pid: array.pid,
    dataDir: data,
    io: /^(uring|threads)$/,
    ldevs: 6,
    metrics: null,
    cache: { bytes: 256 * 2 ** 20, dirtyBytes: 0 },
  });
  t.equal(status.luns.length, 12);
  t.same(
    status.ports.map((port) => port.id),
    ['CL1-A', 'CL2-A'],
  );
  const { code, stdout } = await plain('status');
  t.equal(code, 0);
  t.match(stdout, /^PORT +LISTENS ON +SESSIONS +REDIRECTS TO$/m);
  t.match(stdout, /^CL1-A +127\.0\.0\.1:\d+ +0 +-$/m);
});

t.test('asymmetric access states', async (t) => {
  const both = await json<PortGroupReply[]>('port', 'alua');
  t.match(both, [
    { portGroup: 1, ports: ['CL1-A'], state: 'active/optimized', ldevs: [] },
    { portGroup: 2, ports: ['CL2-A'], state: 'active/optimized', ldevs: [] },
  ]);
  t.match(await json('port', 'alua', '2', 'standby'), { portGroup: 2, state: 'standby', ldevs: [] });
  t.match(await json('port', 'alua', '2', 'offline', '--ldev', '00:01'), {
    state: 'standby',
    ldevs: [{ ldev: '00:01', state: 'offline' }],
  });
  t.match(await plain('port', 'alua', '2', 'active/optimized', '--transition', '60', '--ldev', '00:01'), {
    code: 0,
    stdout: /^2 +CL2-A +00:01 +transitioning$/m,
  });
  t.match(await plain('port', 'alua', '2', 'active/optimized'), { code: 0, stdout: /^2 +CL2-A +all +active/m });
  t.match(await plain('port', 'alua', '3', 'standby'), { code: 9, stderr: /there is 1, 2/ });
  t.match(await plain('port', 'alua', '2', 'standby', '--ldev', 'FF:FF'), { code: 9, stderr: /FF:FF/ });
  t.match(await plain('port', 'alua', '2', 'standby', '--transition', '61'), { code: 9 });
  t.match(await plain('port', 'alua', '2', 'sleeping'), { code: 2 });
  t.match(await plain('port', 'alua', '2'), { code: 2, stderr: /state/ });
});

t.test('redirection of a port', async (t) => {
  const lun = array.ready.find(({ url }) => url.includes(':cl1-a/'))!;
  const [, , other] = array.ready.find(({ url }) => url.includes(':cl2-a/'))!.url.split('/') as [
    string,
    string,
    string,
  ];
  t.match(await plain('port', 'redirect', 'CL1-A', other), {
    code: 0,
    stdout: `CL1-A sends hosts to ${other} (for now)`,
  });
  await t.rejects(connect(lun.url), /no such target/, 'the other port has no such target');
  t.match(await plain('status'), { stdout: new RegExp(`^CL1-A .* ${other} \\(for now\\)$`, 'm') });
  t.match(await json('port', 'redirect', 'CL1-A', '[::1]:7', '--permanent'), {
    id: 'CL1-A',
    redirection: { address: '[::1]:7', permanent: true },
  });
  t.match(await plain('port', 'redirect', 'CL9-A', other), { code: 9, stderr: /there is CL1-A, CL2-A/ });
  t.match(await plain('port', 'redirect', 'CL1-A', '127.0.0.1:0'), { code: 9, stderr: /HOST:PORT/ });
  t.match(await plain('port', 'redirect', 'CL1-A', '[1:2]:3260'), { code: 9, stderr: /HOST:PORT/ });
  t.match(await plain('port', 'redirect', 'CL1-A', `${other},1`), { code: 2, stderr: /HOST:PORT/ });
  t.match(await plain('port', 'redirect', 'CL1-A'), { code: 2, stderr: /--off/ });
  t.match(await plain('port', 'redirect', 'CL1-A', other, '--off'), { code: 2, stderr: /--off/ });
  t.match(await plain('port', 'redirect', 'CL1-A', '--off', '--permanent'), { code: 2, stderr: /exclude/ });
  t.match(
    (await json<StatusReply>('status')).ports[0],
    { redirection: { address: '[::1]:7' } },
    'refusals change nothing',
  );
  t.match(await plain('port', 'redirect', 'CL1-A', '--off'), { code: 0, stdout: /log in to CL1-A again/ });
  const unit = await connect(lun.url);
  await unit.close();
});

t.test('LDEVs', async (t) => {
  t.match(await plain('ldev', 'create', '--id', '00:20', '--capacity', '2G', '--label', 'new'), {
    code: 0,
    stdout: 'created 00:20 2 GiB thin\n',
  });
  const full = await json<LdevReply>(
    'ldev',
    'create',
    '--capacity',
    '64M',
    '--full',
    '--read-only',
    '--removable',
    '--block-size',
    '4096',
  );
  t.match(full, {
    id: '00:05',
    thin: false,
    readOnly: true,
    removable: true,
    blockSize: 4096,
    bytes: 64 * 2 ** 20,
    assigned: Number,
  });
  t.ok(full.assigned >= full.bytes);
  t.match(await json<LdevReply>('ldev', 'expand', '00:20', '--capacity', '3G'), { bytes: 3 * 2 ** 30 });
  t.match(await plain('ldev', 'expand', '00:20', '--capacity', '1G'), { code: 9, stderr: /lunarray: / });
  t.match(await plain('ldev', 'create', '--id', '00:20', '--capacity', '2G'), { code: 9 });
  t.match(await plain('ldev', 'create', '--capacity', '1000'), { code: 9 });
  t.match(await plain('ldev', 'create', '--capacity', 'much'), { code: 2, stderr: /10G/ });
  t.match(await plain('ldev', 'create', '--capacity', '1G', '--block-size', '1000'), { code: 9 });
  t.match(await json('ldev', 'create', '--id', '00:21', '--capacity', '1G', '--physical-block-size', '4096'), {
    blockSize: 512,
    physicalBlockSize: 4096,
  });
  t.match(await plain('ldev', 'delete', '00:21'), { code: 0 });
  t.match(await plain('ldev', 'delete', '00:00'), { code: 9, stderr: /LUN paths/ });
  t.match(await plain('ldev', 'delete', '7'), { code: 2 });
  t.match(await plain('ldev', 'delete', '00:05'), { code: 0, stdout: 'deleted 00:05\n' });
  const list = await json<LdevReply[]>('ldev', 'list');
  t.same(
    list.map((ldev) => ldev.id),
    ['00:00', '00:01', '00:02', '00:03', '00:04', '00:10', '00:20'],
  );
  t.match(list[0], { paths: ['CL1-A/default/0', 'CL2-A/default/0'], naa: /^6[0-9a-f]{31}$/ });
  t.match((await plain('ldev', 'list')).stdout, /^00:20 +3 GiB +0 B +512 +512 +thin +POOL0 +- +new +-$/m);
  t.match((await plain('ldev', 'list')).stdout, /^00:01 +10 GiB +0 B +512 +4096 +thin /m);
});

t.test('pools and tiers', async (t) => {
  const [pool] = await json<PoolReply[]>('pool', 'list');
  t.match(pool, { name: 'POOL0', parityGroups: ['1-1'], bytes: 16 * 2 ** 40, tiers: [{ tier: 'ssd' }] });
  t.match(
    (await plain('pool', 'list')).stdout,
    /^POOL +TIER +CAPACITY +FREE +PARITY GROUPS\nPOOL0 +ssd +16 TiB +.* +1-1$/m,
  );
  t.match(await json('ldev', 'create', '--id', '00:22', '--capacity', '1G', '--tier', 'ssd'), { tier: 'ssd' });
  t.match((await plain('ldev', 'list')).stdout, /^00:22 .* +POOL0 +ssd +/m);
  t.match(await plain('ldev', 'create', '--capacity', '1G', '--tier', 'sas'), {
    code: 9,
    stderr: /pool "POOL0" has no parity group of sas drives: it has ssd\./,
  });
  t.match(await plain('ldev', 'create', '--capacity', '1G', '--tier', 'gold'), { code: 2, stderr: /nl-sas/ });
  t.match(await plain('ldev', 'delete', '00:22'), { code: 0 });
});

t.test('10 TiB in under a second, and no space', async (t) => {
  const started = Date.now();
  await json('ldev', 'create', '--id', '00:30', '--capacity', '10T');
  t.comment(`${Date.now() - started} ms with the start of the command`);
  t.ok(statSync(join(data, 'drives/HDD000')).blocks < 100_000);
  t.equal((await plain('ldev', 'delete', '00:30')).code, 0);
});

t.test('host groups and LUN paths', async (t) => {
  const group = await json<HostGroupReply>(
    'hostgroup',
    'create',
    'CL1-A/cluster',
    '--initiator',
    'iqn.2026-11.com.example:a',
  );
  t.match(group, { id: 'CL1-A/cluster', initiators: ['iqn.2026-11.com.example:a'], auth: 'none', luns: [] });
  t.match(group.target, /:cl1-a:cluster$/);
  t.match(await plain('hostgroup', 'add-initiator', 'CL1-A/cluster', 'iqn.2026-11.com.example:b'), {
    code: 0,
    stdout: /admits .*:a .*:b/,
  });
  t.match(await plain('hostgroup', 'add-initiator', 'CL1-A/cluster', 'host b'), { code: 9 });
  t.match(await plain('hostgroup', 'remove-initiator', 'CL1-A/cluster', 'iqn.2026-11.com.example:a'), { code: 0 });
  t.match(await plain('hostgroup', 'create', 'CL1-A/cluster'), { code: 9, stderr: /already/ });
  t.match(await plain('hostgroup', 'create', 'CL9-Z/cluster'), { code: 9, stderr: /no port/ });
  t.match(await plain('hostgroup', 'create', 'cluster'), { code: 2, stderr: /PORT\/NAME/ });

  const mapped = await json<LunReply>('lun', 'map', 'CL1-A/cluster', '00:20');
  t.match(mapped, { lun: 0, ldev: '00:20', url: new RegExp(`/${group.target}/0$`) });
  t.match(await json<LunReply>('lun', 'map', 'CL1-A/cluster', '00:00', '--lun', '7'), { lun: 7 });
  t.match(await plain('lun', 'map', 'CL1-A/cluster', '00:01', '--lun', '7'), { code: 9, stderr: /LUN 7/ });
  t.match(await plain('lun', 'map', 'CL1-A/cluster', '77:77'), { code: 9, stderr: /77:77/ });
  t.match(await plain('lun', 'map', 'CL1-A/nobody', '00:01'), { code: 9, stderr: /CL1-A\/nobody/ });
  t.match((await plain('lun', 'list')).stdout, /^00:20 +3G +thin +CL1-A\/cluster +0 +iscsi:/m);
  t.match(await plain('lun', 'unmap', 'CL1-A/cluster', '7'), { code: 0 });
  t.match(await plain('lun', 'unmap', 'CL1-A/cluster', '7'), { code: 9 });
  t.match(await plain('hostgroup', 'delete', 'CL1-A/cluster'), { code: 0 });
  t.match((await plain('hostgroup', 'list')).stdout, /^CL2-A\/default +iqn\.\S+ +none +6 +\*$/m);
});

t.test('users; secrets never show', async (t) => {
  const secret = 'a-secret-of-20-bytes';
  const args = ['user', 'add', 'host1', '--host-group', 'CL1-A/default', '--data', data];
  t.match(await lunarray(args, { input: `${secret}\n` }), { code: 0, stdout: 'added initiator user host1\n' });
  t.match(await lunarray(args, { input: `${secret}\n` }), { code: 9, stderr: /already/ });
  t.match(await lunarray(['user', 'add', 'x', '--data', data], { input: 'short\n' }), { code: 9, stderr: /12/ });
  t.match(await lunarray(['user', 'add', 'x', '--data', data]), { code: 2, stderr: /no secret/ });
  const file = join(dir, 'secret');
  writeFileSync(file, 'another-secret-of-array\n');
  t.match(await plain('user', 'add', 'array', '--role', 'target', '--secret-file', file), { code: 0 });
  t.match(await plain('user', 'add', 'y', '--secret-file', join(dir, 'none')), { code: 2 });
  const { stdout } = await plain('user', 'list');
  t.match(stdout, /^host1 +initiator +CL1-A\/default$/m);
  t.match(stdout, /^array +target +any$/m);
  t.notMatch(JSON.stringify(await json('user', 'list')), /secret/);
  t.match(await plain('hostgroup', 'auth', 'CL1-A/default', 'chap'), { code: 0, stdout: /auth chap/ });
  t.match(await plain('hostgroup', 'auth', 'CL1-A/default', 'maybe'), { code: 2 });
  t.match(await plain('hostgroup', 'auth', 'CL1-A/default', 'none'), { code: 0 });
  t.match(await plain('user', 'remove', 'host1'), { code: 0 });
  t.match(await plain('user', 'remove', 'host1'), { code: 9 });
  t.match(await plain('user', 'remove', 'array', '--role', 'target'), { code: 0 });
});

t.test('fault rules', async (t) => {
  const added = await json<FaultReply>(
    'fault',
    'add',
    '--ldev',
    '00:00',
    '--op',
    'read',
    '--lba',
    '100',
    '--sense',
    'medium-error',
    '--every',
    '3',
  );
  t.match(added, { ldev: '00:00', op: 'read', lba: 100, sense: 'medium-error', every: 3, hits: 0 });
  t.match(await plain('fault', 'add', '--delay', '20', '--id', 'slow'), {
    code: 0,
    stdout: 'added slow: any of every LDEV: 20 ms delay\n',
  });
  t.match(await plain('fault', 'add'), { code: 9, stderr: /effect, a response, a delay/ });
  t.match(await plain('fault', 'add', '--sense', 'sunspots'), { code: 2, stderr: /medium-error/ });
  t.match((await plain('fault', 'list')).stdout, /^slow +any of every LDEV: 20 ms delay +0 +0$/m);
  t.match(await plain('fault', 'remove', added.id), { code: 0 });
  t.match(await plain('fault', 'remove', added.id), { code: 9 });
  t.match(await plain('fault', 'remove', 'all'), { code: 0 });
  t.same(await json('fault', 'list'), []);
});

t.test('fault rules of commands, in words', async (t) => {
  const rules: [string[], string][] = [
    [['--command', 'READ(16)', '--delay', 'exp:20', '--seed', '3'], 'delay (exponential, mean 20 ms)'],
    [
      ['--command', 'any', '--port', 'CL1-A', '--delay', 'normal:20,5'],
      'delay (normal, mean 20 ms ± 5), through CL1-A',
    ],
    [['--command', '9e/10', '--connection', 'stall-after', '--stall', '50'], 'stall-after for 50 ms'],
    [['--command', 'WRITE', '--sense', 'busy', '--skip', '4', '--limit', '1'], 'busy, after the first 4, once at most'],
    [['--command', 'READ', '--sense', 'busy', '--every', '2'], 'busy, every 2nd'],
    [['--command', 'READ', '--sense', 'busy', '--every', '11', '--limit', '3'], 'busy, every 11th, 3 times at most'],
    [['--command', 'READ', '--sense', 'busy', '--every', '101'], 'busy, every 101st'],
    [['--op', 'write', '--delay', '5-50', '--for', '1000'], '5-50 ms delay, for 1000 ms'],
    [
      ['--function', 'logical-unit-reset', '--ldev', '00:00', '--delay', '9', '--response', 'rejected'],
      'logical-unit-reset of 00:00: 9 ms delay, then response rejected',
    ],
    [['--function', 'any', '--response', 'none'], 'any task management of every LDEV: no response'],
  ];
  for (const [options, words] of rules) {
    const { code, stdout } = await plain('fault', 'add', ...options);
    t.equal(code, 0);
    t.ok(stdout.trimEnd().endsWith(words), stdout);
  }
  const refusals: [string[], number, RegExp][] = [
    [['--command', 'READ(11)', '--sense', 'busy'], 9, /no command/],
    [['--command', 'READ', '--op', 'read', '--sense', 'busy'], 9, /one of both/],
    [['--op', 'read', '--connection', 'drop-after'], 9, /name a command/],
    [['--command', 'READ', '--connection', 'cut'], 2, /drop-before/],
    [['--command', 'READ', '--port', 'CL9-Z', '--sense', 'busy'], 9, /no port "CL9-Z"/],
    [['--command', 'READ', '--delay', 'gamma:3'], 2, /exp:20/],
    [['--function', 'reset', '--response', 'rejected'], 2, /target-warm-reset/],
    [['--function', 'any', '--response', 'no'], 2, /rejected/],
    [['--function', 'any', '--sense', 'busy'], 9, /has no sense/],
    [['--command', 'READ', '--response', 'rejected'], 9, /one to a task management function/],
  ];
  for (const [options, code, stderr] of refusals) t.match(await plain('fault', 'add', ...options), { code, stderr });
  t.match(await plain('fault', 'clear', '--ldev', '00:00'), { code: 0 });
  t.equal((await json<unknown[]>('fault', 'list')).length, 9);
  t.match(await plain('fault', 'clear'), { code: 0 });
  t.same(await json('fault', 'list'), []);
});

t.test('a fault scenario', async (t) => {
  const file = join(data, 'scenario.json');
  const play = (scenario: unknown) => {
    writeFileSync(file, JSON.stringify(scenario));
    return plain('fault', 'play', file);
  };
  const later = { at: 3_600_000, clear: true };
  t.match(await play({ name: 'mine', steps: [{ at: 0, add: { id: 'now', sense: 'busy' } }, later] }), {
    code: 0,
    stdout: /^playing mine: 1 of 2 steps done/,
  });
  t.match(await json('fault', 'list'), [{ id: 'now' }]);
  t.match(await json('fault', 'playing'), [{ name: 'mine', steps: 2, done: 1 }]);
  t.match(await play({ steps: [{ at: 0, add: { command: 'FROBNICATE', sense: 'busy' } }] }), {
    code: 9,
    stderr: /steps\[0\]: "FROBNICATE" is no command/,
  });
  t.match(await play({ steps: [{ at: 0, jump: 1 }] }), {
    code: 9,
    stderr: /^lunarray: steps\[0\]\.jump: unknown field$/m,
  });
  t.match(await play({ steps: [{ at: -5, clear: true }] }), {
    code: 9,
    stderr: /^lunarray: steps\[0\]\.at: must be >= 0$/m,
  });
  const state = { portGroup: 1, state: 'asleep' };
  t.match(await play({ steps: [{ at: 0, accessState: state }] }), { code: 9, stderr: /state: must be one of "active/ });
  t.match(await plain('fault', 'play', join(data, 'missing.json')), { code: 2 });
  t.match(await plain('fault', 'clear'), { code: 0 });
  t.same(await json('fault', 'playing'), []);
});

t.test('a session is dropped, or its host asked to log out', async (t) => {
  const login = async () => {
    await connect(array.ready[0]!.url, { reconnect: false });
    return (await json<SessionReply[]>('session', 'list')).at(-1)!;
  };
  /** The test's limit is that of the wait. */
  const ended = async () => {
    while ((await json<SessionReply[]>('session', 'list')).length > 0) await setTimeout(10);
  };
  const session = await login();
  t.match(await plain('session', 'drop', session.port, String(session.tsih + 1)), { code: 9, stderr: /no session/ });
  t.match(await plain('session', 'drop', 'CL9-Z', '1'), { code: 9 });
  t.match(await plain('session', 'drop', session.port, String(session.tsih), '--logout', '5'), {
    code: 0,
    stdout: `asked session ${session.tsih} of ${session.port} to log out within 5 s\n`,
  });
  await ended();
  const { port, tsih } = await login();
  const dropped = { code: 0, stdout: `dropped session ${tsih} of ${port}\n` };
  t.match(await plain('session', 'drop', port, String(tsih)), dropped);
  await ended();
});

t.test('sessions and counters', async (t) => {
  t.same(await json('session', 'list'), []);
  const stats = await json<StatsReply>('stats');
  t.same(
    stats.channelAdapters.map((cha) => cha.port),
    ['CL1-A', 'CL2-A'],
  );
  t.match(stats.cache, { slots: Number, dirtySlots: Number });
  t.match(stats.diskAdapter, { stage: { depth: 0 }, destage: { completed: Number } });
  t.match((await plain('stats')).stdout, /^CHANNEL ADAPTER +CL1-A +CL2-A$/m);
});
