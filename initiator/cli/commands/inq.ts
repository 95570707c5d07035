import type { Command } from 'commander';
import { inquiry } from '../../../wire/scsi/cdb-build.js';
import { describeInquiry, describeVpd, type Row } from '../../decode/describe.js';
import { decodeInquiry } from '../../decode/inquiry.js';
import { decodeSupportedPages, VPD_PAGES } from '../../decode/vpd.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { hexDump, pairs } from '../format.js';
import { parseNumber, UsageError } from '../sizes.js';

interface InqOptions extends CommonOptions {
  readonly page?: string;
  readonly all?: boolean;
  readonly hex?: boolean;
}

/** One page; null for standard data. */
interface Answer {
  readonly page: number | null;
  readonly name: string;
  readonly data: Buffer;
  readonly rows: Row[] | null;
}

export function inqCommand(): Command {
  return command('inq', 'show INQUIRY data and VPD pages', [
    'inq iscsi://127.0.0.1:3260/iqn.example/0',
    'inq --page b0 iscsi://127.0.0.1:3260/iqn.example/0',
    'inq --all --json iscsi://127.0.0.1:3260/iqn.example/0',
  ])
    .argument('<url>', 'the logical unit')
    .option('-p, --page <code>', 'a VPD page, its code in hexadecimal')
    .option('--all', 'standard data and every VPD page')
    .option('--hex', 'show the bytes as well')
    .action(async (url: string, options: InqOptions) => {
      const answers = await withUnit(url, options, (unit) => ask(unit, options));
      print(options, answers.map(record), () => answers.map((answer) => text(answer, options)).join('\n\n'));
    });
}

async function ask(unit: LogicalUnit, options: InqOptions): Promise<Answer[]> {
  if (options.all) {
    const pages = decodeSupportedPages(await unit.vpd(0));
    const answers = [await standard(unit)];
    for (const page of pages) answers.push(await vpd(unit, page));
    return answers;
  }
  return [options.page === undefined ? await standard(unit) : await vpd(unit, pageCode(options.page))];
}

async function standard(unit: LogicalUnit): Promise<Answer> {
  const { data } = await unit.execute(inquiry(null, 255), { dataIn: 255 });
  return { page: null, name: 'standard INQUIRY data', data, rows: describeInquiry(data) };
}

async function vpd(unit: LogicalUnit, page: number): Promise<Answer> {
  const data = await unit.vpd(page);
  return { page, name: VPD_PAGES[page] ?? 'page', data, rows: describeVpd(page, data) };
}

function pageCode(text: string): number {
  const code = text.replace(/^0x/i, '').replace(/h$/i, '');
  if (!/^[0-9a-f]{1,2}$/i.test(code)) throw new UsageError(`--page "${text}" is not a page code such as 83 or b0`);
  return parseNumber(`0x${code}`, '--page', 0, 255);
}

function record(answer: Answer): object {
  const fields = answer.page === null ? decodeInquiry(answer.data) : Object.fromEntries(answer.rows ?? []);
  return { page: answer.page, name: answer.name, fields, data: answer.data };
}

function text(answer: Answer, options: InqOptions): string {
  const title =
    answer.page === null ? answer.name : `VPD page ${answer.page.toString(16).padStart(2, '0')}h, ${answer.name}`;
  const parts = [title];
  if (answer.rows) parts.push(pairs(answer.rows.map(([label, value]) => [`  ${label}`, value] as const)));
  if (options.hex || !answer.rows) parts.push(hexDump(answer.data));
  return parts.join('\n');
}
