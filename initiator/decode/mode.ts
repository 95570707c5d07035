/** Mode parameters as an initiator reads them (SPC-5 7.5, SBC-4 6.5). */
import { decodeModeList, type ReceivedPage } from '../../wire/scsi/mode-pages.js';

/** Pages in words, by page × 256 + subpage. */
const MODE_PAGES: Readonly<Record<number, string>> = {
  256: 'read-write error recovery',
  512: 'disconnect-reconnect',
  2048: 'caching',
  2560: 'control',
  2561: 'control extension',
  6144: 'protocol specific logical unit',
  6400: 'protocol specific port',
  6656: 'power condition',
  7168: 'informational exceptions control',
  7170: 'logical block provisioning',
};

/** A flag of a page: byte, bit, name. */
const FLAGS: Readonly<Record<number, readonly (readonly [number, number, string])[]>> = {
  256: [
    [2, 7, 'AWRE'],
    [2, 6, 'ARRE'],
    [2, 2, 'PER'],
    [2, 1, 'DTE'],
    [2, 0, 'DCR'],
  ],
  2048: [
    [2, 2, 'WCE'],
    [2, 0, 'RCD'],
    [12, 5, 'DRA'],
  ],
  2560: [
    [2, 2, 'D_SENSE'],
    [2, 1, 'GLTSD'],
    [4, 3, 'SWP'],
    [5, 6, 'TAS'],
    [5, 7, 'ATO'],
  ],
  7168: [
    [2, 7, 'PERF'],
    [2, 3, 'DEXCPT'],
    [2, 2, 'TEST'],
    [2, 0, 'LOGERR'],
  ],
};

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
  const id = code * 256 + subpage;
  const flags = (FLAGS[id] ?? []).filter(([byte, bit]) => ((data[byte] ?? 0) & (1 << bit)) !== 0);
  return {
    page: code,
    subpage,
    name: MODE_PAGES[id] ?? `page ${code.toString(16).padStart(2, '0')}h/${subpage.toString(16).padStart(2, '0')}h`,
    flags: flags.map(([, , name]) => name),
    data,
  };
}
