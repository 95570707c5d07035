/** A capture of connections that have the same two ports, one after the other. */
import { Opcode } from '../../wire/iscsi/bhs.js';
import { startCapture, streamIn } from './start-capture.js';

/** A PDU of 48 bytes, without tags. */
function ping(opcode: number): Buffer {
  const pdu = Buffer.alloc(48);
  pdu.writeUInt16BE((opcode << 8) | 0x80);
  return pdu.fill(0xff, 16, 24);
}

export async function portsAgain(path: string, connections: number): Promise<void> {
  const capture = await startCapture(path);
  for (let number = 0; number < connections; number++) {
    const stream = streamIn(capture);
    stream.pass(false, [ping(Opcode.nopOut)], 48, null);
    stream.pass(true, [ping(Opcode.nopIn)], 48, null);
    stream.closed(true);
  }
  await capture.stop();
}
