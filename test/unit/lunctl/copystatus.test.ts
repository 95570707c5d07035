/** copystatus: what the copy manager says of itself. */
import t from 'tap';
import { decodeParameters, encodeParameters } from '../../../wire/scsi/copy-results.js';
import { array, lunctl } from './run-lunctl.js';

t.test('limits and descriptor types', async (t) => {
  const { url } = await array(t);
  const { code, out } = await lunctl(['copystatus', url(0)]);
  t.equal(code, 0);
  t.match(out, /^segment descriptors +256$/m);
  t.match(out, /^longest segment +any$/m);
  t.match(out, /^descriptor types +00h 01h 02h .* 16h beh bfh e4h e5h e6h eah feh$/m);
  t.match(JSON.parse((await lunctl(['copystatus', '--json', url(1)])).out), { cscds: 64, concurrent: 32 });
});

t.test('a unit that is not there', async (t) => {
  const { url } = await array(t);
  t.match(await lunctl(['copystatus', url(0).replace(/0$/, '7')]), { code: 1 });
});

t.test('what is encoded is decoded; a header cut short is not', async (t) => {
  const limits = { cscds: 3, segments: 4, descriptorBytes: 5, segmentBytes: 6, inlineBytes: 7, heldBytes: 8 };
  const more = { concurrent: 9, identified: 10, segmentGranularity: 11, heldGranularity: 12, types: [2, 0xe4] };
  const data = encodeParameters({ ...limits, ...more });
  t.same(decodeParameters(data), { ...limits, ...more });
  t.equal(decodeParameters(data.subarray(0, 43)), null);
});
