/** HTTP on TCP with one resource, GET /metrics, for Prometheus. Everything else is refused. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from './units.js';

const MAX_CONNECTIONS = 32;
const TIMEOUT_MS = 10_000;
const CHECK_MS = 2_000;
/** A text is given again for so many times the time it took to make: scrapes cost hosts a tenth of the array at most. */
const REUSE_FACTOR = 9;

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
  const spared = sparing(metrics);
  const limits = { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, connectionsCheckingInterval: CHECK_MS };
  const server = createServer(limits, (request, response) => void answer(request, response, spared));
  server.maxConnections = MAX_CONNECTIONS;
  // Who sends many requests at a time, or does not read the answers, does not make them pile up here.
  server.maxRequestsPerSocket = 1;
  server.timeout = TIMEOUT_MS;
  return new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(address.port, address.host, () => {
      server.off('error', failed);
      // An accept that fails (too many open files) leaves the listener as it is.
      server.on('error', () => {});
      const { port } = server.address() as AddressInfo;
      listening({ address: { host: address.host, port }, close: () => close(server) });
    });
  });
}

/** The same text for all who ask while it is made, and for a while after. */
function sparing(metrics: () => Promise<MetricsText>): () => Promise<MetricsText> {
  let text: Promise<MetricsText> | null = null;
  return () => {
    if (text !== null) return text;
    const started = performance.now();
    const forget = () => {
      text = null;
    };
    text = metrics();
    text.then(() => setTimeout(forget, REUSE_FACTOR * (performance.now() - started)).unref(), forget);
    return text;
  };
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
