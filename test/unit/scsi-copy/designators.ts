import { inquiry } from '../../../wire/scsi/cdb-build.js';
import type { Designator } from '../../../wire/scsi/vpd.js';
import type { Host } from '../scsi-primary/rig.js';

/** What VPD page 83h lists. */
export function deviceIdentification(host: Host): Designator[] {
  const { data } = host.run(inquiry(0x83, 4096));
  const found: Designator[] = [];
  for (let at = 4; at < data.length; at += 4 + data[at + 3]!) {
    found.push({
      codeSet: data[at]! & 0x0f,
      association: (data[at + 1]! >> 4) & 0x03,
      type: data[at + 1]! & 0x0f,
      value: data.subarray(at + 4, at + 4 + data[at + 3]!),
    });
  }
  return found;
}
