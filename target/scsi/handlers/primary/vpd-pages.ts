/** The VPD pages of logical units here, each a function of its logical unit and the asking nexus; by device type. */

import { OWN_UNIT, TOKEN_CREATOR } from '../../../../wire/scsi/extended-copy.js';
import { DeviceType } from '../../../../wire/scsi/inquiry.js';
import { ModePage, ModeSubpage } from '../../../../wire/scsi/mode-pages.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { powerConditionPage } from '../../../../wire/scsi/power-condition.js';
import {
  AfterErase,
  blockDeviceCharacteristicsPage,
  blockLimitsExtensionPage,
  blockLimitsPage,
  type Designator,
  deviceIdentificationPage,
  extendedInquiryPage,
  logicalBlockProvisioningPage,
  ModePagePolicy,
  managementNetworkAddressesPage,
  modePagePolicyPage,
  scsiPortsPage,
  sequentialCapabilitiesPage,
  supportedPagesPage,
  unitSerialNumberPage,
  VpdPage,
} from '../../../../wire/scsi/vpd.js';
import { thirdPartyCopyPage } from '../../../../wire/scsi/vpd-third-party-copy.js';
import { CopyLimits, TapeCopyLimits } from '../../../copy/copy-limits.js';
import { RodLimits, rodTypes } from '../../../copy/rod/rod-limits.js';
import { DEFAULT_KIND, mediumOf } from '../../../volumes/drive-kinds.js';
import { CHUNK_BYTES } from '../../../volumes/point-in-time/chunk-map.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { unitDesignators } from './identity.js';
import { ownPortDesignators, pathsTo, protocolOf, targetPortDesignator } from './ports.js';

type Page = (unit: LogicalUnit, nexus: Nexus) => Buffer;
type Pages = ReadonlyMap<number, Page>;

const DISK = DeviceType.directAccess;

function identification(unit: LogicalUnit, nexus: Nexus): Buffer {
  return deviceIdentificationPage(unit.deviceType, [...unitDesignators(unit.ldev), ...ownPortDesignators(nexus)]);
}

function thirdPartyCopy({ commands, blockSize, tape, deviceType }: LogicalUnit): Buffer {
  const actions = (opcode: number) => ({
    opcode,
    serviceActions: commands.rows
      .filter((row) => row.opcode === opcode)
      .map((row) => row.serviceAction!)
      .sort((a, b) => a - b),
  });
  const supported = [actions(Opcode.thirdPartyCopyOut), actions(Opcode.thirdPartyCopyIn)];
  if (tape !== null) return thirdPartyCopyPage(deviceType, supported, TapeCopyLimits, [OWN_UNIT], null);
  const granularity = CHUNK_BYTES / blockSize;
  const rods = { ...RodLimits, blockSize, granularity, types: rodTypes };
  return thirdPartyCopyPage(DISK, supported, CopyLimits, [TOKEN_CREATOR, OWN_UNIT], rods);
}

function scsiPorts(unit: LogicalUnit, nexus: Nexus): Buffer {
  const byPort = new Map<number, Designator[]>();
  for (const { port, group } of pathsTo(unit, nexus.initiatorName)) {
    const names = byPort.get(port.relativeId) ?? [];
    names.push(targetPortDesignator(group.target, port, protocolOf(nexus)));
    byPort.set(port.relativeId, names);
  }
  return scsiPortsPage(
    unit.deviceType,
    [...byPort].map(([relativeId, designators]) => ({ relativeId, designators })),
  );
}

function blockLimits(unit: LogicalUnit): Buffer {
  const blocks = (bytes: number) => bytes / unit.blockSize;
  const { thin } = unit.ldev;
  return blockLimitsPage(DISK, {
    writeSameNonZero: false,
    compareAndWrite: Limits.compareAndWriteBlocks,
    transferGranularity: blocks(Limits.transferGranularityBytes),
    transfer: blocks(Limits.transferBytes),
    optimalTransfer: blocks(Limits.optimalTransferBytes),
    prefetch: 0,
    unmap: thin ? blocks(Limits.unmapBytes) : 0,
    unmapDescriptors: thin ? Limits.unmapDescriptors : 0,
    unmapGranularity: thin ? unit.unmapGranularityBlocks : 0,
    unmapAlignment: 0,
    writeSame: Limits.writeSameBlocks,
    atomic: {
      transfer: unit.maxAtomicBlocks,
      alignment: 1,
      granularity: 1,
      transferWithBoundary: 0,
      boundary: 0,
    },
  });
}

function provisioning({ ldev, blockSize }: LogicalUnit): Buffer {
  return logicalBlockProvisioningPage(DISK, {
    thresholdExponent: ldev.thin ? Math.log2(Limits.thresholdSetBytes / blockSize) : 0,
    unmap: ldev.thin,
    writeSame16Unmap: ldev.thin,
    writeSame10Unmap: ldev.thin,
    readsZeros: ldev.thin,
    type: ldev.thin ? 2 : 0,
  });
}

const ALL_SHARED = { page: ModePage.all, subpage: ModeSubpage.all, policy: ModePagePolicy.shared };

/** Of every device type. */
const commonPages: readonly (readonly [number, Page])[] = [
  [VpdPage.supportedPages, (unit) => supportedPagesPage(unit.deviceType, [...vpdPagesOf(unit).keys()])],
  [VpdPage.unitSerialNumber, ({ ldev, deviceType }) => unitSerialNumberPage(deviceType, ldev.serial)],
  [VpdPage.deviceIdentification, identification],
  [
    VpdPage.managementNetworkAddresses,
    ({ surroundings, deviceType }) => managementNetworkAddressesPage(deviceType, surroundings.managementUrls()),
  ],
  [
    VpdPage.extendedInquiry,
    ({ deviceType }) =>
      extendedInquiryPage(deviceType, {
        protectionTypes: deviceType === DISK ? 0b111 : 0,
        protectionChecked: deviceType === DISK,
        uncheckedWhenWritten: deviceType === DISK,
        groupNumbers: false,
        priorities: false,
        headOfQueue: true,
        ordered: true,
        simple: true,
        writeUncorrectable: deviceType === DISK,
        correctionDisable: deviceType === DISK,
        // What the cache holds survives the process, but not the loss of the machine's power.
        volatileCache: true,
        attentionsClearedPerUnit: true,
        extendedSelfTestMinutes: 1,
        maximumSenseBytes: 0,
      }),
  ],
  [VpdPage.modePagePolicy, ({ deviceType }) => modePagePolicyPage(deviceType, [ALL_SHARED])],
  [VpdPage.scsiPorts, scsiPorts],
];

/** Ascending by code, as page 00h lists them. */
const diskPages: Pages = new Map<number, Page>([
  ...commonPages,
  [VpdPage.powerCondition, ({ deviceType }) => powerConditionPage(deviceType)],
  [VpdPage.thirdPartyCopy, thirdPartyCopy],
  [VpdPage.blockLimits, blockLimits],
  [
    VpdPage.blockDeviceCharacteristics,
    ({ ldev }) => {
      const medium = mediumOf(ldev.driveKind === undefined ? DEFAULT_KIND : ldev.driveKind);
      return blockDeviceCharacteristicsPage(DISK, {
        ...medium,
        afterBlockErase: ldev.thin ? AfterErase.reads : AfterErase.none,
        afterCryptographicErase: AfterErase.reads,
        fuaBehaviour: false,
        verifiesUnmapped: true,
      });
    },
  ],
  [VpdPage.logicalBlockProvisioning, provisioning],
  [
    VpdPage.blockLimitsExtension,
    ({ maxTransferBlocks }) =>
      blockLimitsExtensionPage(DISK, {
        rangeTransfer: maxTransferBlocks,
        descriptors: Limits.scatteredDescriptors,
        transfer: maxTransferBlocks,
      }),
  ],
]);

const tapePages: Pages = new Map<number, Page>([
  ...commonPages,
  [VpdPage.thirdPartyCopy, thirdPartyCopy],
  [VpdPage.sequentialCapabilities, ({ deviceType }) => sequentialCapabilitiesPage(deviceType)],
]);

export function vpdPagesOf({ tape }: LogicalUnit): Pages {
  return tape === null ? diskPages : tapePages;
}
