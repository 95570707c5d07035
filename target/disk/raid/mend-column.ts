/** Puts right what is bad in a column, as far as anybody knows what is right. */
import { BLOCK_BYTES, isChecksummed } from '../checksums/checksummed.js';
import { inSeries } from '../in-series.js';
import type { BadRange, DriveDone, DriveWrite } from '../types.js';
import type { BadStretch, Stretch, StripeContent } from './stripe-content.js';

/** A block's place in the unit, and what it shall hold. */
interface Verdict {
  readonly at: number;
  readonly data: Buffer;
}

/**
 * Works bad stretches of a column, which has been read, out of the others, and writes them. A result is taken only if
 * nothing that the drive holds speaks against it: its own sum agrees or cannot be read, or its data is the same, and it
 * is the sum that is wrong. What has been mended survives loss of power; what stays bad stays so in `content`.
 *
 * @param trusted false: after an unclean end. Then data and sum may both be right and of different times, and data
 *   that nothing speaks against is as good as any.
 */
export function mendColumn(content: StripeContent, column: number, trusted: boolean, done: () => void): void {
  const { core, stripe } = content;
  const { position, drive } = core.driveAt(stripe, column);
  const base = stripe * core.parts.layout.unit;
  const verdicts: Verdict[] = [];
  /** Stretches that are not just unreadable. */
  let corrupt = 0;
  const judge = (bad: BadStretch, candidate: Buffer, lost: readonly Stretch[], wrong: readonly BadRange[]): void => {
    const before = verdicts.length;
    for (let at = bad.at; at < bad.end; at += BLOCK_BYTES) {
      const stretch = { at, end: at + BLOCK_BYTES };
      const solved = !lost.some((each) => each.at <= at && each.end > at);
      const found = wrong.find(({ offset, bytes }) => base + at >= offset && base + at < offset + bytes);
      const known = {
        solved: solved ? candidate.subarray(at - bad.at, at - bad.at + BLOCK_BYTES) : null,
        differs: found !== undefined && !found.lost,
        held: bad.kind === 'corrupt' ? content.data(column, stretch) : null,
      };
      const data = choose(known, bad.kind, trusted, core.parts.layout.code.mirrored);
      if (data !== null) verdicts.push({ at, data: Buffer.from(data) });
    }
    if (trusted && bad.kind === 'corrupt' && verdicts.length > before) corrupt++;
  };
  const work = (bad: BadStretch, ended: (error: null) => void): void => {
    content.solve(column, bad, (candidate, lost) => {
      if (!isChecksummed(drive)) {
        judge(bad, candidate, lost, []);
        ended(null);
        return;
      }
      drive.compare(base + bad.at, candidate, (error, wrong) => {
        // Sums that cannot be read speak against nothing: what the others give agrees with theirs.
        if (error === null || trusted) judge(bad, candidate, lost, wrong);
        ended(null);
      });
    });
  };
  inSeries(content.bad(column), work, () => {
    if (verdicts.length === 0) {
      done();
      return;
    }
    const finish: DriveDone = (error) => {
      if (error !== null) core.parts.members.writeFailed(position, drive, error);
      else if (trusted) {
        core.blocks.mended += verdicts.length;
        core.parts.members.mended(position, drive, corrupt);
      }
      // What is right is known even if the drive does not take it.
      for (const { at, data } of verdicts) content.mended(column, { at, end: at + BLOCK_BYTES }, data);
      done();
    };
    drive.writeMany(joined(verdicts, base), (error) => {
      // Were power lost while something else of the stripe is written, what is bad here could not be told from that; and
      // what a host has read of it would be another value afterwards.
      if (error === null) drive.sync(finish);
      else finish(error);
    });
  });
}

interface Known {
  /** Out of the others; null: they do not give it. */
  readonly solved: Buffer | null;
  /** The sum says that `solved` is not what was written. */
  readonly differs: boolean;
  /** What the drive holds, against its sum; null: nobody knows. */
  readonly held: Buffer | null;
}

/** What a block shall hold; null: nobody knows. */
function choose(
  { solved, differs, held }: Known,
  kind: BadStretch['kind'],
  trusted: boolean,
  mirrored: boolean,
): Buffer | null {
  if (solved !== null && (!differs || held?.equals(solved))) {
    // Checks that may be wrong give what was given up nobody's data.
    return trusted || kind === 'corrupt' ? solved : null;
  }
  if (trusted || held === null) return null;
  // A copy is right by its own sum, or it would not have been used.
  return mirrored && solved !== null ? solved : held;
}

/** Blocks ascending; those next to each other as one write. */
function joined(verdicts: readonly Verdict[], base: number): DriveWrite[] {
  const writes: { readonly offset: number; readonly buffers: Buffer[] }[] = [];
  let end = -1;
  for (const { at, data } of verdicts) {
    if (at === end) writes.at(-1)!.buffers.push(data);
    else writes.push({ offset: base + at, buffers: [data] });
    end = at + BLOCK_BYTES;
  }
  return writes;
}
