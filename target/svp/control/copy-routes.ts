import type { FastifyInstance } from 'fastify';
import { describeSense } from '../../../wire/scsi/additional-sense.js';
import { commandName } from '../../../wire/scsi/command-names.js';
import { Opcode } from '../../../wire/scsi/opcodes.js';
import { ldevName } from '../../volumes/model.js';
import type { ArrayView } from '../view.js';
import type { CopyReply } from './api.js';

export function copyRoutes(app: FastifyInstance, array: ArrayView): void {
  app.get('/copies', (): CopyReply[] =>
    [...array.units.units()].flatMap((unit) =>
      unit.copies.list().map((one) => ({
        ldev: ldevName(unit.ldev.id),
        initiator: one.issuer.initiatorName,
        listId: one.identified ? one.list.listId : null,
        command: commandName(Buffer.from([Opcode.thirdPartyCopyOut, one.serviceAction])),
        background: one.list.immediate,
        state: one.state,
        segmentsBegun: one.segments,
        segments: one.list.segments.length,
        bytes: one.bytes,
        holeBytes: one.holeBytes,
        seconds: one.tookNs / 1e9,
        error: one.sense === null ? null : describeSense(one.sense),
      })),
    ),
  );
}
