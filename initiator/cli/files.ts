/** Local files that copies read and write. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { streams } from '../../target/base/streams.js';
import { FileSink, type OutputSink, StreamSink } from '../copy/from-unit.js';
import { filePieces, type Piece, streamPieces } from '../copy/pieces.js';

/** The error with the file's name, which errors of reading and writing lack. */
export function named(error: unknown, path: string): unknown {
  if (error instanceof Error && (error as NodeJS.ErrnoException).path === undefined) {
    error.message += ` '${path}'`;
    (error as NodeJS.ErrnoException).path = path;
  }
  return error;
}

/** Where the data to write or compare come from. */
export interface Source {
  /** Null for a stream: known at its end. */
  readonly bytes: number | null;
  pieces(chunkBytes: number, blockSize: number): AsyncGenerator<Piece>;
  close(): Promise<void>;
}

/** Opens a file, block device or, for `-`, standard input. Rejects with the system's error. */
export async function openSource(path: string, input: Readable = streams().in): Promise<Source> {
  if (path === '-') return streamSource(input, 'standard input');
  const file = await open(path, 'r');
  const info = await file.stat();
  // Pipes have neither size nor holes.
  if (info.isFIFO() || info.isCharacterDevice()) {
    const stream = file.createReadStream();
    return streamSource(stream, path);
  }
  const bytes = info.isBlockDevice() ? await sizeOfDevice(file) : info.size;
  return {
    bytes,
    pieces: (chunkBytes, blockSize) => naming(path, filePieces(file, bytes, chunkBytes, blockSize)),
    close: () => file.close(),
  };
}

async function* naming(path: string, pieces: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
  try {
    yield* pieces;
  } catch (error) {
    throw named(error, path);
  }
}

function streamSource(stream: Readable, name: string): Source {
  return {
    bytes: null,
    pieces: (chunkBytes, blockSize) => naming(name, streamPieces(stream, chunkBytes, blockSize)),
    async close() {
      stream.destroy();
    },
  };
}

/** A block device tells its size to who seeks to its end; reading does the same in a few steps. */
async function sizeOfDevice(file: FileHandle): Promise<number> {
  const probe = Buffer.alloc(512);
  const readable = async (at: number) => (await file.read(probe, 0, 512, at)).bytesRead > 0;
  let high = 512;
  while (await readable(high)) high *= 2;
  let low = high / 2;
  while (high - low > 512) {
    const middle = low + Math.floor((high - low) / 1024) * 512;
    if (await readable(middle)) low = middle;
    else high = middle;
  }
  return high;
}

/** Where data read from a unit go. */
export interface Destination {
  readonly sink: OutputSink;
  close(): Promise<void>;
}

/** Makes or empties a file or, for `-`, takes standard output. Rejects with the system's error. */
export async function openDestination(path: string, output: Writable = streams().out): Promise<Destination> {
  if (path === '-') return { sink: new StreamSink(output), async close() {} };
  const file = await open(path, 'w');
  const info = await file.stat();
  return info.isFile() ? fileDestination(path, file) : streamDestination(path, file);
}

function fileDestination(path: string, file: FileHandle): Destination {
  const sink = new FileSink(file);
  const rethrow = (error: unknown) => {
    throw named(error, path);
  };
  return {
    sink: {
      reserve(at) {
        const deliver = sink.reserve(at);
        return (data) => deliver(data).catch(rethrow);
      },
      finish: (bytes) => sink.finish(bytes).catch(rethrow),
    },
    close: () => file.close().catch(rethrow),
  };
}

/** Pipes and devices. What they refuse shows later than what was written, with the next write or at the end. */
function streamDestination(path: string, file: FileHandle): Destination {
  const stream = file.createWriteStream();
  let failure: unknown = null;
  stream.on('error', (error) => {
    failure ??= named(error, path);
  });
  return {
    sink: new StreamSink(stream),
    close: () =>
      new Promise((resolve, reject) => {
        stream.end((error?: Error | null) => {
          const reason = failure ?? (error ? named(error, path) : null);
          if (reason === null) resolve();
          else reject(reason as Error);
        });
      }),
  };
}
