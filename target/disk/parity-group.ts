import { type Geometry, type Level, levels } from './levels.js';
import type { DriveDone, DriveError, DriveExtent, DriveIo, ParityGroup } from './types.js';

/** Stripe units are multiples of this, so that a cache slot (16 KiB) lies on one drive. */
const STRIPE_GRAIN = 16 * 1024;
const DEFAULT_STRIPE_BYTES = 64 * 1024;

/**
 * Joins drives. The group fails an operation with the first error of any drive concerned.
 *
 * @param drives at least one; in a plain group of several, multiples of 16 KiB long
 * @param stripeBytes stripe unit of striped levels, a multiple of 16 KiB
 */
export function createParityGroup(
  name: string,
  level: ParityGroup['level'],
  drives: readonly DriveIo[],
  stripeBytes = DEFAULT_STRIPE_BYTES,
): ParityGroup {
  if (drives.length === 0) throw new RangeError(`parity group ${name} has no drive`);
  if (!Number.isSafeInteger(stripeBytes) || stripeBytes <= 0 || stripeBytes % STRIPE_GRAIN !== 0) {
    throw new RangeError(
      `parity group ${name}: stripe unit of ${stripeBytes} bytes, not a multiple of ${STRIPE_GRAIN}`,
    );
  }
  const ragged = drives.slice(0, -1).find((drive) => level === 'plain' && drive.bytes % STRIPE_GRAIN !== 0);
  if (ragged !== undefined) {
    throw new RangeError(`parity group ${name}: drive ${ragged.name} is not a multiple of ${STRIPE_GRAIN} bytes long`);
  }
  return new Group(name, level, drives, levels[level], { drives, stripeBytes });
}

/** The part of an operation that one drive does. */
interface DrivePart {
  readonly drive: DriveIo;
  readonly offset: number;
  bytes: number;
  readonly buffers: Buffer[];
}

class Group implements ParityGroup {
  readonly bytes: number;

  constructor(
    readonly name: string,
    readonly level: ParityGroup['level'],
    readonly drives: readonly DriveIo[],
    private readonly layout: Level,
    private readonly geometry: Geometry,
  ) {
    this.bytes = layout.capacity(geometry);
  }

  get failure(): DriveError | null {
    for (const drive of this.drives) if (drive.failure) return drive.failure;
    return null;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    if (this.#single) return this.drives[0]!.readNow(offset, buffers);
    for (const part of this.#parts(offset, total(buffers), buffers)) {
      if (!part.drive.readNow(part.offset, part.buffers)) return false;
    }
    return true;
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    if (this.#single) this.drives[0]!.read(offset, buffers, done);
    else {
      const parts = this.#parts(offset, total(buffers), buffers);
      inParallel(parts, (part, partDone) => part.drive.read(part.offset, part.buffers, partDone), done);
    }
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    if (this.#single) this.drives[0]!.write(offset, buffers, done);
    else {
      const parts = this.#parts(offset, total(buffers), buffers);
      inParallel(parts, (part, partDone) => part.drive.write(part.offset, part.buffers, partDone), done);
    }
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    const parts = this.#parts(offset, bytes, null);
    inParallel(parts, (part, partDone) => part.drive.punch(part.offset, part.bytes, partDone), done);
  }

  extents(offset: number, bytes: number): readonly DriveExtent[] {
    if (this.#single) return this.drives[0]!.extents(offset, bytes);
    const onDrive = new Map<DriveIo, ExtentCursor>();
    for (const part of this.#parts(offset, bytes, null)) {
      onDrive.set(part.drive, new ExtentCursor(part.drive.extents(part.offset, part.bytes)));
    }
    const joined = new ExtentJoiner(offset);
    this.layout.place(this.geometry, offset, bytes, (drive, _driveOffset, stretch) => {
      onDrive.get(this.drives[drive]!)!.take(stretch, joined);
    });
    return joined.extents;
  }

  sync(done: DriveDone): void {
    inParallel(this.drives, (drive, driveDone) => drive.sync(driveDone), done);
  }

  close(): void {
    for (const drive of this.drives) drive.close();
  }

  /** One drive of any level holds the group's bytes at the group's own offsets. */
  get #single(): boolean {
    return this.drives.length === 1;
  }

  /** What each drive does; a range of a group is one range on every drive that it touches. */
  #parts(offset: number, bytes: number, buffers: readonly Buffer[] | null): DrivePart[] {
    const parts: DrivePart[] = [];
    const byDrive: (DrivePart | undefined)[] = new Array(this.drives.length);
    const source = buffers === null ? null : new BufferCursor(buffers);
    this.layout.place(this.geometry, offset, bytes, (drive, driveOffset, stretch) => {
      let part = byDrive[drive];
      if (part === undefined) {
        part = { drive: this.drives[drive]!, offset: driveOffset, bytes: 0, buffers: [] };
        byDrive[drive] = part;
        parts.push(part);
      }
      part.bytes += stretch;
      source?.take(stretch, part.buffers);
    });
    return parts;
  }
}

/** Hands out the bytes of a buffer list in order. */
class BufferCursor {
  #index = 0;
  #used = 0;

  constructor(private readonly buffers: readonly Buffer[]) {}

  take(bytes: number, into: Buffer[]): void {
    for (let left = bytes; left > 0; ) {
      const buffer = this.buffers[this.#index]!;
      const step = Math.min(left, buffer.length - this.#used);
      if (step > 0) into.push(step === buffer.length ? buffer : buffer.subarray(this.#used, this.#used + step));
      this.#used += step;
      left -= step;
      if (this.#used === buffer.length) {
        this.#index++;
        this.#used = 0;
      }
    }
  }
}

/** Hands out one drive's extents in order. */
class ExtentCursor {
  #index = 0;
  #used = 0;

  constructor(private readonly extents: readonly DriveExtent[]) {}

  take(bytes: number, into: ExtentJoiner): void {
    for (let left = bytes; left > 0; ) {
      const extent = this.extents[this.#index]!;
      const step = Math.min(left, extent.bytes - this.#used);
      into.add(step, extent.allocated);
      this.#used += step;
      left -= step;
      if (this.#used === extent.bytes) {
        this.#index++;
        this.#used = 0;
      }
    }
  }
}

/** Puts stretches together again, joining neighbours of the same state. */
class ExtentJoiner {
  readonly extents: { offset: number; bytes: number; allocated: boolean }[] = [];
  #end: number;

  constructor(offset: number) {
    this.#end = offset;
  }

  add(bytes: number, allocated: boolean): void {
    const last = this.extents.at(-1);
    if (last?.allocated === allocated) last.bytes += bytes;
    else this.extents.push({ offset: this.#end, bytes, allocated });
    this.#end += bytes;
  }
}

/** Runs `start` for each; `done` hears the first error once all have ended. */
function inParallel<T>(items: readonly T[], start: (item: T, done: DriveDone) => void, done: DriveDone): void {
  if (items.length === 0) {
    done(null);
    return;
  }
  let left = items.length;
  let first: DriveError | null = null;
  for (const item of items) {
    start(item, (error) => {
      first ??= error;
      if (--left === 0) done(first);
    });
  }
}

function total(buffers: readonly Buffer[]): number {
  let bytes = 0;
  for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length;
  return bytes;
}
