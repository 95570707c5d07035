import { implementations, type NativeFunctions } from '../../../native/index.js';

/** The addon (when built) and its twin, so that one test runs against both. */
export const each: readonly (readonly [string, NativeFunctions])[] = [
  ...(implementations.addon === null ? [] : [['addon', implementations.addon] as const]),
  ['typescript', implementations.typescript] as const,
];
