/**
 * Task Management Function Request and Response (RFC 7143 11.5, 11.6; functions 9 to 12: RFC 7144 4).
 * Big-endian; offsets in bytes from the start of the BHS. 4 TotalAHSLength (1), 5 DataSegmentLength (3) are zero.
 *
 * Request                                    Response
 *   0 |.|I| 0x02 | 1 |1| Function (7)          0 |..| 0x22 | 1 |1| reserved
 *   8 LUN (8)                                  2 Response (1)
 *                                              8 Additional Response Information (3, RFC 7144)
 *  16 Initiator Task Tag (4)                  16 Initiator Task Tag (4)
 *  20 Referenced Task Tag (4)                 24 StatSN (4)
 *  24 CmdSN (4) | 28 ExpStatSN (4)            28 ExpCmdSN (4) | 32 MaxCmdSN (4)
 *  32 RefCmdSN (4) | 36 ExpDataSN (4)
 */

export const TaskManagementOpcode = { taskManagementRequest: 0x02, taskManagementResponse: 0x22 } as const;

const BHS = 48;
const IMMEDIATE = 0x40;
const FINAL = 0x80;

export const TaskFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
  queryTask: 9,
  queryTaskSet: 10,
  itNexusReset: 11,
  queryAsynchronousEvent: 12,
} as const;

export const TaskFunctionResponse = {
  complete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  reassignmentNotSupported: 4,
  functionNotSupported: 5,
  authorizationFailed: 6,
  /** RFC 7144 4.2: the query found what was asked for. */
  succeeded: 7,
  rejected: 255,
} as const;

export interface TaskManagementRequest {
  readonly immediate: boolean;
  readonly fn: number;
  readonly lun: Buffer;
  readonly initiatorTaskTag: number;
  readonly referencedTaskTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly refCmdSn: number;
  readonly expDataSn: number;
}

export interface TaskManagementResponse {
  readonly response: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  /** Additional Response Information, 24 bits (RFC 7144; SAM-6 7.11 for QUERY ASYNCHRONOUS EVENT). */
  readonly information?: number;
}

export function encodeTaskManagementRequest(to: Buffer, at: number, f: TaskManagementRequest): void {
  to.fill(0, at, at + BHS);
  to[at] = TaskManagementOpcode.taskManagementRequest | (f.immediate ? IMMEDIATE : 0);
  to[at + 1] = FINAL | f.fn;
  f.lun.copy(to, at + 8, 0, 8);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.referencedTaskTag, at + 20);
  to.writeUInt32BE(f.cmdSn, at + 24);
  to.writeUInt32BE(f.expStatSn, at + 28);
  to.writeUInt32BE(f.refCmdSn, at + 32);
  to.writeUInt32BE(f.expDataSn, at + 36);
}

export function decodeTaskManagementRequest(bhs: Buffer): TaskManagementRequest {
  return {
    immediate: (bhs[0]! & IMMEDIATE) !== 0,
    fn: bhs[1]! & 0x7f,
    lun: bhs.subarray(8, 16),
    initiatorTaskTag: bhs.readUInt32BE(16),
    referencedTaskTag: bhs.readUInt32BE(20),
    cmdSn: bhs.readUInt32BE(24),
    expStatSn: bhs.readUInt32BE(28),
    refCmdSn: bhs.readUInt32BE(32),
    expDataSn: bhs.readUInt32BE(36),
  };
}

export function encodeTaskManagementResponse(to: Buffer, at: number, f: TaskManagementResponse): void {
  to.fill(0, at, at + BHS);
  to[at] = TaskManagementOpcode.taskManagementResponse;
  to[at + 1] = FINAL;
  to[at + 2] = f.response;
  to.writeUIntBE(f.information ?? 0, at + 8, 3);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
}

export function decodeTaskManagementResponse(bhs: Buffer): TaskManagementResponse {
  return {
    response: bhs[2]!,
    information: bhs.readUIntBE(8, 3),
    initiatorTaskTag: bhs.readUInt32BE(16),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
  };
}
