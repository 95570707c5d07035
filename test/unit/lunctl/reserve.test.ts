import t from 'tap';
import { array, lunctl } from './run-lunctl.js';

t.test('persistent reservations, step by step', async (t) => {
  const { url } = await array(t);
  const other = ['-i', 'iqn.2000-01.test:other'];
  const status = async () => JSON.parse((await lunctl(['reserve', 'status', '--json', url(0)])).out);

  t.match(await status(), { generation: 0, reservation: null, registrations: [] });
  t.equal((await lunctl(['reserve', 'register', '--new-key', '0xabc', url(0)])).code, 0);
  t.match(await lunctl(['reserve', 'reserve', '--key', '0xbad', url(0)]), {
    code: 1,
    err: /RESERVATION CONFLICT.*not registered/,
  });
  t.equal((await lunctl(['reserve', 'reserve', '--key', '0xabc', '--type', 'write-exclusive', url(0)])).code, 0);
  t.match(await status(), {
    reservation: { key: '0x0000000000000abc', type: 1 },
    registrations: [{ key: '0x0000000000000abc', holder: true, initiator: /^iqn/ }],
  });
  t.match((await lunctl(['reserve', 'status', url(0)])).out, /reservation {2}write-exclusive, key 0x0000000000000abc/);
  t.match((await lunctl(['reserve', 'keys', url(0)])).out, /0x0000000000000abc/);

  t.equal((await lunctl(['read', '--blocks', '1', ...other, url(0), '-'])).code, 0, 'others may read');
  t.match(await lunctl(['unmap', '--blocks', '1', ...other, url(0)]), {
    code: 1,
    err: /another initiator holds a reservation/,
  });
  t.match(JSON.parse((await lunctl(['unmap', '--json', '--blocks', '1', ...other, url(0)])).err), {
    error: { code: 'scsi-status', status: 0x18, exitCode: 1 },
  });

  t.equal((await lunctl(['reserve', 'register', '--new-key', '0xdef', ...other, url(0)])).code, 0);
  const preempt = ['reserve', 'preempt', '--key', '0xdef', '--new-key', '0xabc', '--type', 'exclusive-access'];
  t.equal((await lunctl([...preempt, ...other, url(0)])).code, 0);
  t.match(await status(), {
    reservation: { key: '0x0000000000000def', type: 3 },
    registrations: [{ key: '0x0000000000000def' }],
  });
  t.equal(
    (await lunctl(['reserve', 'release', '--key', '0xdef', '--type', 'exclusive-access', ...other, url(0)])).code,
    0,
  );
  t.equal((await status()).reservation, null);
  t.equal((await lunctl(['reserve', 'clear', '--key', '0xdef', ...other, url(0)])).code, 0);
  t.same((await status()).registrations, []);
});

t.test('registering again with --ignore, unregistering with key 0', async (t) => {
  const { url } = await array(t);
  const keys = async () => JSON.parse((await lunctl(['reserve', 'keys', '--json', url(0)])).out).keys;
  await lunctl(['reserve', 'register', '--new-key', '1', url(0)]);
  t.equal((await lunctl(['reserve', 'register', '--new-key', '2', url(0)])).code, 1, 'the old key must be named');
  t.equal((await lunctl(['reserve', 'register', '--new-key', '2', '--ignore', url(0)])).code, 0);
  t.same(await keys(), ['0x0000000000000002']);
  t.equal((await lunctl(['reserve', 'register', '--key', '2', '--new-key', '0', url(0)])).code, 0);
  t.same(await keys(), []);
});

t.test('SPC-2 reservations', async (t) => {
  const { url } = await array(t);
  t.equal((await lunctl(['reserve', 'reserve6', url(0)])).code, 0);
  t.equal((await lunctl(['reserve', 'release6', url(0)])).code, 0);
});
