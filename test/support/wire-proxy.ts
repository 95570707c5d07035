/** A wire between an initiator and an array that loses, damages and delays PDUs, or breaks, as a test says. */
import { createServer, connect as dial, type Socket } from 'node:net';
import type { Test } from 'tap';
import { type ArrayOptions, type LunArray, startArray } from '../../target/array.js';
import {
  ahsBytes,
  BHS_BYTES,
  DIGEST_BYTES,
  dataSegmentLength,
  Opcode,
  opcodeOf,
  paddingOf,
} from '../../wire/iscsi/bhs.js';

export type Way = 'to-array' | 'to-host';

/** One PDU on its way. `bytes` is all of it; what is changed in it arrives so. */
export interface Passing {
  readonly way: Way;
  readonly opcode: number;
  readonly bytes: Buffer;
  /** Bytes before the data segment, digest included, and in it without padding. */
  readonly dataAt: number;
  readonly dataLength: number;
  /** Which connection it is, from 0 on, in the order of their making. */
  readonly connection: number;
}

/**
 * `late`: after the next PDU that goes the same way on any connection. `cut`: the connection breaks instead. A number: so
 * many milliseconds later, while others pass.
 */
export type Fate = 'pass' | 'drop' | 'cut' | 'late' | number;

/** Decides on each PDU of the full feature phase. */
export type Rule = (passing: Passing) => Fate;

export interface Wire {
  readonly array: LunArray;
  /** URL of LUN 0 through the proxy, with `query` behind it. */
  readonly url: string;
  rule: Rule;
  /** While false, connections are broken as soon as they are made. */
  open: boolean;
  /** Breaks all connections. */
  cutAll(): void;
}

/** Changes the data, so that its digest does not match. */
export function damageData({ bytes, dataAt }: Passing): void {
  bytes[dataAt]! ^= 1;
}

/** Changes the header without harm to its lengths. */
export function damageHeader({ bytes }: Passing): void {
  bytes[16]! ^= 1;
}

export async function openWire(t: Test, query: string, options: ArrayOptions = {}): Promise<Wire> {
  const array = await startArray({ config: { cache: '16M', ldevs: [{ id: '00:00', capacity: '64M' }] }, ...options });
  t.teardown(() => array.stop());
  const [, host, port, path] = /iscsi:\/\/([^:]+):(\d+)\/(.*)$/.exec(array.luns[0]!.url)!;
  const digest = (name: string) => (query.includes(`${name}_digest=crc32c`) ? DIGEST_BYTES : 0);
  const agreed: Digests = { header: digest('header'), data: digest('data') };
  const sockets = new Set<Socket>();
  let connections = 0;
  let late: (() => void) | null = null;
  const proxy = createServer((near) => {
    if (!wire.open) {
      near.destroy();
      return;
    }
    const connection = connections++;
    const far = dial(Number(port), host!);
    let fullFeature = false;
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    const pass = (way: Way, from: Socket, to: Socket) => {
      sockets.add(from);
      let rest = Buffer.alloc(0);
      from.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        for (;;) {
          const passing = first(rest, fullFeature ? agreed : NO_DIGESTS, way, connection);
          if (passing === null) return;
          rest = rest.subarray(passing.bytes.length);
          const { bytes, opcode } = passing;
          const fate = fullFeature ? wire.rule(passing) : 'pass';
          // T, and NSG 3: what follows is the full feature phase.
          if (opcode === Opcode.loginResponse && (bytes[1]! & 0x83) === 0x83) fullFeature = true;
          if (fate === 'cut') {
            cut();
            return;
          }
          if (fate === 'drop') continue;
          if (typeof fate === 'number') {
            setTimeout(() => to.write(bytes), fate);
            continue;
          }
          if (fate === 'late') {
            const before = late;
            late = () => to.write(bytes);
            before?.();
            continue;
          }
          to.write(bytes);
          late?.();
          late = null;
        }
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    pass('to-array', near, far);
    pass('to-host', far, near);
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => proxy.once('listening', listening));
  t.teardown(() => proxy.close());
  const wire: Wire = {
    array,
    url: `iscsi://127.0.0.1:${(proxy.address() as { port: number }).port}/${path}?${query}`,
    rule: () => 'pass',
    open: true,
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
  return wire;
}

/** Bytes of each. */
interface Digests {
  readonly header: number;
  readonly data: number;
}

const NO_DIGESTS: Digests = { header: 0, data: 0 };

/** The first PDU of `bytes`, or null if it is not complete. */
function first(bytes: Buffer, digests: Digests, way: Way, connection: number): Passing | null {
  if (bytes.length < BHS_BYTES) return null;
  const dataLength = dataSegmentLength(bytes);
  const dataAt = BHS_BYTES + ahsBytes(bytes) + digests.header;
  const length = dataAt + (dataLength === 0 ? 0 : dataLength + paddingOf(dataLength) + digests.data);
  if (bytes.length < length) return null;
  return { way, opcode: opcodeOf(bytes), bytes: bytes.subarray(0, length), dataAt, dataLength, connection };
}

/** A rule that gives the fates to PDUs of an opcode, one after the other, and lets all others pass. */
export function fates(opcode: number, list: readonly (Fate | ((passing: Passing) => void))[]): Rule {
  let index = 0;
  return (passing) => {
    if (passing.opcode !== opcode) return 'pass';
    const fate = list[index++] ?? 'pass';
    if (typeof fate !== 'function') return fate;
    fate(passing);
    return 'pass';
  };
}
