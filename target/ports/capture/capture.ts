/** One capture: what it takes, where it puts it, and how it stands. */
import {
  Direction,
  interfaceBlock,
  packetBlock,
  sectionHeader,
  statisticsBlock,
} from '../../../wire/capture/pcapng.js';
import type { Clock } from '../../base/clock.js';
import type { CaptureDisk } from './capture-disk.js';
import { CaptureFile, type FileLimits } from './capture-file.js';

export { Direction };

export interface CaptureOptions extends FileLimits {
  readonly path: string;
  /** Only connections of this port. */
  readonly port: string | null;
  /** Only connections of this initiator. */
  readonly initiator: string | null;
}

export interface CaptureInfo extends CaptureOptions {
  readonly id: string;
  /** Packets seen, and those that were left out because the disk could not follow. */
  readonly packets: number;
  readonly dropped: number;
  /** Bytes written, over all files. */
  readonly bytes: number;
}

export interface CaptureParts {
  readonly clock: Clock;
  readonly disk: CaptureDisk;
  /** Names of all ports: one interface each in the file. */
  readonly ports: readonly string[];
  readonly application: string;
}

/** Odd, so that 2³² connections begin apart; the golden ratio's, so that those close in time are far apart. */
const SPREAD = 0x9e3779b1;

export class Capture {
  readonly #wallNs: bigint;
  readonly #startedAt: number;
  #connections = 0;
  #file!: CaptureFile;

  private constructor(
    readonly id: string,
    readonly options: CaptureOptions,
    private readonly parts: CaptureParts,
  ) {
    this.#wallNs = BigInt(parts.clock.wall()) * 1_000_000n;
    this.#startedAt = parts.clock.now();
  }

  /**
   * @param failed called once when the files cannot be written any more
   * @throws the system's error: the file cannot be made
   */
  static async start(
    id: string,
    options: CaptureOptions,
    parts: CaptureParts,
    failed: (capture: Capture, error: Error) => void,
  ): Promise<Capture> {
    const capture = new Capture(id, options, parts);
    const preamble = Buffer.concat([sectionHeader(parts.application), ...parts.ports.map(interfaceBlock)]);
    capture.#file = await CaptureFile.create(options.path, options, parts.disk, preamble, (error) =>
      failed(capture, error),
    );
    return capture;
  }

  /**
   * Sequence number that the next connection begins with. They differ: Wireshark takes two connections between the same
   * ports for one with retransmissions else.
   */
  initialSequence(): number {
    return Math.imul(this.#connections++, SPREAD) >>> 0;
  }

  /** A block for a packet of a port that has just passed, with room for its `bytes` bytes at `PACKET_AT`. */
  block(port: string, direction: Direction, comment: string | null, bytes: number): Buffer {
    const number = this.parts.ports.indexOf(port);
    return packetBlock({ interface: number, time: this.#time(), direction, comment }, bytes);
  }

  /** Takes a block made by `block` and filled. */
  write(block: Buffer): void {
    this.#file.write(block);
  }

  /** Writes what has been seen and closes the file. */
  async stop(): Promise<void> {
    const { packets, dropped } = this.#file;
    await this.#file.end(statisticsBlock(0, this.#time(), packets, dropped));
  }

  info(): CaptureInfo {
    const { packets, dropped, bytes } = this.#file;
    return { id: this.id, ...this.options, packets, dropped, bytes };
  }

  /** Nanoseconds since 1970: the wall clock at the start, and what has passed since by the monotonic one. */
  #time(): bigint {
    return this.#wallNs + BigInt(Math.round(this.parts.clock.now() - this.#startedAt));
  }
}
