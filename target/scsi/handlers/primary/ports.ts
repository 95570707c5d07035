/** Names of target ports as designators (SPC-5 7.7.6), and which ports reach a logical unit. */
import { Protocol } from '../../../../wire/scsi/transport-id.js';
import {
  Association,
  CodeSet,
  type Designator,
  DesignatorType,
  numberValue,
  scsiNameValue,
} from '../../../../wire/scsi/vpd.js';
import type { HostGroup, TargetPort } from '../../../volumes/model.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';

/** TargetPortalGroupTag: each target has one portal group, its port. */
export const PORTAL_GROUP_TAG = 1;

/** iSCSI target port name (RFC 7143 4.2.7, SPC-5 7.7.6.11): `<iqn>,t,0x<tag>`. */
export function targetPortName(target: string): string {
  return `${target},t,0x${PORTAL_GROUP_TAG.toString(16).padStart(4, '0')}`;
}

export function protocolOf(nexus: Nexus): number {
  return nexus.transport === 'fc' ? Protocol.fibreChannel : Protocol.iscsi;
}

export function targetPortDesignator(target: string, protocol: number): Designator {
  return {
    association: Association.targetPort,
    codeSet: CodeSet.utf8,
    type: DesignatorType.scsiName,
    protocol,
    value: scsiNameValue(targetPortName(target)),
  };
}

/** What identifies the port through which a command came: numbers, port name, target name. */
export function ownPortDesignators(nexus: Nexus): readonly Designator[] {
  const protocol = protocolOf(nexus);
  const number = (type: number, value: number): Designator => ({
    association: Association.targetPort,
    codeSet: CodeSet.binary,
    type,
    protocol,
    value: numberValue(value),
  });
  return [
    number(DesignatorType.relativeTargetPort, nexus.port.relativeId),
    number(DesignatorType.targetPortGroup, nexus.port.portGroup),
    targetPortDesignator(nexus.hostGroup.target, protocol),
    {
      association: Association.targetDevice,
      codeSet: CodeSet.utf8,
      type: DesignatorType.scsiName,
      protocol,
      value: scsiNameValue(nexus.hostGroup.target),
    },
  ];
}

/** One way from an initiator to a logical unit. */
export interface Path {
  readonly port: TargetPort;
  readonly group: HostGroup;
}

/** Ports and host groups through which an initiator may reach the logical unit; others stay unseen by it. */
export function pathsTo(unit: LogicalUnit, initiatorName: string): readonly Path[] {
  const { surroundings } = unit;
  const paths: Path[] = [];
  for (const port of surroundings.ports()) {
    for (const group of surroundings.hostGroups()) {
      if (group.port === port.name && maps(group, unit) && surroundings.admits(group, initiatorName)) {
        paths.push({ port, group });
      }
    }
  }
  return paths;
}

function maps(group: HostGroup, unit: LogicalUnit): boolean {
  for (const id of group.luns.values()) if (id === unit.ldev.id) return true;
  return false;
}
