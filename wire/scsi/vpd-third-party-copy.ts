/**
 * Third-party Copy VPD page, 8Fh (SPC-5 7.8.17): after the page header, descriptors ascending by type, each
 * type 2 · length 2 · content, a multiple of four bytes long.
 *
 *   0001h  supported commands     list length 1 · per operation code: code 1 · count 1 · service actions
 *   0004h  parameter data         4 reserved · CSCD count 2 · segment count 2 · list length 4 · inline data 4 · …
 *   0008h  supported descriptors  list length 1 · type codes
 *   000Ch  supported CSCD IDs     list length 2 · IDs of 2 bytes, beyond 07FFh
 *   8001h  general copy           total concurrent copies 4 · identified ones 4 · segment length 4 · segment and
 *                                 inline data granularity (log 2) 1 + 1 · …
 *   C001h  held data              limit 4 · granularity (log 2) 1 · …
 *
 * Left out: what belongs to RODs (0000h, 0106h, 0108h) and streams (9101h).
 */
import type { CopyParameters } from './copy-results.js';
import { VpdPage } from './vpd.js';

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

function parameterData(parameters: CopyParameters): Buffer {
  const content = Buffer.alloc(28);
  content.writeUInt16BE(parameters.cscds, 4);
  content.writeUInt16BE(parameters.segments, 6);
  content.writeUInt32BE(parameters.descriptorBytes, 8);
  content.writeUInt32BE(parameters.inlineBytes, 12);
  return descriptor(0x0004, content);
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

function heldData(parameters: CopyParameters): Buffer {
  const content = Buffer.alloc(28);
  content.writeUInt32BE(parameters.heldBytes, 0);
  content[4] = parameters.heldGranularity;
  return descriptor(0xc001, content);
}

/** @param commands by operation code, ascending, as are their service actions */
export function thirdPartyCopyPage(
  device: number,
  commands: readonly SupportedActions[],
  parameters: CopyParameters,
  cscdIds: readonly number[],
): Buffer {
  const body = Buffer.concat([
    supportedCommands(commands),
    parameterData(parameters),
    descriptor(0x0008, Buffer.from([parameters.types.length, ...parameters.types])),
    supportedCscdIds(cscdIds),
    generalCopy(parameters),
    heldData(parameters),
  ]);
  const head = Buffer.from([device, VpdPage.thirdPartyCopy, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}
