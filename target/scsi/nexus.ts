import type { HostGroup, TargetPort } from '../volumes/model.js';

/** An I_T nexus (SAM-6 4.8): one initiator port logged in to one host group's target. */
export interface Nexus {
  /** Unique while the array runs; never reused. */
  readonly id: number;
  readonly transport: 'iscsi' | 'fc';
  /** IQN or WWN, as matched against the host group. */
  readonly initiatorName: string;
  /**
   * Name of the initiator port: iSCSI `<iqn>,i,0x<isid>` (RFC 7143 4.4.2). Registrations and
   * reservations are kept under it, so it is the same after the initiator logs in again.
   */
  readonly initiatorPort: string;
  readonly port: TargetPort;
  readonly hostGroup: HostGroup;
}
