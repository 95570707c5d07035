/**
 * ROD tokens that the array made, for the fuzzer: used as they are, bent, cut short, ended, behind other logical units
 * and by other I_T nexuses than those they were made by.
 */
import { pick, type Random } from '../../target/base/random.js';
import { ldevNaa } from '../../target/volumes/naming.js';
import { testUnitReady, thirdPartyCopyIn, thirdPartyCopyOut, tokenCommand } from '../../wire/scsi/cdb-build.js';
import { decodeAllRodTokens, decodeRodTokenInformation } from '../../wire/scsi/copy-results.js';
import { encodeBlockSegment, encodeImageSegment } from '../../wire/scsi/copy-segments.js';
import { encodeCopyList, OWN_UNIT } from '../../wire/scsi/extended-copy.js';
import { CopyIn, CopyOut } from '../../wire/scsi/opcodes.js';
import { encodePopulateSegment } from '../../wire/scsi/rod-segments.js';
import { EXTENDED_BYTES, encodeRodToken, ROD_TOKEN_BYTES, RodType, zeroRodToken } from '../../wire/scsi/rod-token.js';
import { encodePopulateList, encodeWriteTokenList } from '../../wire/scsi/token-lists.js';
import type { Case } from './cases.js';
import { randomRod } from './copy-lists.js';
import { RawInitiator } from './raw-initiator.js';

const LBAS = 4096;
const LUNS = 3;
const ALLOCATION = 8192;
/** Identifiers are used again while what they stand for goes on. */
const LIST_IDS = 4;
const ANSWER_MS = 300;
/** Longer than the shortest inactivity timeout. */
const EXPIRY_MS = 1100;

/** Tokens of the array that cases were given: with none, they try nothing that the other cases do not. */
export const received = { tokens: 0 };

const oneIn = (random: Random, n: number) => random.below(n) === 0;

/** As another array would make it. */
function foreignToken(random: Random): Buffer {
  return encodeRodToken({
    type: RodType.pointInTimePersistent,
    identifier: random.bytes(8),
    creator: random.bytes(32),
    bytes: 512 * random.below(LBAS),
    capacity: Buffer.alloc(64),
    target: ldevNaa('12345678', 1, 0),
    secret: random.bytes(EXTENDED_BYTES),
  });
}

/** Changes a few bytes, in the header and body rather than in the random numbers. */
function bend(random: Random, token: Buffer): Buffer {
  const bent = Buffer.from(token);
  for (let i = random.below(4); i >= 0; i--)
    bent[random.below(oneIn(random, 3) ? bent.length : 64)] = random.below(256);
  return bent;
}

function ranges(random: Random) {
  const most = 1 + random.below(4);
  const apart = Math.floor(LBAS / most);
  return Array.from({ length: most }, (_, i) => ({
    lba: i * apart + random.below(64),
    blocks: oneIn(random, 8) ? 0 : random.below(apart),
  }));
}

/** One session, and what its case has found out. */
class Holder {
  constructor(
    readonly initiator: RawInitiator,
    private readonly random: Random,
    private readonly found: Buffer[],
  ) {}

  /** Takes notice of unit attentions, so that what is asked next is answered. */
  async settle(): Promise<void> {
    for (let lun = 0; lun < LUNS; lun++) {
      for (let i = 0; i < 3; i++) await this.initiator.read(lun, testUnitReady(), 0, ANSWER_MS);
    }
  }

  private send(lun: number, cdb: Buffer, list: Buffer): void {
    this.initiator.sendPdu(this.initiator.commandPdu(lun, cdb, false, true, list.length), list);
  }

  /** POPULATE TOKEN, and RECEIVE ROD TOKEN INFORMATION for what it made. */
  async make(lun: number): Promise<void> {
    const { random } = this;
    const listId = random.below(LIST_IDS);
    // Never the default: tokens that live for minutes would soon be as many as there can be.
    const inactivityTimeout = pick(random, [1, 1, 2, 5, 90_000]);
    const rodType = pick(random, [null, RodType.pointInTimeVulnerable, RodType.pointInTimePersistent]);
    const list = encodePopulateList({
      immediate: oneIn(random, 2),
      inactivityTimeout,
      rodType,
      ranges: ranges(random),
    });
    this.send(lun, tokenCommand(CopyOut.populateToken, listId, list.length), list);
    await this.take(lun, listId);
  }

  /** WRITE USING TOKEN. */
  use(lun: number): void {
    const { random } = this;
    const whole = pick(random, this.found);
    const token = oneIn(random, 3) ? bend(random, whole) : whole;
    const flags = { immediate: oneIn(random, 2), deleteToken: oneIn(random, 6) };
    const offset = oneIn(random, 3) ? random.below(LBAS) : 0;
    const list = encodeWriteTokenList({ ...flags, offset, token, ranges: ranges(random) });
    const cut = oneIn(random, 8) ? list.subarray(0, random.below(list.length)) : list;
    const length = oneIn(random, 8) ? list.length : cut.length;
    this.send(lun, tokenCommand(CopyOut.writeUsingToken, random.below(LIST_IDS), length), cut);
  }

  /** EXTENDED COPY from what a token represents, and from blocks of its own that may become a token. */
  copy(lun: number): void {
    const { random } = this;
    const whole = pick(random, this.found);
    const token = oneIn(random, 3) ? bend(random, whole) : whole;
    const from = (source: number) => ({
      source,
      destination: OWN_UNIT,
      sourceLba: random.below(64),
      destinationLba: random.below(LBAS),
    });
    const flags = { destinationCount: oneIn(random, 2), concatenate: oneIn(random, 2), hold: oneIn(random, 4) };
    const list = encodeCopyList({
      format: 'lid1',
      listId: random.below(LIST_IDS),
      listIdUsage: 0,
      priority: random.below(8),
      immediate: false,
      senseWithGood: false,
      cscds: [randomRod(random, 0), randomRod(random, 0)],
      segments: [
        encodePopulateSegment({ source: OWN_UNIT, destination: random.below(2), ranges: ranges(random) }),
        encodeBlockSegment({ ...from(random.below(2)), ...flags, blocks: random.below(LBAS) }),
        encodeImageSegment({ ...from(random.below(2)), blocks: random.below(200) }),
      ].slice(random.below(2)),
      inline: token,
    });
    this.send(lun, thirdPartyCopyOut(CopyOut.extendedCopy1, list.length), list);
  }

  /** RECEIVE ROD TOKEN INFORMATION, of whatever made a token. */
  async take(lun: number, listId = this.random.below(LIST_IDS)): Promise<void> {
    const { random, initiator } = this;
    const cdb = thirdPartyCopyIn(CopyIn.rodTokenInformation, listId, oneIn(random, 6) ? random.below(600) : ALLOCATION);
    const told = decodeRodTokenInformation(await initiator.read(lun, cdb, ALLOCATION, ANSWER_MS));
    const tokens = told?.tokens ?? [];
    received.tokens += tokens.length;
    this.found.push(...tokens.map(({ token }) => token));
  }

  /** What is told of token commands, perhaps while they run. */
  async ask(lun: number): Promise<void> {
    const { random } = this;
    const action = pick(random, [CopyIn.status4, CopyIn.rodTokenInformation, CopyIn.allRodTokens]);
    const cdb = thirdPartyCopyIn(action, random.below(LIST_IDS), ALLOCATION);
    const data = await this.initiator.read(lun, cdb, ALLOCATION, ANSWER_MS);
    if (action !== CopyIn.allRodTokens) return;
    // A management token is a whole one cut short.
    for (const told of decodeAllRodTokens(data).slice(0, 2)) this.found.push(Buffer.concat([told], ROD_TOKEN_BYTES));
  }

  abort(lun: number): void {
    const cdb = thirdPartyCopyOut(CopyOut.abort, 0);
    cdb.writeUInt32BE(this.random.below(LIST_IDS), 2);
    this.initiator.sendPdu(this.initiator.commandPdu(lun, cdb, false, false, 0));
  }
}

export const tokens: Case = async (address, random) => {
  const found = [zeroRodToken(), foreignToken(random)];
  const holders: Holder[] = [];
  for (let i = 0; i < 2; i++) {
    const initiator = await RawInitiator.open(address);
    await initiator.login(address, [['InitialR2T', 'No']], `token-${random.below(2 ** 31)}`);
    holders.push(new Holder(initiator, random, found));
  }
  for (const holder of holders) await holder.settle();
  for (let i = 4 + random.below(28); i > 0; i--) {
    const holder = pick(random, holders);
    const lun = random.below(LUNS);
    const action = pick(random, [
      'make',
      'make',
      'use',
      'use',
      'use',
      'use',
      'copy',
      'copy',
      'take',
      'ask',
      'abort',
    ] as const);
    await holder[action](lun);
    if (oneIn(random, 4)) await holder.initiator.answer(20);
    if (oneIn(random, 60)) await new Promise((resolve) => setTimeout(resolve, EXPIRY_MS));
  }
  for (const { initiator } of holders) initiator.close();
};
