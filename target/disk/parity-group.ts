import { groupExtents } from './group-extents.js';
import { inParallel } from './in-parallel.js';
import { type Geometry, type Level, levels, type Span } from './levels.js';
import { checkStripeUnit, DEFAULT_STRIPE_BYTES, STRIPE_GRAIN } from './stripe-unit.js';
import { totalBytes } from './total-bytes.js';
import type { DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite, ParityGroup } from './types.js';

/**
 * Joins drives. The group fails an operation with the first error of any drive concerned.
 *
 * @param drives at least one; in a plain group of several, multiples of 16 KiB long
 * @param stripeBytes stripe unit of striped levels, a multiple of 16 KiB
 */
export function createParityGroup(
  name: string,
  level: keyof typeof levels,
  drives: readonly DriveIo[],
  stripeBytes = DEFAULT_STRIPE_BYTES,
): ParityGroup {
  if (drives.length === 0) throw new RangeError(`parity group ${name} has no drive`);
  checkStripeUnit(name, stripeBytes);
  const ragged = drives.slice(0, -1).find((drive) => level === 'plain' && drive.bytes % STRIPE_GRAIN !== 0);
  if (ragged !== undefined) {
    throw new RangeError(`parity group ${name}: drive ${ragged.name} is not a multiple of ${STRIPE_GRAIN} bytes long`);
  }
  return new Group(name, level, drives, levels[level], { drives, stripeBytes });
}

/** The part of a transfer that one drive does. */
interface DrivePart {
  readonly drive: DriveIo;
  readonly offset: number;
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
    for (const part of this.#parts(offset, buffers)) {
      if (!part.drive.readNow(part.offset, part.buffers)) return false;
    }
    return true;
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    if (this.#single) this.drives[0]!.read(offset, buffers, done);
    else {
      const parts = this.#parts(offset, buffers);
      inParallel(parts, (part, partDone) => part.drive.read(part.offset, part.buffers, partDone), done);
    }
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    if (this.#single) this.drives[0]!.write(offset, buffers, done);
    else {
      const parts = this.#parts(offset, buffers);
      inParallel(parts, (part, partDone) => part.drive.write(part.offset, part.buffers, partDone), done);
    }
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    if (this.#single) {
      this.drives[0]!.writeMany(writes, done);
      return;
    }
    const byDrive = new Map<DriveIo, DriveWrite[]>();
    for (const { offset, buffers } of writes) {
      for (const part of this.#parts(offset, buffers)) {
        const own = byDrive.get(part.drive);
        if (own === undefined) byDrive.set(part.drive, [part]);
        else own.push(part);
      }
    }
    inParallel([...byDrive], ([drive, own], driveDone) => drive.writeMany(own, driveDone), done);
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    const spans = this.#spans(offset, bytes);
    inParallel(spans, ({ drive, span }, ended) => this.drives[drive]!.punch(span.offset, span.bytes, ended), done);
  }

  extents(offset: number, bytes: number, limit = Number.POSITIVE_INFINITY): readonly DriveExtent[] {
    if (this.#single) return this.drives[0]!.extents(offset, bytes, limit);
    const spans = this.#spans(offset, bytes);
    // Each drive its share, so that the work is bounded by the limit, however many there are.
    const share = Math.ceil(limit / spans.length) + 1;
    const parts = spans.map(({ drive, span }) => {
      return { drive, span, extents: this.drives[drive]!.extents(span.offset, span.bytes, share) };
    });
    return groupExtents(this.layout, this.geometry, parts, offset, bytes, limit);
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

  /** A range of a group is one range on every drive that it touches. */
  #spans(offset: number, bytes: number): { readonly drive: number; readonly span: Span }[] {
    const spans: { drive: number; span: Span }[] = [];
    for (let drive = 0; drive < this.drives.length; drive++) {
      const span = this.layout.span(this.geometry, drive, offset, bytes);
      if (span !== null) spans.push({ drive, span });
    }
    return spans;
  }

  /** What each drive does, with its share of the buffers. */
  #parts(offset: number, buffers: readonly Buffer[]): DrivePart[] {
    const parts: DrivePart[] = [];
    const byDrive: (DrivePart | undefined)[] = new Array(this.drives.length);
    const source = new BufferCursor(buffers);
    this.layout.place(this.geometry, offset, totalBytes(buffers), (drive, driveOffset, stretch) => {
      let part = byDrive[drive];
      if (part === undefined) {
        part = { drive: this.drives[drive]!, offset: driveOffset, buffers: [] };
        byDrive[drive] = part;
        parts.push(part);
      }
      source.take(stretch, part.buffers);
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
