/**
 * PERSISTENT RESERVE IN and OUT (SPC-5 6.16, 6.17): service actions, types, parameter data.
 *
 *   basic list, 24 bytes                          REGISTER AND MOVE list, 24 bytes and a TransportID
 *   0–7    RESERVATION KEY                        0–7    RESERVATION KEY
 *   8–15   SERVICE ACTION RESERVATION KEY         8–15   SERVICE ACTION RESERVATION KEY
 *   16–19  obsolete                               16     reserved
 *   20     SPEC_I_PT (3) ALL_TG_PT (2) APTPL (0)  17     UNREG (1)  APTPL (0)
 *   21–23  reserved, obsolete                     18–19  RELATIVE TARGET PORT IDENTIFIER
 *   24–27  TransportID list length, with          20–23  TRANSPORTID LENGTH
 *   28–n   TransportIDs, if SPEC_I_PT             24–n   TransportID
 *
 * Keys are eight opaque bytes; here 64-bit integers.
 */
import { encodeTransportId } from './transport-id.js';

export const PersistentIn = {
  readKeys: 0x00,
  readReservation: 0x01,
  reportCapabilities: 0x02,
  readFullStatus: 0x03,
} as const;

export const PersistentOut = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  preemptAndAbort: 0x05,
  registerAndIgnore: 0x06,
  registerAndMove: 0x07,
} as const;

/** Reservation types (SPC-5 table 214). */
export const PersistentType = {
  writeExclusive: 0x1,
  exclusiveAccess: 0x3,
  writeExclusiveRegistrantsOnly: 0x5,
  exclusiveAccessRegistrantsOnly: 0x6,
  writeExclusiveAllRegistrants: 0x7,
  exclusiveAccessAllRegistrants: 0x8,
} as const;

/** SCOPE: the logical unit; the only one (SPC-5 6.16.3.3). */
export const LU_SCOPE = 0;

export interface TypeRules {
  /** Reads of nexuses that hold nothing conflict too. */
  readonly exclusive: boolean;
  /** Registrants may do what the holder may. */
  readonly registrants: boolean;
  /** Every registrant is a holder. */
  readonly allRegistrants: boolean;
}

/** What each valid type means. */
export const typeRules: ReadonlyMap<number, TypeRules> = new Map([
  [PersistentType.writeExclusive, { exclusive: false, registrants: false, allRegistrants: false }],
  [PersistentType.exclusiveAccess, { exclusive: true, registrants: false, allRegistrants: false }],
  [PersistentType.writeExclusiveRegistrantsOnly, { exclusive: false, registrants: true, allRegistrants: false }],
  [PersistentType.exclusiveAccessRegistrantsOnly, { exclusive: true, registrants: true, allRegistrants: false }],
  [PersistentType.writeExclusiveAllRegistrants, { exclusive: false, registrants: true, allRegistrants: true }],
  [PersistentType.exclusiveAccessAllRegistrants, { exclusive: true, registrants: true, allRegistrants: true }],
]);

export const BASIC_LIST_BYTES = 24;

export interface BasicList {
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly specifyInitiatorPorts: boolean;
  readonly allTargetPorts: boolean;
  readonly aptpl: boolean;
}

/** `list` holds at least `BASIC_LIST_BYTES`. */
export function decodeBasicList(list: Buffer): BasicList {
  return {
    key: list.readBigUInt64BE(0),
    serviceActionKey: list.readBigUInt64BE(8),
    specifyInitiatorPorts: (list[20]! & 0x08) !== 0,
    allTargetPorts: (list[20]! & 0x04) !== 0,
    aptpl: (list[20]! & 0x01) !== 0,
  };
}

export interface MoveList {
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly unregister: boolean;
  readonly aptpl: boolean;
  readonly relativePort: number;
  readonly transportIdBytes: number;
}

/** `list` holds at least `BASIC_LIST_BYTES`; the TransportID begins there. */
export function decodeMoveList(list: Buffer): MoveList {
  return {
    key: list.readBigUInt64BE(0),
    serviceActionKey: list.readBigUInt64BE(8),
    unregister: (list[17]! & 0x02) !== 0,
    aptpl: (list[17]! & 0x01) !== 0,
    relativePort: list.readUInt16BE(18),
    transportIdBytes: list.readUInt32BE(20),
  };
}

function withHeader(generation: number, body: Buffer): Buffer {
  const data = Buffer.alloc(8 + body.length);
  data.writeUInt32BE(generation, 0);
  data.writeUInt32BE(body.length, 4);
  body.copy(data, 8);
  return data;
}

/** READ KEYS: PRGENERATION 4 · ADDITIONAL LENGTH 4 · keys. */
export function encodeKeys(generation: number, keys: readonly bigint[]): Buffer {
  const body = Buffer.alloc(8 * keys.length);
  keys.forEach((key, i) => {
    body.writeBigUInt64BE(key, 8 * i);
  });
  return withHeader(generation, body);
}

/** READ RESERVATION: as READ KEYS, then nothing or key 8 · obsolete 4 · reserved 1 · SCOPE (7:4) TYPE (3:0) · obsolete 2. */
export function encodeReservation(
  generation: number,
  reservation: { readonly key: bigint; readonly type: number } | null,
): Buffer {
  if (!reservation) return withHeader(generation, Buffer.alloc(0));
  const body = Buffer.alloc(16);
  body.writeBigUInt64BE(reservation.key, 0);
  body[13] = (LU_SCOPE << 4) | reservation.type;
  return withHeader(generation, body);
}

/**
 * REPORT CAPABILITIES, 8 bytes. CRH: RESERVE and RELEASE of registrants answer GOOD. SIP_C, ATP_C, PTPL_C:
 * SPEC_I_PT, ALL_TG_PT, APTPL work. ALLOW COMMANDS 011b: TEST UNIT READY passes exclusive access types, as
 * do the commands whose row says so (SPC-5 table 219).
 */
export function encodeCapabilities(canPersist: boolean, persistsNow: boolean): Buffer {
  const data = Buffer.alloc(8);
  data.writeUInt16BE(8, 0);
  data[2] = 0x10 | 0x08 | 0x04 | (canPersist ? 0x01 : 0);
  data[3] = 0x80 | (3 << 4) | (persistsNow ? 1 : 0);
  // WR_EX_AR, EX_AC_RO, WR_EX_RO, EX_AC, WR_EX; then EX_AC_AR.
  data[4] = 0xea;
  data[5] = 0x01;
  return data;
}

export interface FullStatus {
  readonly key: bigint;
  readonly holder: boolean;
  readonly type: number;
  readonly relativePort: number;
  readonly initiatorPort: string;
}

/**
 * READ FULL STATUS: per registration key 8 · reserved 4 · ALL_TG_PT (1) R_HOLDER (0) · SCOPE TYPE · reserved 4 ·
 * RELATIVE TARGET PORT IDENTIFIER 2 · length of the TransportID 4 · TransportID. ALL_TG_PT is never set: a
 * registration through all target ports is listed once for each.
 */
export function encodeFullStatus(generation: number, registrations: readonly FullStatus[]): Buffer {
  const parts = registrations.map((registration) => {
    const id = encodeTransportId(registration.initiatorPort);
    const head = Buffer.alloc(24);
    head.writeBigUInt64BE(registration.key, 0);
    head[12] = registration.holder ? 0x01 : 0;
    head[13] = registration.holder ? (LU_SCOPE << 4) | registration.type : 0;
    head.writeUInt16BE(registration.relativePort, 18);
    head.writeUInt32BE(id.length, 20);
    return Buffer.concat([head, id]);
  });
  return withHeader(generation, Buffer.concat(parts));
}
