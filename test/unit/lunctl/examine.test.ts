/** discover, ls, inq, readcap, luns, cdb: looking at units. */

import { readFileSync } from 'node:fs';
import t from 'tap';
import { array, lunctl, scratch } from './run-lunctl.js';

t.test('examining an array', async (t) => {
  const { portal, url } = await array(t);
  const file = scratch(t);
  const target = /\/(iqn[^/]+)\//.exec(url(0))![1]!;

  const found = await lunctl(['discover', portal]);
  t.equal(found.code, 0);
  t.match(found.out, target);
  t.match(JSON.parse((await lunctl(['discover', '--json', portal])).out), [
    { name: target, portals: [{ portalGroup: 1 }] },
  ]);
  t.match((await lunctl(['discover', '--urls', portal])).out, `${portal}/${target}`);

  const listed = JSON.parse((await lunctl(['ls', '--json', portal])).out);
  t.match(listed, [
    { lun: 0, type: 'disk', bytes: 64 << 20, blockSize: 512, error: null },
    { lun: 1, type: 'disk', bytes: 64 << 20, blockSize: 4096, error: null },
  ]);
  t.match((await lunctl(['ls', `${portal}/${target}`])).out, /disk +64 MiB +512 /);

  t.same(JSON.parse((await lunctl(['luns', '--json', url(0)])).out), [0, 1]);
  t.match(JSON.parse((await lunctl(['readcap', '--json', url(1)])).out), {
    blocks: 16384,
    blockSize: 4096,
    readsZeros: true,
  });
  t.match((await lunctl(['readcap', url(0)])).out, /capacity +64 MiB/);

  t.match((await lunctl(['inq', url(0)])).out, /vendor +LUNARRAY/);
  const all = await lunctl(['inq', '--all', url(0)]);
  for (const page of ['80h, unit serial', '83h, device', 'b0h, block limits', 'b2h, logical']) t.match(all.out, page);
  t.match(JSON.parse((await lunctl(['inq', '-p', 'b2', '--json', url(0)])).out), [
    { page: 0xb2, fields: { type: 'thin provisioned', 'unmapped reads': 'zeros' } },
  ]);
  t.match(await lunctl(['inq', '-p', 'c7', url(0)]), { code: 1, err: /INVALID FIELD IN CDB, CDB byte 2/ });
  t.match(await lunctl(['inq', '-p', 'xyz', url(0)]), { code: 2, err: /not a page code/ });

  const answer = await lunctl(['cdb', url(0), '12 00 00 00', 'ff00', '--in', '255', '--save', file('inquiry.bin')]);
  t.match(answer.out, /^INQUIRY {2}12 00 00 00 ff 00\nGOOD, 96 bytes received, residual 159 under\n {2}type +disk/);
  t.equal(readFileSync(file('inquiry.bin')).length, 96);
  const cut = await lunctl(['cdb', url(0), '12 00 00 00 ff 00', '--in', '36']);
  t.match(cut.out, 'GOOD, 36 bytes received, residual 60 over: --in 96 takes all\n');
  const capacity = await lunctl([
    'cdb',
    '--json',
    url(0),
    '9e100000000000000000',
    '0000',
    '0020',
    '0000',
    '--in',
    '32',
  ]);
  t.match(JSON.parse(capacity.out), { command: 'READ CAPACITY(16)', status: 'GOOD', decoded: { 'block size': 512 } });

  const refused = await lunctl(['cdb', url(0), '28 e0 00000000 00 0008 00', '--in', '4096']);
  t.equal(refused.code, 1);
  t.match(refused.out, /\n {13}\^\^ byte 1 bit 7\nCHECK CONDITION, ILLEGAL REQUEST: INVALID FIELD IN CDB/);
  const json = await lunctl(['cdb', '--json', url(0), 'ff0000000000']);
  t.match(JSON.parse(json.err), { error: { code: 'check-condition', exitCode: 1, sense: { key: 5, asc: 0x2000 } } });

  const attention = await lunctl(['cdb', '--attention', url(0), '000000000000']);
  t.match(attention, { code: 1, err: /UNIT ATTENTION/ }, 'the first command of a session meets it');
  t.equal((await lunctl(['cdb', url(0), '000000000000'])).code, 0, 'unless it is cleared');

  const block = Buffer.alloc(512, 0x5a).toString('hex');
  t.equal((await lunctl(['cdb', url(0), '2a000000000700', '000100', '--out', `hex:${block}`])).code, 0);
  const back = JSON.parse((await lunctl(['cdb', '--json', url(0), '280000000007', '00000100', '--in', '512'])).out);
  t.equal(back.data, block);
});

t.test('what goes wrong before a unit is reached', async (t) => {
  const { portal, url } = await array(t);
  const target = /\/(iqn[^/]+)\//.exec(url(0))![1]!;
  const cases: [string[], number, RegExp][] = [
    [['inq', 'http://x'], 2, /does not start with iscsi/],
    [['inq', portal], 2, /names no logical unit/],
    [['inq', 'iscsi://127.0.0.1:1/iqn.a/0'], 3, /nothing listens.*is the array running/],
    [['inq', `${portal}/iqn.2000-01.no:such/0`], 3, /not found.*discover lists them/],
    [['inq', `${portal}/${target}/77`], 1, /LOGICAL UNIT NOT SUPPORTED.*luns URL lists/],
    [['inq'], 2, /missing required argument 'url'/],
    [['bogus'], 2, /unknown command 'bogus'/],
    [['inq', '--nonsense', url(0)], 2, /unknown option '--nonsense'/],
    [['readcap', '--timeout', 'soon', url(0)], 2, /timeout "soon" is not a duration/],
    [['cdb', url(0), '12 0'], 2, /not whole bytes/],
    [['cdb', url(0), '28'], 2, /READ\(10\) needs 10 bytes/],
    [['read', '--lba', '999999999', url(0), '/dev/null'], 2, /not inside the unit/],
    [['read', '--length', '1000', url(0), '/dev/null'], 2, /not whole blocks of 512/],
    [['read', '--chunk', '100', url(0), '/dev/null'], 2, /--chunk 100 is not whole blocks/],
    [['write', url(0), '/no/such/file'], 5, /ENOENT/],
    [['read', url(0), '/no/such/directory/file'], 5, /ENOENT/],
    [['unmap', url(0)], 2, /--all for the whole unit/],
    [['reserve', 'bogus', url(0)], 2, /Allowed choices are status/],
    [['reserve', 'reserve', url(0)], 2, /needs --key/],
    [['reserve', 'reserve', '--key', '0x1', '--type', 'x', url(0)], 2, /--type "x" is none of/],
  ];
  for (const [args, code, message] of cases) t.match(await lunctl(args), { code, err: message }, args.join(' '));
  const help = await lunctl(['--help']);
  t.equal(help.code, 0);
  t.match(help.out, /Exit codes/);
  t.match((await lunctl(['write', '--help'])).out, /Examples:\n {2}\$ lunctl write/);
  t.match((await lunctl(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
});
