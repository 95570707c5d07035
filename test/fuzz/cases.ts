/**
 * The fuzzer's cases. Each kind opens its own connection, sends what its random source says, and goes away in
 * one way or another. A case is known by its seed alone.
 */
import { pick, type Random } from '../../target/base/random.js';
import { ldevNaa } from '../../target/volumes/naming.js';
import { BHS_BYTES } from '../../wire/iscsi/bhs.js';
import { encodeText, type TextPair } from '../../wire/iscsi/text.js';
import { cdbLengthOf, Opcode, StreamOpcode, VariableAction } from '../../wire/scsi/opcodes.js';
import { randomAliases, randomCopy, randomCopyQuery, randomTokenCommand } from './copy-lists.js';
import { type Address, RawInitiator } from './raw-initiator.js';
import { tapeCommands } from './tape-commands.js';
import { tapeCopies } from './tape-copies.js';
import { tokens } from './tokens.js';
import { unitSettings } from './unit-settings.js';

export type Case = (address: Address, random: Random) => Promise<void>;

const answerMs = 300;
/** Logical units of the array: see main.ts. */
const LUNS = 7;
const TAPE = 6;

/** Bytes that mean nothing, whole or in crumbs. */
const garbage: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  for (let i = random.below(6); i >= 0; i--) {
    initiator.send(random.bytes(random.below(4000)));
    if (random.below(2) === 0) await initiator.answer(5);
  }
  initiator.close();
};

const keyNames = [
  'InitiatorName',
  'TargetName',
  'SessionType',
  'AuthMethod',
  'CHAP_A',
  'CHAP_N',
  'CHAP_R',
  'CHAP_I',
  'CHAP_C',
  'HeaderDigest',
  'DataDigest',
  'MaxConnections',
  'InitialR2T',
  'ImmediateData',
  'MaxRecvDataSegmentLength',
  'MaxBurstLength',
  'FirstBurstLength',
  'DefaultTime2Wait',
  'DefaultTime2Retain',
  'MaxOutstandingR2T',
  'DataPDUInOrder',
  'DataSequenceInOrder',
  'ErrorRecoveryLevel',
  'SendTargets',
  'TargetAlias',
  'IFMarker',
  'TaskReporting',
  'iSCSIProtocolLevel',
  'X-com.example.fuzz',
];
const keyValues = [
  'Yes',
  'No',
  'None',
  'CRC32C',
  'CRC32C,None',
  'CHAP',
  'CHAP,None',
  '5',
  '7,5',
  '0',
  '1',
  '-1',
  '65536',
  '16777215',
  '16777216',
  '99999999999999999999',
  '0x',
  '0xzz',
  '0b////',
  '',
  'All',
  'Normal',
  'Discovery',
  'Reject',
  '1,2,3',
];

function randomText(random: Random, address: Address): Buffer {
  const pairs: TextPair[] = [
    ['InitiatorName', 'iqn.2026-11.example.fuzz:host'],
    ['TargetName', address.iqn],
  ];
  for (let i = random.below(12); i > 0; i--) {
    const value = random.below(6) === 0 ? random.bytes(random.below(300)).toString('latin1') : pick(random, keyValues);
    pairs.splice(random.below(pairs.length + 1), 0, [pick(random, keyNames), value]);
  }
  return encodeText(pairs);
}

/** Flips, cuts and swaps a few bytes. */
function mutate(random: Random, bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let i = random.below(4); i > 0 && out.length > 0; i--) out[random.below(out.length)] = random.below(256);
  return out;
}

/** Logins with every key, value, stage and flag in any order. */
const login: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  for (let i = random.below(5); i >= 0 && !initiator.closed; i--) {
    const bhs = initiator.loginPdu(random.below(4), random.below(4), random.below(2) === 0);
    initiator.sendPdu(random.below(3) === 0 ? mutate(random, bhs) : bhs, randomText(random, address));
    await initiator.answer(answerMs);
  }
  initiator.close();
};

/** After a proper login: PDUs of every opcode with random fields, lengths that lie, halves of PDUs. */
const pdus: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  await initiator.login(address);
  for (let i = random.below(12); i >= 0 && !initiator.closed; i--) {
    const bhs = random.bytes(BHS_BYTES);
    bhs[0] = random.below(3) === 0 ? random.below(256) : pick(random, [0, 1, 2, 3, 4, 5, 6, 0x10, 0x40, 0x41, 0x44]);
    bhs[4] = random.below(6) === 0 ? random.below(256) : 0;
    if (random.below(2) === 0) bhs.writeUInt32BE(initiator.cmdSn++, 24);
    if (random.below(2) === 0) bhs.writeUInt32BE(0xffffffff, 20);
    if (random.below(8) === 0) initiator.send(bhs);
    else initiator.sendPdu(bhs, random.bytes(random.below(3) === 0 ? random.below(70_000) : random.below(64)));
    if (random.below(2) === 0) await initiator.answer(20);
  }
  initiator.close();
};

const opcodes = [...Object.values(Opcode), ...Object.values(StreamOpcode)].filter(
  (value): value is Exclude<typeof value, string> => typeof value === 'number',
);
const smallNumbers = [0, 0, 1, 4, 8, 12, 16, 24, 32, 36, 64, 252, 255, 256, 512, 4096, 65535];

const NACA = 0x04;
const actions = Object.values(VariableAction);

/** One of 32 bytes whose fields are mostly small. */
function randomLongCdb(random: Random): Buffer {
  const cdb = Buffer.alloc(32);
  cdb[0] = Opcode.variableLength;
  cdb[7] = random.below(12) === 0 ? random.below(256) : cdb.length - 8;
  cdb[9] = random.below(12) === 0 ? random.below(256) : pick(random, actions);
  if (cdb[9] === VariableAction.orwrite32) {
    cdb[2] = random.below(3);
    cdb[3] = random.below(9);
  }
  cdb[10] = random.below(6) << 5;
  for (let i = random.below(6); i > 0; i--) cdb[10 + random.below(22)] = pick(random, smallNumbers) & 0xff;
  cdb[31] = random.below(20);
  return cdb;
}

/** A CDB of a known opcode whose fields are mostly small, so that many get past the first checks. */
function randomCdb(random: Random): Buffer {
  if (random.below(8) === 0) return randomLongCdb(random);
  const cdb = Buffer.alloc(16);
  cdb[0] = random.below(12) === 0 ? random.below(256) : pick(random, opcodes);
  for (let i = 1 + random.below(6); i > 0; i--) {
    const at = 1 + random.below(15);
    if (random.below(2) === 0) cdb[at] = random.below(256);
    else cdb[at] = pick(random, smallNumbers) & 0xff;
  }
  if (random.below(2) === 0) cdb[15] = 0;
  if (random.below(3) === 0) cdb[1] = random.below(32);
  if (random.below(4) === 0) cdb[(cdbLengthOf(cdb[0]!) ?? cdb.length) - 1] = NACA;
  return cdb;
}

/** Parameter lists: noise, zeros, or headers whose lengths nearly fit. */
function randomParameters(random: Random, bytes: number): Buffer {
  if (random.below(3) === 0) return random.bytes(bytes);
  const list = Buffer.alloc(bytes);
  for (let i = random.below(8); i > 0 && bytes > 0; i--)
    list[random.below(Math.min(bytes, 40))] = pick(random, smallNumbers) & 0xff;
  if (bytes >= 4 && random.below(2) === 0) list.writeUInt16BE(bytes - 2, 0);
  if (bytes >= 4 && random.below(2) === 0) list.writeUInt16BE(Math.max(bytes - 8, 0), 2);
  return list;
}

/** SIMPLE mostly; also what is reserved. */
const attributes = [1, 1, 1, 1, 0, 2, 3, 4, 4, 7];

/** Commands of every kind, with expected lengths and data that may or may not agree, and task management beside them. */
const cdbs: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  await initiator.login(address, random.below(2) === 0 ? [['InitialR2T', 'No']] : []);
  for (let i = random.below(30); i >= 0 && !initiator.closed; i--) {
    const write = random.below(2) === 0;
    const bytes = random.below(4) === 0 ? random.below(70_000) : pick(random, smallNumbers);
    const lun = random.below(10) === 0 ? random.below(256) : random.below(LUNS);
    if (random.below(12) === 0) {
      initiator.sendPdu(initiator.functionPdu(1 + random.below(9), lun, random.below(4)));
    }
    const attribute = pick(random, attributes);
    const bhs = initiator.commandPdu(lun, randomCdb(random), !write, write, bytes, { attribute });
    initiator.sendPdu(bhs, write ? randomParameters(random, Math.min(bytes, 8192)) : undefined);
    if (random.below(3) === 0) await initiator.answer(20);
  }
  await initiator.answer(50);
  initiator.close();
};

/** Connections that stop in the middle. */
const halves: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  if (random.below(2) === 0) await initiator.login(address);
  const cdb = Buffer.alloc(16);
  cdb[0] = Opcode.write10;
  cdb[8] = 128;
  const bhs = initiator.commandPdu(0, cdb, false, true, 65536, { final: random.below(2) === 0 });
  initiator.send(bhs.subarray(0, 1 + random.below(BHS_BYTES)));
  await initiator.answer(random.below(30));
  initiator.close();
};

/** Third-party copies within and between logical units, and tokens, asked for and aborted while they run. */
const copies: Case = async (address, random) => {
  const initiator = await RawInitiator.open(address);
  await initiator.login(address, [['InitialR2T', 'No']]);
  const serial = address.iqn.split(':')[1]!;
  for (let i = random.below(20); i >= 0 && !initiator.closed; i--) {
    const lun = pick(random, [0, 1, 2, TAPE]);
    if (random.below(3) === 0) {
      initiator.sendPdu(initiator.commandPdu(lun, randomCopyQuery(random), true, false, 70_000));
    } else {
      const id = random.below(4);
      const naa = (ldev: number) => ldevNaa(serial, ldev + 1, ldev);
      const kinds = [
        () => randomAliases(random, address.iqn),
        () => randomTokenCommand(random),
        () => randomCopy(random, naa(id), naa(TAPE)),
      ];
      const { cdb, list } = kinds[Math.min(random.below(6), 2)]!();
      initiator.sendPdu(initiator.commandPdu(lun, cdb, false, true, list.length), list);
    }
    if (random.below(2) === 0) await initiator.answer(20);
  }
  if (random.below(2) === 0) await initiator.answer(50);
  initiator.close();
};

export const cases: Readonly<Record<string, Case>> = {
  garbage,
  login,
  pdus,
  cdbs,
  halves,
  copies,
  tapeCopies,
  tapeCommands,
  tokens,
  unitSettings,
};
