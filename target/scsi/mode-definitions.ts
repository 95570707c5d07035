import { emptyPage, ModePage, ModeSubpage } from '../../wire/scsi/mode-pages.js';

/** A field whose value is not supported: byte in the page, most significant bit of the field. */
export interface BadField {
  readonly byte: number;
  readonly bit: number;
}

/** A mode page that every block device here has: its values after manufacture and which bits may change. */
export interface ModePageDefinition {
  readonly code: number;
  readonly subpage: number;
  readonly defaults: Buffer;
  /** As MODE SENSE reports changeable values: ones where MODE SELECT may write. */
  readonly changeable: Buffer;
  /** Refuses values that the changeable bits could take but that mean nothing here. */
  readonly check: ((page: Buffer) => BadField | null) | null;
}

type Bytes = Readonly<Record<number, number>>;

function define(
  code: number,
  subpage: number,
  bytes: number,
  defaults: Bytes,
  changeable: Bytes,
  check: ModePageDefinition['check'] = null,
): ModePageDefinition {
  const fill = (values: Bytes) => {
    const page = emptyPage(code, subpage, bytes, true);
    for (const [at, value] of Object.entries(values)) page[Number(at)] = value;
    return page;
  };
  return { code, subpage, defaults: fill(defaults), changeable: fill(changeable), check };
}

/** Methods of reporting that are known: none, and only on request (nothing is ever reported). */
const REPORTING_METHODS = new Set([0x0, 0x6]);

/** Ascending by code and subpage, as MODE SENSE returns them (SPC-5 6.13). */
export const modePageDefinitions: readonly ModePageDefinition[] = [
  // AWRE, ARRE: bad places of a drive are replaced without being asked.
  define(ModePage.readWriteErrorRecovery, 0, 12, { 2: 0xc0 }, {}),
  // WCE.
  define(ModePage.caching, 0, 20, { 2: 0x04 }, { 2: 0x04 }),
  // TST 000b: one task set for all nexuses. QUEUE ALGORITHM MODIFIER 0: overlapping simple commands keep
  // their order. Extended self-test: one second. Changeable: D_SENSE, SWP, TAS.
  define(ModePage.control, 0, 12, { 11: 0x01 }, { 2: 0x04, 4: 0x08, 5: 0x40 }),
  // IALUAE: implicit asymmetric access states.
  define(ModePage.control, ModeSubpage.controlExtension, 32, { 4: 0x01 }, {}),
  // DEXCPT set. Changeable: EWASC, DEXCPT, MRIE; no exception condition ever occurs.
  define(ModePage.informationalExceptions, 0, 12, { 2: 0x08 }, { 2: 0x18, 3: 0x0f }, (page) =>
    REPORTING_METHODS.has(page[3]! & 0x0f) ? null : { byte: 3, bit: 3 },
  ),
];
