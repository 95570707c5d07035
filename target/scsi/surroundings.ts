import type { HostGroup, TargetPort } from '../volumes/model.js';

/** An address that a port is reached at. */
export interface Portal {
  /** Name of the port. */
  readonly port: string;
  /** IP address. */
  readonly host: string;
  readonly tcpPort: number;
}

/** What a logical unit tells hosts about the array around it. */
export interface Surroundings {
  /** All ports of the array. */
  ports(): readonly TargetPort[];
  /** Where ports are reached, at this moment. */
  portals(): readonly Portal[];
  /** Host groups of all ports. */
  hostGroups(): readonly HostGroup[];
  /** Whether a host group admits an initiator (by IQN or WWN). */
  admits(group: HostGroup, initiatorName: string): boolean;
  /** URLs of the management services (VPD page 85h). */
  managementUrls(): readonly string[];
  /** `Clock.now()` at the start of the array. */
  readonly startedAt: number;
  /** Version of the array, e.g. `1.4.2`. */
  readonly version: string;
}

/** An array without ports. */
export const noSurroundings: Surroundings = {
  ports: () => [],
  portals: () => [],
  hostGroups: () => [],
  admits: () => false,
  managementUrls: () => [],
  startedAt: 0,
  version: '0.0.0',
};
