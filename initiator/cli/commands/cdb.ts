import { readFile, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { streams } from '../../../target/base/streams.js';
import { describeSense } from '../../../wire/scsi/additional-sense.js';
import { commandName, differsByDeviceType } from '../../../wire/scsi/command-names.js';
import { cdbLengthOf, Opcode } from '../../../wire/scsi/opcodes.js';
import { describeAnswer } from '../../decode/describe.js';
import { CheckCondition } from '../../errors.js';
import type { CommandResult } from '../../logical-unit.js';
import { STATUS_NAMES, type TaskAttributeName } from '../../task.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { hexBytes, hexDump, pairs } from '../format.js';
import { parseSize, UsageError } from '../sizes.js';

interface CdbOptions extends CommonOptions {
  readonly in?: string;
  readonly out?: string;
  readonly save?: string;
  readonly attribute: TaskAttributeName;
  readonly attention: boolean;
}

/** As much of a dump as fits a screen. */
const SHOWN_BYTES = 512;
const LONGEST_CDB = 260;

type Rows = ReturnType<typeof describeAnswer>;
const MAX_DATA_BYTES = 1 << 26;

export function cdbCommand(): Command {
  return command('cdb', 'send any command, given in hexadecimal, and explain the answer', [
    'cdb iscsi://127.0.0.1:3260/iqn.example/0 "12 00 00 00 ff 00" --in 255',
    'cdb iscsi://127.0.0.1:3260/iqn.example/0 280000000000000001 00 --in 512 --save block.bin',
    'cdb iscsi://127.0.0.1:3260/iqn.example/0 2a00000000000000 0100 --out block.bin',
  ])
    .argument('<url>', 'the logical unit')
    .argument('<bytes...>', 'the CDB; spaces and 0x do not matter')
    .option('--in <size>', 'bytes to receive at most')
    .option('--out <data>', 'bytes to send: a file, or hexadecimal after "hex:"')
    .option('--save <file>', 'where to put the bytes received')
    .addOption(
      new Option('--attribute <name>', 'task attribute')
        .choices(['untagged', 'simple', 'ordered', 'head-of-queue', 'aca'])
        .default('simple'),
    )
    .option('--attention', 'let a pending unit attention answer, instead of clearing it first', false)
    .action(async (url: string, bytes: string[], options: CdbOptions) => {
      const cdb = cdbOf(bytes);
      const dataOut = options.out === undefined ? null : await dataOf(options.out);
      const dataIn = options.in === undefined ? 0 : parseSize(options.in, '--in');
      if (dataIn > MAX_DATA_BYTES) throw new UsageError('--in takes at most 64m');
      const { result, deviceType } = await withUnit(
        url,
        options,
        async (unit) => {
          if (namesCommands(cdb)) await unit.inquiry();
          const data = { dataIn, attribute: options.attribute, ...(dataOut && { dataOut }) };
          const answer = await unit.command(cdb, data).catch((error: Error) => {
            if (error instanceof CheckCondition && !options.json) {
              streams().out.write(`${refusal(error, unit.deviceType)}\n`);
            }
            throw error;
          });
          return { result: answer, deviceType: unit.deviceType };
        },
        { ready: !options.attention },
      );
      if (options.save !== undefined) await writeFile(options.save, result.data);
      const name = commandName(cdb, deviceType);
      const rows = describeAnswer(cdb, result.data, deviceType);
      print(options, record(name, cdb, result, rows), () => text(name, cdb, result, rows, dataOut !== null));
    });
}

/** @throws UsageError */
export function cdbOf(words: readonly string[]): Buffer {
  const cdb = hexOf(words.join(' '), 'the CDB');
  const usual = cdbLengthOf(cdb[0] ?? 0);
  if (cdb.length === 0 || cdb.length > LONGEST_CDB) throw new UsageError(`a CDB has 1 to ${LONGEST_CDB} bytes`);
  if (usual !== null && cdb.length < usual) {
    throw new UsageError(`${commandName(cdb)} needs ${usual} bytes of CDB, ${cdb.length} are given`);
  }
  return cdb;
}

function hexOf(text: string, what: string): Buffer {
  const digits = text.replace(/0x/gi, ' ').replace(/[\s,:]+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new UsageError(`${what} "${text}" is not whole bytes in hexadecimal`);
  return Buffer.from(digits, 'hex');
}

async function dataOf(text: string): Promise<Buffer> {
  const data = text.startsWith('hex:') ? hexOf(text.slice(4), '--out') : await readFile(text);
  if (data.length > MAX_DATA_BYTES) throw new UsageError('--out takes at most 64m');
  return data;
}

function record(name: string, cdb: Buffer, result: CommandResult, rows: Rows): object {
  return {
    command: name,
    cdb: hexBytes(cdb),
    status: STATUS_NAMES[result.status] ?? result.status,
    residual: result.residual,
    data: result.data.toString('hex'),
    decoded: rows && Object.fromEntries(rows),
  };
}

/** Of what there is to receive beyond --in, how to get it. */
function residualText({ residual, data }: CommandResult, sent: boolean): string {
  if (residual === 0) return '';
  if (residual > 0) return `, residual ${residual} under`;
  const more = sent ? '' : `: --in ${data.length - residual} takes all`;
  return `, residual ${-residual} over${more}`;
}

function text(name: string, cdb: Buffer, result: CommandResult, rows: Rows, sent: boolean): string {
  const parts = [`${name}  ${hexBytes(cdb)}`];
  const status = STATUS_NAMES[result.status] ?? result.status;
  parts.push(`${status}, ${result.data.length} bytes received${residualText(result, sent)}`);
  if (rows && rows.length > 0) parts.push(pairs(rows.map(([label, value]) => [`  ${label}`, value] as const)));
  if (result.data.length > 0) parts.push(hexDump(result.data, SHOWN_BYTES));
  return parts.join('\n');
}

/** Its name, or those of the commands in an error history, are of a device type. */
function namesCommands(cdb: Buffer): boolean {
  return differsByDeviceType(cdb[0]!) || cdb[0] === Opcode.readBuffer;
}

/** Sense in words, its bytes, and the CDB with the field at fault marked. */
function refusal({ cdb, sense, senseData }: CheckCondition, deviceType: number | null): string {
  const name = commandName(cdb, deviceType);
  const lines = [`${name}  ${hexBytes(cdb)}`];
  if (sense.field?.inCdb && sense.field.byte < cdb.length) {
    lines.push(
      `${' '.repeat(name.length + 2 + sense.field.byte * 3)}^^ byte ${sense.field.byte}${bitText(sense.field.bit)}`,
    );
  }
  lines.push(`CHECK CONDITION, ${describeSense(sense)}`, `sense data  ${hexBytes(senseData)}`);
  return lines.join('\n');
}

function bitText(bit: number | undefined): string {
  return bit === undefined ? '' : ` bit ${bit}`;
}
