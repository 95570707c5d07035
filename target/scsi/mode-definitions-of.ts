/** Which mode pages an LDEV has, by what it is. */
import { ApplicationTagPage } from '../../wire/scsi/application-tags.js';
import { ModeBit, ModePage, ModeSubpage } from '../../wire/scsi/mode-pages.js';
import type { Ldev } from '../volumes/model.js';
import { badApplicationTags } from './application-tags.js';
import { defineModePage, type ModePageDefinition, modePageDefinitions } from './mode-definitions.js';
import { tapeModePageDefinitions } from './tape-mode-definitions.js';

/** Changeable: LAST, tag, address and count of each descriptor. As manufactured none counts. */
function applicationTagPage(): ModePageDefinition {
  const { bytes, firstDescriptor, descriptorBytes, last, lastMask, tag } = ApplicationTagPage;
  const changeable: Record<number, number> = {};
  for (let at = firstDescriptor; at < bytes; at += descriptorBytes) {
    changeable[at + last] = lastMask;
    for (let byte = tag; byte < descriptorBytes; byte++) changeable[at + byte] = 0xff;
  }
  return defineModePage(ModePage.control, ModeSubpage.applicationTag, bytes, {}, changeable, badApplicationTags);
}

/** With protection information the control page has ATMPE, and the page that it enables is there. */
function withApplicationTags(definitions: readonly ModePageDefinition[]): ModePageDefinition[] {
  const { byte, mask } = ModeBit.applicationTagPageEnabled;
  const isControl = ({ code }: ModePageDefinition) => code === ModePage.control;
  const after = definitions.findLastIndex(isControl) + 1;
  const control = definitions.map((definition) => {
    if (!isControl(definition) || definition.subpage !== ModeSubpage.none) return definition;
    const changeable = Buffer.from(definition.changeable);
    changeable[byte]! |= mask;
    return { ...definition, changeable };
  });
  return [...control.slice(0, after), applicationTagPage(), ...control.slice(after)];
}

const protectedModePageDefinitions: readonly ModePageDefinition[] = withApplicationTags(modePageDefinitions);

export function modePageDefinitionsOf({
  tape,
  protection = 0,
}: Pick<Ldev, 'tape' | 'protection'>): readonly ModePageDefinition[] {
  if (tape) return tapeModePageDefinitions;
  return protection === 0 ? modePageDefinitions : protectedModePageDefinitions;
}
