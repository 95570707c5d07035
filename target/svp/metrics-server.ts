/** HTTP on TCP with one resource, GET /metrics, for Prometheus. Everything else is refused. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from './units.js';

const MAX_CONNECTIONS = 32;
const TIMEOUT_MS = 10_000;

export interface MetricsServer {
  readonly address: Address;
  close(): Promise<void>;
}

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

/** Rejects with the system's error when the address cannot be listened on. */
export function listenMetrics(address: Address, metrics: () => Promise<MetricsText>): Promise<MetricsServer> {
  const server = createServer((request, response) => void answer(request, response, metrics));
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = TIMEOUT_MS;
  server.requestTimeout = TIMEOUT_MS;
  return new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(address.port, address.host, () => {
      server.off('error', failed);
      const { port } = server.address() as AddressInfo;
      listening({ address: { host: address.host, port }, close: () => close(server) });
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: () => Promise<MetricsText>,
): Promise<void> {
  const refuse = (status: number, text: string) =>
    response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${text}\n`);
  request.resume();
  if (request.url?.split('?')[0] !== '/metrics') return void refuse(404, 'There is /metrics here, and nothing else.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return void refuse(405, 'Only GET is possible.');
  try {
    const { contentType, text } = await metrics();
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  } catch (error) {
    refuse(500, (error as Error).message);
  }
}

function close(server: Server): Promise<void> {
  return new Promise((closed) => {
    server.close(() => closed());
    server.closeAllConnections();
  });
}
