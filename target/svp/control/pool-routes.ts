import type { FastifyInstance } from 'fastify';
import type { ArrayView } from '../view.js';
import type { PoolReply } from './api.js';

export function poolRoutes(app: FastifyInstance, array: ArrayView): void {
  app.get('/pools', (): readonly PoolReply[] => array.volumes.pools());
}
