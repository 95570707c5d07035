import type { Command } from 'commander';
import { DEVICE_TYPES } from '../../decode/inquiry.js';
import { decodeSerialNumber } from '../../decode/vpd.js';
import { discover } from '../../discover.js';
import { InitiatorError } from '../../errors.js';
import { LogicalUnit } from '../../logical-unit.js';
import type { SessionOptions } from '../../options.js';
import { Session } from '../../session.js';
import { formatUrl, type IscsiUrl, type Portal, parseUrl } from '../../url.js';
import { optionsOf } from '../../url-options.js';
import { type CommonOptions, command, print, sessionOptions } from '../context.js';
import { bytesText, table } from '../format.js';

/** One line of the list. */
interface ListedUnit {
  readonly url: string;
  readonly target: string;
  readonly lun: number | null;
  readonly type: string | null;
  readonly bytes: number | null;
  readonly blockSize: number | null;
  readonly product: string | null;
  readonly serial: string | null;
  /** Why the target or unit could not be asked. */
  readonly error: string | null;
}

export function lsCommand(): Command {
  return command('ls', 'list targets with their logical units', [
    'ls iscsi://127.0.0.1:3260',
    'ls --json iscsi://127.0.0.1:3260/iqn.2026-11.example.lunarray:cl1-a',
  ])
    .argument('<url>', 'a portal, or one target of it')
    .action(async (url: string, options: CommonOptions) => {
      const units = await listUnits(url, options);
      print(options, units, () => {
        if (units.length === 0) return 'no target admits this initiator; -i gives another name';
        const reached = units.filter(({ error }) => error === null);
        const rows = reached.map((unit) => [
          unit.url,
          unit.type ?? '',
          unit.bytes === null ? '' : bytesText(unit.bytes),
          unit.blockSize ?? '',
          unit.product ?? '',
          unit.serial ?? '',
        ]);
        const shown =
          rows.length > 0 ? [table(['URL', 'TYPE', 'SIZE', 'BLOCK', 'PRODUCT', 'SERIAL'], rows, [2, 3])] : [];
        for (const { url: failed, error } of units) if (error !== null) shown.push(`${failed}: ${error}`);
        return shown.join('\n');
      });
    });
}

async function listUnits(url: string, options: CommonOptions): Promise<ListedUnit[]> {
  const parsed = parseUrl(url);
  const session = sessionOptions(options);
  const targets = await targetsAt(url, parsed, session);
  const units: ListedUnit[] = [];
  for (const { name, portal } of targets) {
    try {
      const opened = await Session.open(portal, name, { ...optionsOf(parsed), ...session });
      try {
        units.push(...(await unitsOf(opened, name)));
      } finally {
        await opened.close();
      }
    } catch (error) {
      if (!(error instanceof InitiatorError) || targets.length === 1) throw error;
      units.push(unknown(formatUrl(portal, name), name, null, error.message));
    }
  }
  return units;
}

/** The target of the URL, or all that the portal names, each where it can be reached: there if possible. */
async function targetsAt(
  url: string,
  parsed: IscsiUrl,
  options: SessionOptions,
): Promise<{ name: string; portal: Portal }[]> {
  if (parsed.target !== null) return [{ name: parsed.target, portal: parsed }];
  return (await discover(url, options)).map(({ name, portals }) => ({
    name,
    portal: portals.find(({ host, port }) => host === parsed.host && port === parsed.port) ?? portals[0]!,
  }));
}

async function unitsOf(session: Session, target: string): Promise<ListedUnit[]> {
  const luns = await new LogicalUnit(session, 0).reportLuns();
  return Promise.all(
    luns.map(async (lun) => {
      const url = formatUrl(session.portal, target, lun);
      return describe(new LogicalUnit(session, lun), url, target).catch((error: Error) =>
        unknown(url, target, lun, error.message),
      );
    }),
  );
}

async function describe(unit: LogicalUnit, url: string, target: string): Promise<ListedUnit> {
  const inquiry = await unit.inquiry();
  const [capacity, serial] = await Promise.all([
    inquiry.deviceType === 0 ? unit.readCapacity().catch(() => null) : null,
    unit.vpd(0x80).then(decodeSerialNumber, () => null),
  ]);
  return {
    url,
    target,
    lun: unit.lun,
    type: DEVICE_TYPES[inquiry.deviceType] ?? `type ${inquiry.deviceType}`,
    bytes: capacity?.bytes ?? null,
    blockSize: capacity?.blockSize ?? null,
    product: `${inquiry.vendor} ${inquiry.product}`.trim(),
    serial,
    error: null,
  };
}

function unknown(url: string, target: string, lun: number | null, error: string): ListedUnit {
  return { url, target, lun, type: null, bytes: null, blockSize: null, product: null, serial: null, error };
}
