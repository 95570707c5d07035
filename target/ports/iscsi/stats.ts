import { opcodeName } from '../../../wire/iscsi/bhs.js';

const OPCODES = 64;

/** Counters of one port since it was opened. */
export class PortCounters {
  readonly pdusIn = new Array<number>(OPCODES).fill(0);
  readonly pdusOut = new Array<number>(OPCODES).fill(0);
  bytesIn = 0;
  bytesOut = 0;
  writes = 0;
  connectionsAccepted = 0;
  connectionsRefused = 0;
  connectionsDropped = 0;
  loginsOk = 0;
  loginsFailed = 0;
  rejects = 0;
  headerDigestErrors = 0;
  dataDigestErrors = 0;
  snacks = 0;
  /** R2Ts for data that was lost. */
  recoveryR2ts = 0;
  /** Commands outside the CmdSN window, and duplicates. */
  commandsIgnored = 0;
  /** Unsolicited Data-Outs of commands that were lost, or had come before (ErrorRecoveryLevel 1 and 2). */
  dataOutIgnored = 0;
}

export interface PortStats {
  /** Now. */
  readonly connections: number;
  readonly sessions: number;
  /** Since the port was opened. PDUs by the name of their opcode, those never seen left out. */
  readonly pdusIn: Readonly<Record<string, number>>;
  readonly pdusOut: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Gathered writes given to the kernel. */
  readonly writes: number;
  readonly connectionsAccepted: number;
  readonly connectionsRefused: number;
  /** Dropped for a protocol error, a time-out or a digest error. */
  readonly connectionsDropped: number;
  readonly loginsOk: number;
  readonly loginsFailed: number;
  readonly rejects: number;
  readonly headerDigestErrors: number;
  readonly dataDigestErrors: number;
  readonly snacks: number;
  readonly recoveryR2ts: number;
  readonly commandsIgnored: number;
  readonly dataOutIgnored: number;
  /** Bytes that outstanding R2Ts ask for. */
  readonly solicitedBytes: number;
  /** Bytes kept of what was sent and is not acknowledged. */
  readonly keptBytes: number;
}

/** One session, for administrators. */
export interface SessionInfo {
  readonly type: 'normal' | 'discovery';
  readonly initiator: string;
  readonly initiatorPort: string;
  /** Target IQN; empty for a discovery session. */
  readonly target: string;
  readonly port: string;
  readonly tsih: number;
  /** Of its leading connection, or of the first that is left. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly authentication: 'none' | 'chap' | 'mutual-chap';
  /** Now, and at most. */
  readonly connections: number;
  readonly maxConnections: number;
  readonly errorRecoveryLevel: number;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxSendDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly maxOutstandingR2T: number;
  readonly queueDepth: number;
  readonly commandsOutstanding: number;
}

/** Counts by opcode as a record by name. */
export function byName(counts: readonly number[]): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [opcode, count] of counts.entries()) if (count > 0) named[opcodeName(opcode)] = count;
  return named;
}
