/** Sizes, durations, tables, dumps, the progress bar's text. */

import { PassThrough } from 'node:stream';
import t from 'tap';
import { cdbOf } from '../../../initiator/cli/commands/cdb.js';
import { bytesText, durationText, grouped, hexDump, latencyText, pairs, table } from '../../../initiator/cli/format.js';
import { progressText, RateMeter, startProgress } from '../../../initiator/cli/progress.js';
import { parseDuration, parseNumber, parseSize } from '../../../initiator/cli/sizes.js';

t.test('what people type', async (t) => {
  const sizes: [string, number][] = [
    ['0', 0],
    ['4096', 4096],
    ['4k', 4096],
    ['4KiB', 4096],
    ['1.5m', 1572864],
    ['2G', 2 ** 31],
    ['10t', 10 * 2 ** 40],
    ['0x200', 512],
  ];
  for (const [text, bytes] of sizes) t.equal(parseSize(text), bytes, text);
  for (const text of ['', 'k', '-1', '1.3', '4x', '1e9', '99999p'])
    t.throws(() => parseSize(text), { name: 'UsageError' }, text);
  t.same([parseNumber('0x10', 'n'), parseNumber('7', 'n')], [16, 7]);
  for (const text of ['', '1.5', '-1', 'x', '9007199254740993'])
    t.throws(() => parseNumber(text, 'n'), { name: 'UsageError' });
  t.throws(() => parseNumber('9', 'n', 1, 8), { message: /from 1 to 8/ });
  t.same(
    ['10', '10s', '500ms', '2m', '1.5h'].map((text) => parseDuration(text)),
    [10000, 10000, 500, 120000, 5400000],
  );
  for (const text of ['', 's', '5d', '-1s']) t.throws(() => parseDuration(text), { name: 'UsageError' });
});

t.test('what people read', async (t) => {
  t.same([0, 1023, 1024, 1536, 10240, 1 << 20, 2 ** 40 * 10].map(bytesText), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.50 KiB',
    '10 KiB',
    '1 MiB',
    '10 TiB',
  ]);
  t.same([4, 59.4, 60, 3599, 3600, 7500].map(durationText), ['4s', '59s', '1m00s', '59m59s', '1h00m', '2h05m']);
  t.same([0.5, 87.4, 1240, 2.1e6].map(latencyText), ['0.5 µs', '87 µs', '1.24 ms', '2.10 s']);
  t.equal(grouped(1234567.8), '1 234 568');
  t.equal(
    pairs([
      ['a', 1],
      ['long', 'x'],
    ]),
    'a     1\nlong  x',
  );
  t.equal(
    table(
      ['NAME', 'SIZE'],
      [
        ['a', 5],
        ['bcdef', 12345],
      ],
      [1],
    ),
    'NAME    SIZE\na          5\nbcdef  12345',
  );
});

t.test('a dump', async (t) => {
  const data = Buffer.from('Hello, world\x00\x01\xff!more', 'latin1');
  t.equal(
    hexDump(data),
    '000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 00 01 ff 21  Hello, world...!\n' +
      '000010  6d 6f 72 65                                       more',
  );
  t.match(hexDump(data, 4), /^000000 {2}48 65 6c 6c .*Hell\n… 16 more bytes$/);
});

t.test('CDBs as typed', async (t) => {
  t.equal(cdbOf(['0x12', '0x00 00', '00ff:00']).toString('hex'), '12000000ff00');
  t.throws(() => cdbOf(['']), { message: /1 to 260/ });
  t.throws(() => cdbOf(['123']), { message: /whole bytes/ });
  t.throws(() => cdbOf(['28 00']), { message: /READ\(10\) needs 10 bytes/ });
  t.equal(cdbOf(['c1 01']).length, 2, 'vendor commands have any length');
});

t.test('progress', async (t) => {
  const meter = new RateMeter();
  meter.note(0, 0);
  t.equal(meter.note(1000, 5 << 20), 5 << 20);
  t.equal(progressText(5 << 20, 20 << 20, 5 << 20), '5 MiB of 20 MiB  5 MiB/s  3s left');
  t.equal(progressText(5 << 20, null, 0), '5 MiB  0 B/s');
  for (let at = 2000; at <= 20000; at += 1000) meter.note(at, (5 << 20) + (at - 1000) * 1024);
  t.equal(meter.note(21000, (5 << 20) + 20000 * 1024), 1024 * 1000, 'the rate is of the last seconds');
  const pipe = new PassThrough();
  const silent = startProgress(100, pipe);
  silent.advance(50);
  silent.stop();
  t.equal(pipe.read(), null, 'nothing is drawn where nobody looks');
  const drawn: Buffer[] = [];
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 100, cursorTo() {}, clearLine() {} });
  terminal.on('data', (chunk: Buffer) => drawn.push(chunk));
  const bar = startProgress(1 << 20, terminal);
  bar.advance(1 << 20);
  bar.stop();
  t.match(Buffer.concat(drawn).toString(), /100% {2}1 MiB of 1 MiB/);
});
