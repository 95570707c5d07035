import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../../volumes/errors.js';
import type { ArrayView } from '../view.js';
import { TraceStart } from './api.js';
import { ldevId } from './ldev-routes.js';

export function traceRoutes(app: FastifyInstance, { tracer, volumes }: ArrayView): void {
  app.post<{ Body: TraceStart }>('/trace', { schema: { body: TraceStart } }, ({ body }, reply) => {
    const { ldev } = body;
    // One that is mistyped would have the reader wait for ever.
    if (ldev !== undefined && volumes.ldev(ldevId(ldev)) === undefined) {
      throw new ConfigError('ldev-unknown', `there is no LDEV ${ldev}: list the LDEVs to see which there are.`);
    }
    return reply.type('application/x-ndjson').send(tracer.open(body));
  });
}
