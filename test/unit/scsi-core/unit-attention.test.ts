import t from 'tap';
import { UnitAttentions } from '../../../target/scsi/unit-attention.js';
import {
  busDeviceResetFunctionOccurred,
  capacityDataHasChanged,
  modeParametersChanged,
  nexusLossOccurred,
  powerOnOccurred,
  reportedLunsDataHasChanged,
} from '../../../wire/scsi/sense.js';

const names = (attentions: UnitAttentions, nexus: number) => attentions.list(nexus).map(({ name }) => name);

t.test('in order of arrival, each once, and taken one by one', async (t) => {
  const attentions = new UnitAttentions();
  t.notOk(attentions.pending(1));
  attentions.establish(1, modeParametersChanged());
  attentions.establish(1, capacityDataHasChanged());
  attentions.establish(1, modeParametersChanged());
  t.same(names(attentions, 1), ['mode-parameters-changed', 'capacity-changed']);
  t.ok(attentions.pending(1));
  t.notOk(attentions.pending(2));
  t.match(attentions.take(1), { name: 'mode-parameters-changed' });
  t.match(attentions.take(1), { name: 'capacity-changed' });
  t.equal(attentions.take(1), null);
  t.notOk(attentions.pending(1));
});

t.test('resets come first, the stronger clears the weaker', async (t) => {
  const attentions = new UnitAttentions();
  attentions.establish(1, capacityDataHasChanged());
  attentions.establish(1, nexusLossOccurred());
  t.same(names(attentions, 1), ['nexus-loss', 'capacity-changed']);
  attentions.establish(1, busDeviceResetFunctionOccurred());
  t.same(names(attentions, 1), ['lun-reset', 'capacity-changed']);
  attentions.establish(1, powerOnOccurred());
  attentions.establish(1, nexusLossOccurred());
  attentions.establish(1, busDeviceResetFunctionOccurred());
  t.same(names(attentions, 1), ['power-on', 'capacity-changed']);
});

t.test('for all nexuses but one', async (t) => {
  const attentions = new UnitAttentions();
  for (const nexus of [1, 2, 3]) attentions.attach(nexus);
  attentions.establishForAll(modeParametersChanged(), 2);
  t.same(
    [1, 2, 3, 4].map((nexus) => attentions.pending(nexus)),
    [true, false, true, false],
  );
  attentions.detach(1);
  t.notOk(attentions.pending(1));
  attentions.clear(3, modeParametersChanged().asc);
  t.notOk(attentions.pending(3));
});

t.test('a host that never looks costs little, and keeps the reset', async (t) => {
  const attentions = new UnitAttentions();
  attentions.establish(1, powerOnOccurred());
  for (let asc = 0; asc < 1000; asc++) attentions.establish(1, { name: `n${asc}`, key: 6, asc: 0x3f00 + asc });
  t.equal(attentions.list(1).length, 16);
  t.equal(names(attentions, 1)[0], 'power-on');
  t.equal(names(attentions, 1)[15], 'n999');
});

t.test('clearing one kind', async (t) => {
  const attentions = new UnitAttentions();
  attentions.establish(1, reportedLunsDataHasChanged());
  attentions.establish(1, capacityDataHasChanged());
  attentions.clear(1, reportedLunsDataHasChanged().asc);
  attentions.clear(9, 0);
  t.same(names(attentions, 1), ['capacity-changed']);
});
