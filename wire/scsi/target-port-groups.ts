/**
 * Parameter data of REPORT and SET TARGET PORT GROUPS (SPC-5 6.40, 6.49).
 *
 *   report: header   RETURN DATA LENGTH 4; extended: FORMAT 001b (6:4) · IMPLICIT TRANSITION TIME · reserved 2
 *   group, 8 bytes   PREF (7) state (3:0) · supported states · TARGET PORT GROUP 2 · reserved · STATUS CODE ·
 *                    vendor specific · TARGET PORT COUNT
 *   port, 4 bytes    obsolete 2 · RELATIVE TARGET PORT IDENTIFIER 2
 *
 *   set: header      reserved 4
 *   descriptor, 4    state (3:0) · reserved · TARGET PORT GROUP 2
 */

/** ASYMMETRIC ACCESS STATE. */
export const AccessState = {
  activeOptimized: 0x0,
  activeNonOptimized: 0x1,
  standby: 0x2,
  unavailable: 0x3,
  offline: 0xe,
  transitioning: 0xf,
} as const;
export type AccessState = (typeof AccessState)[keyof typeof AccessState];

/** Each state by the name that people give it. */
export const accessStateNames = {
  'active/optimized': AccessState.activeOptimized,
  'active/non-optimized': AccessState.activeNonOptimized,
  standby: AccessState.standby,
  unavailable: AccessState.unavailable,
  offline: AccessState.offline,
  transitioning: AccessState.transitioning,
} as const satisfies Readonly<Record<string, AccessState>>;
export type AccessStateName = keyof typeof accessStateNames;

/** STATUS CODE: what brought the state about. */
export const AccessStatus = { none: 0, explicit: 1, implicit: 2 } as const;
export type AccessStatus = (typeof AccessStatus)[keyof typeof AccessStatus];

/** T_SUP, O_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP: every state but logical block dependent. */
const SUPPORTED_STATES = 0xcf;

export interface PortGroup {
  readonly id: number;
  readonly state: AccessState;
  readonly status: AccessStatus;
  /** Relative target port identifiers, 255 at most. */
  readonly ports: readonly number[];
}

/** @param transitionSeconds IMPLICIT TRANSITION TIME of the extended format; null: the format with length only */
export function encodePortGroups(groups: readonly PortGroup[], transitionSeconds: number | null): Buffer {
  const parts = groups.map((group) => {
    const data = Buffer.alloc(8 + 4 * group.ports.length);
    data[0] = group.state;
    data[1] = SUPPORTED_STATES;
    data.writeUInt16BE(group.id, 2);
    data[5] = group.status;
    data[7] = group.ports.length;
    group.ports.forEach((port, i) => {
      data.writeUInt16BE(port, 8 + 4 * i + 2);
    });
    return data;
  });
  const header = Buffer.alloc(transitionSeconds === null ? 4 : 8);
  if (transitionSeconds !== null) {
    header[4] = 0x10;
    header[5] = transitionSeconds;
  }
  const data = Buffer.concat([header, ...parts]);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}

/** One descriptor of SET TARGET PORT GROUPS. */
export interface GroupStateChange {
  /** Byte of the list at which the descriptor begins. */
  readonly offset: number;
  readonly state: number;
  readonly group: number;
}

const SET_HEADER = 4;
const SET_DESCRIPTOR = 4;

/** The descriptors of a SET TARGET PORT GROUPS list; null: its length leaves one cut off. */
export function decodeGroupStates(list: Buffer): readonly GroupStateChange[] | null {
  if (list.length < SET_HEADER || (list.length - SET_HEADER) % SET_DESCRIPTOR !== 0) return null;
  const changes: GroupStateChange[] = [];
  for (let offset = SET_HEADER; offset < list.length; offset += SET_DESCRIPTOR) {
    changes.push({ offset, state: list[offset]! & 0x0f, group: list.readUInt16BE(offset + 2) });
  }
  return changes;
}
