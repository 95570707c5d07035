/**
 * Login and Logout PDUs (RFC 7143 11.12 to 11.15). Big-endian; offsets in bytes from the start of the BHS.
 *
 * Login Request                                Login Response
 *   0 |.|I|  0x03     | 1 |T|C|..|CSG|NSG|       0 |.|.|  0x23     | 1 |T|C|..|CSG|NSG|
 *   2 VersionMax (1)  | 3 VersionMin (1)         2 VersionMax (1)  | 3 VersionActive (1)
 *   4 TotalAHSLength (1), 5 DataSegmentLength (3)   the same
 *   8 ISID (6)        | 14 TSIH (2)              8 ISID (6)        | 14 TSIH (2)
 *  16 Initiator Task Tag (4)                    16 Initiator Task Tag (4)
 *  20 CID (2)         | 22 reserved (2)         20 reserved (4)
 *  24 CmdSN (4)                                 24 StatSN (4)
 *  28 ExpStatSN (4)                             28 ExpCmdSN (4)
 *  32 reserved (16)                             32 MaxCmdSN (4)
 *                                               36 Status-Class (1) | 37 Status-Detail (1)
 *                                               38 reserved (10)
 * Logout Request                               Logout Response
 *   0 |.|I|  0x06     | 1 |1| Reason Code (7)    0 |.|.|  0x26     | 1 |1| reserved
 *   2 reserved (14)                              2 Response (1)
 *  16 Initiator Task Tag (4)                    16 Initiator Task Tag (4)
 *  20 CID (2)                                   24 StatSN, 28 ExpCmdSN, 32 MaxCmdSN (4 each)
 *  24 CmdSN (4), 28 ExpStatSN (4)               40 Time2Wait (2), 42 Time2Retain (2)
 */

export const LoginOpcode = {
  loginRequest: 0x03,
  logoutRequest: 0x06,
  loginResponse: 0x23,
  logoutResponse: 0x26,
} as const;

const BHS = 48;
const IMMEDIATE = 0x40;
const TRANSIT = 0x80;
const CONTINUE = 0x40;
const FINAL = 0x80;

/** Login stages (RFC 7143 11.12.3); 2 is reserved. */
export const LoginStage = { securityNegotiation: 0, operationalNegotiation: 1, fullFeaturePhase: 3 } as const;

/** Status-Class in the high byte, Status-Detail in the low one (RFC 7143 11.13.5). */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];

/** Logout reasons (RFC 7143 11.14.1). */
export const LogoutReason = { closeSession: 0, closeConnection: 1, removeConnectionForRecovery: 2 } as const;

/** Logout responses (RFC 7143 11.15.1). */
export const LogoutResponseCode = {
  closed: 0,
  cidNotFound: 1,
  recoveryNotSupported: 2,
  cleanupFailed: 3,
} as const;

export interface LoginRequest {
  readonly immediate: boolean;
  readonly transit: boolean;
  readonly continues: boolean;
  readonly csg: number;
  readonly nsg: number;
  readonly versionMax: number;
  readonly versionMin: number;
  /** Six bytes. */
  readonly isid: Buffer;
  readonly tsih: number;
  readonly initiatorTaskTag: number;
  readonly cid: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export interface LoginResponse {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly csg: number;
  readonly nsg: number;
  readonly versionMax: number;
  readonly versionActive: number;
  readonly isid: Buffer;
  readonly tsih: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  /** Class × 256 + detail: see `LoginStatus`. */
  readonly status: number;
}

export interface LogoutRequest {
  readonly immediate: boolean;
  readonly reason: number;
  readonly initiatorTaskTag: number;
  readonly cid: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export interface LogoutResponse {
  readonly response: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  /** Seconds. */
  readonly time2Wait: number;
  readonly time2Retain: number;
}

/** Writes the BHS at `at`; DataSegmentLength is set apart (`setDataSegmentLength`). */
export function encodeLoginRequest(to: Buffer, at: number, f: LoginRequest): void {
  to.fill(0, at, at + BHS);
  to[at] = LoginOpcode.loginRequest | (f.immediate ? IMMEDIATE : 0);
  to[at + 1] = (f.transit ? TRANSIT : 0) | (f.continues ? CONTINUE : 0) | (f.csg << 2) | f.nsg;
  to[at + 2] = f.versionMax;
  to[at + 3] = f.versionMin;
  f.isid.copy(to, at + 8, 0, 6);
  to.writeUInt16BE(f.tsih, at + 14);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt16BE(f.cid, at + 20);
  to.writeUInt32BE(f.cmdSn, at + 24);
  to.writeUInt32BE(f.expStatSn, at + 28);
}

export function decodeLoginRequest(bhs: Buffer): LoginRequest {
  const flags = bhs[1]!;
  return {
    immediate: (bhs[0]! & IMMEDIATE) !== 0,
    transit: (flags & TRANSIT) !== 0,
    continues: (flags & CONTINUE) !== 0,
    csg: (flags >> 2) & 3,
    nsg: flags & 3,
    versionMax: bhs[2]!,
    versionMin: bhs[3]!,
    isid: bhs.subarray(8, 14),
    tsih: bhs.readUInt16BE(14),
    initiatorTaskTag: bhs.readUInt32BE(16),
    cid: bhs.readUInt16BE(20),
    cmdSn: bhs.readUInt32BE(24),
    expStatSn: bhs.readUInt32BE(28),
  };
}

export function encodeLoginResponse(to: Buffer, at: number, f: LoginResponse): void {
  to.fill(0, at, at + BHS);
  to[at] = LoginOpcode.loginResponse;
  to[at + 1] = (f.transit ? TRANSIT : 0) | (f.continues ? CONTINUE : 0) | (f.csg << 2) | f.nsg;
  to[at + 2] = f.versionMax;
  to[at + 3] = f.versionActive;
  f.isid.copy(to, at + 8, 0, 6);
  to.writeUInt16BE(f.tsih, at + 14);
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to.writeUInt16BE(f.status, at + 36);
}

export function decodeLoginResponse(bhs: Buffer): LoginResponse {
  const flags = bhs[1]!;
  return {
    transit: (flags & TRANSIT) !== 0,
    continues: (flags & CONTINUE) !== 0,
    csg: (flags >> 2) & 3,
    nsg: flags & 3,
    versionMax: bhs[2]!,
    versionActive: bhs[3]!,
    isid: bhs.subarray(8, 14),
    tsih: bhs.readUInt16BE(14),
    initiatorTaskTag: bhs.readUInt32BE(16),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    status: bhs.readUInt16BE(36),
  };
}

export function encodeLogoutRequest(to: Buffer, at: number, f: LogoutRequest): void {
  to.fill(0, at, at + BHS);
  to[at] = LoginOpcode.logoutRequest | (f.immediate ? IMMEDIATE : 0);
  to[at + 1] = FINAL | f.reason;
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt16BE(f.cid, at + 20);
  to.writeUInt32BE(f.cmdSn, at + 24);
  to.writeUInt32BE(f.expStatSn, at + 28);
}

export function decodeLogoutRequest(bhs: Buffer): LogoutRequest {
  return {
    immediate: (bhs[0]! & IMMEDIATE) !== 0,
    reason: bhs[1]! & 0x7f,
    initiatorTaskTag: bhs.readUInt32BE(16),
    cid: bhs.readUInt16BE(20),
    cmdSn: bhs.readUInt32BE(24),
    expStatSn: bhs.readUInt32BE(28),
  };
}

export function encodeLogoutResponse(to: Buffer, at: number, f: LogoutResponse): void {
  to.fill(0, at, at + BHS);
  to[at] = LoginOpcode.logoutResponse;
  to[at + 1] = FINAL;
  to[at + 2] = f.response;
  to.writeUInt32BE(f.initiatorTaskTag, at + 16);
  to.writeUInt32BE(f.statSn, at + 24);
  to.writeUInt32BE(f.expCmdSn, at + 28);
  to.writeUInt32BE(f.maxCmdSn, at + 32);
  to.writeUInt16BE(f.time2Wait, at + 40);
  to.writeUInt16BE(f.time2Retain, at + 42);
}

export function decodeLogoutResponse(bhs: Buffer): LogoutResponse {
  return {
    response: bhs[2]!,
    initiatorTaskTag: bhs.readUInt32BE(16),
    statSn: bhs.readUInt32BE(24),
    expCmdSn: bhs.readUInt32BE(28),
    maxCmdSn: bhs.readUInt32BE(32),
    time2Wait: bhs.readUInt16BE(40),
    time2Retain: bhs.readUInt16BE(42),
  };
}
