/** libiscsi's command-line tools see the array as its ready lines say. */
import t from 'tap';
import { startArray } from '../../target/index.js';
import { lunarray } from '../support/programs.js';
import { run } from '../support/run.js';

t.setTimeout(60_000);
const array = await startArray();
t.teardown(() => array.stop());
const lun = array.luns.find((one) => one.kind === 'thin')!;
const [portal] = /^iscsi:\/\/[^/]+/.exec(lun.url)!;
const target = lun.url.split('/')[3]!;

t.test('iscsi-ls lists every target and LUN', async (t) => {
  const { code, stdout } = await run('iscsi-ls', ['-s', `${portal}/`]);
  t.equal(code, 0);
  t.match(stdout, `Target:${target}`);
  for (const one of array.luns.filter((each) => each.url.includes(`/${target}/`))) {
    t.match(stdout, new RegExp(`Lun:${one.url.split('/')[4]}\\s`), one.url);
  }
});

t.test('iscsi-inq shows vendor and product', async (t) => {
  const { code, stdout } = await run('iscsi-inq', [lun.url]);
  t.equal(code, 0);
  t.match(stdout, /Vendor:LUNARRAY/);
  t.match(stdout, /DIRECT_ACCESS/);
});

t.test('iscsi-inq decodes the VPD pages', async (t) => {
  for (const page of ['0x00', '0x80', '0x83', '0xb0', '0xb1', '0xb2']) {
    const { code, stdout, stderr } = await run('iscsi-inq', ['-e', '1', '-c', page, lun.url]);
    t.equal(code, 0, `page ${page}: ${stderr}`);
    t.ok(stdout.length > 20, `page ${page} is shown`);
  }
});

t.test('iscsi-readcapacity16 shows block size and thin provisioning', async (t) => {
  const { code, stdout } = await run('iscsi-readcapacity16', [lun.url]);
  t.equal(code, 0);
  t.match(stdout, /LBPME:1/);
  t.match(stdout, /LBPRZ:1/);
});

t.test('iscsi-swp switches software write protect', async (t) => {
  const on = await run('iscsi-swp', ['-s', 'on', lun.url]);
  t.equal(on.code, 0, on.stderr);
  const off = await run('iscsi-swp', ['-s', 'off', lun.url]);
  t.equal(off.code, 0, off.stderr);
});

t.test('iscsi-inq follows a redirection (libiscsi does so with temporary ones only)', async (t) => {
  const name = 'iqn.2026-01.org.example:moving';
  const group = { name: 'default', target: name, initiators: ['*'], luns: { 0: '00:00' } };
  const moving = await startArray({
    config: {
      cache: '16M',
      ldevs: [{ id: '00:00', capacity: '64M' }],
      ports: [
        { id: 'CL1-A', listen: '127.0.0.1:0' },
        { id: 'CL2-A', listen: '127.0.0.1:0' },
      ],
      hostGroups: ['CL1-A', 'CL2-A'].map((port) => ({ ...group, port })),
    },
    control: true,
  });
  t.teardown(() => moving.stop());
  const [from, to] = moving.ports.map(({ port }) => `127.0.0.1:${port}`) as [string, string];
  t.match(await lunarray(['port', 'redirect', 'CL1-A', to, '--data', moving.dataDir]), { code: 0 });
  const inquiry = await run('iscsi-inq', [`iscsi://${from}/${name}/0`]);
  t.equal(inquiry.code, 0, inquiry.stderr);
  t.match(inquiry.stdout, /Vendor:LUNARRAY/);
  const { code, stdout } = await lunarray(['stats', '--json', '--data', moving.dataDir]);
  t.equal(code, 0);
  t.match(JSON.parse(stdout), { ports: [{ loginsOk: 0 }, { loginsOk: 1 }] }, 'it logged in to the other port');
});
