/** Kinds of drives, by which parity groups are in tiers; and what hosts are told of each (VPD page B1h). */
export const driveKinds = {
  ssd: { rotationRate: 1, formFactor: 3 },
  sas: { rotationRate: 10_000, formFactor: 3 },
  'nl-sas': { rotationRate: 7_200, formFactor: 2 },
} as const satisfies Readonly<Record<string, Medium>>;

export type DriveKind = keyof typeof driveKinds;

/** The fastest first. */
export const DRIVE_KINDS = Object.keys(driveKinds) as readonly DriveKind[];

export interface Medium {
  /** MEDIUM ROTATION RATE: rpm, 1: it does not rotate, 0: not told. */
  readonly rotationRate: number;
  /** NOMINAL FORM FACTOR: 2: 3.5 inch, 3: 2.5 inch, 0: not told. */
  readonly formFactor: number;
}

/** Of drives for which nothing else is said. */
export const DEFAULT_KIND: DriveKind = 'ssd';

export function isDriveKind(text: string): text is DriveKind {
  return DRIVE_KINDS.includes(text as DriveKind);
}

/** @param kind null: several */
export function mediumOf(kind: DriveKind | null): Medium {
  return kind === null ? { rotationRate: 0, formFactor: 0 } : driveKinds[kind];
}
