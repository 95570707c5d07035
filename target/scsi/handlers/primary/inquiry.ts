/** INQUIRY (SPC-5 6.6). */
import {
  DeviceType,
  encodeStandardInquiry,
  PeripheralQualifier,
  VersionDescriptor,
} from '../../../../wire/scsi/inquiry.js';
import { decodeWellKnownLun, REPORT_LUNS_WELL_KNOWN } from '../../../../wire/scsi/lun.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { deviceIdentificationPage, supportedPagesPage, VpdPage } from '../../../../wire/scsi/vpd.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';
import { productName, revision, VENDOR } from './identity.js';
import { ownPortDesignators } from './ports.js';
import { vpdPagesOf } from './vpd-pages.js';

const EVPD = 0x01;

/**
 * VERSION: SPC-4. The descriptors name SPC-5 and SBC-4 as well, but initiators that know SPC-4 as the newest
 * take a higher version for an error.
 */
const VERSION_SPC4 = 0x06;

/** The standards of the device type, the newest first. */
function commandSets(unit: LogicalUnit): readonly [number, number] {
  const { sbc4, sbc3, ssc5, ssc4 } = VersionDescriptor;
  return unit.tape === null ? [sbc4, sbc3] : [ssc5, ssc4];
}

function standard(unit: LogicalUnit, nexus: Nexus): Buffer {
  const { sam6, spc5, iscsi, fcp4, spc4 } = VersionDescriptor;
  const [newest, older] = commandSets(unit);
  return encodeStandardInquiry({
    qualifier: PeripheralQualifier.connected,
    deviceType: unit.deviceType,
    removable: unit.medium !== null,
    version: VERSION_SPC4,
    vendor: VENDOR,
    product: productName(unit.ldev),
    revision: revision(unit.surroundings.version),
    normalAca: true,
    hierarchical: true,
    targetPortGroups: 0b11,
    thirdPartyCopy: unit.commands.has(Opcode.thirdPartyCopyOut),
    protect: unit.tape === null,
    multiPort: unit.surroundings.ports().length > 1,
    commandQueuing: true,
    standards: [sam6, spc5, newest, nexus.transport === 'fc' ? fcp4 : iscsi, spc4, older],
  });
}

function inquiry(unit: LogicalUnit, task: Task): void {
  const { cdb, nexus } = task;
  const page = cdb[2]!;
  const allocation = cdb.readUInt16BE(3);
  if ((cdb[1]! & EVPD) === 0) {
    if (page !== 0) task.check(invalidFieldInCdb(2));
    else answer(task, standard(unit, nexus), allocation);
    return;
  }
  const build = vpdPagesOf(unit).get(page);
  if (build) answer(task, build(unit, nexus), allocation);
  else task.check(invalidFieldInCdb(2));
}

/**
 * To a LUN without a logical unit: peripheral qualifier 011b and device type 1Fh, which hosts read as
 * "nothing here" (SPC-5 6.6.2). The REPORT LUNS well-known logical unit answers as what it is.
 */
function inquiryWithoutUnit(task: Task): void {
  const { cdb, nexus, lun } = task;
  const wellKnown = decodeWellKnownLun(lun) === REPORT_LUNS_WELL_KNOWN;
  const qualifier = wellKnown ? PeripheralQualifier.connected : PeripheralQualifier.incapable;
  const deviceType = wellKnown ? DeviceType.wellKnown : DeviceType.none;
  const allocation = cdb.readUInt16BE(3);
  const page = cdb[2]!;
  if ((cdb[1]! & EVPD) !== 0) {
    const data = pageWithoutUnit((qualifier << 5) | deviceType, page, wellKnown ? nexus : null);
    if (data) answer(task, data, allocation);
    else task.check(invalidFieldInCdb(2));
    return;
  }
  if (page !== 0) {
    task.check(invalidFieldInCdb(2));
    return;
  }
  const data = encodeStandardInquiry({
    qualifier,
    deviceType,
    removable: false,
    version: VERSION_SPC4,
    vendor: VENDOR,
    product: wellKnown ? 'REPORT LUNS' : '',
    revision: '',
    normalAca: false,
    hierarchical: true,
    targetPortGroups: 0,
    thirdPartyCopy: false,
    protect: false,
    multiPort: false,
    commandQueuing: true,
    standards: [VersionDescriptor.sam6, VersionDescriptor.spc5],
  });
  answer(task, data, allocation);
}

/** @param nexus set for a well-known logical unit, which names its port */
function pageWithoutUnit(device: number, page: number, nexus: Nexus | null): Buffer | null {
  const pages = nexus ? [VpdPage.supportedPages, VpdPage.deviceIdentification] : [VpdPage.supportedPages];
  if (page === VpdPage.supportedPages) return supportedPagesPage(device, pages);
  if (page === VpdPage.deviceIdentification && nexus)
    return deviceIdentificationPage(device, ownPortDesignators(nexus));
  return null;
}

export const inquiryCommand: Command = defineCommand({
  name: 'INQUIRY',
  opcode: Opcode.inquiry,
  usage: [Opcode.inquiry, EVPD, 0xff, 0xff, 0xff, 0],
  conflict: 'inquire',
  whileSanitizing: 'always',
  reservation: Reservation.free,
  access: 'any',
  runsWhileFormatting: true,
  passesAttention: true,
  run: inquiry,
  withoutUnit: inquiryWithoutUnit,
});
