import type { FastifyInstance } from 'fastify';
import { nativeKind } from '../../../native/index.js';
import { defaultFileIo } from '../../disk/file-io.js';
import { ConfigError } from '../../volumes/errors.js';
import { ldevName } from '../../volumes/model.js';
import { version } from '../version.js';
import { type ArrayView, lunPaths } from '../view.js';
import { SessionDrop, type SessionReply, type StatsReply, type StatusReply } from './api.js';
import { portReply } from './port-routes.js';

export function statusRoutes(app: FastifyInstance, array: ArrayView): void {
  app.get('/status', (): StatusReply => {
    const { dirtySlots, slotBytes, readHits, readMisses, sides, sidesWanted } = array.cache.stats();
    const reads = readHits + readMisses;
    return {
      version: version(),
      pid: process.pid,
      uptimeSeconds: array.uptimeSeconds(),
      dataDir: array.dataDir,
      native: nativeKind,
      io: defaultFileIo().kind,
      metrics: array.metricsUrl,
      ports: array.ports.map(portReply),
      ldevs: array.volumes.ldevs().length,
      cache: {
        bytes: array.cacheBytes,
        dirtyBytes: dirtySlots * slotBytes,
        hitRatio: reads === 0 ? null : readHits / reads,
        sides,
        sidesWanted,
      },
      luns: lunPaths(array),
    };
  });

  app.get('/sessions', (): SessionReply[] =>
    array.ports.flatMap(({ port, endpoint }) =>
      endpoint.sessions().map((session) => {
        const group = array.volumes.hostGroupByTarget(port.name, session.target);
        return { ...session, hostGroup: group === undefined ? '' : `${port.name}/${group.name}` };
      }),
    ),
  );

  app.post<{ Params: { port: string; tsih: string }; Body: SessionDrop }>(
    '/sessions/:port/:tsih/drop',
    { schema: { body: SessionDrop } },
    ({ params, body }, reply) => {
      const endpoint = array.ports.find(({ port }) => port.name === params.port)?.endpoint;
      if (!endpoint?.dropSession(Number(params.tsih), body.logoutSeconds ?? null, 'dropped by an administrator')) {
        throw new ConfigError(
          'session-unknown',
          `there is no session ${params.tsih} on port ${params.port}: list them to see which there are.`,
        );
      }
      return reply.code(204).send();
    },
  );

  app.get(
    '/stats',
    (): StatsReply => ({
      ports: array.ports.map(({ port, endpoint }) => ({ port: port.name, ...endpoint.stats() })),
      channelAdapters: array.ports.map(({ port, adapter }) => ({ port: port.name, ...adapter.stats() })),
      ldevs: [...array.units.units()].map((unit) => ({ ldev: ldevName(unit.ldev.id), ...unit.counters })),
      cache: { ...array.cache.stats() },
      diskAdapter: { ...array.adapter.stats() },
    }),
  );
}
