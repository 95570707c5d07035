/**
 * The twin of the addon's `guards`: CRC-16 of protection information (SBC-4 4.21.4), polynomial 8BB7h, most significant
 * bit first, no inversion; eight bytes a step.
 */
const POLYNOMIAL = 0x8bb7;

/** By how many zero bytes follow: the CRC of each single byte. */
const TABLES = tables();

/** As `NativeFunctions.guards`. */
export function guardsTypeScript(data: Uint8Array, blockBytes: number, stride: number, guards: Uint16Array): void {
  for (let i = 0; i < guards.length; i++) guards[i] = guardOf(data, i * stride, blockBytes);
}

function guardOf(data: Uint8Array, from: number, bytes: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [T, T, T, T, T, T, T, T];
  const words = from + (bytes & ~7);
  let crc = 0;
  let i = from;
  for (; i < words; i += 8) {
    crc =
      t7[data[i]! ^ (crc >> 8)]! ^
      t6[data[i + 1]! ^ (crc & 0xff)]! ^
      t5[data[i + 2]!]! ^
      t4[data[i + 3]!]! ^
      t3[data[i + 4]!]! ^
      t2[data[i + 5]!]! ^
      t1[data[i + 6]!]! ^
      t0[data[i + 7]!]!;
  }
  for (; i < from + bytes; i++) crc = ((crc << 8) & 0xffff) ^ t0[(crc >> 8) ^ data[i]!]!;
  return crc;
}

type T = Uint16Array;

function tables(): readonly T[] {
  const first = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0);
    first[byte] = crc;
  }
  const list = [first];
  while (list.length < 8) list.push(list.at(-1)!.map((crc) => (crc << 8) ^ first[crc >> 8]!));
  return list;
}
