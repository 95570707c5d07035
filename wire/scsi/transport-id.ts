/**
 * TransportIDs (SPC-5 7.5.4): the name of an initiator port in parameter data.
 *
 *   iSCSI                                        Fibre Channel
 *   0   FORMAT CODE (7:6)  PROTOCOL 5h (3:0)     0      FORMAT CODE 0  PROTOCOL 0h
 *   1   reserved                                 1–7    reserved
 *   2–3 ADDITIONAL LENGTH (n − 3)                8–15   N_Port_Name
 *   4–n iSCSI name, zero-terminated, padded      16–23  reserved
 *       to a multiple of four
 *
 * Format code 01b appends `,i,0x` and the ISID to the iSCSI name: an initiator port. 00b is the name alone.
 */

export const Protocol = { fibreChannel: 0x0, iscsi: 0x5 } as const;

/** RFC 7143 4.2.7: 223 bytes of name; `,i,0x` and twelve digits; terminator; rounded up. */
const MAX_ISCSI_BYTES = 4 + 244;
const FC_BYTES = 24;
const WWN = /^[0-9a-f]{16}$/;
const ISCSI_PORT = /^(?:iqn|eui|naa)\.[^\s,\p{Cc}]+,i,0x[0-9a-f]{12}$/u;
const ISCSI_NAME = /^(?:iqn|eui|naa)\.[^\s,\p{Cc}]+$/u;

export interface TransportId {
  readonly protocol: number;
  /** iSCSI: `<name>,i,0x<isid>` or the name alone. Fibre Channel: the WWN, 16 hexadecimal digits. */
  readonly name: string;
}

/** Encodes an initiator port's name; a WWN is one of 16 hexadecimal digits. */
export function encodeTransportId(name: string): Buffer {
  if (WWN.test(name)) {
    const id = Buffer.alloc(FC_BYTES);
    id.write(name, 8, 'hex');
    return id;
  }
  const bytes = Buffer.byteLength(name) + 1;
  // ADDITIONAL LENGTH shall be at least 20.
  const id = Buffer.alloc(4 + Math.max(20, Math.ceil(bytes / 4) * 4));
  id[0] = Protocol.iscsi | (name.includes(',i,0x') ? 0x40 : 0);
  id.writeUInt16BE(id.length - 4, 2);
  id.write(name, 4);
  return id;
}

/** What went wrong and where, as an offset in the list that was parsed. */
export interface TransportIdError {
  readonly problem: 'cut-off' | 'invalid';
  readonly offset: number;
}

/** Reads the TransportID at `offset`; `bytes` is what it takes up. */
export function decodeTransportId(
  list: Buffer,
  offset: number,
): { readonly id: TransportId; readonly bytes: number } | TransportIdError {
  if (offset + FC_BYTES > list.length) return { problem: 'cut-off', offset };
  const format = list[offset]! >> 6;
  const protocol = list[offset]! & 0x0f;
  if (protocol === Protocol.fibreChannel) {
    if (format !== 0) return { problem: 'invalid', offset };
    return { id: { protocol, name: list.toString('hex', offset + 8, offset + 16) }, bytes: FC_BYTES };
  }
  if (protocol !== Protocol.iscsi || format > 1) return { problem: 'invalid', offset };
  const bytes = 4 + list.readUInt16BE(offset + 2);
  if (bytes < FC_BYTES || bytes > MAX_ISCSI_BYTES || bytes % 4 !== 0) return { problem: 'invalid', offset: offset + 2 };
  if (offset + bytes > list.length) return { problem: 'cut-off', offset: offset + 2 };
  const end = list.indexOf(0, offset + 4);
  if (end < 0 || end >= offset + bytes) return { problem: 'invalid', offset: offset + 4 };
  const name = list.toString('utf8', offset + 4, end).toLowerCase();
  const shape = format === 1 ? ISCSI_PORT : ISCSI_NAME;
  if (!shape.test(name)) return { problem: 'invalid', offset: offset + 4 };
  return { id: { protocol, name }, bytes };
}
