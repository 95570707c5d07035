/**
 * REPORT IDENTIFYING INFORMATION parameter data (SPC-5 6.36).
 *
 *   information   reserved 2 · IDENTIFYING INFORMATION LENGTH 2 · information
 *   types (7Fh)   reserved 2 · length 2 · of each: TYPE (7:1) · reserved · MAXIMUM IDENTIFYING INFORMATION LENGTH 2
 *
 * SET IDENTIFYING INFORMATION sends the information alone.
 */

/** IDENTIFYING INFORMATION TYPE, bits 7 to 1 of byte 10 of the CDB. */
export const IdentifyingType = { peripheralDevice: 0x00, text: 0x02, supportedTypes: 0x7f } as const;

/** Types that can be set, with the longest information that each takes, in bytes. */
export const identifyingLimits: ReadonlyMap<number, number> = new Map([
  [IdentifyingType.peripheralDevice, 512],
  [IdentifyingType.text, 256],
]);

export function encodeIdentifyingInformation(information: Buffer): Buffer {
  const data = Buffer.alloc(4 + information.length);
  data.writeUInt16BE(information.length, 2);
  information.copy(data, 4);
  return data;
}

export function encodeIdentifyingTypes(): Buffer {
  const types = [...identifyingLimits].map(([type, limit]) => Buffer.from([type << 1, 0, limit >> 8, limit & 0xff]));
  return encodeIdentifyingInformation(Buffer.concat(types));
}
