import type { FastifyInstance } from 'fastify';
import { type AccessState, accessStateNames } from '../../../wire/scsi/target-port-groups.js';
import { ConfigError } from '../../volumes/errors.js';
import { ldevName } from '../../volumes/model.js';
import type { ArrayView } from '../view.js';
import { AccessStateSet, type PortGroupReply } from './api.js';
import { ldevId } from './ldev-routes.js';

/** Target port groups and their asymmetric access states (ALUA). */
export function portGroupRoutes(app: FastifyInstance, array: ArrayView): void {
  const { volumes, units } = array;
  const find = (text: string): number => {
    const ids = new Set(volumes.ports().map((port) => port.portGroup));
    const id = Number(text);
    if (ids.has(id)) return id;
    const known = [...ids].join(', ');
    throw new ConfigError('port-group-unknown', `there is no target port group ${text}: there is ${known}.`);
  };

  app.get('/port-groups', () => groupReplies(array));

  app.put<{ Params: { id: string }; Body: AccessStateSet }>(
    '/port-groups/:id/access-state',
    { schema: { body: AccessStateSet } },
    ({ params, body }) => {
      const group = find(params.id);
      const state = accessStateNames[body.state];
      const transitionMs = (body.transitionSeconds ?? 0) * 1000;
      if (body.ldev === undefined) {
        units.setAccessState(group, state, transitionMs);
      } else {
        const id = ldevId(body.ldev);
        const ldev = volumes.ldev(id);
        if (ldev === undefined) throw new ConfigError('ldev-unknown', `there is no LDEV ${ldevName(id)}.`);
        units.unit(ldev).access.change(group, state, null, transitionMs);
      }
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
