import type { FastifyInstance } from 'fastify';
import type { FaultRule } from '../../volumes/layers/fault-rules.js';
import { ldevName } from '../../volumes/model.js';
import type { ArrayView } from '../view.js';
import { FaultAdd, type FaultReply } from './api.js';
import { ldevId } from './ldev-routes.js';

export function faultRoutes(app: FastifyInstance, array: ArrayView): void {
  const { faults } = array.volumes;

  app.get('/faults', () => faults.list().map(reply));

  app.post<{ Body: FaultAdd }>('/faults', { schema: { body: FaultAdd } }, ({ body: { ldev, sense, ...rest } }) =>
    reply(
      faults.add({
        ...rest,
        ...(ldev !== undefined && { ldev: ldevId(ldev) }),
        ...(sense !== undefined && { effect: sense }),
      }),
    ),
  );

  app.delete('/faults', (_request, answer) => {
    faults.clear();
    return answer.code(204).send();
  });

  app.delete<{ Params: { id: string } }>('/faults/:id', ({ params }, answer) => {
    faults.remove(params.id);
    return answer.code(204).send();
  });
}

function reply(rule: FaultRule): FaultReply {
  return {
    id: rule.id,
    ldev: rule.ldev === undefined ? null : ldevName(rule.ldev),
    op: rule.op,
    lba: rule.lba ?? null,
    blocks: rule.blocks ?? null,
    initiator: rule.initiator ?? null,
    sense: rule.effect ?? null,
    delayMs: rule.delayMs ?? 0,
    delayMaxMs: rule.delayMaxMs ?? null,
    probability: rule.probability ?? 1,
    seed: rule.seed,
    every: rule.every ?? 1,
    limit: rule.limit ?? null,
    hits: rule.hits,
    fired: rule.fired,
  };
}
