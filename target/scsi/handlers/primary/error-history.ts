/** READ BUFFER(10), MODE 1Ch: the error history (SPC-5 6.18.9). What BUFFER ID asks for is data below. */
import { ErrorHistoryBuffer, encodeErrorDirectory, errorDirectoryBytes } from '../../../../wire/scsi/error-history.js';
import {
  commandSequenceError,
  invalidFieldInCdb,
  operationInProgress,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { ERROR_BUFFER_BYTES } from '../../error-history.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { VENDOR } from './identity.js';

const ID_BYTE = 2;
const OFFSET_BYTE = 3;
const offsetOf = ({ cdb }: Task) => cdb.readUIntBE(OFFSET_BYTE, 3);
const NOTHING = Buffer.alloc(0);

interface Action {
  /** Refused while the history is another nexus'. */
  readonly constrained: boolean;
  readonly check: (unit: LogicalUnit, task: Task) => Sense | null;
  readonly data: (unit: LogicalUnit, task: Task) => Buffer;
}

function directory(anew: boolean, fresh: boolean): Action {
  return {
    constrained: !anew,
    check: (_unit, task) => (offsetOf(task) === 0 ? null : invalidFieldInCdb(OFFSET_BYTE)),
    data: ({ errorHistory }, { nexus }) => {
      const { retrieved, source } = errorHistory.open(nexus, anew, fresh);
      return encodeErrorDirectory(VENDOR, retrieved, source, ENTRIES);
    },
  };
}

function close(release: boolean): Action {
  return {
    constrained: true,
    check: () => null,
    data: ({ errorHistory }) => {
      errorHistory.close(release);
      return NOTHING;
    },
  };
}

const records: Action = {
  constrained: true,
  check: ({ errorHistory }, task) => {
    const { retrievable } = errorHistory;
    if (retrievable === null) return commandSequenceError();
    return offsetOf(task) > retrievable.length ? invalidFieldInCdb(OFFSET_BYTE) : null;
  },
  data: ({ errorHistory }, task) => errorHistory.retrievable!.subarray(offsetOf(task)),
};

const actions: ReadonlyMap<number, Action> = new Map([
  [ErrorHistoryBuffer.directory, directory(false, false)],
  [ErrorHistoryBuffer.newSnapshot, directory(false, true)],
  [ErrorHistoryBuffer.newNexus, directory(true, false)],
  [ErrorHistoryBuffer.newNexusAndSnapshot, directory(true, true)],
  [ErrorHistoryBuffer.records, records],
  [ErrorHistoryBuffer.clearNexus, close(false)],
  [ErrorHistoryBuffer.clearNexusAndRelease, close(true)],
]);

/** Beyond this there are no entries (SPC-5 6.18.9.2). */
const LAST_ENTRY = 0xef;
const LISTED = [...actions.keys()].filter((buffer) => buffer <= LAST_ENTRY);
const ENTRIES = LISTED.map((buffer) => ({
  buffer,
  bytes: buffer === ErrorHistoryBuffer.records ? ERROR_BUFFER_BYTES : errorDirectoryBytes(LISTED.length),
}));

export const errorHistoryMode = {
  check(unit: LogicalUnit, task: Task): Sense | null {
    const action = actions.get(task.cdb[ID_BYTE]!);
    if (action?.constrained !== false && unit.errorHistory.isTaken(task.nexus)) return operationInProgress();
    return action === undefined ? invalidFieldInCdb(ID_BYTE) : action.check(unit, task);
  },
  data: (unit: LogicalUnit, task: Task): Buffer => actions.get(task.cdb[ID_BYTE]!)!.data(unit, task),
};
