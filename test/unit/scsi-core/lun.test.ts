import t from 'tap';
import { decodeLun, decodeWellKnownLun, encodeLun, MAX_LUN } from '../../../wire/scsi/lun.js';

const bytes = (hex: string) => Buffer.from(hex.padEnd(16, '0'), 'hex');

t.test('every LUN survives the round trip', async (t) => {
  for (let lun = 0; lun <= MAX_LUN; lun++) if (decodeLun(encodeLun(lun)) !== lun) t.fail(`LUN ${lun}`);
  t.equal(encodeLun(255).toString('hex'), '00ff000000000000');
  t.equal(encodeLun(256).toString('hex'), '4100000000000000');
});

t.test('both addressing methods reach the same LUN', async (t) => {
  t.equal(decodeLun(bytes('0005')), 5);
  t.equal(decodeLun(bytes('4005')), 5);
  t.equal(decodeLun(bytes('7fff')), MAX_LUN);
});

t.test('other addresses are no LUN here', async (t) => {
  for (const hex of ['0105', '3fff', '8005', 'c005', 'd200', '00050001', '0005000000000001', '4005000100', 'ffff']) {
    t.equal(decodeLun(bytes(hex)), null, hex);
  }
});

t.test('well-known logical units', async (t) => {
  t.equal(decodeWellKnownLun(bytes('c101')), 1);
  t.equal(decodeWellKnownLun(bytes('c10100')), 1);
  t.equal(decodeWellKnownLun(bytes('0001')), null);
  t.equal(decodeWellKnownLun(bytes('c10100000001')), null);
});
