import { EventEmitter } from 'node:events';
import t from 'tap';
import { silentLog } from '../../../target/base/log.js';
import { CommandTable } from '../../../target/scsi/command-table.js';
import { blockCommands, blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import type { LogicalUnit } from '../../../target/scsi/logical-unit.js';
import { LogicalUnits, type VolumesView } from '../../../target/scsi/logical-units.js';
import { ModePages } from '../../../target/scsi/mode-state.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import type { Ldev } from '../../../target/volumes/model.js';

const ldev = (id: number, blocks = 100, thin = true): Ldev =>
  ({ id, blocks, blockSize: 512, thin, readOnly: false }) as Ldev;

function setup() {
  const ldevs = new Map([1, 2, 3].map((id) => [id, ldev(id)]));
  const events = new EventEmitter();
  const volumes = { ldev: (id: number) => ldevs.get(id), on: events.on.bind(events) } as unknown as VolumesView;
  const thin = new CommandTable(blockCommands);
  const full = new CommandTable(blockCommandsOf({ thin: false }));
  const units = new LogicalUnits(volumes, {
    log: silentLog,
    commands: thin,
    commandsFor: (of) => (of.thin ? thin : full),
    reservations: () => ({ conflict: () => false }) as unknown as LogicalUnit['reservations'],
    modes: ({ id }) => new ModePages(id, null, silentLog),
  });
  const luns = new Map([
    [0, 1],
    [7, 2],
    [8, 99],
  ]);
  const nexus = (id: number, group: number, map: ReadonlyMap<number, number>) =>
    ({ id, hostGroup: { id: group, luns: map } }) as Nexus;
  return { ldevs, events, units, luns, a: nexus(1, 10, luns), b: nexus(2, 20, new Map([[0, 2]])) };
}

t.test('one logical unit per LDEV, whatever the path', async (t) => {
  const { units, a, b } = setup();
  t.equal(units.find(a, 7), units.find(b, 0));
  t.not(units.find(a, 0), units.find(a, 7));
  t.equal(units.find(a, 1), null, 'no path');
  t.equal(units.find(a, 8), null, 'no LDEV');
  t.equal([...units.units()].length, 2);
});

t.test('the table follows the kind of LDEV', async (t) => {
  const { units } = setup();
  t.ok(units.unit(ldev(1)).commands.has(0x42));
  t.notOk(units.unit(ldev(5, 100, false)).commands.has(0x42));
});

t.test('a changed capacity reaches those who see the LDEV', async (t) => {
  const { units, events, a, b } = setup();
  units.attach(a);
  units.attach(b);
  const unit = units.find(a, 0)!;
  events.emit('capacity-changed', ldev(1, 200));
  t.equal(unit.blocks, 200);
  t.match(unit.attentions.take(a.id), { name: 'capacity-changed' });
  t.equal(unit.attentions.take(b.id), null);
  events.emit('capacity-changed', ldev(3, 200));
});

t.test('an LDEV made read-only changes mode parameters; another label does not', async (t) => {
  const { units, events, a } = setup();
  units.attach(a);
  const unit = units.find(a, 0)!;
  events.emit('ldev-changed', { ...ldev(1), label: 'new' });
  t.notOk(unit.attentions.pending(a.id));
  events.emit('ldev-changed', { ...ldev(1), readOnly: true });
  t.ok(unit.writeProtected);
  t.match(unit.attentions.take(a.id), { name: 'mode-parameters-changed' });
  events.emit('ldev-changed', { ...ldev(1), readOnly: true });
  t.notOk(unit.attentions.pending(a.id));
});

t.test('changed LUN paths reach the nexuses of the host group, on each of their logical units', async (t) => {
  const { units, events, a, b } = setup();
  units.attach(a);
  units.attach(b);
  events.emit('luns-changed', a.hostGroup);
  for (const lun of [0, 7]) t.match(units.find(a, lun)?.attentions.take(a.id), { name: 'luns-changed' });
  t.notOk(units.find(b, 0)?.attentions.pending(b.id));
});

t.test('a lost nexus leaves nothing behind', async (t) => {
  const { units, events, a } = setup();
  units.attach(a);
  events.emit('luns-changed', a.hostGroup);
  units.detach(a);
  t.notOk(units.find(a, 0)?.attentions.pending(a.id));
  events.emit('luns-changed', a.hostGroup);
  t.notOk(units.find(a, 0)?.attentions.pending(a.id));
});

t.test('a removed LDEV has no logical unit', async (t) => {
  const { units, events, ldevs, a } = setup();
  const unit = units.find(a, 0);
  ldevs.delete(1);
  events.emit('ldev-removed', ldev(1));
  t.equal(units.find(a, 0), null);
  t.notOk([...units.units()].includes(unit!));
});
