import type { FastifyInstance } from 'fastify';
import type { FaultRule } from '../../volumes/layers/active-fault.js';
import { ldevName } from '../../volumes/model.js';
import { faultSpec, portNames } from '../fault-schema.js';
import type { ArrayView } from '../view.js';
import { FaultAdd, FaultClear, type FaultReply, ScenarioPlay } from './api.js';
import { ldevId } from './ldev-routes.js';

export function faultRoutes(app: FastifyInstance, array: ArrayView): void {
  const { volumes, scenarios } = array;
  const { faults } = volumes;

  app.get('/faults', () => faults.list().map(reply));

  app.post<{ Body: FaultAdd }>('/faults', { schema: { body: FaultAdd } }, ({ body }) =>
    reply(faults.add(faultSpec(body, portNames(volumes)))),
  );

  app.delete<{ Querystring: FaultClear }>('/faults', { schema: { querystring: FaultClear } }, ({ query }, answer) => {
    if (query.ldev === undefined) {
      scenarios.stop();
      faults.clear();
    } else faults.clear(ldevId(query.ldev));
    return answer.code(204).send();
  });

  app.delete<{ Params: { id: string } }>('/faults/:id', ({ params }, answer) => {
    faults.remove(params.id);
    return answer.code(204).send();
  });

  app.get('/fault-scenarios', () => scenarios.list());

  app.post<{ Body: ScenarioPlay }>('/fault-scenarios', { schema: { body: ScenarioPlay } }, ({ body }) =>
    scenarios.play(body),
  );
}

function reply(rule: FaultRule): FaultReply {
  const { command } = rule;
  const ofBlocks = command === undefined && rule.function === undefined;
  return {
    id: rule.id,
    ldev: rule.ldev === undefined ? null : ldevName(rule.ldev),
    op: ofBlocks ? (rule.op ?? 'any') : null,
    command: command ?? null,
    function: rule.function ?? null,
    port: rule.port ?? null,
    lba: rule.lba ?? null,
    blocks: rule.blocks ?? null,
    initiator: rule.initiator ?? null,
    sense: rule.effect ?? null,
    response: rule.response ?? null,
    delayMs: rule.delayMs ?? 0,
    delayMaxMs: rule.delayMaxMs ?? null,
    delayDistribution: rule.delayDistribution ?? null,
    delayDeviationMs: rule.delayDeviationMs ?? null,
    connection: rule.connection ?? null,
    stallMs: rule.stallMs ?? null,
    probability: rule.probability ?? 1,
    seed: rule.seed,
    skip: rule.skip ?? 0,
    every: rule.every ?? 1,
    limit: rule.limit ?? null,
    forMs: rule.forMs ?? null,
    hits: rule.hits,
    fired: rule.fired,
  };
}
