import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../../volumes/errors.js';
import { type Ldev, ldevName } from '../../volumes/model.js';
import { parseLdev } from '../units.js';
import type { ArrayView } from '../view.js';
import { LdevCreate, LdevExpand, type LdevReply } from './api.js';

export function ldevRoutes(app: FastifyInstance, array: ArrayView): void {
  const { volumes } = array;

  app.get('/ldevs', () => volumes.ldevs().map((ldev) => ldevReply(array, ldev)));

  app.post<{ Body: LdevCreate }>('/ldevs', { schema: { body: LdevCreate } }, ({ body: { id, ...rest } }) =>
    ldevReply(array, volumes.createLdev({ ...rest, ...(id !== undefined && { id: ldevId(id) }) })),
  );

  app.post<{ Body: LdevExpand; Params: { id: string } }>(
    '/ldevs/:id/expand',
    { schema: { body: LdevExpand } },
    ({ params, body }) => ldevReply(array, volumes.expandLdev(ldevId(params.id), { bytes: body.bytes })),
  );

  app.delete<{ Params: { id: string } }>('/ldevs/:id', async ({ params }, reply) => {
    await volumes.deleteLdev(ldevId(params.id));
    return reply.code(204).send();
  });
}

/** Throws ConfigError `bad-number`. */
export function ldevId(text: string): number {
  const id = parseLdev(text);
  if (id === null) throw new ConfigError('bad-number', `"${text}" is not an LDEV number such as 00:1A.`);
  return id;
}

function ldevReply({ volumes }: ArrayView, ldev: Ldev): LdevReply {
  return {
    id: ldevName(ldev.id),
    label: ldev.label,
    attribute: ldev.attribute,
    pool: ldev.pool,
    blockSize: ldev.blockSize,
    physicalBlockSize: ldev.physicalBlockSize,
    blocks: ldev.blocks,
    bytes: ldev.blocks * ldev.blockSize,
    assigned: volumes.assignedBytes(ldev.id),
    thin: ldev.thin,
    readOnly: ldev.readOnly,
    removable: ldev.removable === true,
    tape: ldev.tape === true,
    protection: ldev.protection ?? 0,
    tier: ldev.tier ?? null,
    naa: ldev.naa.toString('hex'),
    serial: ldev.serial,
    paths: volumes.paths(ldev.id).map(([group, lun]) => `${group.port}/${group.name}/${lun}`),
  };
}
