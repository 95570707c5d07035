/** Looks at a whole stripe, and makes right what can be: its columns against their sums, its checks against the data. */
import { native } from '../../../native/index.js';
import { BLOCK_BYTES } from '../checksums/checksummed.js';
import { inSeries } from '../in-series.js';
import type { DriveDone, DriveError } from '../types.js';
import { has, type Mask } from './code.js';
import type { GroupCore } from './group-core.js';
import { mendColumn } from './mend-column.js';
import { type BadStretch, type Stretch, StripeContent } from './stripe-content.js';
import type { LoggedWrite } from './write-records.js';

/**
 * The stripe is locked. What stays bad is no error: it is one of those who read it.
 * @param trusted false: after an unclean end, in which the stripe may have been being written. Data counts then,
 *   whatever checks and sums say; checks of data that is missing are the best there is.
 * @param done hears whether something is still bad that has not been given up
 */
export function mendStripe(
  core: GroupCore,
  stripe: number,
  trusted: boolean,
  done: (error: DriveError | null, left: boolean) => void,
): void {
  const { layout } = core.parts;
  const content = new StripeContent(core, stripe, 0, layout.unit);
  const columns = Array.from({ length: layout.drives }, (_, column) => column);
  const { data } = layout.code;
  const mend = (column: number, ended: (error: null) => void): void => {
    if (content.bad(column).length === 0) ended(null);
    else mendColumn(content, column, trusted, () => ended(null));
  };
  const ended: DriveDone = (error) => {
    const left = columns.some((column) => content.bad(column).some(({ kind }) => kind !== 'lost'));
    done(error, left);
  };
  content.load(2 ** layout.drives - 1, () => {
    inSeries(columns.slice(0, data), mend, () => {
      const writes = rightChecks(content, trusted);
      core.issue(writes, (error) => {
        // What else is bad in checks stands for data that is missing.
        const mendChecks = (): void => inSeries(columns.slice(data), mend, ended);
        if (error !== null) ended(error);
        else if (trusted && writes.length > 0) core.syncOf(writes, mendChecks);
        else mendChecks();
      });
    });
  });
}

/** Checks that are not what the data says, by stretches in which all the data they depend on is known. */
function rightChecks(content: StripeContent, trusted: boolean): LoggedWrite[] {
  const { core, stripe, missing } = content;
  const { data, factors } = core.parts.layout.code;
  const writes: LoggedWrite[] = [];
  for (const { at, end, without } of content.segments()) {
    for (const [check, own] of factors.entries()) {
      const column = data + check;
      if (has(missing, column)) continue;
      const sources = [...own.keys()].filter((from) => own[from] !== 0);
      if (sources.some((from) => has(without, from))) {
        if (!trusted && core.mayLose && isLost(content, sources, at, end) && !isLost(content, [column], at, end)) {
          // Whether it was written along with the data nobody knows, and it cannot be made anew.
          writes.push({ ...core.logged(stripe, column, at, end, null), lost: true });
        }
        continue;
      }
      const right = Buffer.allocUnsafe(end - at);
      native.combine(
        [right],
        sources.map((from) => content.data(from, { at, end })),
        Uint8Array.from(sources, (from) => own[from]!),
      );
      for (const { from, to, bad } of wrongBlocks(content, column, { at, end }, right)) {
        if (trusted) core.blocks[bad === undefined ? 'checks' : 'mended'] += (to - from) / BLOCK_BYTES;
        if (trusted && bad?.kind === 'corrupt') {
          const { position, drive } = core.driveAt(stripe, column);
          core.parts.members.mended(position, drive, 1);
        }
        const data = right.subarray(from - at, to - at);
        writes.push(core.logged(stripe, column, from, to, data));
        content.mended(column, { at: from, end: to }, data);
      }
    }
  }
  return writes;
}

/** Runs of blocks of a check that are not `right`; either all of the stretch is bad, or nothing of it. */
function wrongBlocks(content: StripeContent, column: number, { at, end }: Stretch, right: Buffer) {
  const bad = content.bad(column).find((each) => each.at <= at && each.end >= end);
  if (bad !== undefined) return [{ from: at, to: end, bad }];
  const held = content.data(column, { at, end });
  const runs: { from: number; to: number; bad: BadStretch | undefined }[] = [];
  if (held.equals(right)) return runs;
  for (let from = at; from < end; from += BLOCK_BYTES) {
    const to = from + BLOCK_BYTES;
    if (held.compare(right, from - at, to - at, from - at, to - at) === 0) continue;
    const last = runs.at(-1);
    if (last?.to === from) last.to = to;
    else runs.push({ from, to, bad });
  }
  return runs;
}

function isLost(content: StripeContent, columns: readonly number[], at: number, end: number): boolean {
  let lost: Mask = 0;
  for (const column of columns) {
    if (content.bad(column).some((bad) => bad.kind === 'lost' && bad.at <= at && bad.end >= end)) lost |= 1 << column;
  }
  return lost !== 0;
}
