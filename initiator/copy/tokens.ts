/** ROD tokens (SBC-4 4.28): has a target represent blocks by a token, and write them elsewhere without sending the data. */

import { randomInt } from 'node:crypto';
import { describeSense } from '../../wire/scsi/additional-sense.js';
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import { thirdPartyCopyIn, tokenCommand } from '../../wire/scsi/cdb-build.js';
import { CopyStatus, decodeAllRodTokens, decodeRodTokenInformation } from '../../wire/scsi/copy-results.js';
import { CopyIn, CopyOut } from '../../wire/scsi/opcodes.js';
import { encodePopulateList, encodeWriteTokenList } from '../../wire/scsi/token-lists.js';
import { ProtocolError } from '../errors.js';
import type { LogicalUnit } from '../logical-unit.js';

const ALLOCATION = 64 * 1024;
/** Between questions how far a write is, whatever the target proposes. */
const LONGEST_WAIT_MS = 500;

/** List identifiers are the I_T nexus' own: commands of one session at the same time need different ones. */
const newListId = () => randomInt(1, 2 ** 32);

async function information(unit: LogicalUnit, listId: number) {
  const cdb = thirdPartyCopyIn(CopyIn.rodTokenInformation, listId, ALLOCATION);
  const told = decodeRodTokenInformation((await unit.execute(cdb, { dataIn: ALLOCATION })).data);
  if (told === null) throw new ProtocolError('RECEIVE ROD TOKEN INFORMATION: the answer is cut short');
  return told;
}

/**
 * Makes a token of 512 bytes of a range as it is now.
 * @param inactivityTimeout seconds; 0: the target's default
 * @throws ProtocolError if the target made none; CheckCondition as it refuses
 */
export async function createToken(unit: LogicalUnit, range: BlockRange, inactivityTimeout: number): Promise<Buffer> {
  const listId = newListId();
  const dataOut = encodePopulateList({ immediate: false, inactivityTimeout, rodType: null, ranges: [range] });
  await unit.execute(tokenCommand(CopyOut.populateToken, listId, dataOut.length), { dataOut });
  const [made] = (await information(unit, listId)).tokens;
  if (made === undefined) throw new ProtocolError('POPULATE TOKEN: there is no token of 512 bytes to receive');
  return made.token;
}

export interface TokenWriteOptions {
  /** Into what the token represents, in blocks of the unit that is written to. */
  readonly offset: number;
  readonly deleteToken: boolean;
  /** Told of blocks written since it was told last. */
  readonly progress: (blocks: number) => void;
}

/** Writes to a range what a token represents, and waits for the end. @throws Error as the target's sense says */
export async function writeToken(
  unit: LogicalUnit,
  token: Buffer,
  range: BlockRange,
  { offset, deleteToken, progress }: TokenWriteOptions,
): Promise<void> {
  const listId = newListId();
  const dataOut = encodeWriteTokenList({ immediate: true, deleteToken, offset, token, ranges: [range] });
  await unit.execute(tokenCommand(CopyOut.writeUsingToken, listId, dataOut.length), { dataOut });
  for (let told = 0; ; ) {
    const { status } = await information(unit, listId);
    progress(status.bytes - told);
    told = status.bytes;
    if (status.status === CopyStatus.completed) return;
    const running = status.status === CopyStatus.foreground || status.status === CopyStatus.background;
    if (!running) {
      const cause = status.sense === null ? 'it was ended' : describeSense(status.sense);
      throw new Error(`WRITE USING TOKEN: ${cause}; ${told} of ${range.blocks} blocks are written`);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(status.updateDelay, LONGEST_WAIT_MS)));
  }
}

/** The beginnings, of 96 bytes, of the tokens made of a logical unit. */
export async function listTokens(unit: LogicalUnit): Promise<readonly Buffer[]> {
  const cdb = thirdPartyCopyIn(CopyIn.allRodTokens, 0, ALLOCATION);
  return decodeAllRodTokens((await unit.execute(cdb, { dataIn: ALLOCATION })).data);
}
