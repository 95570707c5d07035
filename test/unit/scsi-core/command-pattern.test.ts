import t from 'tap';
import { commandPattern } from '../../../wire/scsi/command-pattern.js';

const read10 = Buffer.from('28000000000000000100', 'hex');
const read16 = Buffer.from('88000000000000000000000000010000', 'hex');
const readCapacity16 = Buffer.from('9e100000000000000000000000200000', 'hex');
const getLbaStatus = Buffer.from('9e120000000000000000000000200000', 'hex');
const unknown = Buffer.from('c5000000000000000000', 'hex');

t.test('commands by name, with and without size, by code, by service action', (t) => {
  const cases: [string, Buffer[], Buffer[]][] = [
    ['any', [read10, readCapacity16, unknown], []],
    ['READ(10)', [read10], [read16, unknown]],
    ['read', [read10, read16], [readCapacity16, unknown]],
    ['28', [read10], [read16]],
    ['0x28', [read10], [read16]],
    ['28H', [read10], [read16]],
    ['9e', [readCapacity16, getLbaStatus], [read10]],
    ['9e/10', [readCapacity16], [getLbaStatus]],
    ['0x9e/0x12', [getLbaStatus], [readCapacity16]],
    ['READ CAPACITY(16)', [readCapacity16], [getLbaStatus]],
    ['c5h', [unknown], [read10]],
  ];
  for (const [text, matching, others] of cases) {
    const pattern = commandPattern(text)!;
    for (const cdb of matching) t.ok(pattern(cdb), `${text} ${cdb.toString('hex')}`);
    for (const cdb of others) t.notOk(pattern(cdb), `${text} ${cdb.toString('hex')}`);
  }
  t.end();
});

t.test('a name that the command table alone knows', (t) => {
  t.ok(commandPattern('READ(16)')!(unknown, 'READ(16)'));
  t.end();
});

t.test('commands of tapes have names, which their command table tells', (t) => {
  const load = Buffer.from('1b0000000100', 'hex');
  const pattern = commandPattern('load unload')!;
  t.ok(pattern(load, 'LOAD UNLOAD'));
  t.notOk(pattern(load), 'of a disk it is START STOP UNIT');
  t.end();
});

t.test('what is no command', (t) => {
  for (const text of ['', 'READ(11)', '128', '9e/20', 'all', '28/']) t.equal(commandPattern(text), null, text);
  t.end();
});
