/** A capture of connections that have the same two ports, one after the other. */
import { systemClock } from '../../target/base/clock.js';
import { Capture } from '../../target/ports/capture/capture.js';
import { systemDisk } from '../../target/ports/capture/capture-disk.js';
import { TcpStream } from '../../target/ports/iscsi/capture/tcp-stream.js';
import { Opcode } from '../../wire/iscsi/bhs.js';

/** A PDU of 48 bytes, without tags. */
function ping(opcode: number): Buffer {
  const pdu = Buffer.alloc(48);
  pdu.writeUInt16BE((opcode << 8) | 0x80);
  return pdu.fill(0xff, 16, 24);
}

export async function portsAgain(path: string, connections: number): Promise<void> {
  const options = { path, port: null, initiator: null, maxSize: 2 ** 20, files: 1 };
  const parts = { clock: systemClock, disk: systemDisk, ports: ['CL1-A'], application: 'test' };
  const capture = await Capture.start('capture-1', options, parts, (_, error) => {
    throw error;
  });
  const end = (port: number) => ({ address: Buffer.from([127, 0, 0, 1]), port });
  for (let number = 0; number < connections; number++) {
    const stream = new TcpStream(capture, 'CL1-A', end(40_000), end(3260), true);
    stream.pass(false, [ping(Opcode.nopOut)], 48, null);
    stream.pass(true, [ping(Opcode.nopIn)], 48, null);
    stream.closed(true);
  }
  await capture.stop();
}
