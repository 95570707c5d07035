import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../../volumes/errors.js';
import { type HostGroup, ldevName } from '../../volumes/model.js';
import { type ArrayView, lunPath, lunPaths } from '../view.js';
import { AuthSet, HostGroupCreate, type HostGroupReply, InitiatorAdd, LunMap, type LunReply } from './api.js';
import { ldevId } from './ldev-routes.js';

interface GroupParams {
  port: string;
  name: string;
}

export function hostGroupRoutes(app: FastifyInstance, array: ArrayView): void {
  const { volumes } = array;
  const path = '/host-groups/:port/:name';
  const find = ({ port, name }: GroupParams): HostGroup => {
    const group = volumes.hostGroup(port, name);
    if (group !== undefined) return group;
    throw new ConfigError(
      'host-group-unknown',
      `there is no host group ${port}/${name}: list them to see which there are.`,
    );
  };

  app.get('/host-groups', () => volumes.hostGroups().map(hostGroupReply));

  app.post<{ Body: HostGroupCreate }>('/host-groups', { schema: { body: HostGroupCreate } }, ({ body }) =>
    hostGroupReply(volumes.createHostGroup(body)),
  );

  app.delete<{ Params: GroupParams }>(path, ({ params }, reply) => {
    volumes.deleteHostGroup(find(params).id);
    return reply.code(204).send();
  });

  app.post<{ Params: GroupParams; Body: InitiatorAdd }>(
    `${path}/initiators`,
    { schema: { body: InitiatorAdd } },
    ({ params, body }) => hostGroupReply(volumes.addInitiator(find(params).id, body.initiator)),
  );

  app.delete<{ Params: GroupParams & { initiator: string } }>(`${path}/initiators/:initiator`, ({ params }) =>
    hostGroupReply(volumes.removeInitiator(find(params).id, params.initiator)),
  );

  app.put<{ Params: GroupParams; Body: AuthSet }>(`${path}/auth`, { schema: { body: AuthSet } }, ({ params, body }) =>
    hostGroupReply(volumes.setAuth(find(params).id, body.auth)),
  );

  app.get('/luns', () => lunPaths(array));

  app.post<{ Params: GroupParams; Body: LunMap }>(
    `${path}/luns`,
    { schema: { body: LunMap } },
    ({ params, body }): LunReply => {
      const group = find(params);
      const lun = body.lun ?? lowestFreeLun(group);
      const id = ldevId(body.ldev);
      volumes.mapLun(group.id, lun, id);
      return lunPath(array, array.ports.find(({ port }) => port.name === group.port)!, group, lun, id);
    },
  );

  app.delete<{ Params: GroupParams & { lun: string } }>(`${path}/luns/:lun`, ({ params }, reply) => {
    volumes.unmapLun(find(params).id, Number(params.lun));
    return reply.code(204).send();
  });
}

function lowestFreeLun(group: HostGroup): number {
  let lun = 0;
  while (group.luns.has(lun)) lun++;
  return lun;
}

function hostGroupReply(group: HostGroup): HostGroupReply {
  return {
    id: `${group.port}/${group.name}`,
    port: group.port,
    name: group.name,
    target: group.target,
    initiators: group.initiators,
    auth: group.auth,
    luns: [...group.luns].sort(([a], [b]) => a - b).map(([lun, ldev]) => ({ lun, ldev: ldevName(ldev) })),
  };
}
