/** Which commands an LDEV answers, and where its reservations and mode pages are kept. */
import type { Log } from '../base/log.js';
import { type Command, CommandTable } from '../scsi/command-table.js';
import { blockCommands, fullyProvisionedCommands } from '../scsi/handlers/block/index.js';
import { primaryCommands } from '../scsi/handlers/primary/index.js';
import { LogicalUnits, type VolumesView } from '../scsi/logical-units.js';
import { ModePages } from '../scsi/mode-state.js';
import { UnitReservations } from '../scsi/reservations.js';
import type { HostGroup } from '../volumes/model.js';
import { Volumes } from '../volumes/volumes.js';
import { version } from './version.js';

export function createLogicalUnits(volumes: Volumes, managementUrls: () => readonly string[], log: Log): LogicalUnits {
  const table = (block: readonly Command[]) => new CommandTable([...primaryCommands, ...block]);
  const thin = table(blockCommands);
  const full = table(fullyProvisionedCommands);
  const view: VolumesView = {
    ldev: (id) => volumes.ldev(id),
    // The same events under two descriptions, which TypeScript does not see through.
    on: (event, listener) => volumes.on(event, listener as never),
  };
  return new LogicalUnits(view, {
    log,
    commands: thin,
    commandsFor: (ldev) => (ldev.thin ? thin : full),
    reservations: (ldev) => new UnitReservations(ldev.id, volumes.saved, log),
    modes: (ldev) => new ModePages(ldev.id, volumes.saved, log),
    identifying: volumes.saved,
    surroundings: {
      ports: () => volumes.ports(),
      hostGroups: () => volumes.hostGroups(),
      admits: (group: HostGroup, initiator: string) => Volumes.admits(group, initiator),
      managementUrls,
      version: version(),
    },
  });
}
