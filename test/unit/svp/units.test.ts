import t from 'tap';
import { formatAddress, formatSize, humanSize, parseAddress, parseLdev, parseSize } from '../../../target/svp/units.js';

t.test('sizes', async (t) => {
  const sizes: readonly (readonly [string | number, number | null])[] = [
    ['0', 0],
    ['512', 512],
    ['1K', 1024],
    ['10G', 10 * 2 ** 30],
    ['10g', 10 * 2 ** 30],
    ['10GiB', 10 * 2 ** 30],
    ['1.5T', 1.5 * 2 ** 40],
    ['10 G', 10 * 2 ** 30],
    ['7P', 7 * 2 ** 50],
    [4096, 4096],
    ['8P', null],
    ['1.3K', null],
    ['-1', null],
    ['1E', null],
    ['G', null],
    ['', null],
    ['1G1', null],
    [-1, null],
    [1.5, null],
    [Number.NaN, null],
  ];
  for (const [text, bytes] of sizes) t.equal(parseSize(text), bytes, `${text}`);
  for (const bytes of [0, 1, 512, 1023, 1024, 1536, 48 * 2 ** 20, 10 * 2 ** 40]) {
    t.equal(parseSize(formatSize(bytes)), bytes, `${bytes} comes back`);
  }
  t.equal(formatSize(10 * 2 ** 40), '10T');
  t.equal(humanSize(10 * 2 ** 30), '10 GiB');
  t.equal(humanSize(1500000), '1.43 MiB');
  t.equal(humanSize(0), '0 B');
});

t.test('addresses', async (t) => {
  t.same(parseAddress('127.0.0.1:3260'), { host: '127.0.0.1', port: 3260 });
  t.same(parseAddress('[::1]:0'), { host: '::1', port: 0 });
  t.same(parseAddress('localhost:65535'), { host: 'localhost', port: 65535 });
  for (const wrong of ['', '3260', ':3260', '::1:3260', 'host:65536', 'host:', 'host:x', 'a b:1']) {
    t.equal(parseAddress(wrong), null, wrong);
  }
  for (const text of ['127.0.0.1:1', '[::1]:2']) t.equal(formatAddress(parseAddress(text)!), text);
});

t.test('LDEV numbers', async (t) => {
  t.equal(parseLdev('00:1A'), 26);
  t.equal(parseLdev('ff:ff'), 65535);
  for (const wrong of ['', '1A', '00:1', '00:1G', '000:1A']) t.equal(parseLdev(wrong), null, wrong);
});
