/**
 * Input of a socket into memory of our own. Node gives each read a new buffer, 64 KiB of memory outside the
 * JavaScript heap, and collects the whole heap after every few hundred of them: at 256 KiB writes that was half of
 * the process's time. Sockets that Node connects can be given a buffer (`onread`); those it accepts can only by the
 * same means from outside, which are not documented. Where they are missing, input comes the ordinary way.
 */
import type { Socket } from 'node:net';

export interface Receiver {
  /** Where the next bytes are to be put. */
  next(): Buffer;
  /** So many were put there. */
  received(bytes: number): void;
}

type Handle = { useUserBuffer?: (buffer: Buffer) => void };

/**
 * Has `receiver` take the input of an accepted socket that is paused (`pauseOnConnect`), and lets it flow.
 * @returns false: not possible with this version of Node; nothing has been changed
 */
export function receiveInto(socket: Socket, receiver: Receiver): boolean {
  const own = new Map(Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol]));
  const buffer = own.get('kBuffer');
  const callback = own.get('kBufferCb');
  const generator = own.get('kBufferGen');
  const fields = socket as unknown as { [key: symbol]: unknown; _handle?: Handle | null };
  const handle = fields._handle;
  if (!buffer || !callback || !generator || typeof handle?.useUserBuffer !== 'function') return false;
  const first = receiver.next();
  fields[buffer] = first;
  fields[callback] = (bytes: number) => {
    receiver.received(bytes);
    return !socket.isPaused();
  };
  fields[generator] = () => receiver.next();
  handle.useUserBuffer(first);
  return true;
}
