import { Command, Option } from 'commander';
import { PROTECTION_TYPES, type ProtectionType } from '../../wire/scsi/protection.js';
import type { LdevCreate, LdevReply } from '../svp/control/api.js';
import { ldevKind } from '../svp/ldev-kind.js';
import { humanSize } from '../svp/units.js';
import { DRIVE_KINDS, type DriveKind } from '../volumes/drive-kinds.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

interface CreateOptions extends CommonOptions {
  readonly id?: string;
  readonly capacity: number;
  readonly label?: string;
  readonly pool?: string;
  readonly blockSize?: number;
  readonly physicalBlockSize?: number;
  readonly full?: boolean;
  readonly readOnly?: boolean;
  readonly removable?: boolean;
  readonly tape?: boolean;
  readonly protection?: string;
  readonly commandDevice?: boolean;
  readonly tier?: DriveKind;
}

export function ldevCommand(): Command {
  const ldev = new Command('ldev').description('logical devices');

  administration(ldev.command('list').description('list LDEVs with their capacity, space taken and LUN paths')).action(
    async (options: CommonOptions) => {
      const ldevs = await call<LdevReply[]>(options.data, 'GET', '/ldevs');
      if (options.json) return printJson(ldevs);
      await printTable(
        ['LDEV', 'CAPACITY', 'ASSIGNED', 'BLOCK', 'PHYSICAL', 'KIND', 'POOL', 'TIER', 'LABEL', 'PATHS'],
        ldevs.map((l) => [
          l.id,
          humanSize(l.bytes),
          humanSize(l.assigned),
          l.blockSize,
          l.physicalBlockSize,
          ldevKind(l),
          l.pool,
          l.tier ?? '',
          l.label,
          l.paths.join(' '),
        ]),
      );
    },
  );

  administration(
    ldev
      .command('create')
      .description('make an LDEV; a thin one takes space as it is written')
      .requiredOption('--capacity <size>', 'capacity, as 10G', argument.size)
      .option('--id <ldev>', 'number, as 00:20; the lowest free one when left out', argument.ldev)
      .option('--label <text>', 'free text')
      .option('--pool <pool>', 'pool it takes regions from; the only one when left out')
      .addOption(
        new Option('--tier <kind>', 'kind of drives it takes regions from; any when left out').choices(DRIVE_KINDS),
      )
      .option('--block-size <bytes>', 'bytes per logical block, 512 or 4096', argument.count)
      .option('--physical-block-size <bytes>', 'bytes per physical block; the block size when left out', argument.count)
      .option('--full', 'assign all its space now instead of on first write')
      .option('--read-only', 'hosts may not write')
      .option('--removable', 'hosts may eject and load its medium')
      .option('--tape', 'make it a virtual tape')
      .addOption(
        new Option('--protection <type>', 'type of protection information').choices(
          PROTECTION_TYPES.filter((type) => type > 0).map(String),
        ),
      )
      .option('--command-device', 'make it a command device'),
  ).action(async (options: CreateOptions) => {
    const body = {
      bytes: options.capacity,
      ...(options.id !== undefined && { id: options.id }),
      ...(options.label !== undefined && { label: options.label }),
      ...(options.pool !== undefined && { pool: options.pool }),
      ...(options.blockSize !== undefined && { blockSize: options.blockSize as 512 | 4096 }),
      ...(options.physicalBlockSize !== undefined && { physicalBlockSize: options.physicalBlockSize as 512 | 4096 }),
      ...(options.tier !== undefined && { tier: options.tier }),
      ...(options.full && { thin: false }),
      ...(options.readOnly && { readOnly: true }),
      ...(options.removable && { removable: true }),
      ...(options.tape && { tape: true }),
      ...(options.protection !== undefined && { protection: Number(options.protection) as ProtectionType }),
      ...(options.commandDevice && { attribute: 'command-device' as const }),
    } satisfies LdevCreate;
    report(options, 'created', await call<LdevReply>(options.data, 'POST', '/ldevs', body));
  });

  administration(
    ldev
      .command('expand')
      .description('enlarge an LDEV; hosts are told CAPACITY DATA HAS CHANGED')
      .argument('<ldev>', 'number, as 00:20', argument.ldev)
      .requiredOption('--capacity <size>', 'new capacity, as 20G', argument.size),
  ).action(async (id: string, options: CreateOptions) => {
    const reply = await call<LdevReply>(options.data, 'POST', `/ldevs/${id}/expand`, { bytes: options.capacity });
    report(options, 'expanded', reply);
  });

  administration(
    ldev
      .command('delete')
      .description('delete an LDEV and its data; it must not be mapped')
      .argument('<ldev>', 'number, as 00:20', argument.ldev),
  ).action(async (id: string, options: CommonOptions) => {
    await call(options.data, 'DELETE', `/ldevs/${id}`);
    if (options.json) printJson({ id });
    else printLine(`deleted ${id}`);
  });

  return ldev;
}

function report(options: CommonOptions, what: string, ldev: LdevReply): void {
  if (options.json) printJson(ldev);
  else printLine(`${what} ${ldev.id} ${humanSize(ldev.bytes)} ${ldevKind(ldev)}`);
}
