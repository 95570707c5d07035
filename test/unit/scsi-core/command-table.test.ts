import t from 'tap';
import { type Command, CommandTable, defineCommand, Reservation } from '../../../target/scsi/command-table.js';
import { forbiddenBit } from '../../../target/scsi/dispatch.js';
import { blockCommands, blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { longCommands } from '../../../target/scsi/handlers/block/protected/index.js';
import { orwriteLongCommand } from '../../../target/scsi/handlers/block/protected/orwrite.js';
import { copyCommands, tapeCopyCommands } from '../../../target/scsi/handlers/copy/index.js';
import { primaryCommands } from '../../../target/scsi/handlers/primary/index.js';
import { streamCommands } from '../../../target/scsi/handlers/stream/index.js';
import { commandName } from '../../../wire/scsi/command-names.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { cdbLengthOf } from '../../../wire/scsi/opcodes.js';
import { inCdb } from '../scsi-block/harness.js';

const allCommands = [...primaryCommands, ...blockCommands, ...longCommands, orwriteLongCommand];
const LONG = 0x7f;

/** Of CDBs of 32 bytes and of others: where CONTROL and the service action stand. */
function layoutOf({ opcode, cdbLength }: Command) {
  return opcode === LONG
    ? { control: 1, action: 9, actionMask: 0xff }
    : { control: cdbLength - 1, action: 1, actionMask: 0x1f };
}

/** A CDB that the row accepts, as far as its usage data goes. */
function plain(command: Command): Buffer {
  const cdb = Buffer.alloc(Math.max(16, command.cdbLength));
  cdb[0] = command.opcode;
  if (command.opcode === LONG) cdb[7] = command.cdbLength - 8;
  if (command.serviceAction !== null) cdb[layoutOf(command).action] = command.serviceAction;
  return cdb;
}

t.test('every row is well formed', async (t) => {
  for (const command of allCommands) {
    t.equal(command.usage.length, command.cdbLength, command.name);
    t.equal(command.cdbLength, cdbLengthOf(command.opcode) ?? 32, command.name);
    t.equal(command.usage[0], command.opcode, command.name);
    const { control, action, actionMask } = layoutOf(command);
    t.equal(command.usage[control], 0x04, `${command.name}: of CONTROL, NACA`);
    t.ok(command.usage.every((bits) => bits >= 0 && bits <= 0xff));
    if (command.serviceAction !== null)
      t.equal(command.usage[action]! & actionMask, command.serviceAction, command.name);
  }
});

t.test('rows and names from CDBs agree, by device type', async (t) => {
  const { directAccess, sequentialAccess } = DeviceType;
  const rows: [number, readonly Command[]][] = [
    [directAccess, [...allCommands, ...copyCommands]],
    [sequentialAccess, [...primaryCommands, ...streamCommands, ...tapeCopyCommands]],
  ];
  for (const [deviceType, commands] of rows) {
    for (const command of commands) t.equal(commandName(plain(command), deviceType), command.name);
  }
});

t.test('every forbidden bit of every row is refused and pointed at', async (t) => {
  let bits = 0;
  for (const command of allCommands) {
    const { action, actionMask } = layoutOf(command);
    t.equal(forbiddenBit(command, plain(command)), null, command.name);
    for (let byte = 1; byte < command.cdbLength; byte++) {
      // Another service action of 32 bytes is another command.
      if (command.opcode === LONG && byte === action) continue;
      for (let bit = 0; bit < 8; bit++) {
        const serviceAction = byte === action && command.serviceAction !== null && (actionMask & (1 << bit)) !== 0;
        const cdb = plain(command);
        cdb[byte]! |= 1 << bit;
        const refusal = forbiddenBit(command, cdb);
        if (serviceAction || command.usage[byte]! & (1 << bit)) {
          if (refusal !== null) t.fail(`${command.name} byte ${byte} bit ${bit} is refused`);
        } else {
          bits++;
          const protect = byte === 1 && bit >= 5 && command.locate !== null;
          t.match(refusal, inCdb(byte, protect ? 7 : bit), `${command.name} byte ${byte} bit ${bit}`);
        }
      }
    }
  }
  t.ok(bits > 300);
});

t.test('of several forbidden bits the first byte and its highest bit is told', async (t) => {
  const read = blockCommands.find(({ name }) => name === 'READ(10)')!;
  const cdb = plain(read);
  cdb[9] = 0xff;
  cdb[1] = 0xff;
  t.match(forbiddenBit(read, cdb), inCdb(1, 7));
});

t.test('a CDB shorter than its command', async (t) => {
  const read = blockCommands.find(({ name }) => name === 'READ(16)')!;
  t.match(forbiddenBit(read, Buffer.from([0x88, 0, 0])), inCdb(3));
});

t.test('rows are found by operation code and service action', async (t) => {
  const table = new CommandTable(allCommands);
  for (const command of allCommands) t.equal(table.find(plain(command)), command);
  t.equal(table.find(Buffer.from([0x9e, 0x1f])), null);
  t.equal(table.find(Buffer.from([0xff, 0])), null);
  t.ok(table.has(0x9e));
  t.ok(table.usesServiceActions(0x9e));
  t.notOk(table.usesServiceActions(0x28));
  t.notOk(table.has(0xff));
});

t.test('two rows for one command are a mistake', async (t) => {
  const row = (opcode: number, serviceAction: number | null) =>
    defineCommand({
      name: 'X',
      opcode,
      serviceAction,
      usage: [opcode, 0, 0, 0, 0, 0],
      conflict: 'inquire',
      reservation: Reservation.free,
      run: (_unit, task) => task.good(),
    });
  t.throws(() => new CommandTable([row(1, null), row(1, null)]), /two rows for X/);
  t.throws(() => new CommandTable([row(1, 2), row(1, 2)]));
  t.throws(() => new CommandTable([row(1, 2), row(1, null)]));
  t.throws(() => new CommandTable([row(1, null), row(1, 2)]));
  t.doesNotThrow(() => new CommandTable([row(1, 2), row(1, 3)]));
});

t.test('UNMAP and BLOCK ERASE are there only with logical block provisioning', async (t) => {
  const full = blockCommandsOf({ thin: false });
  t.equal(blockCommands.length - full.length, 2);
  t.equal(new CommandTable(full).find(Buffer.from([0x42])), null);
});
