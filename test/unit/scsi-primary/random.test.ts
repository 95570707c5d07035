/**
 * Random CDBs and parameter lists from several hosts against all primary commands: each is answered once, with
 * no more data than asked for, refusals point inside the CDB or the list, and the state stays consistent.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { primaryCommands } from '../../../target/scsi/handlers/primary/index.js';
import { isHolder } from '../../../target/scsi/persistent-reservation/state.js';
import { reservationsOf } from '../../../target/scsi/reservations.js';
import type { TaskAttribute } from '../../../target/scsi/task.js';
import { encodeTransportId } from '../../../wire/scsi/transport-id.js';
import { type Host, Rig } from './rig.js';

const ROUNDS = 15_000;
const seed = Number(process.env.LUNARRAY_SEED ?? 20261120);
const random = seededRandom(seed);
const one = <T>(list: readonly T[]): T => list[random.below(list.length)]!;

/** Mostly what a row evaluates, now and then what it does not. */
function randomCdb(): Buffer {
  const row = one(primaryCommands);
  const cdb = random.bytes(16);
  if (random.below(20) > 0) {
    for (let i = 0; i < 16; i++) cdb[i]! &= row.usage[i] ?? 0;
    // Lengths that lists can have, more often than not.
    if (row.dataOutBytes && random.below(4) > 0) {
      for (let i = 3; i < row.cdbLength - 1; i++) cdb[i] = 0;
      cdb[row.cdbLength - 2] = one([0, 4, 12, 16, 24, 24, 24, 28, 52, 72]);
    }
  }
  cdb[0] = row.opcode;
  if (row.serviceAction !== null) cdb[1] = (cdb[1]! & 0xe0) | row.serviceAction;
  return cdb;
}

function randomList(host: Host): Buffer {
  const kind = random.below(4);
  if (kind === 0) return random.bytes(random.below(80));
  if (kind === 1) {
    const list = Buffer.from([
      0,
      0,
      0,
      0,
      0x0a,
      10,
      random.below(8),
      random.below(4) * 2,
      random.below(16),
      0xc0,
      0,
      0,
      0,
      0,
      0,
      1,
    ]);
    if (random.below(3) === 0) list[random.below(list.length)] = random.below(256);
    return list;
  }
  const id = encodeTransportId(host.nexus.initiatorPort);
  const list = Buffer.concat([Buffer.alloc(kind === 2 ? 24 : 28), kind === 2 ? Buffer.alloc(0) : id]);
  list[7] = random.below(3);
  list[15] = random.below(3);
  list[20] = one([0, 0, 1, 4, 8, 13]);
  if (kind === 3) list.writeUInt32BE(id.length, 24);
  return list;
}

t.test(`LUNARRAY_SEED=${seed}`, async (t) => {
  const rig = new Rig({
    luns: [
      [0, 0],
      [1, 1],
    ],
  });
  let hosts = [rig.host('a'), rig.host('b', { port: 1 }), rig.host('c')];
  const statuses = new Map<number, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const host = one(hosts);
    const cdb = randomCdb();
    const data = randomList(host);
    const label = `round ${round}: ${cdb.toString('hex')} ${data.toString('hex')}`;
    const answered = host.owner.responded.length;
    const task = host.start(cdb, data, {
      lun: one([0, 0, 0, 1, 5]),
      attribute: one([0, 1, 2, 3, 4] as TaskAttribute[]),
    });
    rig.clock.settle();
    if (!task.finished || host.owner.responded.length !== answered + 1) {
      t.fail(`${label} was not answered once`);
      break;
    }
    statuses.set(task.status, (statuses.get(task.status) ?? 0) + 1);
    const field = task.sense?.field;
    const room = field?.inCdb ? 16 : data.length;
    if (field && field.byte >= room) t.fail(`${label}: pointer to byte ${field.byte} of ${room}`);
    if (task.sense?.name === 'hardware-error') t.fail(`${label}: internal failure`);
    if (task.dataIn.reduce((sum, each) => sum + each.length, 0) !== task.dataInLength) t.fail(`${label}: length`);
    task.release();
    if (random.below(3) > 0) for (const each of hosts) for (const lun of [0, 1]) each.manage('clear-aca', { lun });
    if (random.below(200) === 0) {
      host.logout();
      hosts = hosts.map((each) => {
        if (each !== host) return each;
        return rig.host(one(['a', 'b', 'c']), { port: random.below(2), greeted: false });
      });
    }
    const state = reservationsOf(rig.unit).persistent;
    if (state.holder !== null && !state.registrations.has(state.holder))
      t.fail(`${label}: holder without registration`);
    if (state.type !== null && ![...state.registrations.keys()].some((key) => isHolder(state, key))) {
      t.fail(`${label}: reservation without holder`);
    }
  }
  t.ok((statuses.get(0) ?? 0) > ROUNDS / 20, 'many succeed');
  t.ok((statuses.get(2) ?? 0) > ROUNDS / 20, 'many are refused');
  t.ok((statuses.get(0x18) ?? 0) > ROUNDS / 200, 'some conflict');
  t.ok((statuses.get(0x30) ?? 0) > ROUNDS / 200, 'ACA conditions are in the way of some');
  t.ok(hosts.every(({ adapter }) => adapter.stats().depth === 0));
  t.equal(rig.layer.pinned, 0);
});
