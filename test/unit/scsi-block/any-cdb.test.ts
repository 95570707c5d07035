/** CDBs and parameter lists of random bytes: every one ends once, and what it did is accounted for. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { blockCommands } from '../../../target/scsi/handlers/block/index.js';
import { describeSense } from '../../../wire/scsi/additional-sense.js';
import { decodeSense, encodeSense } from '../../../wire/scsi/sense-codec.js';
import { resultOf, Status, TestUnit } from './harness.js';

const ROUNDS = 6000;

for (const seed of [1, 2, 3]) {
  t.test(`seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const lu = new TestUnit({ blocks: 2048, thin: seed !== 2, blockSize: seed === 3 ? 4096 : 512 });
    const endings = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const command = blockCommands[random.below(blockCommands.length)]!;
      const cdb = random.bytes(16);
      cdb[0] = command.opcode;
      // Mostly bits that the command evaluates, in fields that are mostly small: more of them get through.
      if (random.below(4) !== 0) for (let i = 1; i < command.cdbLength; i++) cdb[i]! &= command.usage[i]!;
      if (command.serviceAction !== null) cdb[1] = command.serviceAction;
      if (random.below(4) !== 0) cdb.fill(0, 2, (command.cdbLength === 16 ? 8 : 4) + random.below(2));
      if (random.below(2) !== 0) cdb.fill(0, 10, 13);
      const data = random.bytes([0, 24, 512, 1024, 5000, 65536][random.below(6)]!);
      lu.unit.stopped = false;
      const task = lu.start(cdb, data, random.below(3) === 0 ? random.below(70_000) : data.length);
      lu.clock.settle();
      if (!task.finished) t.fail(`round ${round}: ${cdb.toString('hex')} did not end`);
      const { status, sense } = resultOf(task);
      if ((status === Status.checkCondition) !== (sense !== null)) t.fail(`round ${round}: status ${status}`);
      if (sense !== null) {
        for (const descriptor of [false, true]) {
          const decoded = decodeSense(encodeSense(sense, descriptor));
          if (decoded === null || decoded.asc !== sense.asc) t.fail(`round ${round}: ${sense.name}`);
          else describeSense(decoded);
        }
      }
      const ending = sense?.name ?? `status ${status}`;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
    t.equal(lu.layer.pinned, 0);
    for (const ending of ['status 0', 'invalid-field-in-cdb', 'lba-out-of-range', 'invalid-field-in-iu']) {
      t.ok(endings.has(ending), `${ending}: ${endings.get(ending)} of ${ROUNDS}`);
    }
  });
}
