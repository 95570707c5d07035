/** Random tokens, writes, unmaps and writes from tokens, several commands at a time, against a model of both units. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { unmapList, write16 } from '../../../wire/scsi/cdb-build.js';
import { zeroRodToken } from '../../../wire/scsi/rod-token.js';
import { Status } from '../../../wire/scsi/status.js';
import { TokenRig, tokenFor, writeCdb, writeList, writeUsing } from './token-rig.js';

const seed = Number(process.env.LUNARRAY_SEED ?? 1141);
/** More than two chunks of 64 KiB. */
const BYTES = 160 * 1024;

for (let round = 0; round < 24; round++) {
  t.test(`seed ${seed + round}`, async (t) => {
    const random = seededRandom(seed + round);
    const sizes = [512, random.below(2) === 0 ? 512 : 4096] as const;
    const rig = new TokenRig(sizes.map((blockSize) => ({ blockSize, blocks: BYTES / blockSize })));
    const host = rig.host('a');
    const model = sizes.map(() => Buffer.alloc(BYTES));
    const tokens: { token: Buffer; data: Buffer }[] = [];

    const some = (lun: number, most = 96 * 1024): [lba: number, blocks: number] => {
      const capacity = BYTES / sizes[lun]!;
      const lba = random.below(capacity);
      return [lba, 1 + random.below(Math.min(capacity - lba, Math.ceil(most / sizes[lun]!)))];
    };
    /** Apart from each other, in any order. */
    const ranges = (lun: number): [number, number][] => {
      const list: [number, number][] = [];
      for (let left = 1 + random.below(4); left > 0; left--) {
        const [lba, blocks] = some(lun, 40 * 1024);
        if (list.every(([at, count]) => lba >= at + count || at >= lba + blocks)) list.push([lba, blocks]);
      }
      return list;
    };
    const view = (lun: number, [lba, blocks]: readonly [number, number]) =>
      model[lun]!.subarray(lba * sizes[lun]!, (lba + blocks) * sizes[lun]!);

    const change = (lun: number) => {
      const own = some(lun, 20 * 1024);
      if (random.below(3) === 0) {
        const list = unmapList([{ lba: own[0], blocks: own[1] }]);
        host.run([0x42, 0, 0, 0, 0, 0, 0, 0, list.length, 0], list, { lun });
        view(lun, own).fill(0);
      } else {
        const data = Buffer.alloc(own[1] * sizes[lun]!, 1 + random.below(255));
        host.run(write16(...own), data, { lun });
        data.copy(view(lun, own));
      }
    };
    const make = (lun: number) => {
      const own = ranges(lun);
      const data = Buffer.concat(own.map((range) => view(lun, range)));
      tokens.push({ token: tokenFor(host, own, {}, { lun }), data });
    };
    const use = (lun: number) => {
      const own = ranges(lun);
      const asked = own.reduce((sum, [, blocks]) => sum + blocks, 0) * sizes[lun]!;
      const zero = random.below(8) === 0;
      const { token, data } = zero
        ? { token: zeroRodToken(), data: Buffer.alloc(asked) }
        : (tokens[random.below(Math.max(1, tokens.length))] ?? { token: zeroRodToken(), data: Buffer.alloc(asked) });
      const offset = zero ? 0 : random.below(Math.ceil(data.length / sizes[lun]!));
      const rest = data.subarray(token.readUInt32BE(0) === 0xffff0001 ? 0 : offset * sizes[lun]!);
      const whole = Math.min(asked, Math.ceil(rest.length / sizes[lun]!) * sizes[lun]!);
      const content = Buffer.concat([rest], whole);
      // A write by a host to the other unit comes in between.
      const other = 1 - lun;
      const list = writeList(token, own, { offset });
      const task = host.start(writeCdb(list), list, { lun });
      if (random.below(2) === 0) change(other);
      rig.clock.settle();
      let at = 0;
      for (const range of own) at += content.copy(view(lun, range), 0, at);
      t.equal(task.status, whole === asked ? Status.good : Status.checkCondition);
      if (whole < asked) t.match(task.sense, { asc: 0x0d04, information: whole / sizes[lun]! });
    };

    for (let step = 0; step < 60; step++) {
      const lun = random.below(2);
      const dice = random.below(10);
      if (dice < 4) change(lun);
      else if (dice < 6 && tokens.length < 12) make(lun);
      else if (dice < 9) use(lun);
      else if (tokens.length > 0) {
        const [gone] = tokens.splice(random.below(tokens.length), 1);
        writeUsing(host, gone!.token, [[0, 0]], { deleteToken: true }, { lun });
      }
    }
    for (const lun of [0, 1]) t.ok(rig.layers[lun]!.data.equals(model[lun]!), `unit ${lun} holds what it should`);
    const pinned = rig.layers.reduce((sum, layer) => sum + layer.pinned, 0);
    t.equal(pinned, 0, 'all buffers given back');
    for (const { token } of tokens) writeUsing(host, token, [[0, 0]], { deleteToken: true });
    t.same(
      rig.images.map(({ alive }) => alive),
      [0, 0],
    );
  });
}
