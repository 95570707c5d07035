import { ModePage, ModeSubpage } from '../../wire/scsi/mode-pages.js';
import { defineModePage, type ModePageDefinition, modePageDefinitions } from './mode-definitions.js';

/** Pages that tapes have as disks have them: control, its extension, informational exceptions. */
function shared(code: number, subpage: number = ModeSubpage.none): ModePageDefinition {
  return modePageDefinitions.find((one) => one.code === code && one.subpage === subpage)!;
}

/** The mode pages of a virtual tape (SSC-5 8.3), ascending by code and subpage. */
export const tapeModePageDefinitions: readonly ModePageDefinition[] = [
  // No retries: what is under the medium makes good what it can. Changeable: PER, which MRIE 3h goes by.
  defineModePage(ModePage.readWriteErrorRecovery, 0, 12, {}, { 2: 0x04 }),
  shared(ModePage.control),
  shared(ModePage.control, ModeSubpage.controlExtension),
  // DCC 0: nothing is compressed.
  defineModePage(ModePage.dataCompression, 0, 16, {}, {}),
  // LOIS: positions are told. EEG: ends of data are made. SEW 0: nothing is flushed at the early warning.
  defineModePage(ModePage.deviceConfiguration, 0, 16, { 8: 0x40, 10: 0x10 }, {}),
  shared(ModePage.informationalExceptions),
];
