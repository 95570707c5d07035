/** Which commands an LDEV answers, and where its reservations and mode pages are kept. */
import { systemClock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import type { CopyRate } from '../disk/raid/pace.js';
import { CommandTable } from '../scsi/command-table.js';
import { blockCommandsOf, type LdevKind } from '../scsi/handlers/block/index.js';
import { copyCommands, tapeCopyCommands } from '../scsi/handlers/copy/index.js';
import { primaryCommands } from '../scsi/handlers/primary/index.js';
import { streamCommands } from '../scsi/handlers/stream/index.js';
import { LogicalUnits, type VolumesView } from '../scsi/logical-units.js';
import { modePageDefinitionsOf } from '../scsi/mode-definitions-of.js';
import { ModePages } from '../scsi/mode-state.js';
import { UnitReservations } from '../scsi/reservations.js';
import type { Surroundings } from '../scsi/surroundings.js';
import type { HostGroup, Ldev } from '../volumes/model.js';
import { Volumes } from '../volumes/volumes.js';
import { version } from './version.js';

/** One table for each kind of LDEV, made when the first one needs it. */
const tables = new Map<string, CommandTable>();

function commandsOf(ldev: LdevKind & Pick<Ldev, 'tape'>): CommandTable {
  const kind = ldev.tape ? 'tape' : `${ldev.thin} ${ldev.removable ?? false} ${ldev.protection ?? 0}`;
  let table = tables.get(kind);
  if (table === undefined) {
    const own = ldev.tape ? [...streamCommands, ...tapeCopyCommands] : [...blockCommandsOf(ldev), ...copyCommands];
    table = new CommandTable([...primaryCommands, ...own]);
    tables.set(kind, table);
  }
  return table;
}

export function createLogicalUnits(
  volumes: Volumes,
  told: Pick<Surroundings, 'managementUrls' | 'portals'>,
  sanitizeRate: Readonly<CopyRate>,
  log: Log,
): LogicalUnits {
  const view: VolumesView = {
    ldev: (id) => volumes.ldev(id),
    // The same events under two descriptions, which TypeScript does not see through.
    on: (event, listener) => volumes.on(event, listener as never),
  };
  const units = new LogicalUnits(view, {
    log,
    commands: commandsOf({ thin: true }),
    commandsFor: commandsOf,
    reservations: (ldev) => new UnitReservations(ldev.id, volumes.saved, log),
    modes: (ldev) => new ModePages(ldev.id, volumes.saved, log, modePageDefinitionsOf(ldev)),
    identifying: volumes.saved,
    sanitize: { rate: sanitizeRate, store: volumes.sanitizations },
    surroundings: {
      ports: () => volumes.ports(),
      hostGroups: () => volumes.hostGroups(),
      admits: (group: HostGroup, initiator: string) => Volumes.admits(group, initiator),
      ...told,
      startedAt: systemClock.now(),
      version: version(),
    },
  });
  // What was interrupted goes on, whether a host asks for the logical unit or not.
  for (const id of volumes.sanitizations.all()) units.unit(volumes.ldev(id)!);
  return units;
}
