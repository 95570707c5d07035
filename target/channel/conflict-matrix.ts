import type { ConflictClass } from '../scsi/command-table.js';

/**
 * What a command does about an older one that has not ended:
 * - `pass`: runs beside it
 * - `overlap`: waits if both address a common block
 * - `wait`: waits
 */
export type ConflictAction = 'pass' | 'overlap' | 'wait';

/**
 * New command (row) by older command (column). With this, overlapping commands with the simple attribute take
 * effect in the order of their arrival, which is what the QUEUE ALGORITHM MODIFIER 0 of the control mode page
 * promises, and a COMPARE AND WRITE is atomic.
 */
export const conflictMatrix: Readonly<Record<ConflictClass, Readonly<Record<ConflictClass, ConflictAction>>>> = {
  inquire: { inquire: 'pass', read: 'pass', write: 'pass', 'write-any': 'pass', flush: 'pass', configure: 'pass' },
  read: { inquire: 'pass', read: 'pass', write: 'overlap', 'write-any': 'wait', flush: 'pass', configure: 'wait' },
  write: { inquire: 'pass', read: 'overlap', write: 'overlap', 'write-any': 'wait', flush: 'pass', configure: 'wait' },
  'write-any': { inquire: 'pass', read: 'wait', write: 'wait', 'write-any': 'wait', flush: 'pass', configure: 'wait' },
  flush: { inquire: 'pass', read: 'pass', write: 'wait', 'write-any': 'wait', flush: 'pass', configure: 'wait' },
  configure: { inquire: 'pass', read: 'wait', write: 'wait', 'write-any': 'wait', flush: 'wait', configure: 'wait' },
};

/** Classes as small numbers, for tables and masks. */
export const classIndex: Readonly<Record<ConflictClass, number>> = {
  inquire: 0,
  read: 1,
  write: 2,
  'write-any': 3,
  flush: 4,
  configure: 5,
};

export const CLASSES = 6;

/** Actions as numbers, at `new class * CLASSES + older class`. */
export const Action = { pass: 0, overlap: 1, wait: 2 } as const;

export const actions: Readonly<Uint8Array> = new Uint8Array(CLASSES * CLASSES);
/** Per new class: a bit for every older class that it may have to wait for. */
export const concerns: Readonly<Uint8Array> = new Uint8Array(CLASSES);

for (const [fresh, row] of Object.entries(conflictMatrix)) {
  for (const [older, action] of Object.entries(row)) {
    const at = classIndex[fresh as ConflictClass];
    const bit = classIndex[older as ConflictClass];
    (actions as Uint8Array)[at * CLASSES + bit] = Action[action];
    if (action !== 'pass') (concerns as Uint8Array)[at]! |= 1 << bit;
  }
}
