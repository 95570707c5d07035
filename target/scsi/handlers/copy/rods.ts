/** What RODs and their tokens have of the logical unit that makes or uses them. */
import { encodeCscd } from '../../../../wire/scsi/cscd.js';
import { internalTargetFailure, type Sense } from '../../../../wire/scsi/sense.js';
import { Association, CodeSet, DesignatorType, encodeDesignator } from '../../../../wire/scsi/vpd.js';
import type { RodMeans } from '../../../copy/rod/copy-rods.js';
import type { TokenRequest } from '../../../copy/rod/rod-tokens.js';
import type { IoFailure } from '../../../volumes/block-layer.js';
import { senseOf } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { capacityData } from '../block/capacity.js';
import { ownUnit } from './copy-targets.js';

/** Of the NAA identifier: what all LDEVs of an array have in common. */
const ARRAY_BYTES = 8;

/** Names the SCSI target device, that is the array: as its LDEVs, with nothing behind its own part. */
export function targetDescriptor({ ldev }: LogicalUnit): Buffer {
  const value = Buffer.concat([ldev.naa.subarray(0, ARRAY_BYTES)], ldev.naa.length);
  const { binary } = CodeSet;
  return encodeDesignator({ association: Association.targetDevice, codeSet: binary, type: DesignatorType.naa, value });
}

function creatorDescriptor({ ldev, blockSize }: LogicalUnit): Buffer {
  const names = { codeSet: CodeSet.binary, association: Association.logicalUnit, designatorType: DesignatorType.naa };
  return encodeCscd({ ...names, designator: ldev.naa, pad: false, blockLength: blockSize });
}

/** What tokens that a nexus has a logical unit make tell of both. */
export function tokenOrigin(
  unit: LogicalUnit,
  nexus: Nexus,
): Pick<TokenRequest, 'creator' | 'capacity' | 'target' | 'initiator'> {
  return {
    creator: creatorDescriptor(unit),
    capacity: capacityData(unit),
    target: targetDescriptor(unit),
    initiator: nexus.initiatorName,
  };
}

/** Of a token that could not be read. Where it was, on a logical unit that the sender need not be able to reach, is nothing to tell. */
export function senseOfTokenRead(failure: IoFailure): Sense {
  return failure.kind === 'medium-error' ? internalTargetFailure() : senseOf(failure);
}

/** For an EXTENDED COPY command that a nexus sent to a logical unit. */
export function rodMeans(unit: LogicalUnit, nexus: Nexus): RodMeans {
  const { ldev, neighbours } = unit;
  const { tokens } = neighbours;
  const reachable = () => ownUnit(unit, nexus) !== null;
  return { ldev, tokens, reachable, origin: () => tokenOrigin(unit, nexus), senseOf, senseOfTokenRead };
}
