/** Segments that move no data: 07h, 14h and 15h (SPC-5 6.4.6.9, 6.4.6.17, 6.4.6.18). Data left over by others stays as it is. */
import { inquiry, persistentReserveOut, testUnitReady } from '../../wire/scsi/cdb-build.js';
import type { ReserveSegment, VerifySegment } from '../../wire/scsi/copy-segments.js';
import { STANDARD_INQUIRY_BYTES } from '../../wire/scsi/inquiry.js';
import { unreachableCopyTarget } from '../../wire/scsi/sense.js';
import type { CopyContext } from './copy-context.js';
import type { PieceDone } from './copy-steps.js';

/** 07h: whether the source can be reached; with TUR, whether it is ready. Of a ROD: whether its token is good. */
export function verify(context: CopyContext, segment: VerifySegment, done: PieceDone): void {
  const rod = context.rods.get(segment.source);
  if (rod !== null) {
    const where = { segment: segment.number, field: { inCdb: false, byte: rod.at } };
    done(rod.verify() ? null : unreachableCopyTarget(where));
    return;
  }
  const end = context.endPoint(segment, 'source', null);
  if ('key' in end) {
    done(end);
    return;
  }
  const cdb = segment.testUnitReady ? testUnitReady() : inquiry(null, STANDARD_INQUIRY_BYTES);
  context.send(segment, end, { cdb }, (failure, reply) => {
    reply?.release();
    done(failure);
  });
}

/** 14h and 15h: PERSISTENT RESERVE OUT with service action REGISTER, or REGISTER AND MOVE. */
export function reserve(context: CopyContext, segment: ReserveSegment, done: PieceDone): void {
  const end = context.endPoint(segment, 'destination', null);
  if ('key' in end) {
    done(end);
    return;
  }
  const { serviceAction, list } = segment;
  const cdb = persistentReserveOut(serviceAction, 0, list.length);
  context.send(segment, end, { cdb, data: [list] }, (failure, reply) => {
    reply?.release();
    done(failure);
  });
}
