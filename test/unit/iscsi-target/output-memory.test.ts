/**
 * Output past the socket's own queue and through it, in turns, to hosts that read by fits and starts: PDUs keep their
 * order, and neither read data nor what replies are laid out in is used again before the kernel has taken it.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import type { Task } from '../../../target/scsi/task.js';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { openBench } from './fixture.js';

const SEED = Number(process.env.LUNARRAY_SEED ?? 2);
const SIZES = [0, 1, 200, 256, 257, 2000, 8192, 30_000, 65_536, 300_000, 1_500_000];
const { Opcode } = iscsi;

for (const digest of ['None', 'CRC32C']) {
  t.test(`digests ${digest}, seed ${SEED}`, async (t) => {
    const { login, channel } = await openBench(t, { limits: { outputBytes: 1 << 20 } });
    const random = seededRandom(SEED);
    channel.run = (task: Task) => {
      const bytes = task.expectedDataIn;
      const data = Buffer.alloc(bytes, task.tag & 0xff);
      const end = () => task.data(bytes === 0 ? [] : [data], bytes, () => data.fill(0xee));
      if (random.below(3) === 0) setImmediate(end);
      else end();
    };
    const keys = { MaxRecvDataSegmentLength: '65536', HeaderDigest: digest, DataDigest: digest };
    const host = await login(keys);
    const left = new Map<number, number>();
    let wrong = 0;
    let statSn = host.expStatSn;
    const status = (sn: number) => {
      if (sn !== statSn) wrong++;
      statSn = iscsi.nextSerial(sn);
    };
    for (let round = 0; round < 8; round++) {
      if (random.below(3) > 0) host.socket.pause();
      const frames: Buffer[] = [];
      for (let i = 0; i < 60; i++) {
        const bytes = SIZES[random.below(SIZES.length)]!;
        const fields = host.command({ read: true, expectedDataTransferLength: bytes });
        left.set(fields.initiatorTaskTag, bytes);
        frames.push(host.frame(iscsi.encodeScsiCommand, fields));
        if (random.below(4) === 0) host.socket.write(Buffer.concat(frames.splice(0)));
      }
      host.socket.write(Buffer.concat(frames));
      await new Promise((resolve) => setTimeout(resolve, random.below(30)));
      host.socket.resume();
      while (left.size > 0) {
        const received = await host.next();
        if (received === null) throw new Error('connection closed');
        if (received.opcode === Opcode.scsiResponse) {
          const response = iscsi.decodeScsiResponse(received.bhs);
          status(response.statSn);
          if (left.get(response.initiatorTaskTag) !== 0) wrong++;
          left.delete(response.initiatorTaskTag);
          continue;
        }
        const dataIn = iscsi.decodeDataIn(received.bhs);
        const { initiatorTaskTag: tag } = dataIn;
        const rest = (left.get(tag) ?? -1) - received.data.length;
        if (rest < 0 || !received.data.equals(Buffer.alloc(received.data.length, tag & 0xff))) wrong++;
        left.set(tag, rest);
        if (dataIn.status === null) continue;
        status(dataIn.statSn);
        if (rest !== 0) wrong++;
        left.delete(tag);
      }
      t.equal(wrong, 0, `round ${round}`);
    }
  });
}
