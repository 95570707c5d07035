/** Answers in words: label and value, by the command that asked. */

import { describeSense } from '../../wire/scsi/additional-sense.js';
import { BufferMode } from '../../wire/scsi/buffer-modes.js';
import { ErrorHistoryBuffer } from '../../wire/scsi/error-history.js';
import { Opcode, ServiceActionIn16 } from '../../wire/scsi/opcodes.js';
import { PersistentIn } from '../../wire/scsi/persistent-reservations.js';
import { decodeSense } from '../../wire/scsi/sense-codec.js';
import { VpdPage } from '../../wire/scsi/vpd.js';
import { type CapacityData, decodeCapacity10, decodeCapacity16, decodeLbaStatus, decodeLuns } from './block.js';
import { describeClientHistory, describeErrorHistory } from './error-history.js';
import { DEVICE_TYPES, decodeInquiry, VERSIONS } from './inquiry.js';
import { decodeMode } from './mode.js';
import { decodeFullStatus, decodeKeys, decodeReservation, persistentTypeName } from './persistent.js';
import {
  decodeBlockCharacteristics,
  decodeBlockLimits,
  decodeExtendedInquiry,
  decodeIdentification,
  decodeModePagePolicy,
  decodePorts,
  decodeProvisioning,
  decodeSerialNumber,
  decodeSupportedPages,
  type ExtendedInquiryData,
  VPD_PAGES,
} from './vpd.js';

/** Label and value. */
export type Row = readonly [string, string | number];

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
const hex = (value: number, digits = 2): string => `0x${value.toString(16).padStart(digits, '0')}`;
const keyHex = (key: bigint): string => `0x${key.toString(16).padStart(16, '0')}`;
/** 0 stands for "no limit told" in block limits. */
const limit = (value: number): string | number => (value === 0 ? 'not told' : value);

/** By BUFFER ID. */
const ERROR_HISTORY: Readonly<Record<number, (data: Buffer, deviceType: number | null) => Row[]>> = {
  [ErrorHistoryBuffer.records]: describeErrorHistory,
  [ErrorHistoryBuffer.clientReports]: describeClientHistory,
};

/**
 * Says what data mean that a CDB brought; null when that is not known here.
 * @param deviceType of the logical unit; null: not known
 */
export function describeAnswer(cdb: Buffer, data: Buffer, deviceType: number | null = null): Row[] | null {
  const describer = DESCRIBERS[cdb[0] ?? -1];
  return data.length === 0 ? null : (describer?.(cdb, data, deviceType) ?? null);
}

/** Says what a VPD page means; null when that is not known here. */
export function describeVpd(page: number, data: Buffer): Row[] | null {
  return PAGES[page]?.(data) ?? null;
}

type Describer = (cdb: Buffer, data: Buffer, deviceType: number | null) => Row[] | null;

const DESCRIBERS: Readonly<Record<number, Describer>> = {
  [Opcode.inquiry]: (cdb, data) => ((cdb[1]! & 1) === 0 ? describeInquiry(data) : describeVpd(cdb[2]!, data)),
  [Opcode.requestSense]: (_cdb, data) => {
    const sense = decodeSense(data);
    return sense && [['sense', describeSense(sense)]];
  },
  [Opcode.reportLuns]: (_cdb, data) => [['LUNs', decodeLuns(data).join(' ') || 'none']],
  [Opcode.readCapacity10]: (_cdb, data) => describeCapacity(decodeCapacity10(data)),
  [Opcode.serviceActionIn16]: (cdb, data) => {
    const action = cdb[1]! & 0x1f;
    if (action === ServiceActionIn16.readCapacity16) return describeCapacity(decodeCapacity16(data));
    if (action !== ServiceActionIn16.getLbaStatus) return null;
    return decodeLbaStatus(data).map((extent) => [
      `${extent.lba} to ${extent.lba + extent.blocks - 1}`,
      `${extent.state} (${extent.blocks} blocks)`,
    ]);
  },
  [Opcode.modeSense6]: (_cdb, data) => describeMode(data, false),
  [Opcode.modeSense10]: (_cdb, data) => describeMode(data, true),
  [Opcode.persistentReserveIn]: describePersistent,
  [Opcode.readBuffer]: (cdb, data, deviceType) =>
    (cdb[1]! & 0x1f) === BufferMode.errorHistory ? (ERROR_HISTORY[cdb[2]!]?.(data, deviceType) ?? null) : null,
};

export function describeInquiry(data: Buffer): Row[] {
  const inquiry = decodeInquiry(data);
  return [
    ['type', DEVICE_TYPES[inquiry.deviceType] ?? `type ${inquiry.deviceType}`],
    [
      'qualifier',
      ['connected', 'not connected', 'reserved', 'no unit possible'][inquiry.qualifier] ?? inquiry.qualifier,
    ],
    ['vendor', inquiry.vendor],
    ['product', inquiry.product],
    ['revision', inquiry.revision],
    ['version', VERSIONS[inquiry.version] ?? hex(inquiry.version)],
    ['removable', yesNo(inquiry.removable)],
    ['command queuing', yesNo(inquiry.commandQueuing)],
    ['port groups', ['none', 'implicit', 'explicit', 'implicit and explicit'][inquiry.targetPortGroups]!],
    ['third-party copy', yesNo(inquiry.thirdPartyCopy)],
    ['protection', yesNo(inquiry.protect)],
    ['multi-port', yesNo(inquiry.multiPort)],
    ['standards', inquiry.standards.map((code) => hex(code, 4)).join(' ') || 'none named'],
  ];
}

function checkedTags(extended: ExtendedInquiryData): string {
  const { guardChecked, applicationTagChecked, referenceTagChecked } = extended;
  const tags = { guard: guardChecked, 'application tag': applicationTagChecked, 'reference tag': referenceTagChecked };
  const names = Object.entries(tags).flatMap(([name, checked]) => (checked ? [name] : []));
  return names.join(', ') || 'nothing';
}

function markings({ writeUncorrectable, correctionDisable }: ExtendedInquiryData): string {
  const names = [...(writeUncorrectable ? ['WR_UNCOR'] : []), ...(correctionDisable ? ['COR_DIS'] : [])];
  return names.join(', ') || 'not told';
}

const PAGES: Readonly<Record<number, (data: Buffer) => Row[]>> = {
  [VpdPage.supportedPages]: (data) => decodeSupportedPages(data).map((page) => [hex(page), VPD_PAGES[page] ?? '']),
  [VpdPage.unitSerialNumber]: (data) => [['serial number', decodeSerialNumber(data)]],
  [VpdPage.deviceIdentification]: (data) =>
    decodeIdentification(data).map((one) => [`${one.association}: ${one.type}`, one.value]),
  [VpdPage.extendedInquiry]: (data) => {
    const extended = decodeExtendedInquiry(data);
    const attributes = { simple: extended.simple, ordered: extended.ordered, 'head of queue': extended.headOfQueue };
    const supported = Object.entries(attributes).filter(([, value]) => value);
    return [
      ['task attributes', supported.map(([name]) => name).join(', ') || 'none'],
      ['volatile cache', yesNo(extended.volatileCache)],
      ['blocks marked bad', markings(extended)],
      ['protection types', extended.protectionTypes.join(', ')],
      ['checked', checkedTags(extended)],
      ['longest sense data', limit(extended.maxSense)],
    ];
  },
  [VpdPage.modePagePolicy]: (data) =>
    decodeModePagePolicy(data).map(({ page, subpage, policy }) => [
      page === 0x3f && subpage === 0xff ? 'all other pages' : `page ${hex(page)} subpage ${hex(subpage)}`,
      policy,
    ]),
  [VpdPage.scsiPorts]: (data) =>
    decodePorts(data).map(({ relativePort, names }) => [`port ${relativePort}`, names.join(' ')]),
  [VpdPage.blockLimits]: (data) => {
    const limits = decodeBlockLimits(data);
    return [
      ['largest transfer', limit(limits.maxTransfer)],
      ['optimal transfer', limit(limits.optimalTransfer)],
      ['optimal granularity', limit(limits.optimalGranularity)],
      ['largest compare and write', limits.maxCompareAndWrite === 0 ? 'not supported' : limits.maxCompareAndWrite],
      ['largest write same', limit(limits.maxWriteSame)],
      ['largest unmap', limit(limits.maxUnmap)],
      ['unmap descriptors', limit(limits.maxUnmapDescriptors)],
      ['unmap granularity', limit(limits.optimalUnmapGranularity)],
      ['unmap alignment', limits.unmapAlignment ?? 'not told'],
      ['largest prefetch', limit(limits.maxPrefetch)],
    ];
  },
  [VpdPage.blockDeviceCharacteristics]: (data) => {
    const { rotationRate, fuaBehaviour, verifiesUnmapped } = decodeBlockCharacteristics(data);
    const rotation = rotationRate === 0 ? 'not told' : rotationRate === 1 ? 'none' : `${rotationRate} rpm`;
    return [
      ['rotation', rotation],
      ['FUAB', yesNo(fuaBehaviour)],
      ['VBULS', yesNo(verifiesUnmapped)],
    ];
  },
  [VpdPage.logicalBlockProvisioning]: (data) => {
    const provisioning = decodeProvisioning(data);
    return [
      ['type', provisioning.type],
      ['UNMAP', yesNo(provisioning.unmap)],
      ['WRITE SAME(16) unmaps', yesNo(provisioning.writeSame16Unmap)],
      ['WRITE SAME(10) unmaps', yesNo(provisioning.writeSame10Unmap)],
      ['unmapped reads', provisioning.readsZeros ? 'zeros' : 'not told'],
      ['anchors', yesNo(provisioning.anchor)],
    ];
  },
};

function describeCapacity(capacity: CapacityData | null): Row[] | null {
  return (
    capacity && [
      ['last block', capacity.blocks - 1],
      ['block size', capacity.blockSize],
      ['bytes', capacity.bytes],
      ['blocks per physical block', capacity.blocksPerPhysical],
      ['thin', yesNo(capacity.provisioningManaged)],
      ['unmapped reads', capacity.readsZeros ? 'zeros' : 'not told'],
    ]
  );
}

function describeMode(data: Buffer, tenByte: boolean): Row[] | null {
  const mode = decodeMode(data, tenByte);
  return (
    mode && [
      ['write protected', yesNo(mode.writeProtected)],
      ['DPO and FUA', yesNo(mode.dpoFua)],
      ...mode.pages.map((page): Row => [page.name, page.flags.join(' ') || 'no flags set']),
    ]
  );
}

function describePersistent(cdb: Buffer, data: Buffer): Row[] | null {
  switch (cdb[1]! & 0x1f) {
    case PersistentIn.readKeys: {
      const { generation, keys } = decodeKeys(data);
      return [['generation', generation], ...keys.map((key): Row => ['key', keyHex(key)])];
    }
    case PersistentIn.readReservation: {
      const { generation, reservation } = decodeReservation(data);
      const holder = reservation ? `${persistentTypeName(reservation.type)}, key ${keyHex(reservation.key)}` : 'none';
      return [
        ['generation', generation],
        ['reservation', holder],
      ];
    }
    case PersistentIn.readFullStatus: {
      const { generation, registrations } = decodeFullStatus(data);
      const rows = registrations.map(
        (one): Row => [keyHex(one.key), `${one.initiator}${one.holder ? ' (holder)' : ''}`],
      );
      return [['generation', generation], ...rows];
    }
    default:
      return null;
  }
}
