/** A capture of nothing yet, into one file. */
import { systemClock } from '../../target/base/clock.js';
import { Capture } from '../../target/ports/capture/capture.js';
import { systemDisk } from '../../target/ports/capture/capture-disk.js';
import { TcpStream } from '../../target/ports/iscsi/capture/tcp-stream.js';

export function startCapture(path: string): Promise<Capture> {
  const options = { path, port: null, initiator: null, maxSize: 2 ** 20, files: 1 };
  const parts = { clock: systemClock, disk: systemDisk, ports: ['CL1-A'], application: 'test' };
  return Capture.start('capture-1', options, parts, (_, error) => {
    throw error;
  });
}

/** A connection in it, always of the same two ports. */
export function streamIn(capture: Capture): TcpStream {
  const end = (port: number) => ({ address: Buffer.from([127, 0, 0, 1]), port });
  return new TcpStream(capture, 'CL1-A', end(40_000), end(3260), true);
}
