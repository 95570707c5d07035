import { ModeBit, ModePage, ModeSubpage, PageControl, QueueErrors } from '../../wire/scsi/mode-pages.js';
import { PowerConditionPage } from '../../wire/scsi/power-condition.js';
import type { Log } from '../base/log.js';
import type { Ldev } from '../volumes/model.js';
import { type ApplicationTags, applicationTagsOf } from './application-tags.js';
import type { ExceptionControl } from './informational-exceptions.js';
import type { LogicalUnit, ModeState } from './logical-unit.js';
import { type ModePageDefinition, modePageDefinitions } from './mode-definitions.js';
import { modePageDefinitionsOf } from './mode-definitions-of.js';

/** Where pages go that MODE SELECT saves; `UnitTables` of the configuration store is one. */
export interface ModeStore {
  /** Saved pages of an LDEV, without their headers. */
  modePages(ldev: number): readonly { readonly page: number; readonly subpage: number; readonly bytes: Buffer }[];
  /** Durable when it returns; throws if it cannot be. */
  saveModePages(
    ldev: number,
    pages: readonly { readonly page: number; readonly subpage: number; readonly bytes: Buffer }[],
  ): void;
}

/** One page of one logical unit. */
export class ModePageState {
  current: Buffer;
  saved: Buffer;

  constructor(readonly definition: ModePageDefinition) {
    this.current = Buffer.from(definition.defaults);
    this.saved = definition.defaults;
  }

  /** @param control PC field of MODE SENSE */
  values(control: number): Buffer {
    if (control === PageControl.changeable) return this.definition.changeable;
    if (control === PageControl.defaults) return this.definition.defaults;
    return control === PageControl.saved ? this.saved : this.current;
  }

  get headerBytes(): number {
    return this.definition.subpage === 0 ? 2 : 4;
  }

  /** These values as far as they may change, the rest as manufactured. @param bytes without the header */
  adopted(bytes: Buffer): Buffer {
    const { defaults, changeable } = this.definition;
    const values = Buffer.from(defaults);
    for (let i = this.headerBytes; i < values.length; i++) {
      const mask = changeable[i]!;
      values[i] = (values[i]! & ~mask) | (bytes[i - this.headerBytes]! & mask);
    }
    return values;
  }
}

/** The mode pages of one logical unit: shared by all nexuses (VPD page 87h says so). */
export class ModePages implements ModeState {
  /** Others after a format that changed what the LDEV has. */
  pages: readonly ModePageState[];
  /** What the hot path asks for, kept apart from the pages. */
  descriptorSense = false;
  softwareWriteProtect = false;
  /** TAS: tasks aborted by another nexus end with TASK ABORTED. */
  taskAbortedStatus = false;
  /** QERR: what becomes of other commands when one ends with CHECK CONDITION. */
  queueErrors: number = QueueErrors.resume;
  /** TMF_ONLY: during an ACA condition the faulted I_T nexus may send no commands at all. */
  functionsOnly = false;
  /** WCE is zero: nothing is answered from the cache. */
  writeThrough = false;
  exceptions!: ExceptionControl;
  onExceptionControl: (() => void) | null = null;
  standbyTimerMs: number | null = null;
  onPowerControl: (() => void) | null = null;
  applicationTags: ApplicationTags | null = null;

  /** @param store null: nothing is saved, and SP is refused */
  constructor(
    private readonly ldev: number,
    private readonly store: ModeStore | null,
    private readonly log: Log,
    definitions: readonly ModePageDefinition[] = modePageDefinitions,
  ) {
    this.pages = this.pagesOf(definitions);
    this.reset();
  }

  /** Values that there still is a place for stay as they are. */
  formatted(ldev: Ldev): void {
    const before = this.pages;
    this.pages = this.pagesOf(modePageDefinitionsOf(ldev));
    for (const page of this.pages) {
      const { code, subpage } = page.definition;
      const old = before.find(({ definition }) => definition.code === code && definition.subpage === subpage);
      page.current = old ? page.adopted(old.current.subarray(page.headerBytes)) : Buffer.from(page.saved);
    }
    this.derive();
  }

  /** Pages with the values that are saved. */
  private pagesOf(definitions: readonly ModePageDefinition[]): ModePageState[] {
    const saved = this.store?.modePages(this.ldev) ?? [];
    return definitions.map((definition) => {
      const page = new ModePageState(definition);
      const row = saved.find((one) => one.page === definition.code && one.subpage === definition.subpage);
      // Pages saved by a version with another layout are ignored, bits that may no longer change too.
      if (row && page.headerBytes + row.bytes.length === page.saved.length) page.saved = page.adopted(row.bytes);
      return page;
    });
  }

  get savable(): boolean {
    return this.store !== null;
  }

  find(code: number, subpage: number): ModePageState | null {
    return this.pages.find(({ definition }) => definition.code === code && definition.subpage === subpage) ?? null;
  }

  /**
   * Takes checked pages over, all or none.
   * @param save SP: they become the saved values too
   * @returns false if they could not be saved
   */
  change(changes: ReadonlyMap<ModePageState, Buffer>, save: boolean): boolean {
    if (save && !this.save(changes)) return false;
    for (const [page, values] of changes) {
      page.current = values;
      if (save) page.saved = saveable(page, values);
    }
    this.derive();
    if ([...changes.keys()].some(({ definition }) => CONTROLS_EXCEPTIONS.has(definition.code))) {
      this.onExceptionControl?.();
    }
    if ([...changes.keys()].some(({ definition }) => definition.code === ModePage.powerCondition))
      this.onPowerControl?.();
    return true;
  }

  /** Back to the saved values: a reset (SPC-5 5.10). */
  reset(): void {
    for (const page of this.pages) page.current = Buffer.from(page.saved);
    this.derive();
    this.onExceptionControl?.();
    this.onPowerControl?.();
  }

  private save(changes: ReadonlyMap<ModePageState, Buffer>): boolean {
    const rows = [...changes].map(([page, values]) => ({
      page: page.definition.code,
      subpage: page.definition.subpage,
      bytes: saveable(page, values).subarray(page.headerBytes),
    }));
    try {
      this.store?.saveModePages(this.ldev, rows);
      return this.store !== null;
    } catch (error) {
      this.log.error(`LDEV ${this.ldev}: mode pages not saved: ${(error as Error).message}`);
      return false;
    }
  }

  private derive(): void {
    const control = this.find(ModePage.control, 0)!.current;
    const caching = this.find(ModePage.caching, 0)?.current;
    const set = (page: Buffer, bit: { byte: number; mask: number }) => (page[bit.byte]! & bit.mask) !== 0;
    this.descriptorSense = set(control, ModeBit.descriptorSense);
    this.softwareWriteProtect = set(control, ModeBit.softwareWriteProtect);
    this.taskAbortedStatus = set(control, ModeBit.taskAbortedStatus);
    this.queueErrors = (control[QueueErrors.byte]! & QueueErrors.mask) >> QueueErrors.shift;
    this.functionsOnly = set(control, ModeBit.functionsOnly);
    this.writeThrough = caching !== undefined && !set(caching, ModeBit.writeCacheEnabled);
    const tags = this.find(ModePage.control, ModeSubpage.applicationTag)?.current;
    const tagsEnabled = tags !== undefined && set(control, ModeBit.applicationTagPageEnabled);
    this.applicationTags = tagsEnabled ? applicationTagsOf(tags) : null;
    this.standbyTimerMs = standbyTimer(this.find(ModePage.powerCondition, 0)?.current);
    const informational = this.find(ModePage.informationalExceptions, 0)!.current;
    const interval = informational.readUInt32BE(4);
    this.exceptions = {
      enabled: !set(informational, ModeBit.disableExceptions),
      test: set(informational, ModeBit.testException),
      method: informational[3]! & 0x0f,
      intervalMs: interval === 0 || interval === 0xffffffff ? null : Math.min(interval * 100, LONGEST_TIMER_MS),
      reports: informational.readUInt32BE(8),
      recoveredErrors: set(this.find(ModePage.readWriteErrorRecovery, 0)!.current, ModeBit.postError),
    };
  }
}

const CONTROLS_EXCEPTIONS: ReadonlySet<number> = new Set([
  ModePage.readWriteErrorRecovery,
  ModePage.informationalExceptions,
]);
/** 24 days: what a timer can be set to. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Null: the standby_z timer is disabled, as it is if it is zero. */
function standbyTimer(page: Buffer | undefined): number | null {
  const { standbyByte, standbyMask, standbyTimerByte } = PowerConditionPage;
  if (page === undefined || (page[standbyByte]! & standbyMask) === 0) return null;
  const tenths = page.readUInt32BE(standbyTimerByte);
  return tenths === 0 ? null : Math.min(tenths * 100, LONGEST_TIMER_MS);
}

/** The values as they are saved: TEST is a thing of the moment. */
function saveable({ definition }: ModePageState, values: Buffer): Buffer {
  const saved = Buffer.from(values);
  const { page, byte, mask } = ModeBit.testException;
  if (definition.code === page) saved[byte]! &= ~mask;
  return saved;
}

/** The mode pages of a logical unit, as handlers and the task set use them. */
export function modePagesOf(unit: LogicalUnit): ModePages {
  if (unit.modes instanceof ModePages) return unit.modes;
  throw new Error(`logical unit of LDEV ${unit.ldev.id} was made without mode pages`);
}
