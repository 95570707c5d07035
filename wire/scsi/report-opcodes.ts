/**
 * REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS parameter data
 * (SPC-5 6.38, 6.39).
 *
 *   all commands   COMMAND DATA LENGTH 4 · descriptors of 8 bytes:
 *                  OPERATION CODE · reserved · SERVICE ACTION 2 · reserved · CTDP (1) SERVACTV (0) · CDB LENGTH 2
 *   one command    reserved · CTDP (7) SUPPORT (2:0) · CDB SIZE 2 · CDB USAGE DATA
 *   timeouts       DESCRIPTOR LENGTH 2 (000Ah) · reserved · command specific · NOMINAL 4 · RECOMMENDED 4 (seconds)
 */

export const ReportingOption = { all: 0, opcode: 1, serviceAction: 2, either: 3 } as const;

/** SUPPORT field. */
export const Support = { unsupported: 0b001, standard: 0b011, vendor: 0b101 } as const;

export interface CommandEntry {
  readonly opcode: number;
  readonly serviceAction: number | null;
  readonly cdbLength: number;
}

export interface Timeouts {
  /** Seconds; 0: not told. */
  readonly nominal: number;
  readonly recommended: number;
}

function timeoutDescriptor({ nominal, recommended }: Timeouts): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt16BE(0x0a, 0);
  data.writeUInt32BE(nominal, 4);
  data.writeUInt32BE(recommended, 8);
  return data;
}

export function encodeAllCommands(entries: readonly CommandEntry[], timeouts: Timeouts | null): Buffer {
  const parts = entries.map((entry) => {
    const data = Buffer.alloc(8);
    data[0] = entry.opcode;
    data.writeUInt16BE(entry.serviceAction ?? 0, 2);
    data[5] = (timeouts ? 0x02 : 0) | (entry.serviceAction === null ? 0 : 0x01);
    data.writeUInt16BE(entry.cdbLength, 6);
    return timeouts ? Buffer.concat([data, timeoutDescriptor(timeouts)]) : data;
  });
  const body = Buffer.concat(parts);
  const data = Buffer.alloc(4 + body.length);
  data.writeUInt32BE(body.length, 0);
  body.copy(data, 4);
  return data;
}

/** `usage` null: the command is not supported; then no CDB follows. */
export function encodeOneCommand(support: number, usage: readonly number[] | null, timeouts: Timeouts | null): Buffer {
  const head = Buffer.alloc(4);
  const told = usage !== null && timeouts !== null;
  head[1] = (told ? 0x80 : 0) | support;
  head.writeUInt16BE(usage?.length ?? 0, 2);
  return Buffer.concat([head, Buffer.from(usage ?? []), told ? timeoutDescriptor(timeouts) : Buffer.alloc(0)]);
}

/** Byte 0 and byte 1 of REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: position of each function's bit. */
export const TaskManagementBit = {
  abortTask: { byte: 0, mask: 0x80 },
  abortTaskSet: { byte: 0, mask: 0x40 },
  clearAca: { byte: 0, mask: 0x20 },
  clearTaskSet: { byte: 0, mask: 0x10 },
  logicalUnitReset: { byte: 0, mask: 0x08 },
  queryTask: { byte: 0, mask: 0x04 },
  queryAsynchronousEvent: { byte: 1, mask: 0x04 },
  queryTaskSet: { byte: 1, mask: 0x02 },
  itNexusReset: { byte: 1, mask: 0x01 },
} as const;

/** 4 bytes, or with REPD 16: then ADDITIONAL DATA LENGTH 0Ch and timeouts (none told). */
export function encodeTaskManagement(
  functions: readonly (keyof typeof TaskManagementBit)[],
  extended: boolean,
): Buffer {
  const data = Buffer.alloc(extended ? 16 : 4);
  for (const name of functions) {
    const { byte, mask } = TaskManagementBit[name];
    data[byte]! |= mask;
  }
  if (extended) data[3] = 0x0c;
  return data;
}
