/** Mode parameters as an initiator reads them (SPC-5 7.5, SBC-4 6.5). */
import { decodeModeList, type ReceivedPage } from '../../wire/scsi/mode-pages.js';

/** What is known of a page: its name, and its flags as byte, bit and name. */
interface KnownPage {
  readonly name: string;
  readonly flags: readonly (readonly [number, number, string])[];
}

/** By page × 256 + subpage. */
const KNOWN: ReadonlyMap<number, KnownPage> = new Map([
  [
    0x0100,
    {
      name: 'read-write error recovery',
      flags: [
        [2, 7, 'AWRE'],
        [2, 6, 'ARRE'],
        [2, 2, 'PER'],
        [2, 1, 'DTE'],
        [2, 0, 'DCR'],
      ],
    },
  ],
  [0x0200, { name: 'disconnect-reconnect', flags: [] }],
  [
    0x0800,
    {
      name: 'caching',
      flags: [
        [2, 2, 'WCE'],
        [2, 0, 'RCD'],
        [12, 5, 'DRA'],
      ],
    },
  ],
  [
    0x0a00,
    {
      name: 'control',
      flags: [
        [2, 2, 'D_SENSE'],
        [2, 1, 'GLTSD'],
        [4, 3, 'SWP'],
        [5, 7, 'ATO'],
        [5, 6, 'TAS'],
        [5, 5, 'ATMPE'],
      ],
    },
  ],
  [0x0a01, { name: 'control extension', flags: [] }],
  [0x0a02, { name: 'application tag', flags: [] }],
  [0x1800, { name: 'protocol specific logical unit', flags: [] }],
  [0x1900, { name: 'protocol specific port', flags: [] }],
  [0x1a00, { name: 'power condition', flags: [] }],
  [
    0x1c00,
    {
      name: 'informational exceptions control',
      flags: [
        [2, 7, 'PERF'],
        [2, 3, 'DEXCPT'],
        [2, 2, 'TEST'],
        [2, 0, 'LOGERR'],
      ],
    },
  ],
  [0x1c02, { name: 'logical block provisioning', flags: [] }],
]);

/** A page in words. */
export interface ModePageData {
  readonly page: number;
  readonly subpage: number;
  readonly name: string;
  /** Names of the flags that are set. */
  readonly flags: readonly string[];
  readonly data: Buffer;
}

/** What MODE SENSE returned; null if it is malformed. */
export interface ModeData {
  readonly writeProtected: boolean;
  readonly dpoFua: boolean;
  readonly pages: readonly ModePageData[];
}

export function decodeMode(data: Buffer, tenByte: boolean): ModeData | null {
  if (data.length < (tenByte ? 8 : 4)) return null;
  const specific = data[tenByte ? 3 : 2]!;
  const list = decodeModeList(data, tenByte);
  if ('problem' in list) return null;
  return {
    writeProtected: (specific & 0x80) !== 0,
    dpoFua: (specific & 0x10) !== 0,
    pages: list.pages.map(describe),
  };
}

function describe({ code, subpage, data }: ReceivedPage): ModePageData {
  const known = KNOWN.get(code * 256 + subpage);
  const flags = (known?.flags ?? []).filter(([byte, bit]) => ((data[byte] ?? 0) & (1 << bit)) !== 0);
  const hex = (value: number) => `${value.toString(16).padStart(2, '0')}h`;
  return {
    page: code,
    subpage,
    name: known?.name ?? `page ${hex(code)}/${hex(subpage)}`,
    flags: flags.map(([, , name]) => name),
    data,
  };
}
