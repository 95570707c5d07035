/** CDBs and data of random bytes to logical units with protection information: each ends once, and nothing is left over. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { Opcode } from '../../../wire/scsi/opcodes.js';
import { cdb, resultOf, Status, TestUnit } from './harness.js';
import { protect } from './protection.js';

const ROUNDS = 2000;
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

for (const protection of [1, 2, 3] as const) {
  t.test(`type ${protection}`, async (t) => {
    const random = seededRandom(seed + protection);
    const blockSize = protection === 3 ? 4096 : 512;
    const commands = blockCommandsOf({ thin: true, protection });
    const lu = new TestUnit({ blocks: 300, blockSize, protection });
    const endings = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const command = commands[random.below(commands.length)]!;
      const bytes = random.bytes(command.cdbLength);
      const long = command.opcode === Opcode.variableLength;
      if (random.below(4) !== 0) for (let i = 1; i < bytes.length; i++) bytes[i]! &= command.usage[i]!;
      bytes[0] = command.opcode;
      if (command.serviceAction !== null && !long) bytes[1] = command.serviceAction;
      if (long) {
        bytes.writeUInt16BE(command.serviceAction!, 8);
        if (random.below(4) !== 0) bytes.fill(0, 12, 19);
        if (random.below(4) !== 0) bytes.fill(0, 28, 31);
      } else if (random.below(4) !== 0) {
        bytes.fill(0, 2, (bytes.length === 16 ? 8 : 4) + random.below(2));
      }
      const data = random.bytes([0, 24, 520, 1040, 4104, 65536][random.below(6)]!);
      lu.unit.stopped = false;
      const task = lu.start(bytes, data, random.below(3) === 0 ? random.below(70_000) : data.length);
      lu.clock.settle();
      if (!task.finished) t.fail(`round ${round}: ${bytes.toString('hex')} did not end`);
      const { status, sense } = resultOf(task);
      if ((status === Status.checkCondition) !== (sense !== null)) t.fail(`round ${round}: status ${status}`);
      const ending = sense?.name ?? `status ${status}`;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
    t.equal(lu.layer.pinned, 0);
    for (const ending of ['status 0', 'invalid-field-in-cdb', 'lba-out-of-range']) t.ok(endings.has(ending), ending);
    t.equal(endings.has('invalid-opcode'), protection === 2, 'PROTECT without 32 bytes');
    lu.unit.stopped = false;
    // Nothing keeps its slots from others.
    t.equal(lu.run(cdb(0x93, 0, 300), Buffer.alloc(blockSize, 1)).status, Status.good);
    t.equal(lu.run(cdb(0x88, 0, 300, protect(protection === 2 ? 0 : 1))).status, Status.good);
  });
}
