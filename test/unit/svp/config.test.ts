import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkConfig, configProblems } from '../../../target/svp/config.js';
import { completeConfig } from '../../../target/svp/default-config.js';
import { checkout } from '../../support/root.js';

const example = () => JSON.parse(readFileSync(join(checkout, 'docs/examples/config.json'), 'utf8'));

/** The default configuration with one thing changed. */
// biome-ignore lint/suspicious/noExplicitAny: the cases below make it wrong on purpose
function broken(change: (config: any) => void): unknown {
  const config = structuredClone(completeConfig({}));
  change(config);
  return config;
}

t.test('the default and the documented example are accepted', async (t) => {
  t.same(configProblems({}), []);
  t.same(configProblems(completeConfig({})), []);
  t.same(configProblems(completeConfig({}, { host: '::1', port: 0 })), []);
  t.same(configProblems({ ldevs: [{ id: '00:00', capacity: 2 ** 30 }] }), [], 'a list and a number of bytes');
  t.same(configProblems(example()), []);
});

// biome-ignore lint/suspicious/noExplicitAny: as above
const cases: readonly (readonly [string, (config: any) => void, string, RegExp])[] = [
  ['unknown field', (c) => (c.chache = '1G'), 'chache', /unknown field/],
  ['unknown nested field', (c) => (c.ldevs[1].capcity = '1G'), 'ldevs[1].capcity', /unknown field/],
  ['missing field', (c) => delete c.ldevs[2].capacity, 'ldevs[2].capacity', /missing/],
  ['empty list', (c) => (c.ports = []), 'ports', /fewer than 1/],
  ['negative size', (c) => (c.drives[0].capacity = -1), 'drives[0].capacity', />= 1/],
  ['wrong type', (c) => (c.ldevs[0].thin = 'yes'), 'ldevs[0].thin', /boolean/],
  ['object for a size', (c) => (c.cache = { size: '1G' }), 'cache', /must be text or an integer/],
  ['bad size', (c) => (c.ldevs[0].capacity = 'ten gigs'), 'ldevs[0].capacity', /size such as/],
  ['size zero', (c) => (c.drives[0].capacity = '0G'), 'drives[0].capacity', /size such as/],
  ['choice', (c) => (c.parityGroups[0].level = 'raid3'), 'parityGroups[0].level', /one of "plain", "raid0"/],
  ['block size', (c) => (c.ldevs[0].blockSize = 1024), 'ldevs[0].blockSize', /one of 512, 4096/],
  ['physical block', (c) => (c.ldevs[0].physicalBlockSize = 1024), 'ldevs[0].physicalBlockSize', /one of 512, 4096/],
  ['small physical', (c) => (c.ldevs[4].physicalBlockSize = 512), 'ldevs[4].physicalBlockSize', /block size 4096/],
  ['odd physical', (c) => (c.ldevs[1].capacity = 4608), 'ldevs[1].capacity', /block size 4096/],
  ['bad LDEV number', (c) => (c.ldevs[0].id = '1A'), 'ldevs[0].id', /LDEV number/],
  ['bad address', (c) => (c.ports[0].listen = '127.0.0.1:99999'), 'ports[0].listen', /HOST:PORT/],
  ['bad IQN', (c) => (c.hostGroups[0].target = 'disk one'), 'hostGroups[0].target', /iSCSI name/],
  ['bad initiator', (c) => (c.hostGroups[0].initiators = ['host1']), 'hostGroups[0].initiators[0]', /iSCSI name/],
  ['LUN not a number', (c) => (c.hostGroups[0].luns.x = '00:00'), 'hostGroups[0].luns.x', /unknown field/],
  ['LUN too high', (c) => (c.hostGroups[0].luns = { 16384: '00:00' }), 'hostGroups[0].luns.16384', /16383/],
  ['no such LDEV', (c) => (c.hostGroups[1].luns['0'] = '77:00'), 'hostGroups[1].luns.0', /no LDEV "77:00"/],
  ['an LDEV twice', (c) => (c.hostGroups[0].luns['9'] = '00:00'), 'hostGroups[0].luns.9', /already LUN 0/],
  ['no such port', (c) => (c.hostGroups[0].port = 'CL9-Z'), 'hostGroups[0].port', /no port/],
  ['no such drive', (c) => c.parityGroups[0].drives.push('HDD9'), 'parityGroups[0].drives[2]', /no drive/],
  ['drive twice', (c) => c.parityGroups[0].drives.push('HDD000'), 'parityGroups[0].drives[2]', /already used/],
  ['no such kind', (c) => (c.drives[0].kind = 'hdd'), 'drives[0].kind', /one of "ssd", "sas", "nl-sas"/],
  [
    'kinds mixed',
    (c) => (c.drives[1].kind = 'sas'),
    'parityGroups[0].drives[1]',
    /"HDD001" is of kind sas, "HDD000" of/,
  ],
  ['bad fault rule', (c) => (c.faults = [{ command: 'READ(11)', sense: 'busy' }]), 'faults[0]', /no command/],
  ['field of a fault rule', (c) => (c.faults = [{ command: 'READ', sens: 'busy' }]), 'faults[0].sens', /unknown field/],
  ['its port', (c) => (c.faults = [{ command: '28h', sense: 'busy', port: 'CL9-Z' }]), 'faults[0]', /no port "CL9-Z"/],
  [
    'its name twice',
    (c) => (c.faults = [1, 2].map(() => ({ id: 'one', sense: 'busy' }))),
    'faults[1].id',
    /already used by faults\[0\]/,
  ],
  ['no such tier', (c) => (c.ldevs[1].tier = 'sas'), 'ldevs[1].tier', /no parity group of sas drives/],
  ['no such pool', (c) => (c.ldevs[0].pool = 'GOLD'), 'ldevs[0].pool', /no pool/],
  ['two drives alike', (c) => (c.drives[1].id = 'HDD000'), 'drives[1].id', /already used by drives\[0\]/],
  ['two LDEVs alike', (c) => (c.ldevs[3].id = '00:01'), 'ldevs[3].id', /already used by ldevs\[1\]/],
  ['two ports alike', (c) => (c.ports[1].id = 'CL1-A'), 'ports[1].id', /already used/],
  ['one address twice', (c) => (c.ports[1].listen = c.ports[0].listen), 'ports[1].listen', /already used/],
  ['two groups alike', (c) => (c.hostGroups[1].port = 'CL1-A'), 'hostGroups[1].name', /already used/],
  ['short secret', (c) => (c.users = [{ name: 'a', secret: 'short' }]), 'users[0].secret', /12/],
  ['cache too small', (c) => (c.cache = '1M'), 'cache', /16M/],
  ['cache too large', (c) => (c.cache = '8T'), 'cache', /memory of this machine/],
  ['stripe', (c) => (c.parityGroups[0].stripe = '20K'), 'parityGroups[0].stripe', /16K/],
  ['raid0 of one', (c) => (c.parityGroups[0].drives = ['HDD000']), 'parityGroups[0].drives', /2 to 64 drives/],
  ['odd capacity', (c) => (c.ldevs[4].capacity = '1000'), 'ldevs[4].capacity', /block size 4096/],
  ['polling', (c) => (c.polling = -1), 'polling', />= 0/],
];

for (const [name, change, path, message] of cases) {
  t.test(`refused: ${name}`, async (t) => {
    const problems = configProblems(broken(change));
    const found = problems.find((problem) => problem.path === path);
    t.ok(found, `${path} is named among ${JSON.stringify(problems)}`);
    t.match(found?.message, message);
  });
}

t.test('not an object', async (t) => {
  for (const input of [null, 7, 'text', [], true]) {
    t.match(configProblems(input)[0], { path: '', message: /must be an object/ });
  }
});

t.test('the error names source and path, in one line', async (t) => {
  const input = broken((c) => (c.ldevs[0].size = 1));
  t.throws(() => checkConfig(input, 'array.json'), {
    code: 'bad-config',
    message: /^array\.json: ldevs\[0\]\.size: unknown/,
  });
  try {
    checkConfig(input, 'array.json');
  } catch (error) {
    t.notMatch((error as Error).message, /\n/);
  }
});
