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

/**
 * iSCSI target port name (RFC 7143 4.4.2): `<iqn>,t,0x<portal group tag>`. Sessions do not span ports, so each
 * port is a portal group, and its tag is the relative target port identifier.
 */
export function targetPortName(target: string, port: TargetPort): string {
  return `${target},t,0x${port.relativeId.toString(16).padStart(4, '0')}`;
}

export function protocolOf(nexus: Nexus): number {
  return nexus.transport === 'fc' ? Protocol.fibreChannel : Protocol.iscsi;
}

export function targetPortDesignator(target: string, port: TargetPort, protocol: number): Designator {
  return {
    association: Association.targetPort,
    codeSet: CodeSet.utf8,
    type: DesignatorType.scsiName,
    protocol,
    value: scsiNameValue(targetPortName(target, port)),
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
    targetPortDesignator(nexus.hostGroup.target, nexus.port, protocol),
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
