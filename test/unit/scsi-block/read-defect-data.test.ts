import t from 'tap';
import { readDefectData10, readDefectData12 } from '../../../wire/scsi/cdb-build.js';
import { inCdb, Status, TestUnit } from './harness.js';

const requests = [
  { lists: { plist: false, glist: false }, valid: 0 },
  { lists: { plist: true, glist: false }, valid: 0x10 },
  { lists: { plist: false, glist: true }, valid: 0x08 },
  { lists: { plist: true, glist: true }, valid: 0x18 },
];

t.test('READ DEFECT DATA: empty lists, in the format asked for', async (t) => {
  const lu = new TestUnit();
  for (const { lists, valid } of requests) {
    for (let format = 0; format < 6; format++) {
      const request = { ...lists, format };
      t.same([...lu.run(readDefectData10(request, 255)).data], [0, valid | format, 0, 0]);
      t.same([...lu.run(readDefectData12(request, 0, 255)).data], [0, valid | format, 0, 0, 0, 0, 0, 0]);
    }
  }
});

t.test('READ DEFECT DATA: vendor specific and reserved formats', async (t) => {
  const lu = new TestUnit();
  for (const format of [6, 7]) {
    t.match(lu.run(readDefectData10({ glist: true, format }, 255)).sense, inCdb(2, 2));
    t.match(lu.run(readDefectData12({ glist: true, format }, 0, 255)).sense, inCdb(1, 2));
  }
});

t.test('READ DEFECT DATA: allocation length, index, reserved bits', async (t) => {
  const lu = new TestUnit();
  for (const allocation of [0, 1, 3, 4, 65535]) {
    const { status, data } = lu.run(readDefectData10({ plist: true }, allocation));
    t.equal(status, Status.good);
    t.equal(data.length, Math.min(allocation, 4));
    t.equal(lu.run(readDefectData12({ plist: true }, 0xffffffff, allocation)).data.length, Math.min(allocation, 8));
  }
  for (const [byte, bit] of [
    [1, 0],
    [2, 5],
    [3, 0],
    [6, 7],
  ] as const) {
    const cdb = readDefectData10({}, 255);
    cdb[byte]! |= 1 << bit;
    t.match(lu.run(cdb).sense, inCdb(byte, bit));
  }
  for (const [byte, bit] of [
    [1, 5],
    [10, 0],
    [11, 3],
  ] as const) {
    const cdb = readDefectData12({}, 0, 255);
    cdb[byte]! |= 1 << bit;
    t.match(lu.run(cdb).sense, inCdb(byte, bit));
  }
});
