import { SECTOR_BYTES } from './layout.js';

/** Limits of virtual tapes, enforced and told. */
export const TapeLimits = {
  /** MAXIMUM BLOCK LENGTH LIMIT of READ BLOCK LIMITS, bytes; also the most that one READ or WRITE moves. */
  blockBytes: 8 * 1024 * 1024,
  /** MINIMUM BLOCK LENGTH LIMIT. */
  minimumBlockBytes: 1,
  /** Sectors that the blocks of one READ or WRITE with FIXED may take on the medium, with their headers. */
  transferSectors: (8 * 1024 * 1024) / SECTOR_BYTES,
  /** Sectors written in one go. */
  pieceSectors: (1024 * 1024) / SECTOR_BYTES,
  /** Objects written in one go. */
  pieceObjects: 64,
} as const;

/** Sectors from the early warning to the end of a medium: a sixteenth of it, 64 MiB at most. */
export function earlyWarningSectors(sectors: number): number {
  return Math.min(Math.floor(sectors / 16), (64 * 1024 * 1024) / SECTOR_BYTES);
}
