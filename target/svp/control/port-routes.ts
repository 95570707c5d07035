import { isIPv6 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../../volumes/errors.js';
import { type Address, formatAddress, parseAddress } from '../units.js';
import type { ArrayView, PortView } from '../view.js';
import { type PortReply, RedirectionSet } from './api.js';

/** Ports, and where they send hosts that log in. */
export function portRoutes(app: FastifyInstance, array: ArrayView): void {
  const path = '/ports/:port/redirection';
  const find = (name: string): PortView => {
    const found = array.ports.find(({ port }) => port.name === name);
    if (found !== undefined) return found;
    const known = array.ports.map(({ port }) => port.name).join(', ');
    throw new ConfigError('port-unknown', `there is no port "${name}": there is ${known}.`);
  };

  app.put<{ Params: { port: string }; Body: RedirectionSet }>(
    path,
    { schema: { body: RedirectionSet } },
    ({ params, body }): PortReply => {
      const view = find(params.port);
      view.endpoint.redirection = { address: destination(body.address), permanent: body.permanent ?? false };
      return portReply(view);
    },
  );

  app.delete<{ Params: { port: string } }>(path, ({ params }): PortReply => {
    const view = find(params.port);
    view.endpoint.redirection = null;
    return portReply(view);
  });
}

export function portReply({ port, address, endpoint }: PortView): PortReply {
  const { redirection } = endpoint;
  return {
    id: port.name,
    listen: formatAddress(address),
    sessions: endpoint.stats().sessions,
    redirection: redirection && { address: formatAddress(redirection.address), permanent: redirection.permanent },
  };
}

/** Where a host can connect to: a name or address, and a port that is not 0. */
function destination(text: string): Address {
  const address = parseAddress(text);
  if (address !== null && address.port > 0 && (isIPv6(address.host) || !address.host.includes(':'))) return address;
  throw new ConfigError('bad-address', `"${text}" is not HOST:PORT, such as 127.0.0.1:3260 or [::1]:3260.`);
}
