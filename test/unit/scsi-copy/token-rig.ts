/** Logical units in memory that images can be made of, and the token commands as hosts send them. */
import { SimulatedClock } from '../../../target/base/clock.js';
import { PreservingLayer } from '../../../target/volumes/layers/preserving.js';
import type { Ldev } from '../../../target/volumes/model.js';
import { CHUNK_BYTES } from '../../../target/volumes/point-in-time/chunk-map.js';
import { Images } from '../../../target/volumes/point-in-time/images.js';
import { thirdPartyCopyIn, tokenCommand } from '../../../wire/scsi/cdb-build.js';
import { decodeAllRodTokens, decodeRodTokenInformation } from '../../../wire/scsi/copy-results.js';
import { CopyIn, CopyOut } from '../../../wire/scsi/opcodes.js';
import { encodePopulateList, encodeWriteTokenList } from '../../../wire/scsi/token-lists.js';
import { MemoryLayer } from '../scsi-block/harness.js';
import type { Host, Result, StartOptions } from '../scsi-primary/rig.js';
import { CopyRig, type UnitSpec } from './copy-rig.js';

const LONG_MS = 10_000;
const ALLOCATION = 4096;

/** Timers of 10 s and more run when a test lets that much time pass, and not when it waits for a command to end. */
class PatientClock extends SimulatedClock {
  #passed = 0;
  #timers: { at: number; run: () => void }[] = [];

  override now(): number {
    return super.now() + this.#passed * 1e6;
  }

  override setTimeout(run: () => void, ms: number): { cancel(): void } {
    if (ms < LONG_MS) return super.setTimeout(run, ms);
    const timer = { at: this.#passed + ms, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      },
    };
  }

  pass(seconds: number): void {
    this.#passed += seconds * 1000;
    const due = this.#timers.filter(({ at }) => at <= this.#passed);
    this.#timers = this.#timers.filter(({ at }) => at > this.#passed);
    for (const { run } of due) run();
  }
}

export class TokenRig extends CopyRig {
  declare readonly clock: PatientClock;
  readonly images: Images[] = [];
  /** Whether pools have room for old blocks. */
  room = true;

  constructor(units?: readonly UnitSpec[]) {
    super(units, { clock: new PatientClock() });
    for (const [id, ldev] of this.ldevs) this.ldevs.set(id, this.withImages(ldev, this.layers[id]!));
  }

  private withImages(ldev: Ldev, layer: MemoryLayer): Ldev {
    const { blockSize } = ldev;
    const rig = this;
    const images = new Images({
      below: () => layer,
      blockSize,
      blocks: () => ldev.blocks,
      marks: (lba, blocks) => ldev.marks.list(lba, blocks),
      openStore: () => ({
        layer: new MemoryLayer(
          Math.ceil((layer.blocks * blockSize) / CHUNK_BYTES) * (CHUNK_BYTES / blockSize),
          blockSize,
        ),
        chunks: Math.ceil((layer.blocks * blockSize) / CHUNK_BYTES),
        get hasRoom() {
          return rig.room;
        },
        remove: (done) => done(),
      }),
      clock: this.clock,
      changed: () => {},
    });
    this.images[ldev.id] = images;
    const preserving = new PreservingLayer(layer, images);
    return {
      ...ldev,
      get top() {
        return images.alive > 0 ? preserving : layer;
      },
      freeze: (ranges, onChange, lost) => images.freeze(ranges, onChange, lost),
      endImages: (cause, done) => images.discard(cause, done),
    };
  }
}

type Range = readonly [lba: number, blocks: number];
const rangesOf = (ranges: readonly Range[]) => ranges.map(([lba, blocks]) => ({ lba, blocks }));

export interface PopulateSpec {
  readonly listId?: number;
  readonly immediate?: boolean;
  readonly inactivityTimeout?: number;
  readonly rodType?: number | null;
}

export function populateList(ranges: readonly Range[], spec: PopulateSpec = {}): Buffer {
  const { immediate = false, inactivityTimeout = 0, rodType = null } = spec;
  return encodePopulateList({ immediate, inactivityTimeout, rodType, ranges: rangesOf(ranges) });
}

export function populate(
  host: Host,
  ranges: readonly Range[],
  spec: PopulateSpec = {},
  options: StartOptions = {},
): Result {
  const list = populateList(ranges, spec);
  return host.run(tokenCommand(CopyOut.populateToken, spec.listId ?? 1, list.length), list, options);
}

export function information(host: Host, listId = 1, options: StartOptions = {}) {
  const result = host.run(thirdPartyCopyIn(CopyIn.rodTokenInformation, listId, ALLOCATION), null, options);
  const { status, tokens = [] } = decodeRodTokenInformation(result.data) ?? {};
  return { result, status, tokens, token: tokens[0]?.token ?? null };
}

/** Makes a token and takes it. */
export function tokenFor(
  host: Host,
  ranges: readonly Range[],
  spec: PopulateSpec = {},
  options: StartOptions = {},
): Buffer {
  const { sense } = populate(host, ranges, spec, options);
  if (sense !== null) throw new Error(`no token: ${sense.name}`);
  return information(host, spec.listId ?? 1, options).token!;
}

export interface WriteSpec {
  readonly listId?: number;
  readonly immediate?: boolean;
  readonly deleteToken?: boolean;
  readonly offset?: number;
}

export function writeList(token: Buffer, ranges: readonly Range[], spec: WriteSpec = {}): Buffer {
  const { immediate = false, deleteToken = false, offset = 0 } = spec;
  return encodeWriteTokenList({ immediate, deleteToken, offset, token, ranges: rangesOf(ranges) });
}

export function writeCdb(list: Buffer, listId = 2): Buffer {
  return tokenCommand(CopyOut.writeUsingToken, listId, list.length);
}

/** By default to LUN 1. */
export function writeUsing(
  host: Host,
  token: Buffer,
  ranges: readonly Range[],
  spec: WriteSpec = {},
  options: StartOptions = { lun: 1 },
): Result {
  const list = writeList(token, ranges, spec);
  return host.run(writeCdb(list, spec.listId), list, options);
}

export function allTokens(host: Host, options: StartOptions = {}): readonly Buffer[] {
  return decodeAllRodTokens(host.run(thirdPartyCopyIn(CopyIn.allRodTokens, 0, ALLOCATION), null, options).data);
}
