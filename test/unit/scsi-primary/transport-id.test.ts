import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { decodeTransportId, encodeTransportId } from '../../../wire/scsi/transport-id.js';

t.test('layouts', async (t) => {
  const port = encodeTransportId('iqn.1991-05.com.example:h,i,0x00023d000001');
  t.equal(port[0], 0x45, 'format 01b, iSCSI');
  t.equal(port.readUInt16BE(2), port.length - 4);
  t.equal(port.length % 4, 0);
  t.equal(port.at(-1), 0, 'terminated');
  const node = encodeTransportId('iqn.a');
  t.equal(node[0], 0x05);
  t.equal(node.length, 24, 'at least 24 bytes');
  const wwn = encodeTransportId('50060e8007c3a100');
  t.equal(wwn.toString('hex'), `00000000000000005006_0e8007c3a100`.replace('_', '') + '0'.repeat(16));
});

t.test('there and back, at any offset', async (t) => {
  for (const name of [
    'iqn.1991-05.com.example:h',
    'iqn.1991-05.com.example:h,i,0x00023d000001',
    `iqn.2000-01.x:${'y'.repeat(209)},i,0xffffffffffff`,
    'eui.02004567a425678d',
    '50060e8007c3a100',
  ]) {
    const list = Buffer.concat([Buffer.alloc(28), encodeTransportId(name), Buffer.alloc(40)]);
    const read = decodeTransportId(list, 28);
    t.match(read, { id: { name }, bytes: encodeTransportId(name).length });
  }
});

t.test('names that no initiator can log in with are refused', async (t) => {
  for (const name of ['iqn.a\nb,i,0x00023d000001', 'iqn.a b', 'iqn.a\x07']) {
    t.match(decodeTransportId(encodeTransportId(name), 0), { problem: 'invalid', offset: 4 });
  }
});

t.test('arbitrary bytes are refused or understood, never thrown about', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 7);
  const random = seededRandom(seed);
  const known = encodeTransportId('iqn.1991-05.com.example:h,i,0x00023d000001');
  for (let i = 0; i < 20_000; i++) {
    const list = i % 2 ? random.bytes(random.below(80)) : Buffer.from(known);
    for (let flips = random.below(4); flips > 0 && list.length > 0; flips--) {
      list[random.below(list.length)] = random.below(256);
    }
    const read = decodeTransportId(list, 0);
    if ('problem' in read) {
      if (read.offset >= Math.max(list.length, 1)) t.fail(`LUNARRAY_SEED=${seed}: pointer beyond the list`);
    } else if (read.bytes > list.length) {
      t.fail(`LUNARRAY_SEED=${seed}: took more than there is`);
    }
  }
});
