/** Copies to and from units whose blocks are not a power of two, as with 520 bytes. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { filePieces, streamPieces } from '../../../initiator/copy/pieces.js';
import { copyToUnit } from '../../../initiator/copy/to-unit.js';
import type { LogicalUnit } from '../../../initiator/logical-unit.js';

const BLOCK = 520;
const CHUNK = 500 * BLOCK;

/** Keeps what is written; refuses what is not whole blocks. */
class OddUnit {
  readonly blockSize = BLOCK;
  readonly data: Buffer;

  constructor(
    readonly blocks: number,
    private readonly deallocates: boolean,
  ) {
    this.data = Buffer.alloc(blocks * BLOCK, 0xee);
  }

  readCapacity = async () => ({ blocks: this.blocks, blockSize: BLOCK });
  provisioning = async () => ({ writeSame16Unmap: this.deallocates });

  async write(lba: number, data: Buffer): Promise<void> {
    if (!Number.isInteger(lba) || data.length % BLOCK !== 0) throw new Error(`${data.length} bytes at ${lba}`);
    data.copy(this.data, lba * BLOCK);
  }

  async writeSame(lba: number, blocks: number): Promise<void> {
    if (!Number.isInteger(lba) || !Number.isInteger(blocks)) throw new Error(`${blocks} blocks at ${lba}`);
    this.data.fill(0, lba * BLOCK, (lba + blocks) * BLOCK);
  }
}

function image(): Buffer {
  const data = Buffer.alloc(4000 * BLOCK + 77);
  data.fill(1, 0, 100_000);
  data.fill(2, 333_333, 333_400);
  data.fill(3, 1_900_000);
  return data;
}

for (const deallocates of [true, false]) {
  t.test(`a stream with runs of zeros, ${deallocates ? 'deallocated' : 'written'}`, async (t) => {
    const unit = new OddUnit(5000, deallocates);
    const data = image();
    await copyToUnit(unit as unknown as LogicalUnit, 7, streamPieces(Readable.from([data]), CHUNK, BLOCK), {
      depth: 4,
      chunkBytes: CHUNK,
      holes: 'unmap',
      detectZeros: true,
    });
    t.ok(unit.data.subarray(7 * BLOCK, 7 * BLOCK + data.length).equals(data));
  });
}

t.test('a file with a hole of more than 1 GiB is cut at whole blocks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lunctl-odd-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'file');
  const bytes = 3 * 2 ** 30;
  const fd = openSync(path, 'w');
  ftruncateSync(fd, bytes);
  writeSync(fd, 'end', bytes - 3);
  closeSync(fd);
  const file = await open(path);
  let at = 0;
  for await (const piece of filePieces(file, bytes, CHUNK, BLOCK)) {
    if (piece.at !== at || piece.bytes % BLOCK !== 0) t.fail(`${piece.bytes} bytes at ${piece.at}`);
    at += piece.bytes;
  }
  t.equal(at, Math.ceil(bytes / BLOCK) * BLOCK);
  await file.close();
});
