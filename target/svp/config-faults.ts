import { ConfigError } from '../volumes/errors.js';
import { checkFault } from '../volumes/layers/fault-spec.js';
import type { ArrayConfig } from './config-schema.js';
import { faultSpec } from './fault-schema.js';
import type { Problem } from './schema-problems.js';

/**
 * What is wrong with the fault rules of a configuration, beyond their shape; whether its LDEV is there is seen when the
 * array starts.
 */
export function* faultProblems({ faults = [], ports }: ArrayConfig): Generator<Problem> {
  const names = ports.map((port) => port.id);
  for (const [index, fault] of faults.entries()) {
    const path = `faults[${index}]`;
    try {
      checkFault(faultSpec(fault, names));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      yield { path, message: error.message };
    }
  }
}
