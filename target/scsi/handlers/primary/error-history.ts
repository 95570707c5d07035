/**
 * The error history: READ BUFFER(10) with MODE 1Ch (SPC-5 6.18.9), where what BUFFER ID asks for is data below, and WRITE BUFFER
 * with MODE 1Ch (SPC-5 6.57.15), by which hosts add to it.
 */
import { decodeClientList } from '../../../../wire/scsi/client-error-history.js';
import { ErrorHistoryBuffer, encodeErrorDirectory, errorDirectoryBytes } from '../../../../wire/scsi/error-history.js';
import {
  commandSequenceError,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  operationInProgress,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { CLIENT_BUFFER_BYTES, CLIENT_LIST_BYTES } from '../../client-reports.js';
import { ERROR_BUFFER_BYTES } from '../../error-history.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { VENDOR } from './identity.js';

const ID_BYTE = 2;
const OFFSET_BYTE = 3;
const LENGTH_BYTE = 6;
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

function contents(what: 'records' | 'clientReports'): Action {
  return {
    constrained: true,
    check: ({ errorHistory }, task) => {
      const retrievable = errorHistory.retrievable(what);
      if (retrievable === null) return commandSequenceError();
      return offsetOf(task) > retrievable.length ? invalidFieldInCdb(OFFSET_BYTE) : null;
    },
    data: ({ errorHistory }, task) => errorHistory.retrievable(what)!.subarray(offsetOf(task)),
  };
}

const actions: ReadonlyMap<number, Action> = new Map([
  [ErrorHistoryBuffer.directory, directory(false, false)],
  [ErrorHistoryBuffer.newSnapshot, directory(false, true)],
  [ErrorHistoryBuffer.newNexus, directory(true, false)],
  [ErrorHistoryBuffer.newNexusAndSnapshot, directory(true, true)],
  [ErrorHistoryBuffer.records, contents('records')],
  [ErrorHistoryBuffer.clientReports, contents('clientReports')],
  [ErrorHistoryBuffer.clearNexus, close(false)],
  [ErrorHistoryBuffer.clearNexusAndRelease, close(true)],
]);

/** Beyond this there are no entries (SPC-5 6.18.9.2). */
const LAST_ENTRY = 0xef;
const LISTED = [...actions.keys()].filter((buffer) => buffer <= LAST_ENTRY);
/** Bytes of buffers that are not the directory. */
const CONTENTS_BYTES: ReadonlyMap<number, number> = new Map([
  [ErrorHistoryBuffer.records, ERROR_BUFFER_BYTES],
  [ErrorHistoryBuffer.clientReports, CLIENT_BUFFER_BYTES],
]);
const ENTRIES = LISTED.map((buffer) => ({
  buffer,
  bytes: CONTENTS_BYTES.get(buffer) ?? errorDirectoryBytes(LISTED.length),
}));

export const errorHistoryMode = {
  check(unit: LogicalUnit, task: Task): Sense | null {
    const action = actions.get(task.cdb[ID_BYTE]!);
    if (action?.constrained !== false && unit.errorHistory.isTaken(task.nexus)) return operationInProgress();
    return action === undefined ? invalidFieldInCdb(ID_BYTE) : action.check(unit, task);
  },
  data: (unit: LogicalUnit, task: Task): Buffer => actions.get(task.cdb[ID_BYTE]!)!.data(unit, task),
};

/** BUFFER ID and BUFFER OFFSET are ignored, and of the list all but the lengths and CLR. */
export const clientHistoryMode = {
  check: (bytes: number): Sense | null => (bytes > CLIENT_LIST_BYTES ? invalidFieldInCdb(LENGTH_BYTE) : null),
  take({ errorHistory }: LogicalUnit, { nexus }: Task, list: Buffer): Sense | null {
    if (list.length === 0) return null;
    const decoded = decodeClientList(list);
    if ('wrong' in decoded) {
      return decoded.wrong === 'cut-off' ? parameterListLengthError() : invalidFieldInParameterList(decoded.wrong);
    }
    if (decoded.clears) errorHistory.clear();
    else errorHistory.add(nexus, list);
    return null;
  },
};
