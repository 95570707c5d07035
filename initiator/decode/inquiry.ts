/** Standard INQUIRY data as an initiator reads it (SPC-5 6.6.2). */

export interface InquiryData {
  /** 0: a logical unit is there; 1: could be; 3: cannot. */
  readonly qualifier: number;
  readonly deviceType: number;
  readonly removable: boolean;
  readonly version: number;
  readonly responseFormat: number;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly targetPortGroups: number;
  readonly thirdPartyCopy: boolean;
  readonly protect: boolean;
  readonly multiPort: boolean;
  readonly commandQueuing: boolean;
  readonly normalAca: boolean;
  /** Version descriptors, without empty ones. */
  readonly standards: readonly number[];
}

/** Peripheral device types in words (SPC-5 table 150). */
export const DEVICE_TYPES: Readonly<Record<number, string>> = {
  0: 'disk',
  1: 'tape',
  3: 'processor',
  5: 'cd/dvd',
  7: 'optical memory',
  8: 'medium changer',
  12: 'storage array controller',
  13: 'enclosure',
  17: 'object storage',
  20: 'zoned disk',
  30: 'well known logical unit',
  31: 'no device',
};

/** VERSION in words. */
export const VERSIONS: Readonly<Record<number, string>> = {
  0: 'none claimed',
  3: 'SPC',
  4: 'SPC-2',
  5: 'SPC-3',
  6: 'SPC-4',
  7: 'SPC-5',
};

/** ASCII without the padding. */
export function asciiOf(data: Buffer, from: number, to: number): string {
  return data
    .toString('latin1', Math.min(from, data.length), Math.min(to, data.length))
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim();
}

/** Decodes what is there; fields past the end of short data read as zero. */
export function decodeInquiry(received: Buffer): InquiryData {
  const data = Buffer.concat([received, Buffer.alloc(Math.max(0, 96 - received.length))]);
  return {
    qualifier: data[0]! >> 5,
    deviceType: data[0]! & 0x1f,
    removable: (data[1]! & 0x80) !== 0,
    version: data[2]!,
    responseFormat: data[3]! & 0x0f,
    normalAca: (data[3]! & 0x20) !== 0,
    targetPortGroups: (data[5]! >> 4) & 3,
    thirdPartyCopy: (data[5]! & 0x08) !== 0,
    protect: (data[5]! & 0x01) !== 0,
    multiPort: (data[6]! & 0x10) !== 0,
    commandQueuing: (data[7]! & 0x02) !== 0,
    vendor: asciiOf(data, 8, 16),
    product: asciiOf(data, 16, 32),
    revision: asciiOf(data, 32, 36),
    standards: Array.from({ length: 8 }, (_, index) => data.readUInt16BE(58 + 2 * index)).filter((code) => code !== 0),
  };
}
