/** EXTENDED COPY parameter lists for the fuzzer: mostly right, then bent, so that many get past the first checks. */
import type { Random } from '../../target/disk/types.js';
import { encodeAliasList } from '../../wire/scsi/aliases.js';
import { tokenCommand } from '../../wire/scsi/cdb-build.js';
import {
  encodeBlockSegment,
  encodeByteSegment,
  encodeImageSegment,
  encodeMoveSegment,
  encodeRegisterSegment,
  encodeVerifySegment,
} from '../../wire/scsi/copy-segments.js';
import { encodeAliasCscd, encodeCscd, encodePortalCscd, encodeRodCscd } from '../../wire/scsi/cscd.js';
import { type CopyListSpec, encodeCopyList, OWN_UNIT, TOKEN_CREATOR } from '../../wire/scsi/extended-copy.js';
import { encodeLun } from '../../wire/scsi/lun.js';
import { CopyOut, MaintenanceOut, Opcode } from '../../wire/scsi/opcodes.js';
import { encodePopulateRangeSegment, encodePopulateSegment } from '../../wire/scsi/rod-segments.js';
import { ROD_TOKEN_BYTES, RodType, zeroRodToken } from '../../wire/scsi/rod-token.js';
import { streamFormats } from '../../wire/scsi/stream-segments.js';
import { encodePopulateList, encodeWriteTokenList } from '../../wire/scsi/token-lists.js';

const LBAS = 4096;

const flag = (random: Random) => random.below(2) === 0;

function segment(random: Random): Buffer {
  const id = () => [0, 1, 1, 2, OWN_UNIT, OWN_UNIT, OWN_UNIT, random.below(65536)][random.below(8)]!;
  const ends = { source: id(), destination: id() };
  const lba = () => random.below(LBAS);
  const lbas = { ...ends, sourceLba: lba(), destinationLba: lba() };
  const flags = { destinationCount: flag(random), concatenate: flag(random), hold: flag(random) };
  const offsets = { sourceOffset: random.below(600), destinationOffset: random.below(600) };
  if (random.below(3) === 0) return streamSegment(random, () => ends);
  if (random.below(3) === 0) return populateSegment(random, id());
  const kinds = [
    () => encodeBlockSegment({ ...lbas, ...flags, blocks: random.below(LBAS) }),
    () => encodeByteSegment({ ...lbas, ...offsets, concatenate: flag(random), bytes: random.below(100_000) }),
    () => encodeImageSegment({ ...lbas, blocks: 1 + random.below(LBAS) }),
    () => encodeVerifySegment({ ...ends, testUnitReady: flag(random) }),
    () => encodeRegisterSegment({ ...ends, keys: random.bytes(16) }),
    () => encodeMoveSegment({ ...ends, list: random.bytes(random.below(300)) }),
  ];
  return kinds[random.below(random.below(4) === 0 ? kinds.length : 3)]!();
}

interface Ends {
  readonly source: number;
  readonly destination: number;
}

const EMBEDDED = 0x05;

/** Any of the descriptors with stream devices at an end, with numbers that are mostly small. @param endsOf by type code */
export function streamSegment(random: Random, endsOf: (type: number) => Ends): Buffer {
  const [type, { bytes, most }] = streamFormats[random.below(streamFormats.length)]!;
  const { source, destination } = endsOf(type);
  const data = Buffer.alloc(bytes + (most === undefined ? 0 : random.below(300)));
  data[0] = type;
  data[1] = random.below(2);
  data.writeUInt16BE(data.length - 4, 2);
  data.writeUInt16BE(source, 4);
  data.writeUInt16BE(destination, 6);
  for (let at = 8; at < data.length; at++) {
    const low = at === 11 || at === 15 || at === 19 || at === 23 || at === 27;
    if (low ? flag(random) : random.below(16) === 0) data[at] = random.below(flag(random) ? 256 : 8);
  }
  if (flag(random)) data.writeUIntBE(flag(random) ? 512 : random.below(70_000), 9, 3);
  if (type === EMBEDDED) data.writeUInt16BE(random.below(random.below(8) === 0 ? 65536 : data.length - 15), 12);
  return data;
}

function populateSegment(random: Random, destination: number): Buffer {
  const ends = { source: random.below(12) === 0 ? random.below(4) : OWN_UNIT, destination };
  const blocks = () => (random.below(16) === 0 ? 0xffffffff : random.below(200));
  if (flag(random)) return encodePopulateRangeSegment({ ...ends, lba: random.below(LBAS), blocks: blocks() });
  const ranges = list(random, random.below(20) === 0 ? 300 : 4, () => ({ lba: random.below(LBAS), blocks: blocks() }));
  return encodePopulateSegment({ ...ends, ranges });
}

/** Populated by segments, or of a token in the inline data; mostly right. */
export function randomRod(random: Random, tokenOffset: number): Buffer {
  const rarely = (value: number) => (random.below(10) === 0 ? value : 0);
  const ofToken = flag(random);
  const types = [RodType.pointInTimeDefault, RodType.pointInTimeVulnerable, RodType.pointInTimePersistent];
  const wantsToken = !ofToken && random.below(4) === 0;
  return encodeRodCscd({
    producer: random.below(10) === 0 ? random.below(65536) : ofToken && flag(random) ? TOKEN_CREATOR : OWN_UNIT,
    type: random.below(10) === 0 ? random.below(2 ** 32) : ofToken ? RodType.ofToken : types[random.below(3)]!,
    lifetime: rarely(random.below(2 ** 32)),
    // Never for long: there would soon be as many as there can be.
    inactivityTimeout: wantsToken ? 1 : rarely(1),
    wantsToken,
    deleteToken: rarely(1) === 1 || (ofToken && random.below(6) === 0),
    tokenOffset: ofToken ? tokenOffset + rarely(random.below(2000)) : rarely(4),
    deviceType: rarely(random.below(32)),
    pad: flag(random),
    blockLength: rarely(512),
  });
}

/** CSCDs that say where, not what: an alias, or a portal. */
function elsewhere(random: Random): Buffer {
  const device = { pad: flag(random), blockLength: 0, lun: encodeLun(random.below(4)) };
  if (flag(random)) return encodeAliasCscd({ ...device, alias: Buffer.alloc(8, random.below(3)) });
  const address = flag(random) ? Buffer.from([127, 0, 0, 1]) : Buffer.from([...Buffer.alloc(15), 1]);
  return encodePortalCscd({ ...device, address, port: random.below(65536), protocol: 6 });
}

const list = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: random.below(most + 1) }, make);

/** A list, and the CDB that goes with it. @param disk and `tape`: NAA identifiers of logical units of the array */
export function randomCopy(
  random: Random,
  disk: Buffer,
  tape: Buffer,
): { readonly cdb: Buffer; readonly list: Buffer } {
  const format = flag(random) ? 'lid1' : 'lid4';
  const named = () => {
    const stream = random.below(3) === 0;
    return encodeCscd({
      deviceType: stream !== (random.below(12) === 0) ? 1 : 0,
      fixed: stream && flag(random),
      codeSet: 1,
      association: 0,
      designatorType: 3,
      designator: random.below(6) === 0 ? random.bytes(random.below(21)) : stream ? tape : disk,
      pad: flag(random),
      blockLength: random.below(3) === 0 ? 512 : 0,
    });
  };
  const inline = random.bytes(random.below(4) === 0 ? random.below(9000) : random.below(40));
  if (inline.length > ROD_TOKEN_BYTES) zeroRodToken().copy(inline);
  const cscd = () => {
    if (random.below(4) === 0) return elsewhere(random);
    return random.below(3) === 0 ? randomRod(random, 0) : named();
  };
  const spec: CopyListSpec = {
    format,
    listId: random.below(4),
    listIdUsage: [0, 0, 2, 3][random.below(4)]!,
    priority: random.below(8),
    immediate: format === 'lid4' && flag(random),
    senseWithGood: random.below(4) === 0,
    cscds: list(random, random.below(20) === 0 ? 70 : 3, cscd),
    segments: list(random, random.below(20) === 0 ? 300 : 6, () => segment(random)),
    inline,
  };
  const bytes = encodeCopyList(spec);
  if (flag(random)) bytes[random.below(Math.min(bytes.length, 48))] = random.below(256);
  const cut = random.below(6) === 0 ? random.below(bytes.length) : bytes.length;
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.thirdPartyCopyOut;
  cdb[1] = format === 'lid1' ? 0 : 1;
  cdb.writeUInt32BE(random.below(8) === 0 ? random.below(20_000) : cut, 10);
  return { cdb, list: bytes.subarray(0, cut) };
}

/** POPULATE TOKEN or WRITE USING TOKEN, and its list. */
export function randomTokenCommand(random: Random): { readonly cdb: Buffer; readonly list: Buffer } {
  const populate = flag(random);
  const ranges = list(random, random.below(20) === 0 ? 300 : 5, () => ({
    lba: random.below(20) === 0 ? 2 ** 53 : random.below(LBAS),
    blocks: random.below(8) === 0 ? 0xffffffff : random.below(200),
  }));
  const immediate = flag(random);
  const types = [0x00800000, 0x00800001, 0x00800002, 0x0080ffff, 0xffff0001, random.below(2 ** 32)];
  const rodType = flag(random) ? null : types[random.below(types.length)]!;
  const token = random.below(3) === 0 ? random.bytes(ROD_TOKEN_BYTES) : zeroRodToken();
  const bytes = populate
    ? encodePopulateList({ immediate, inactivityTimeout: [1, 2, 90_000][random.below(3)]!, rodType, ranges })
    : encodeWriteTokenList({ immediate, deleteToken: flag(random), offset: random.below(300), token, ranges });
  if (flag(random)) bytes[random.below(bytes.length)] = random.below(256);
  const cut = random.below(6) === 0 ? random.below(bytes.length) : bytes.length;
  const length = random.below(8) === 0 ? random.below(20_000) : cut;
  const cdb = tokenCommand(populate ? CopyOut.populateToken : CopyOut.writeUsingToken, random.below(4), length);
  return { cdb, list: bytes.subarray(0, cut) };
}

/** CHANGE ALIASES: names of a target and of nobody, additions and removals, bent. */
export function randomAliases(random: Random, target: string): { readonly cdb: Buffer; readonly list: Buffer } {
  const entries = list(random, random.below(20) === 0 ? 80 : 4, () => {
    const name = Buffer.from(`${flag(random) ? target : 'iqn.2026-11.example:nobody'}\0`);
    const removes = random.below(4) === 0;
    return {
      alias: Buffer.alloc(8, random.below(random.below(20) === 0 ? 256 : 3)).toString('hex'),
      protocol: removes ? 0x80 : 5,
      format: removes ? 0 : random.below(4),
      designation: removes ? Buffer.alloc(0) : Buffer.concat([name], Math.ceil(name.length / 4) * 4),
    };
  });
  const bytes = encodeAliasList(entries, 0);
  if (random.below(3) === 0) bytes[random.below(bytes.length)] = random.below(256);
  const cut = random.below(6) === 0 ? random.below(bytes.length) : bytes.length;
  const cdb = Buffer.from([Opcode.maintenanceOut, MaintenanceOut.changeAliases, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt32BE(random.below(8) === 0 ? random.below(100_000) : cut, 6);
  return { cdb: Buffer.concat([cdb], 16), list: bytes.subarray(0, cut) };
}

/** A command that asks for, or aborts, what `randomCopy` began. */
export function randomCopyQuery(random: Random): Buffer {
  const cdb = Buffer.alloc(16);
  const abort = random.below(5) === 0;
  cdb[0] = abort ? Opcode.thirdPartyCopyOut : Opcode.thirdPartyCopyIn;
  cdb[1] = abort ? 0x1c : random.below(9);
  if (abort || cdb[1] > 4) cdb[5] = random.below(4);
  else cdb[2] = random.below(4);
  cdb.writeUInt32BE(random.below(2) === 0 ? random.below(200) : 70_000, 10);
  if (abort) cdb.fill(0, 6);
  return cdb;
}
