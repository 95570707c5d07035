import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../../volumes/errors.js';
import type { ChapUser } from '../../volumes/model.js';
import type { ArrayView } from '../view.js';
import { UserAdd, type UserReply } from './api.js';

/** Secrets go in and never come out. */
export function userRoutes(app: FastifyInstance, array: ArrayView): void {
  const { volumes } = array;
  const hostGroupId = (id: string): number => {
    const slash = id.indexOf('/');
    const group = volumes.hostGroup(id.slice(0, Math.max(slash, 0)), id.slice(slash + 1));
    if (group !== undefined) return group.id;
    throw new ConfigError('host-group-unknown', `there is no host group ${id}: list them to see which there are.`);
  };
  const reply = ({ name, role, hostGroups }: ChapUser): UserReply => {
    const groups = volumes.hostGroups().filter((group) => hostGroups.includes(group.id));
    return { name, role, hostGroups: groups.map((group) => `${group.port}/${group.name}`) };
  };

  app.get('/users', () => volumes.users().map(reply));

  app.post<{ Body: UserAdd }>('/users', { schema: { body: UserAdd } }, ({ body }) =>
    reply(
      volumes.addUser({
        name: body.name,
        secret: body.secret,
        role: body.role ?? 'initiator',
        hostGroups: (body.hostGroups ?? []).map(hostGroupId),
      }),
    ),
  );

  app.delete<{ Params: { role: ChapUser['role']; name: string } }>('/users/:role/:name', ({ params }, answer) => {
    volumes.removeUser(params.name, params.role);
    return answer.code(204).send();
  });
}
