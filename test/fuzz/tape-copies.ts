/** EXTENDED COPY between a disk and a tape for the fuzzer, inline and embedded data, and the tape moved in between. */
import type { Random } from '../../target/disk/types.js';
import { ldevNaa } from '../../target/volumes/naming.js';
import { thirdPartyCopyOut } from '../../wire/scsi/cdb-build.js';
import { encodeCscd } from '../../wire/scsi/cscd.js';
import { encodeCopyList } from '../../wire/scsi/extended-copy.js';
import { CopyOut } from '../../wire/scsi/opcodes.js';
import { readStream, space6, writeFilemarks6, writeStream } from '../../wire/scsi/stream-cdbs.js';
import type { Case } from './cases.js';
import { streamSegment } from './copy-lists.js';
import { RawInitiator } from './raw-initiator.js';

/** Of the array: see main.ts. */
const DISK = 0;
const TAPE = 6;
const OTHER_TAPE = 7;

const flag = (random: Random) => random.below(2) === 0;

/** Type codes of segments that read from a block device, that write to one, and that have a tape at both ends. */
const FROM_DISK = [0x00, 0x08, 0x0b];
const TO_DISK = [0x01, 0x09, 0x0c];
const TAPES = [0x03, 0x0e, 0x13];

/** CSCD 0 is the disk, 1 the tape, 2 another one: mostly those that the segment is for, so that many are carried out. */
function fittingEnds(random: Random, type: number) {
  const id = (disks: readonly number[]) => {
    if (random.below(20) === 0) return random.below(4);
    return disks.includes(type) ? 0 : 1;
  };
  return { source: id(FROM_DISK), destination: TAPES.includes(type) && flag(random) ? 2 : id(TO_DISK) };
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
    cscds: [cscd(DISK, 0), cscd(TAPE, 1), cscd(OTHER_TAPE, 1)],
    segments: Array.from({ length: random.below(6) }, () => streamSegment(random, (type) => fittingEnds(random, type))),
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
      initiator.sendPdu(initiator.commandPdu(random.below(4) === 0 ? TAPE : DISK, cdb, false, true, list.length), list);
    }
    if (flag(random)) await initiator.answer(20);
  }
  if (flag(random)) await initiator.answer(50);
  initiator.close();
};
