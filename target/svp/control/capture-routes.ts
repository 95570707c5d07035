import type { FastifyInstance } from 'fastify';
import type { ArrayView } from '../view.js';
import { type CaptureReply, CaptureStart } from './api.js';

export function captureRoutes(app: FastifyInstance, { captures }: ArrayView): void {
  app.get('/captures', (): readonly CaptureReply[] => captures.list());

  app.post<{ Body: CaptureStart }>(
    '/captures',
    { schema: { body: CaptureStart } },
    ({ body }): Promise<CaptureReply> => captures.start(body),
  );

  app.delete<{ Params: { id: string } }>(
    '/captures/:id',
    ({ params }): Promise<CaptureReply> => captures.stop(params.id),
  );
}
