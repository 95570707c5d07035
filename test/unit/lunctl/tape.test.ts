/** Virtual tapes: positions, streams to them and back, status; and commands to them by name. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import t from 'tap';
import { array, lunctl, scratch } from './run-lunctl.js';

const TAPE = [{ id: '00:00', capacity: '64M', tape: true }];
const MIB = 1 << 20;

const bytesOf = (length: number) =>
  Buffer.from(Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff));

t.test('cdb names what the code means to a tape', async (t) => {
  const { url } = await array(t, TAPE);
  t.match((await lunctl(['cdb', url(0), '1b0000000100'])).out, /^LOAD UNLOAD {2}1b 00 00 00 01 00\nGOOD/);
  const refused = await lunctl(['cdb', url(0), '91 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00']);
  t.match(refused, { code: 1, err: /SPACE\(16\): ILLEGAL REQUEST/ });
  t.match(refused.out, /^SPACE\(16\) {2}91.*\n {47}\^\^ byte 12 bit 0\n/);
});

t.test('a command for disks says that this is none', async (t) => {
  const { url } = await array(t, TAPE);
  t.match(await lunctl(['read', url(0)]), { code: 1, err: /it is no disk; lunctl inq URL tells what it is/ });
});

t.test('files go there and come back', async (t) => {
  const { url } = await array(t, TAPE);
  const path = scratch(t);
  const first = bytesOf(3 * MIB + 777);
  const second = bytesOf(100_001);
  writeFileSync(path('first'), first);
  const wrote = await lunctl(['tape', 'write', url(0), path('first')]);
  t.match(wrote, { code: 0, out: /^wrote 3\.0+.?\d* MiB in 49 blocks in / });
  const piped = await lunctl(['tape', 'write', '--block-size', '10000', '--json', url(0)], Readable.from([second]));
  t.match(JSON.parse(piped.out), { bytes: 100_001, blocks: 11, nearEnd: false });
  t.match((await lunctl(['tape', 'tell', url(0)])).out, 'block 62, file 2\n');
  await lunctl(['tape', 'rewind', url(0)]);
  const read = await lunctl(['tape', 'read', url(0), path('back')]);
  t.match(read, { code: 0, out: /in 49 blocks up to a filemark in / });
  t.ok(readFileSync(path('back')).equals(first));
  const out = await lunctl(['tape', 'read', url(0)]);
  t.ok(out.bytes.equals(second), 'to standard output');
  t.match(out.err, /up to a filemark/);
  t.match(JSON.parse((await lunctl(['tape', 'read', '--json', url(0), path('none')])).out), {
    bytes: 0,
    blocks: 0,
    end: 'end-of-data',
  });
});

t.test('holes of a file are zeros, in blocks of one length', async (t) => {
  const { url } = await array(t, TAPE);
  const path = scratch(t);
  const data = Buffer.concat([bytesOf(50_000), Buffer.alloc(2 * MIB), bytesOf(3333)]);
  const { open } = await import('node:fs/promises');
  const file = await open(path('sparse'), 'w');
  await file.write(data, 0, 50_000, 0);
  await file.write(data, data.length - 3333, 3333, data.length - 3333);
  await file.close();
  for (const how of [[], ['--fixed', '--block-size', '4096']]) {
    await lunctl(['tape', 'rewind', url(0)]);
    t.equal((await lunctl(['tape', 'write', ...how, url(0), path('sparse')])).code, 0);
    await lunctl(['tape', 'rewind', url(0)]);
    const back = await lunctl(['tape', 'read', ...how, url(0)]);
    t.ok(back.bytes.subarray(0, data.length).equals(data));
    const padded = how.length === 0 ? data.length : Math.ceil(data.length / 4096) * 4096;
    t.equal(back.bytes.length, padded);
  }
});

t.test('blocks of a fixed length; the block length there was is put back', async (t) => {
  const { url } = await array(t, TAPE);
  const data = bytesOf(5 * 512);
  const fixed = ['--fixed', '--block-size', '512'];
  const wrote = await lunctl(['tape', 'write', ...fixed, '--no-filemark', '--json', url(0)], Readable.from([data]));
  t.match(JSON.parse(wrote.out), { blocks: 5, bytes: 2560 });
  t.match((await lunctl(['tape', 'status', url(0)])).out, /block length +variable/);
  await lunctl(['tape', 'rewind', url(0)]);
  const back = await lunctl(['tape', 'read', ...fixed, url(0)]);
  t.ok(back.bytes.equals(data));
  t.match(back.err, /in 5 blocks up to the end of data/);
  await lunctl(['tape', 'rewind', url(0)]);
  const other = await lunctl(['tape', 'read', '--fixed', '--block-size', '500', url(0)]);
  t.match(other, { code: 1, err: /incorrect length.*--block-size/ });
  t.match((await lunctl(['tape', 'status', url(0)])).out, /block length +variable/, 'after an error too');
});

t.test('positions', async (t) => {
  const { url } = await array(t, TAPE);
  for (const size of [1, 2, 3]) {
    await lunctl(['tape', 'write', '--block-size', '10', url(0)], Readable.from([bytesOf(size * 10)]));
  }
  const steps: [[string, string?], number, string][] = [
    [['rewind'], 0, 'block 0, file 0, the beginning'],
    [['fsf'], 0, 'block 2, file 1'],
    [['fsr', '2'], 0, 'block 4, file 1'],
    [['bsr'], 0, 'block 3, file 1'],
    [['fsf', '1'], 0, 'block 5, file 2'],
    [['bsf', '2'], 0, 'block 1, file 0'],
    [['seek', '7'], 0, 'block 7, file 2'],
    [['fsr', '9'], 1, 'block 9, file 3'],
    [['eod'], 0, 'block 9, file 3'],
    [['weof', '2'], 0, 'block 11, file 5'],
    [['seek', '99'], 1, 'block 11, file 5'],
    [['seek', '6'], 0, 'block 6, file 2'],
    [['erase'], 0, 'block 6, file 2'],
    [['fsf'], 1, 'block 6, file 2'],
  ];
  for (const [[action, count], code, where] of steps) {
    t.equal((await lunctl(['tape', action, url(0), ...(count === undefined ? [] : [count])])).code, code, action);
    t.equal((await lunctl(['tape', 'tell', url(0)])).out, `${where}\n`, action);
  }
  t.match(JSON.parse((await lunctl(['tape', 'tell', '--json', url(0)])).out), { block: 6, file: 2 });
});

t.test('status; a medium that is not there', async (t) => {
  const { url } = await array(t, TAPE);
  const barcode = Buffer.concat([Buffer.from('0000002508060100' + '20', 'hex'), Buffer.from('LUN001L8'.padEnd(32))]);
  await lunctl(['cdb', url(0), '8d000000000000000000 00000029 0000', '--out', `hex:${barcode.toString('hex')}`]);
  const { out } = await lunctl(['tape', 'status', url(0)]);
  for (const line of [
    /position +block 0, file 0, the beginning/,
    /1 to 8388608 bytes/,
    /capacity +64 MiB/,
    /LUN001L8/,
  ]) {
    t.match(out, line);
  }
  t.match(JSON.parse((await lunctl(['tape', 'status', '--json', url(0)])).out), {
    medium: true,
    block: 0,
    capacity: 64 * MIB,
    barcode: 'LUN001L8',
    writeProtected: false,
  });
  t.equal((await lunctl(['tape', 'unload', url(0)])).code, 0);
  t.match((await lunctl(['tape', 'status', url(0)])).out, /medium +none/);
  t.match(await lunctl(['tape', 'rewind', url(0)]), { code: 1, err: /REWIND: NOT READY/ });
  t.equal((await lunctl(['tape', 'load', url(0)])).code, 0);
  t.equal((await lunctl(['tape', 'rewind', url(0)])).code, 0);
});

t.test('near the end, and beyond it', async (t) => {
  const { url } = await array(t, [{ id: '00:00', capacity: '1M', tape: true }]);
  const most = await lunctl(['tape', 'write', url(0)], Readable.from([bytesOf(MIB - 60_000)]));
  t.match(most, { code: 0, out: /the end of the medium is near/ });
  t.match((await lunctl(['tape', 'tell', url(0)])).out, /near the end/);
  const more = await lunctl(['tape', 'write', url(0)], Readable.from([bytesOf(MIB)]));
  t.match(more, { code: 1, err: /VOLUME OVERFLOW/ });
});

t.test('refusals', async (t) => {
  const { url } = await array(t, [...TAPE, { id: '00:01', capacity: '16M' }]);
  await lunctl(['tape', 'write', '--block-size', '2m', url(0)], Readable.from([bytesOf(2 * MIB)]));
  await lunctl(['tape', 'rewind', url(0)]);
  for (const [args, code, text] of [
    [['status', url(1)], 2, /is no tape/],
    [['rewind', url(0), '3'], 2, /"3" means nothing/],
    [['seek', url(0)], 2, /which block/],
    [['fsf', url(0), '-1'], 2, /count|unknown option/],
    [['fly', url(0)], 2, /Allowed choices/],
    [['write', '--fixed', url(0)], 2, /--fixed needs --block-size/],
    [['write', '--block-size', '9m', url(0)], 2, /from 1 to 8388608/],
    [['write', url(0), '/nowhere/file'], 5, /nowhere/],
    [['read', url(0)], 1, /incorrect length/],
  ] as const) {
    t.match(await lunctl(['tape', ...args]), { code, err: text }, args.join(' '));
  }
});
