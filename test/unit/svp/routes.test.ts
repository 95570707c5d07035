/** Schemas of the control endpoint: the array compiles one when its route is first asked for, here all are. */
import { fastify } from 'fastify';
import t from 'tap';
import { routes } from '../../../target/svp/control/endpoint.js';
import type { ArrayView } from '../../../target/svp/view.js';

t.test('all can be compiled', async (t) => {
  const app = fastify();
  let schemas = 0;
  app.addHook('onRoute', ({ schema }) => {
    if (schema !== undefined) schemas++;
  });
  const array = { volumes: {} } as ArrayView;
  for (const add of routes) add(app, array);
  await app.ready();
  t.ok(schemas > 10, `${schemas} schemas`);
  await app.close();
});

t.test('a broken one fails so', async (t) => {
  const app = fastify();
  app.post('/broken', { schema: { body: { type: 'nonsense' } } }, () => null);
  await t.rejects(Promise.resolve(app.ready()));
});
