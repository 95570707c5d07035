/** Virtual tapes, and commands to them by name. */
import t from 'tap';
import { array, lunctl } from './run-lunctl.js';

const TAPE = [{ id: '00:00', capacity: '64M', tape: true }];

t.test('cdb names what the code means to a tape', async (t) => {
  const { url } = await array(t, TAPE);
  t.match((await lunctl(['cdb', url(0), '1b0000000100'])).out, /^LOAD UNLOAD {2}1b 00 00 00 01 00\nGOOD/);
  const refused = await lunctl(['cdb', url(0), '91 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00']);
  t.match(refused, { code: 1, err: /SPACE\(16\): ILLEGAL REQUEST/ });
  t.match(refused.out, /^SPACE\(16\) {2}91.*\n {47}\^\^ byte 12 bit 0\n/);
});
