/** Lunarray's initiator library: iSCSI sessions and SCSI commands for programs. Documented in docs/initiator.md. */
export type { BlockRange } from '../wire/scsi/block-ranges.js';
export { type ConnectOptions, connect } from './connect.js';
export type { CapacityData, LbaExtent } from './decode/block.js';
export type { InquiryData } from './decode/inquiry.js';
export type { PersistentKeys, PersistentReservation, Registration } from './decode/persistent.js';
export type {
  BlockCharacteristicsData,
  BlockLimitsData,
  DesignatorData,
  ProvisioningData,
} from './decode/vpd.js';
export { type DiscoveredTarget, discover } from './discover.js';
export type { Environment, Timer } from './environment.js';
export {
  CheckCondition,
  ClosedError,
  ConnectError,
  ConnectionLostError,
  InitiatorError,
  LoginError,
  ProtectionError,
  ProtocolError,
  StatusError,
  TimeoutError,
} from './errors.js';
export { type BlockAccess, type CommandData, type CommandResult, LogicalUnit } from './logical-unit.js';
export type { SessionParameters } from './login-negotiation.js';
export type { ChapCredentials, DigestOffer, ReconnectOptions, SessionOptions } from './options.js';
export { ProtectedBlocks } from './protected-blocks.js';
export { Session, type TaskFunctionName } from './session.js';
export type { SessionEvents, SessionState } from './session-events.js';
export { ScsiStatus, ScsiTask } from './task.js';
export { formatUrl, type IscsiUrl, type Portal, parseUrl, UrlError } from './url.js';
