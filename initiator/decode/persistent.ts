/** PERSISTENT RESERVE IN data as an initiator reads it (SPC-5 6.16). Keys are 64-bit integers. */
import { PersistentType } from '../../wire/scsi/persistent-reservations.js';

/** READ KEYS. */
export interface PersistentKeys {
  readonly generation: number;
  readonly keys: readonly bigint[];
}

/** READ RESERVATION. */
export interface PersistentReservation {
  readonly generation: number;
  readonly reservation: { readonly key: bigint; readonly type: number } | null;
}

/** One registration of READ FULL STATUS. */
export interface Registration {
  readonly key: bigint;
  readonly holder: boolean;
  readonly allTargetPorts: boolean;
  readonly type: number;
  readonly relativePort: number;
  /** iSCSI name (with ISID, if told), or the TransportID in hexadecimal. */
  readonly initiator: string;
}

/** Types by the names this project's commands use. */
export const PERSISTENT_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [PersistentType.writeExclusive, 'write-exclusive'],
  [PersistentType.exclusiveAccess, 'exclusive-access'],
  [PersistentType.writeExclusiveRegistrantsOnly, 'write-exclusive-registrants'],
  [PersistentType.exclusiveAccessRegistrantsOnly, 'exclusive-access-registrants'],
  [PersistentType.writeExclusiveAllRegistrants, 'write-exclusive-all'],
  [PersistentType.exclusiveAccessAllRegistrants, 'exclusive-access-all'],
]);

export function persistentTypeName(type: number): string {
  return PERSISTENT_TYPE_NAMES.get(type) ?? `type ${type}`;
}

function bodyOf(data: Buffer): Buffer {
  return data.length < 8 ? Buffer.alloc(0) : data.subarray(8, 8 + data.readUInt32BE(4));
}

const generationOf = (data: Buffer): number => (data.length < 4 ? 0 : data.readUInt32BE(0));

export function decodeKeys(data: Buffer): PersistentKeys {
  const body = bodyOf(data);
  const keys: bigint[] = [];
  for (let at = 0; at + 8 <= body.length; at += 8) keys.push(body.readBigUInt64BE(at));
  return { generation: generationOf(data), keys };
}

export function decodeReservation(data: Buffer): PersistentReservation {
  const body = bodyOf(data);
  return {
    generation: generationOf(data),
    reservation: body.length < 16 ? null : { key: body.readBigUInt64BE(0), type: body[13]! & 0x0f },
  };
}

export function decodeFullStatus(data: Buffer): { generation: number; registrations: Registration[] } {
  const body = bodyOf(data);
  const registrations: Registration[] = [];
  for (let at = 0; at + 24 <= body.length; at += 24 + body.readUInt32BE(at + 20)) {
    registrations.push({
      key: body.readBigUInt64BE(at),
      holder: (body[at + 12]! & 1) !== 0,
      allTargetPorts: (body[at + 12]! & 2) !== 0,
      type: body[at + 13]! & 0x0f,
      relativePort: body.readUInt16BE(at + 18),
      initiator: initiatorOf(body.subarray(at + 24, at + 24 + body.readUInt32BE(at + 20))),
    });
  }
  return { generation: generationOf(data), registrations };
}

const ISCSI = 5;

/** TransportID (SPC-5 7.6.4). */
function initiatorOf(id: Buffer): string {
  if (id.length < 4 || (id[0]! & 0x0f) !== ISCSI) return id.toString('hex');
  return id.toString('utf8', 4).replace(/\0.*$/s, '');
}
