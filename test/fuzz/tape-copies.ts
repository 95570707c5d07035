/** EXTENDED COPY between a disk and a tape for the fuzzer, inline and embedded data, and the tape moved in between. */
import type { Random } from '../../target/disk/types.js';
import { ldevNaa } from '../../target/volumes/naming.js';
import { thirdPartyCopyOut } from '../../wire/scsi/cdb-build.js';
import { encodeCscd } from '../../wire/scsi/cscd.js';
import { encodeCopyList } from '../../wire/scsi/extended-copy.js';
import { CopyOut } from '../../wire/scsi/opcodes.js';
import { readStream, space6, writeFilemarks6, writeStream } from '../../wire/scsi/stream-cdbs.js';
import type { Case } from './cases.js';
import { RawInitiator } from './raw-initiator.js';

/** Of the array: see main.ts. */
const DISK = 0;
const TAPE = 6;

const flag = (random: Random) => random.below(2) === 0;

/** Bytes of the descriptor by type code, of those for stream devices; 05h has its data after that. */
const LENGTHS: readonly (readonly [number, number])[] = [
  [0x00, 24],
  [0x01, 24],
  [0x03, 20],
  [0x04, 20],
  [0x05, 16],
  [0x06, 16],
  [0x08, 28],
  [0x09, 28],
  [0x0b, 24],
  [0x0c, 24],
  [0x0e, 20],
  [0x0f, 16],
  [0x10, 12],
  [0x11, 12],
  [0x12, 12],
];

/** Mostly small numbers in the low bytes of the fields, so that many of them are carried out. */
function segment(random: Random): Buffer {
  const [type, bytes] = LENGTHS[random.below(LENGTHS.length)]!;
  const data = Buffer.alloc(bytes + (type === 0x05 ? random.below(300) : 0));
  for (const at of [10, 11, 12, 14, 15, 18, 19, 22, 23, 27]) {
    if (at < bytes && flag(random)) data[at] = random.below(flag(random) ? 256 : 8);
  }
  data[0] = type;
  data[1] = random.below(2);
  data.writeUInt16BE(data.length - 4, 2);
  const disk = [0x00, 0x08, 0x0b].includes(type) ? 4 : 6;
  const ids = [1, 1];
  if (![0x03, 0x0e].includes(type) && type < 0x10 && type !== 0x04 && type !== 0x05) ids[disk === 4 ? 0 : 1] = 0;
  data.writeUInt16BE(random.below(20) === 0 ? random.below(4) : ids[0]!, 4);
  data.writeUInt16BE(random.below(20) === 0 ? random.below(4) : ids[1]!, 6);
  if (type === 0x05) data.writeUInt16BE(random.below(random.below(8) === 0 ? 65536 : data.length - 15), 12);
  return data;
}

function copyOf(random: Random, serial: string): { readonly cdb: Buffer; readonly list: Buffer } {
  const cscd = (id: number, deviceType: number) =>
    encodeCscd({
      codeSet: 1,
      association: 0,
      designatorType: 3,
      designator: ldevNaa(serial, id + 1, id),
      deviceType: random.below(30) === 0 ? random.below(32) : deviceType,
      fixed: random.below(4) === 0,
      pad: flag(random),
      blockLength: random.below(4) === 0 ? 512 : 0,
    });
  const list = encodeCopyList({
    format: 'lid1',
    listId: random.below(4),
    listIdUsage: 0,
    priority: 0,
    immediate: false,
    senseWithGood: false,
    cscds: [cscd(DISK, 0), cscd(TAPE, 1)],
    segments: Array.from({ length: random.below(6) }, () => segment(random)),
    inline: random.bytes(random.below(20) === 0 ? 40_000 : random.below(2000)),
  });
  if (random.below(4) === 0) list[random.below(list.length)] = random.below(256);
  return { cdb: thirdPartyCopyOut(CopyOut.extendedCopy1, list.length), list };
}

const padded = (cdb: Buffer) => Buffer.concat([cdb], 16);

export const tapeCopies: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  await initiator.login(address, [['InitialR2T', 'No']]);
  const serial = address.iqn.split(':')[1]!;
  for (let i = random.below(20); i >= 0 && !initiator.closed; i--) {
    const what = random.below(8);
    if (what === 0) {
      const cdb = padded(space6(random.below(4), random.below(flag(random) ? 4 : 1 << 24)));
      initiator.sendPdu(initiator.commandPdu(TAPE, cdb, false, false, 0));
    } else if (what === 1) {
      initiator.sendPdu(
        initiator.commandPdu(TAPE, padded(writeFilemarks6(random.below(4), flag(random))), false, false, 0),
      );
    } else if (what === 2) {
      const data = random.bytes(1 + random.below(5000));
      initiator.sendPdu(
        initiator.commandPdu(TAPE, padded(writeStream(false, data.length)), false, true, data.length),
        data,
      );
    } else if (what === 3) {
      initiator.sendPdu(
        initiator.commandPdu(TAPE, padded(readStream(flag(random), random.below(9000))), true, false, 9000),
      );
    } else {
      const { cdb, list } = copyOf(random, serial);
      initiator.sendPdu(initiator.commandPdu(DISK, cdb, false, true, list.length), list);
    }
    if (flag(random)) await initiator.answer(20);
  }
  if (flag(random)) await initiator.answer(50);
  initiator.close();
};
