/** MODE SELECT(10) and the error history of WRITE BUFFER for the fuzzer, and READ and WRITE commands that go by what they set. */
import { pick, type Random } from '../../target/base/random.js';
import { ApplicationTagPage } from '../../wire/scsi/application-tags.js';
import { CLIENT_LIST_HEAD_BYTES } from '../../wire/scsi/client-error-history.js';
import { emptyPage, encodeModeList, ModePage, ModeSubpage } from '../../wire/scsi/mode-pages.js';
import { Opcode } from '../../wire/scsi/opcodes.js';
import type { Case } from './cases.js';
import { RawInitiator } from './raw-initiator.js';

/** With protection information: see main.ts. */
const PROTECTED = [4, 5];
const ERROR_HISTORY = 0x1c;

interface SettingsCommand {
  readonly cdb: Buffer;
  /** Data-out; null: the command reads. */
  readonly data: Buffer | null;
}

const rarely = (random: Random) => random.below(12) === 0;

/** Mostly in order and apart, as they have to be. */
function applicationTags(random: Random): Buffer {
  const { bytes, firstDescriptor, descriptorBytes, last, lastMask, tag, lba, blocks } = ApplicationTagPage;
  const page = emptyPage(ModePage.control, ModeSubpage.applicationTag, bytes, false);
  const count = random.below(17);
  let next = 0;
  for (let number = 0; number < count; number++) {
    const at = firstDescriptor + number * descriptorBytes;
    const length = random.below(200);
    page.writeUInt16BE(random.below(4), at + tag);
    page.writeUInt32BE(rarely(random) ? random.below(1 << 30) : next, at + lba + 4);
    page.writeUInt32BE(length, at + blocks + 4);
    if (rarely(random)) page.writeUInt32BE(0xffffffff, at + pick(random, [lba, blocks]));
    if (number === count - 1 && !rarely(random)) page[at + last] = lastMask;
    next += length + random.below(3);
  }
  return page;
}

function modeSelect(random: Random): SettingsCommand {
  const control = emptyPage(ModePage.control, ModeSubpage.none, 12, false);
  for (let i = random.below(4); i > 0; i--) control[2 + random.below(10)] = random.below(256);
  const any = emptyPage(random.below(64), random.below(4), 4 + random.below(40), false);
  const pages = [applicationTags(random), control, any].filter(() => random.below(2) === 0);
  const list = { mediumType: 0, deviceSpecific: 0, longLba: false, descriptor: Buffer.alloc(0), pages };
  const data = encodeModeList(list, true).fill(0, 0, 2);
  if (rarely(random)) data[random.below(data.length)] = random.below(256);
  const cdb = Buffer.from([Opcode.modeSelect10, 0x10 | random.below(2), 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt16BE(rarely(random) ? random.below(data.length + 8) : data.length, 7);
  return { cdb, data };
}

function addHistory(random: Random): SettingsCommand {
  const [location, history] = [random.below(5) * 4, random.below(rarely(random) ? 1100 : 40) * 4];
  const data = random.bytes(CLIENT_LIST_HEAD_BYTES + location + history);
  data[10] = rarely(random) ? 1 : 0;
  data.writeUInt16BE(rarely(random) ? random.below(65536) : location, 22);
  data.writeUInt16BE(rarely(random) ? random.below(65536) : history, 24);
  const cdb = Buffer.from([Opcode.writeBuffer, ERROR_HISTORY, rarely(random) ? 1 : 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUIntBE(rarely(random) ? random.below(1 << 24) : data.length, 6, 3);
  return { cdb, data };
}

function readHistory(random: Random): SettingsCommand {
  const cdb = Buffer.from([
    Opcode.readBuffer,
    ERROR_HISTORY,
    pick(random, [0, 1, 0x10, 0x11, 0xfe]),
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  cdb.writeUIntBE(random.below(1 << 17), 6, 3);
  return { cdb, data: null };
}

function modeSense(random: Random): SettingsCommand {
  const page = (random.below(4) << 6) | pick(random, [ModePage.control, ModePage.all]);
  const cdb = Buffer.from([Opcode.modeSense10, 0, page, pick(random, [0, 2, 0xff]), 0, 0, 0, 0x10, 0, 0]);
  return { cdb, data: null };
}

/** With or without information sent, within what the tags are about. */
function access(random: Random): SettingsCommand {
  const writes = random.below(2) === 0;
  const count = random.below(20);
  const cdb = Buffer.from([writes ? Opcode.write10 : Opcode.read10, random.below(6) << 5, 0, 0, 0, 0, 0, 0, count, 0]);
  cdb.writeUInt32BE(random.below(2000), 2);
  return { cdb, data: writes ? random.bytes(count * (cdb[1] === 0 ? 512 : 520)) : null };
}

export const unitSettings: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  await initiator.login(address, [['InitialR2T', 'No']]);
  for (let i = random.below(24); i >= 0 && !initiator.closed; i--) {
    const { cdb, data } = pick(random, [modeSelect, modeSelect, addHistory, readHistory, modeSense, access])(random);
    const lun = pick(random, PROTECTED);
    const bytes = data === null ? 70_000 : data.length;
    initiator.sendPdu(initiator.commandPdu(lun, cdb, data === null, data !== null, bytes), data ?? undefined);
    if (random.below(2) === 0) await initiator.answer(20);
  }
  if (random.below(2) === 0) await initiator.answer(50);
  initiator.close();
};
