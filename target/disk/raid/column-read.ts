/** Reads of one drive that find out exactly which blocks cannot be had. */
import { BLOCK_BYTES } from '../checksums/checksummed.js';
import type { DriveError, DriveIo } from '../types.js';
import { GONE } from './members.js';
import type { BadStretch } from './stripe-content.js';

/**
 * Fills `data` as far as it can be read. What a drive refuses as a whole is asked for by halves, down to blocks.
 * @param failed told of the first error
 * @param give false: the drive is not to be asked again
 * @param done hears what is bad, in bytes from `offset` on, ascending
 */
export function readWhatCanBe(
  drive: DriveIo,
  offset: number,
  data: Buffer,
  failed: (error: DriveError) => void,
  give: () => boolean,
  done: (bad: readonly BadStretch[]) => void,
): void {
  const read = (at: number, end: number, first: boolean, ended: (bad: readonly BadStretch[]) => void): void => {
    drive.read(offset + at, [data.subarray(at, end)], (error) => {
      if (error === null) {
        ended([]);
        return;
      }
      if (first) failed(error);
      if (error.bad !== undefined) {
        ended(
          error.bad.map((bad) => {
            const from = bad.offset - offset;
            return { at: from, end: from + bad.bytes, kind: bad.lost ? 'lost' : 'corrupt', gone: false };
          }),
        );
        return;
      }
      const gone = GONE.has(error.kind) || !give();
      if (gone || end - at <= BLOCK_BYTES) {
        ended([{ at, end, kind: 'unreadable', gone }]);
        return;
      }
      const middle = at + Math.ceil((end - at) / BLOCK_BYTES / 2) * BLOCK_BYTES;
      read(at, middle, false, (left) => {
        read(middle, end, false, (right) => ended([...left, ...right]));
      });
    });
  };
  if (drive.readNow(offset, [data])) done([]);
  else read(0, data.length, true, done);
}
