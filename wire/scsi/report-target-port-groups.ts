/**
 * REPORT TARGET PORT GROUPS parameter data (SPC-5 6.40).
 *
 *   header          RETURN DATA LENGTH 4; extended: FORMAT 001b (6:4) · IMPLICIT TRANSITION TIME · reserved 2
 *   group, 8 bytes  PREF (7) state (3:0) · supported states · TARGET PORT GROUP 2 · reserved · STATUS CODE ·
 *                   vendor specific · TARGET PORT COUNT
 *   port, 4 bytes   obsolete 2 · RELATIVE TARGET PORT IDENTIFIER 2
 */

/** ASYMMETRIC ACCESS STATE. */
export const AccessState = { activeOptimized: 0x0, activeNonOptimized: 0x1, standby: 0x2, unavailable: 0x3 } as const;

/** AO_SUP: active/optimized is the one state that is supported. */
const AO_SUP = 0x01;

export interface PortGroup {
  readonly id: number;
  readonly state: number;
  readonly ports: readonly number[];
}

export function encodePortGroups(groups: readonly PortGroup[], extended: boolean): Buffer {
  const parts = groups.map((group) => {
    const data = Buffer.alloc(8 + 4 * group.ports.length);
    data[0] = group.state;
    data[1] = AO_SUP;
    data.writeUInt16BE(group.id, 2);
    data[7] = group.ports.length;
    group.ports.forEach((port, i) => {
      data.writeUInt16BE(port, 8 + 4 * i + 2);
    });
    return data;
  });
  const header = Buffer.alloc(extended ? 8 : 4);
  if (extended) header[4] = 0x10;
  const data = Buffer.concat([header, ...parts]);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}
