import { ConfigError } from '../volumes/errors.js';
import { checkFault } from '../volumes/layers/fault-spec.js';
import type { ConfigProblem } from './config.js';
import type { ArrayConfig } from './config-schema.js';
import { faultSpec } from './fault-schema.js';

/** What is wrong with the fault rules of a configuration, beyond their shape. */
export function* faultProblems({ faults = [], ports, ldevs }: ArrayConfig): Generator<ConfigProblem> {
  const known = new Set(ldevs.map((ldev) => ldev.id.toUpperCase()));
  const names = ports.map((port) => port.id);
  for (const [index, fault] of faults.entries()) {
    const path = `faults[${index}]`;
    if (fault.ldev !== undefined && !known.has(fault.ldev.toUpperCase())) {
      yield { path: `${path}.ldev`, message: `there is no LDEV "${fault.ldev}"` };
    }
    try {
      checkFault(faultSpec(fault, names));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      yield { path, message: error.message };
    }
  }
}
