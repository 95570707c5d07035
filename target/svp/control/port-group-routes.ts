import type { FastifyInstance } from 'fastify';
import { type AccessState, accessStateNames } from '../../../wire/scsi/target-port-groups.js';
import { ldevName } from '../../volumes/model.js';
import { changeAccessState } from '../access-states.js';
import type { ArrayView } from '../view.js';
import { AccessStateSet, type PortGroupReply } from './api.js';

/** Target port groups and their asymmetric access states (ALUA). */
export function portGroupRoutes(app: FastifyInstance, array: ArrayView): void {
  app.get('/port-groups', () => groupReplies(array));

  app.put<{ Params: { id: string }; Body: AccessStateSet }>(
    '/port-groups/:id/access-state',
    { schema: { body: AccessStateSet } },
    ({ params, body }) => {
      const group = Number(params.id);
      changeAccessState(array, group, body);
      return groupReplies(array).find(({ portGroup }) => portGroup === group);
    },
  );
}

function groupReplies({ volumes, units }: ArrayView): PortGroupReply[] {
  const groups = new Map<number, string[]>();
  for (const { name, portGroup } of volumes.ports()) groups.set(portGroup, [...(groups.get(portGroup) ?? []), name]);
  return [...groups].map(([portGroup, ports]) => {
    const common = units.accessState(portGroup);
    const differing = [...units.units()].filter(({ access }) => access.stateOf(portGroup) !== common);
    return {
      portGroup,
      ports,
      state: stateName(common),
      ldevs: differing.map(({ ldev, access }) => ({
        ldev: ldevName(ldev.id),
        state: stateName(access.stateOf(portGroup)),
      })),
    };
  });
}

function stateName(state: AccessState): string {
  return Object.entries(accessStateNames).find(([, value]) => value === state)![0];
}
