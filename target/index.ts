/** The array as a library: `import { startArray } from 'lunarray'`. See docs/library.md. */
export { type ArrayLun, type ArrayOptions, type ArrayPort, type LunArray, startArray } from './array.js';
export type { Log } from './base/log.js';
export type { ConfigInput } from './svp/config-schema.js';
export { ArrayError, type FailureCode } from './svp/errors.js';
export { ConfigError, type ConfigErrorCode } from './volumes/errors.js';
export type { FaultRule } from './volumes/layers/active-fault.js';
export { faultEffects } from './volumes/layers/fault-effects.js';
export type { FaultRules } from './volumes/layers/fault-rules.js';
export type { ConnectionFault, FaultOp, FaultSpec } from './volumes/layers/fault-spec.js';
export type { LdevSpec } from './volumes/ldevs.js';
export { type ChapUser, type HostGroup, type Ldev, ldevName, type TargetPort } from './volumes/model.js';
export type { Volumes } from './volumes/volumes.js';
