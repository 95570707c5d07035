/**
 * Third-party Copy VPD page, 8Fh (SPC-5 7.8.17): after the page header, descriptors ascending by type, each
 * type 2 · length 2 · content, a multiple of four bytes long.
 *
 *   0000h  block device ROD limits  6 vendor specific · range descriptors 2 · inactivity timeout: maximum 4, default 4,
 *          seconds · maximum transfer 8 · optimal transfer 8, blocks
 *   0001h  supported commands     list length 1 · per operation code: code 1 · count 1 · service actions
 *   0004h  parameter data         4 reserved · CSCD count 2 · segment count 2 · list length 4 · inline data 4 · …
 *   0008h  supported descriptors  list length 1 · type codes
 *   000Ch  supported CSCD IDs     list length 2 · IDs of 2 bytes, beyond 07FFh
 *   0106h  ROD token features     remote tokens 1 · 11 reserved · lifetime: minimum 4, maximum 4 · maximum inactivity
 *          timeout 4 · 18 reserved · list length 2 · block ROD features, 48 bytes: device type 1 · 1 reserved · length 2 ·
 *          2 reserved · granularity 2 · bytes: maximum 8 · optimal 8, to a token 8, from a token 8 · 8 reserved
 *   0108h  supported ROD types    2 reserved · list length 2 · 64 bytes each: type 4 · ECPY_INT (7) TOKEN_IN (1) TOKEN_OUT (0) · …
 *   8001h  general copy           total concurrent copies 4 · identified ones 4 · segment length 4 · segment and
 *                                 inline data granularity (log 2) 1 + 1 · …
 *   9101h  stream copy           maximum stream device transfer size 4, bytes · …
 *   C001h  held data              limit 4 · granularity (log 2) 1 · …
 */
import { writeUint64 } from './cdb.js';
import type { CopyParameters } from './copy-results.js';
import { VpdPage } from './vpd.js';

const BLOCK_ROD_FEATURES = 48;
const ROD_TYPE_BYTES = 64;

export interface SupportedActions {
  readonly opcode: number;
  readonly serviceActions: readonly number[];
}

function descriptor(type: number, content: Buffer): Buffer {
  const length = Math.ceil(content.length / 4) * 4;
  const data = Buffer.alloc(4 + length);
  data.writeUInt16BE(type, 0);
  data.writeUInt16BE(length, 2);
  content.copy(data, 4);
  return data;
}

function supportedCommands(commands: readonly SupportedActions[]): Buffer {
  const list = commands.flatMap(({ opcode, serviceActions }) => [opcode, serviceActions.length, ...serviceActions]);
  return descriptor(0x0001, Buffer.from([list.length, ...list]));
}

/** A ROD type: whether EXTENDED COPY has RODs of it, and commands take and make such tokens. */
export interface RodTypeSupport {
  readonly type: number;
  readonly internal: boolean;
  readonly tokenIn: boolean;
  readonly tokenOut: boolean;
}

/** What RODs and tokens a copy manager has, makes and takes; times in seconds. */
export interface RodSupport {
  readonly blockSize: number;
  /** Range descriptors of one command. */
  readonly ranges: number;
  /** Represented by one token at most, and best. */
  readonly bytes: number;
  readonly optimalBytes: number;
  /** Blocks that a range is best a multiple of. */
  readonly granularity: number;
  readonly defaultInactivity: number;
  readonly maxInactivity: number;
  readonly minLifetime: number;
  readonly lifetime: number;
  /** Ascending. */
  readonly types: readonly RodTypeSupport[];
}

function rodLimits(rods: RodSupport): Buffer {
  const content = Buffer.alloc(32);
  content.writeUInt16BE(rods.ranges, 6);
  content.writeUInt32BE(rods.maxInactivity, 8);
  content.writeUInt32BE(rods.defaultInactivity, 12);
  writeUint64(content, rods.bytes / rods.blockSize, 16);
  writeUint64(content, rods.optimalBytes / rods.blockSize, 24);
  return descriptor(0x0000, content);
}

/** Tokens of this target device only (REMOTE TOKENS 0). */
function rodFeatures(rods: RodSupport): Buffer {
  const content = Buffer.alloc(44 + BLOCK_ROD_FEATURES);
  content.writeUInt32BE(rods.minLifetime, 12);
  content.writeUInt32BE(rods.lifetime, 16);
  content.writeUInt32BE(rods.maxInactivity, 20);
  content.writeUInt16BE(BLOCK_ROD_FEATURES, 42);
  const block = content.subarray(44);
  block.writeUInt16BE(BLOCK_ROD_FEATURES - 4, 2);
  block.writeUInt16BE(rods.granularity, 6);
  writeUint64(block, rods.bytes, 8);
  for (const at of [16, 24, 32]) writeUint64(block, rods.optimalBytes, at);
  return descriptor(0x0106, content);
}

function supportedRodTypes({ types }: RodSupport): Buffer {
  const content = Buffer.alloc(4 + types.length * ROD_TYPE_BYTES);
  content.writeUInt16BE(types.length * ROD_TYPE_BYTES, 2);
  types.forEach(({ type, internal, tokenIn, tokenOut }, index) => {
    const at = 4 + index * ROD_TYPE_BYTES;
    content.writeUInt32BE(type, at);
    content[at + 4] = (internal ? 0x80 : 0) | (tokenIn ? 0x02 : 0) | (tokenOut ? 0x01 : 0);
  });
  return descriptor(0x0108, content);
}

function parameterData(parameters: CopyParameters): Buffer {
  const content = Buffer.alloc(28);
  content.writeUInt16BE(parameters.cscds, 4);
  content.writeUInt16BE(parameters.segments, 6);
  content.writeUInt32BE(parameters.descriptorBytes, 8);
  content.writeUInt32BE(parameters.inlineBytes, 12);
  return descriptor(0x0004, content);
}

/** What OPERATING PARAMETERS do not tell. */
export interface StreamParameters {
  /** MAXIMUM STREAM DEVICE TRANSFER SIZE. */
  readonly streamBytes: number;
}

function supportedCscdIds(ids: readonly number[]): Buffer {
  const content = Buffer.alloc(2 + 2 * ids.length);
  content.writeUInt16BE(2 * ids.length, 0);
  ids.forEach((id, i) => {
    content.writeUInt16BE(id, 2 + 2 * i);
  });
  return descriptor(0x000c, content);
}

function generalCopy(parameters: CopyParameters): Buffer {
  const content = Buffer.alloc(32);
  content.writeUInt32BE(parameters.concurrent, 0);
  content.writeUInt32BE(parameters.identified, 4);
  content.writeUInt32BE(parameters.segmentBytes, 8);
  content[12] = parameters.segmentGranularity;
  return descriptor(0x8001, content);
}

function streamCopy({ streamBytes }: StreamParameters): Buffer {
  const content = Buffer.alloc(12);
  content.writeUInt32BE(streamBytes, 0);
  return descriptor(0x9101, content);
}

function heldData(parameters: CopyParameters): Buffer {
  const content = Buffer.alloc(28);
  content.writeUInt32BE(parameters.heldBytes, 0);
  content[4] = parameters.heldGranularity;
  return descriptor(0xc001, content);
}

/**
 * @param commands by operation code, ascending, as are their service actions
 * @param rods null: it has none
 */
export function thirdPartyCopyPage(
  device: number,
  commands: readonly SupportedActions[],
  parameters: CopyParameters & StreamParameters,
  cscdIds: readonly number[],
  rods: RodSupport | null,
): Buffer {
  const body = Buffer.concat([
    ...(rods === null ? [] : [rodLimits(rods)]),
    supportedCommands(commands),
    parameterData(parameters),
    descriptor(0x0008, Buffer.from([parameters.types.length, ...parameters.types])),
    supportedCscdIds(cscdIds),
    ...(rods === null ? [] : [rodFeatures(rods), supportedRodTypes(rods)]),
    generalCopy(parameters),
    streamCopy(parameters),
    heldData(parameters),
  ]);
  const head = Buffer.from([device, VpdPage.thirdPartyCopy, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}
