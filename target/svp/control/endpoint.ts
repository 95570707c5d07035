/** The control endpoint: fastify on a Unix socket. Loaded by arrays that are administered by `lunarray` commands. */
import { chmodSync, rmSync } from 'node:fs';
import { type FastifyInstance, fastify } from 'fastify';
import { ConfigError } from '../../volumes/errors.js';
import type { MetricsText } from '../metrics-server.js';
import { schemaProblems, tellProblems } from '../schema-problems.js';
import type { ArrayView } from '../view.js';
import { captureRoutes } from './capture-routes.js';
import { copyRoutes } from './copy-routes.js';
import { driveRoutes } from './drive-routes.js';
import { faultRoutes } from './fault-routes.js';
import { hostGroupRoutes } from './host-group-routes.js';
import { ldevRoutes } from './ldev-routes.js';
import { poolRoutes } from './pool-routes.js';
import { portGroupRoutes } from './port-group-routes.js';
import { portRoutes } from './port-routes.js';
import { controlSocketPath } from './socket-path.js';
import { statusRoutes } from './status-routes.js';
import { traceRoutes } from './trace-routes.js';
import { userRoutes } from './user-routes.js';
import { validatorCompiler } from './validator.js';

const BODY_LIMIT = 256 * 1024;
const MAX_CONNECTIONS = 512;
const REQUEST_MS = 10_000;
const CHECK_MS = 5_000;

/** What adds routes, by subject. */
export const routes: readonly ((app: FastifyInstance, array: ArrayView) => void)[] = [
  statusRoutes,
  ldevRoutes,
  hostGroupRoutes,
  userRoutes,
  faultRoutes,
  driveRoutes,
  poolRoutes,
  portRoutes,
  portGroupRoutes,
  captureRoutes,
  traceRoutes,
  copyRoutes,
];

export interface ControlEndpoint {
  close(): Promise<void>;
}

/** Listens on `control.sock`; what an earlier array left there is replaced, as its lock is gone. */
export async function listenControl(array: ArrayView, metrics: () => Promise<MetricsText>): Promise<ControlEndpoint> {
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    // A name of 223 bytes (RFC 7143 4.2.7.1) or of 255, each escaped, is one step of a path.
    routerOptions: { maxParamLength: 1024 },
    // Requests that do not come to an end, and connections beside them, do not take the hosts' descriptors.
    requestTimeout: REQUEST_MS,
    http: { connectionsCheckingInterval: CHECK_MS },
  });
  app.setValidatorCompiler(validatorCompiler());
  app.setSchemaErrorFormatter((errors) => new Error(tellProblems(schemaProblems(errors))));
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error instanceof ConfigError) return reply.code(409).send({ code: error.code, message: error.message });
    const status = error.statusCode ?? 500;
    return reply.code(status).send({ code: status < 500 ? 'bad-request' : 'internal-error', message: error.message });
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ code: 'not-found', message: `there is no ${request.method} ${request.url}` }),
  );
  for (const add of routes) add(app, array);
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics();
    return reply.type(contentType).send(text);
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  // An accept that fails (too many open files) leaves the listener as it is; fastify has its own for a failing listen.
  app.server.on('error', () => {});
  const path = controlSocketPath(array.dataDir);
  rmSync(path, { force: true });
  await app.listen({ path });
  chmodSync(path, 0o600);
  return { close: () => app.close() };
}
