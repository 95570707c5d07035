/** READ ATTRIBUTE and WRITE ATTRIBUTE: what the memory of a cartridge tells, what hosts write there, refusals. */
import t from 'tap';
import { type Attribute, decodeAttributes, hostAttributes } from '../../../wire/scsi/attributes.js';
import { CONFLICT, out, Type } from '../scsi-primary/persistent-rig.js';
import { type Host, inCdb, inList } from '../scsi-primary/rig.js';
import { ERASE, filemarks, REWIND, read, record, seen, TapeRig, unload, writeRecord } from './tape-rig.js';

const readAttribute = (action: number, first = 0, allocation = 4096, volume = 0, partition = 0) => [
  ...[0x8c, action, 0, 0, 0, volume, 0, partition, first >> 8, first & 0xff],
  ...[0, 0, allocation >> 8, allocation & 0xff, 0, 0],
];
const writeAttribute = (bytes: number, volume = 0, partition = 0) => [
  ...[0x8d, 0, 0, 0, 0, volume, 0, partition, 0, 0, 0, 0, bytes >> 8, bytes & 0xff, 0, 0],
];

function one(id: number, format: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([id >> 8, id & 0xff, format, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** A parameter list. @param declared PARAMETER DATA LENGTH, that of the attributes unless given */
function listOf(attributes: readonly Buffer[], declared?: number): Buffer {
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(declared ?? body.length);
  return Buffer.concat([head, body]);
}

const send = (host: Host, ...attributes: Buffer[]) => {
  const list = listOf(attributes);
  return host.run(writeAttribute(list.length), list);
};

function values(host: Host, first = 0): Map<number, Attribute> {
  const { data } = host.run(readAttribute(0, first));
  t.equal(data.readUInt32BE(0), data.length - 4);
  return new Map(decodeAttributes(data.subarray(4))!.map((attribute) => [attribute.id, attribute]));
}

const BARCODE = one(0x0806, 1, 'LUN001L8'.padEnd(32));
const LABEL = one(0x0803, 2, 'Ü'.padEnd(159));
const COHERENCY = one(0x080c, 0, Buffer.alloc(70, 0x17));

t.test('what the medium and the drive tell', async (t) => {
  const rig = new TapeRig({ blocks: 32768 });
  const host = rig.host('a');
  const list = [0x0000, 0x0001, 0x0002, 0x0004, 0x0005, 0x0006, 0x0400, 0x0401, 0x0404, 0x0405, 0x0407, 0x0408, 0x0409];
  t.same([...values(host).keys()], list);
  const number = (id: number) => Number(values(host).get(id)!.value.readBigUInt64BE(0));
  t.equal(number(0x0001), 16, 'MiB');
  t.equal(number(0x0000), 15, 'less what the label takes');
  for (let i = 0; i < 5; i++) writeRecord(host, record(1 << 20, i));
  t.equal(number(0x0000), 10);
  host.run(REWIND);
  t.equal(number(0x0000), 10, 'whatever the position');
  t.equal(values(host).get(0x0400)!.value.toString(), 'LUNARRAY');
  t.equal(values(host).get(0x0401)!.value.length, 32);
  t.ok([...values(host).values()].every(({ readOnly }) => readOnly));
  rig.layer.data[9 * 512]! ^= 1;
  host.run(read(1 << 20));
  t.equal(values(host).get(0x0002)!.value.toString('hex'), '2800000000000000', 'TapeAlert flags 3 and 5');
  t.same([...values(host, 0x0404).keys()], list.slice(8), 'from the first identifier on');
  t.match(host.run(readAttribute(0, 0x0003)).sense, inCdb(8), 'one that there is not');
  t.match(host.run(readAttribute(0, 0x0806)).sense, inCdb(8), 'one that nobody has written');
  t.equal(host.run(readAttribute(0, 0, 10)).data.length, 10);
});

t.test('lists: of attributes there are, of those supported, of volumes, of partitions', async (t) => {
  const host = new TapeRig().host('a');
  const ids = (data: Buffer) =>
    Array.from({ length: (data.length - 4) / 2 }, (_, index) => data.readUInt16BE(4 + 2 * index));
  t.equal(send(host, BARCODE).status, 0);
  const present = ids(host.run(readAttribute(1, 0xffff)).data);
  t.same(present, [...values(host).keys()]);
  t.ok(present.includes(0x0806));
  const supported = host.run(readAttribute(5)).data;
  t.equal(supported.readUInt32BE(0), supported.length - 4);
  for (const id of [...present, ...hostAttributes.keys()]) t.ok(ids(supported).includes(id), `${id}`);
  t.same(
    ids(supported),
    [...ids(supported)].sort((a, b) => a - b),
  );
  t.equal(host.run(readAttribute(2, 0, 255, 9, 9)).data.toString('hex'), '00020001');
  t.equal(host.run(readAttribute(3, 0, 255, 0, 9)).data.toString('hex'), '00020001');
});

t.test('what hosts write stays: over the death of the process, ERASE, overwriting', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  t.equal(send(host, LABEL, BARCODE, COHERENCY).status, 0);
  t.equal(rig.layer.lastIo?.fua, true);
  writeRecord(host, record(1000, 1));
  host.run(filemarks(1));
  host.run(REWIND);
  host.run(ERASE);
  const again = rig.restarted().host('a');
  t.equal(values(again).get(0x0806)!.value.toString(), 'LUN001L8'.padEnd(32));
  t.equal(values(again).get(0x080c)!.value.length, 70);
  t.notOk(values(again).get(0x0806)!.readOnly);
  const left = Number(values(again).get(0x0004)!.value.readBigUInt64BE(0));
  t.equal(send(again, one(0x0806, 1, ''), one(0x080c, 0, Buffer.alloc(1023))).status, 0);
  t.notOk(values(again).has(0x0806), 'without bytes: gone');
  t.equal(Number(values(again).get(0x0004)!.value.readBigUInt64BE(0)), left + 37 - (1023 - 70));
  t.equal(send(again).status, 0, 'an empty list');
  t.equal(again.run(writeAttribute(0)).status, 0);
});

t.test('all of them at once fit', async (t) => {
  const host = new TapeRig().host('a');
  const all = [...hostAttributes].map(([id, { format, bytes }]) => one(id, format, Buffer.alloc(bytes, 0x41)));
  t.equal(send(host, ...all).status, 0);
  for (const [id, { bytes }] of hostAttributes) t.equal(values(host).get(id)!.value.length, bytes);
});

t.test('PARAMETER DATA LENGTH is ignored: the length of the list says it all', async (t) => {
  const host = new TapeRig().host('a');
  for (const declared of [0, 5, 0xffffffff]) {
    const text = `${declared}`.padEnd(32);
    const list = listOf([one(0x0806, 1, text)], declared);
    t.equal(host.run(writeAttribute(list.length), list).status, 0);
    t.equal(values(host).get(0x0806)!.value.toString(), text);
  }
});

t.test('lists that are refused change nothing', async (t) => {
  const host = new TapeRig().host('a');
  send(host, BARCODE);
  const cases: [string, Buffer[], object][] = [
    ['read only', [one(0x0400, 1, 'LUNARRAY')], inList(4)],
    ['unknown', [BARCODE, one(0x0899, 0, 'x')], inList(4 + 37)],
    ['not ascending', [BARCODE, one(0x0800, 1, 'ACME'.padEnd(8))], inList(4 + 37)],
    ['twice', [BARCODE, BARCODE], inList(4 + 37)],
    ['another format', [one(0x0806, 2, ' '.repeat(32))], inList(6, 1)],
    ['a reserved bit', [one(0x0806, 0x11, ' '.repeat(32))], inList(6, 4)],
    ['read only from now on', [one(0x0806, 0x81, ' '.repeat(32))], inList(6, 7)],
    ['too short', [one(0x0806, 1, ' '.repeat(31))], inList(7)],
    ['too long', [one(0x080c, 0, Buffer.alloc(1024))], inList(7)],
    ['not ASCII', [one(0x0806, 1, `ABC\x7f${' '.repeat(28)}`)], inList(4 + 5 + 3)],
  ];
  for (const [name, attributes, expected] of cases) t.match(send(host, ...attributes).sense, expected, name);
  const whole = listOf([BARCODE]);
  for (const bytes of [1, 3, 8, 20, whole.length - 1]) {
    t.equal(host.run(writeAttribute(bytes), whole.subarray(0, bytes)).sense?.asc, 0x1a00, `${bytes} bytes`);
  }
  t.equal(host.run(writeAttribute(whole.length), whole.subarray(0, 9)).sense?.asc, 0x1a00, 'less than was announced');
  t.match(host.run(writeAttribute(8193)).sense, inCdb(10));
  t.match(host.run(writeAttribute(0, 1)).sense, inCdb(5));
  t.match(host.run(writeAttribute(0, 0, 1)).sense, inCdb(7));
  t.match(host.run(readAttribute(0, 0, 255, 1)).sense, inCdb(5));
  t.match(host.run(readAttribute(1, 0, 255, 0, 1)).sense, inCdb(7));
  t.match(host.run(readAttribute(3, 0, 255, 1)).sense, inCdb(5));
  t.match(host.run(readAttribute(4)).sense, inCdb(1, 4), 'of media changers');
  t.equal(values(host).get(0x0806)!.value.toString(), 'LUN001L8'.padEnd(32));
});

t.test('reservations, write protection, no medium', async (t) => {
  const rig = new TapeRig();
  const holder = rig.host('a');
  const other = rig.host('b');
  out(holder, 'register', { action: 1 });
  out(holder, 'reserve', { key: 1, type: Type.we });
  t.equal(other.run(readAttribute(0)).status, 0);
  t.equal(send(other, BARCODE).status, CONFLICT);
  out(holder, 'release', { key: 1, type: Type.we });
  out(holder, 'reserve', { key: 1, type: Type.ea });
  t.equal(other.run(readAttribute(0)).status, CONFLICT);
  out(holder, 'release', { key: 1, type: Type.ea });
  holder.run(unload());
  t.equal(holder.run(readAttribute(0)).sense?.asc, 0x3a00);
  t.equal(send(holder, BARCODE).sense?.asc, 0x3a00);
  const protectedRig = new TapeRig({ readOnly: true });
  t.equal(send(protectedRig.host('a'), BARCODE).sense?.asc, 0x2700);
});

t.test('damage: MEDIUM ERROR, until it is written anew; a label that begins anew leaves it alone', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  send(host, BARCODE, COHERENCY);
  rig.layer.data[512 + 30]! ^= 1;
  t.equal(values(host).size, 15, 'there is a second copy');
  rig.layer.data[512 + 1792 + 30]! ^= 1;
  t.same(seen(host.run(readAttribute(0))), [3, 0x1112, null]);
  t.equal(host.run(readAttribute(5)).status, 0);
  rig.layer.failNext = { kind: 'hardware-error', cause: 'a path' };
  t.equal(send(host, BARCODE).sense?.name, 'hardware-error');
  t.equal(send(host, BARCODE).status, 0);
  t.ok(values(host).has(0x0806));
  t.notOk(values(host).has(0x080c));
  const next = rig.restarted();
  next.layer.data[0] = 1;
  const again = next.host('a');
  t.equal(again.run(ERASE).status, 0);
  t.ok(values(again).has(0x0806));
});

t.test('a loss of power in the midst of WRITE ATTRIBUTE costs nothing that was acknowledged before', async (t) => {
  const first = new TapeRig();
  const host = first.host('a');
  send(host, BARCODE, one(0x080c, 0, Buffer.alloc(1023, 1)));
  /** The medium after each write, and torn after each of its sectors. */
  const states: Buffer[] = [];
  const { layer } = first;
  const write = layer.write.bind(layer);
  layer.write = (io, lba, blocks, data, done) => {
    t.ok(io.fua);
    for (let sectors = 0; sectors <= blocks; sectors++) {
      const torn = Buffer.from(layer.data);
      Buffer.concat(data).copy(torn, lba * 512, 0, sectors * 512);
      states.push(torn);
    }
    write(io, lba, blocks, data, done);
  };
  const label = one(0x0803, 2, 'Ü'.padEnd(159));
  t.equal(send(host, label, one(0x080c, 0, Buffer.alloc(1023, 2))).status, 0);
  t.ok(states.length > 2);
  const seen = states.map((state) => {
    const rig = new TapeRig();
    state.copy(rig.layer.data);
    const found = values(rig.host('a'));
    t.ok(found.has(0x0806), 'of before');
    const coherency = found.get(0x080c)!.value;
    t.ok(coherency.equals(Buffer.alloc(1023, coherency[0]!)), 'as a whole');
    t.equal(found.has(0x0803), coherency[0] === 2, 'all of a list or nothing');
    return coherency[0];
  });
  t.same([seen[0], seen.at(-1)], [1, 2]);
});
