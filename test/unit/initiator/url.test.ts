import t from 'tap';
import { connect } from '../../../initiator/connect.js';
import { formatUrl, parsePortal, parseUrl, UrlError } from '../../../initiator/url.js';

const none = {
  chap: null,
  mutualChap: null,
  headerDigest: null,
  dataDigest: null,
  errorRecoveryLevel: null,
  connections: null,
};

t.test('forms of URL', async (t) => {
  const cases: [string, object][] = [
    ['iscsi://host/iqn.a:b/3', { host: 'host', port: 3260, target: 'iqn.a:b', lun: 3, ...none }],
    ['iscsi://10.0.0.1:860/iqn.a:b/0', { host: '10.0.0.1', port: 860, target: 'iqn.a:b', lun: 0, ...none }],
    ['iscsi://[::1]:3261/iqn.a:b/1', { host: '::1', port: 3261, target: 'iqn.a:b', lun: 1, ...none }],
    ['iscsi://[fe80::1%eth0]', { host: 'fe80::1%eth0', port: 3260, target: null, lun: null, ...none }],
    ['iscsi://host:3260/', { host: 'host', port: 3260, target: null, lun: null, ...none }],
    ['iscsi://host/iqn.a:b', { host: 'host', port: 3260, target: 'iqn.a:b', lun: null, ...none }],
    ['iscsi://host/iqn.a%3Ab/1', { host: 'host', port: 3260, target: 'iqn.a:b', lun: 1, ...none }],
  ];
  for (const [url, expected] of cases) t.same(parseUrl(url, {}), expected, url);
});

t.test('CHAP names and secrets', async (t) => {
  t.same(parseUrl('iscsi://me%word@h/iqn.a/0', {}).chap, { user: 'me', secret: 'word' });
  t.same(parseUrl('iscsi://me:word@h/iqn.a/0', {}).chap, { user: 'me', secret: 'word' }, 'libiscsi takes a colon too');
  t.same(parseUrl('iscsi://me%wo%41d@h/iqn.a/0', {}).chap, { user: 'me', secret: 'wo%41d' }, 'taken as it stands');
  t.same(parseUrl('iscsi://me%p@ss@h/iqn.a/0', {}).chap, { user: 'me', secret: 'p@ss' });
  const environment = {
    LIBISCSI_CHAP_USERNAME: 'env',
    LIBISCSI_CHAP_PASSWORD: 'secret',
    LIBISCSI_CHAP_TARGET_USERNAME: 'array',
    LIBISCSI_CHAP_TARGET_PASSWORD: 'proof',
  };
  const url = parseUrl('iscsi://h/iqn.a/0', environment);
  t.same(url.chap, { user: 'env', secret: 'secret' });
  t.same(url.mutualChap, { user: 'array', secret: 'proof' });
  t.same(
    parseUrl('iscsi://me@h/iqn.a/0', environment).chap,
    { user: 'me', secret: 'secret' },
    'user in the URL, secret not',
  );
  t.same(parseUrl('iscsi://a%b@h/iqn.a/0?target_user=x&target_password=y', {}).mutualChap, { user: 'x', secret: 'y' });
  t.equal(
    parseUrl('iscsi://h/iqn.a/0?target_user=x&target_password=y', {}).mutualChap,
    null,
    'no CHAP, no mutual CHAP',
  );
});

t.test('numbers', async (t) => {
  const url = parseUrl('iscsi://h/iqn.a/0?erl=2&connections=3', {});
  t.same([url.errorRecoveryLevel, url.connections], [2, 3]);
});

t.test('digest arguments', async (t) => {
  const url = parseUrl('iscsi://h/iqn.a/0?header_digest=crc32c&data_digest=none', {});
  t.same([url.headerDigest, url.dataDigest], ['CRC32C', 'None']);
});

t.test('what cannot be used says why', async (t) => {
  const cases: [string, RegExp][] = [
    ['http://h', /does not start with iscsi/],
    ['iscsi://', /is not host/],
    ['iscsi://h:99999/iqn.a/0', /port 99999/],
    ['iscsi://::1/iqn.a/0', /brackets/],
    ['iscsi://h/iqn.a/x', /LUN "x"/],
    ['iscsi://h/iqn.a/16384', /LUN "16384"/],
    ['iscsi://h/iqn.a/-1', /LUN "-1"/],
    ['iscsi://h//0', /target name is empty/],
    ['iscsi://h/iqn%zz/0', /hexadecimal/],
    [`iscsi://h/${'i'.repeat(224)}/0`, /223 bytes/],
    ['iscsi://me@h/iqn.a/0', /has no secret/],
    ['iscsi://h/iqn.a/0?header_digest=md5', /expected crc32c or none/],
    ['iscsi://h/iqn.a/0?erl=3', /erl=3: expected a number from 0 to 2/],
    ['iscsi://h/iqn.a/0?connections=x', /expected a number from 1 to 64/],
    ['iscsi://h/iqn.a/0?iser', /unknown URL argument "iser"/],
  ];
  for (const [url, message] of cases) {
    t.throws(() => parseUrl(url, {}), { name: 'UrlError', code: 'bad-url', message }, url);
    t.throws(() => parseUrl(url, {}), UrlError);
  }
});

t.test('what is said of a wrong URL tells no secret', async (t) => {
  const cases = [
    'iscsi:/me%s3cret@h/iqn.a/0',
    'ISCSI://me%s3cret@h/iqn.a/0',
    'me%s3cret@h',
    'iscsi://me%s3cret',
    'iscsi://me%s3?s3cret@h/iqn.a/0',
    'iscsi://me%x?s3cret=s3cret@h/iqn.a/0',
    'iscsi://me%s3cret@h:99999/iqn.a/0',
    'iscsi://me%s3cret@[::1/iqn.a/0',
    'iscsi://me%s3cret@h/iqn.a/x',
    'iscsi://me%x@h/iqn.a/0?target_user=y&target_password=s3&s3cret',
    'x://h/iqn.a/0?target_password=s3cret',
  ];
  for (const url of cases) {
    try {
      parseUrl(url, {});
      t.fail(`${url} was taken`);
    } catch (error) {
      t.notMatch((error as Error).message, /s3/, url);
    }
  }
  await t.rejects(connect('iscsi://me%s3cret@h/iqn.a'), { message: /^"…@h\/iqn.a" names no logical unit/ });
});

t.test('written and read back', async (t) => {
  const text = formatUrl({ host: '::1', port: 3260 }, 'iqn.a:b/c%', 7);
  t.equal(text, 'iscsi://[::1]:3260/iqn.a:b%2fc%25/7');
  t.match(parseUrl(text, {}), { host: '::1', target: 'iqn.a:b/c%', lun: 7 });
  t.same(parsePortal('h'), { host: 'h', port: 3260 });
});
