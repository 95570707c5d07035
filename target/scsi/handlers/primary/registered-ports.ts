/** TransportIDs of PERSISTENT RESERVE OUT as I_T nexuses (SPC-5 5.14.7.2, 5.14.8). */
import { BASIC_LIST_BYTES } from '../../../../wire/scsi/persistent-reservations.js';
import { invalidFieldInParameterList, parameterListLengthError, type Sense } from '../../../../wire/scsi/sense.js';
import {
  decodeTransportId,
  Protocol,
  type TransportId,
  type TransportIdError,
} from '../../../../wire/scsi/transport-id.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import type { NexusIdentity } from '../../persistent-reservation/state.js';
import { pathsTo } from './ports.js';

const RELATIVE_PORT_AT = 18;
const ISID_MARK = ',i,0x';

function refusal({ problem, offset }: TransportIdError): Sense {
  return problem === 'cut-off' ? parameterListLengthError() : invalidFieldInParameterList(offset);
}

/** Whether the name is that of an initiator port, not of an iSCSI node with any number of them. */
function namesPort({ protocol, name }: TransportId): boolean {
  return protocol === Protocol.fibreChannel || name.includes(ISID_MARK);
}

/** Name as matched against host groups: without the ISID. */
function initiatorOf(port: string): string {
  const at = port.indexOf(ISID_MARK);
  return at < 0 ? port : port.slice(0, at);
}

/** SPEC_I_PT: the nexuses of the listed initiator ports with the target port that got the command. */
export function specifiedPorts(unit: LogicalUnit, nexus: Nexus, list: Buffer): readonly NexusIdentity[] | Sense {
  const start = BASIC_LIST_BYTES + 4;
  if (list.length < start) return parameterListLengthError();
  if (start + list.readUInt32BE(BASIC_LIST_BYTES) !== list.length) return parameterListLengthError();
  const { target } = nexus.hostGroup;
  const { relativeId } = nexus.port;
  const nexuses: NexusIdentity[] = [];
  for (let offset = start; offset < list.length; ) {
    const read = decodeTransportId(list, offset);
    if ('problem' in read) return refusal(read);
    const ports = namesPort(read.id) ? [read.id.name] : portsOfNode(unit, nexus, read.id.name);
    if (ports.length === 0) return invalidFieldInParameterList(offset);
    for (const initiatorPort of ports) nexuses.push({ initiatorPort, targetPort: target, relativeId });
    offset += read.bytes;
  }
  return nexuses;
}

/** An iSCSI name without ISID stands for the node's ports that are logged in. */
function portsOfNode(unit: LogicalUnit, nexus: Nexus, name: string): readonly string[] {
  const ports: string[] = [];
  for (const other of unit.nexuses(unit)) {
    if (other.initiatorName === name && other.hostGroup.id === nexus.hostGroup.id) ports.push(other.initiatorPort);
  }
  return ports;
}

/** ALL_TG_PT: the initiator ports of `nexuses` through every target port that leads them to the logical unit. */
export function allPortsOf(unit: LogicalUnit, nexuses: readonly NexusIdentity[]): readonly NexusIdentity[] {
  return nexuses.flatMap((nexus) => [
    nexus,
    ...pathsTo(unit, initiatorOf(nexus.initiatorPort)).map(({ port, group }) => ({
      initiatorPort: nexus.initiatorPort,
      targetPort: group.target,
      relativeId: port.relativeId,
    })),
  ]);
}

/** The nexus that REGISTER AND MOVE names: it must have a way to the logical unit. */
export function moveTarget(unit: LogicalUnit, relativePort: number, list: Buffer): NexusIdentity | Sense {
  const read = decodeTransportId(list, BASIC_LIST_BYTES);
  if ('problem' in read) return refusal(read);
  if (read.bytes !== list.length - BASIC_LIST_BYTES || !namesPort(read.id)) {
    return invalidFieldInParameterList(BASIC_LIST_BYTES);
  }
  const path = pathsTo(unit, initiatorOf(read.id.name)).find(({ port }) => port.relativeId === relativePort);
  if (!path) return invalidFieldInParameterList(RELATIVE_PORT_AT);
  return { initiatorPort: read.id.name, targetPort: path.group.target, relativeId: relativePort };
}
