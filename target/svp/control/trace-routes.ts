import type { FastifyInstance } from 'fastify';
import type { ArrayView } from '../view.js';
import { TraceStart } from './api.js';

export function traceRoutes(app: FastifyInstance, { tracer }: ArrayView): void {
  app.post<{ Body: TraceStart }>('/trace', { schema: { body: TraceStart } }, ({ body }, reply) =>
    reply.type('application/x-ndjson').send(tracer.open(body)),
  );
}
