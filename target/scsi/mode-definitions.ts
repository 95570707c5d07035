import { emptyPage, ModeBit, ModePage, ModeSubpage, QueueErrors } from '../../wire/scsi/mode-pages.js';
import { PowerConditionPage } from '../../wire/scsi/power-condition.js';
import { ReportingMethod } from './informational-exceptions.js';

/** A field whose value is not supported: byte in the page, most significant bit unless the field fills whole bytes. */
export interface BadField {
  readonly byte: number;
  readonly bit?: number;
}

/** A mode page that every block device here has: its values after manufacture and which bits may change. */
export interface ModePageDefinition {
  readonly code: number;
  readonly subpage: number;
  readonly defaults: Buffer;
  /** As MODE SENSE reports changeable values: ones where MODE SELECT may write. */
  readonly changeable: Buffer;
  /** Refuses values that the changeable bits could take but that mean nothing here. @param capacity in blocks */
  readonly check: ((page: Buffer, capacity: number) => BadField | null) | null;
}

type Bytes = Readonly<Record<number, number>>;

/** @param bytes of the page, header included; `defaults` and `changeable` by byte */
export function defineModePage(
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

const REPORTING_METHODS: ReadonlySet<number> = new Set(Object.values(ReportingMethod));

/** A test that is disabled, or a method that is not known. */
function badExceptionControl(page: Buffer): BadField | null {
  const { disableExceptions, testException } = ModeBit;
  const both = disableExceptions.mask | testException.mask;
  if ((page[testException.byte]! & both) === both) return { byte: testException.byte, bit: 2 };
  return REPORTING_METHODS.has(page[3]! & 0x0f) ? null : { byte: 3, bit: 3 };
}

/** QERR 10b is reserved. */
function badControl(page: Buffer): BadField | null {
  const { byte, mask, shift } = QueueErrors;
  return (page[byte]! & mask) >> shift === 0b10 ? { byte, bit: 2 } : null;
}

/** Ascending by code and subpage, as MODE SENSE returns them (SPC-5 6.13). */
export const modePageDefinitions: readonly ModePageDefinition[] = [
  // AWRE, ARRE: bad places of a drive are replaced without being asked. Changeable: PER, which MRIE 3h goes by;
  // hosts never see what redundancy has made good.
  defineModePage(ModePage.readWriteErrorRecovery, 0, 12, { 2: 0xc0 }, { 2: 0x04 }),
  // WCE.
  defineModePage(ModePage.caching, 0, 20, { 2: 0x04 }, { 2: 0x04 }),
  // TST 000b: one task set for all nexuses. QUEUE ALGORITHM MODIFIER 0: overlapping simple commands keep
  // their order. ATO: application tags are the hosts'. Extended self-test: one second. Changeable: TMF_ONLY, D_SENSE,
  // QERR, SWP, TAS.
  defineModePage(
    ModePage.control,
    0,
    12,
    { 5: 0x80, 11: 0x01 },
    { 2: 0x14, 3: QueueErrors.mask, 4: 0x08, 5: 0x40 },
    badControl,
  ),
  // TCMOS, SCSIP: the clock shows the machine's time until SET TIMESTAMP sets another. IALUAE: implicit asymmetric
  // access states.
  defineModePage(ModePage.control, ModeSubpage.controlExtension, 32, { 4: 0x07 }, {}),
  // Changeable: STANDBY_Z and its timer. Nothing is checked (CCF).
  defineModePage(
    ModePage.powerCondition,
    0,
    PowerConditionPage.bytes,
    { [PowerConditionPage.disabledChecksByte]: PowerConditionPage.disabledChecks },
    {
      [PowerConditionPage.standbyByte]: PowerConditionPage.standbyMask,
      8: 0xff,
      9: 0xff,
      10: 0xff,
      11: 0xff,
    },
  ),
  // MRIE 6h: told on request. Changeable: PERF (nothing here causes delays), EWASC (there is no condition for a
  // warning), DEXCPT, TEST, LOGERR (the log page tells of exceptions in any case), MRIE, INTERVAL TIMER, REPORT COUNT.
  defineModePage(
    ModePage.informationalExceptions,
    0,
    12,
    { 3: ReportingMethod.onRequest },
    { 2: 0x9d, 3: 0x0f, 4: 0xff, 5: 0xff, 6: 0xff, 7: 0xff, 8: 0xff, 9: 0xff, 10: 0xff, 11: 0xff },
    badExceptionControl,
  ),
  // No threshold can be armed: log page 0Ch tells the resources.
  defineModePage(ModePage.informationalExceptions, ModeSubpage.logicalBlockProvisioning, 16, {}, {}),
];
