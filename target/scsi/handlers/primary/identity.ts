import { asciiField } from '../../../../wire/scsi/inquiry.js';
import { Association, CodeSet, type Designator, DesignatorType, scsiNameValue } from '../../../../wire/scsi/vpd.js';
import type { Ldev } from '../../../volumes/model.js';

/** T10 VENDOR IDENTIFICATION. */
export const VENDOR = 'LUNARRAY';

/** PRODUCT IDENTIFICATION, by what the LDEV is for. */
export function productName(ldev: Ldev): string {
  if (ldev.attribute === 'command-device') return 'COMMAND DEVICE';
  if (ldev.attribute === 'journal') return 'JOURNAL';
  if (ldev.tape) return 'VIRTUAL TAPE';
  return ldev.thin ? 'THIN LDEV' : 'LDEV';
}

/** PRODUCT REVISION LEVEL: major and minor version, as four characters hold no more. */
export function revision(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** Designators of the logical unit itself, as VPD page 83h lists them and as CSCD descriptors name it. */
export function unitDesignators(ldev: Ldev): readonly Designator[] {
  const own = (type: number, codeSet: number, value: Buffer): Designator => ({
    association: Association.logicalUnit,
    codeSet,
    type,
    value,
  });
  const vendorName = Buffer.concat([
    asciiField(VENDOR, 8),
    asciiField(productName(ldev), 16),
    Buffer.from(ldev.serial),
  ]);
  return [
    own(DesignatorType.naa, CodeSet.binary, ldev.naa),
    own(DesignatorType.t10Vendor, CodeSet.ascii, vendorName),
    own(DesignatorType.scsiName, CodeSet.utf8, scsiNameValue(`naa.${ldev.naa.toString('hex')}`)),
  ];
}
