/** Everything that is bounded, and the values this side brings to negotiations. Times in milliseconds, sizes in bytes. */
export interface IscsiLimits {
  /** TCP connections of one port; further ones are told "out of resources" at login. */
  readonly connections: number;
  /** Connections beyond that which are answered at all; the rest are reset. */
  readonly refusals: number;
  /** From the connection to the full feature phase. */
  readonly loginTimeoutMs: number;
  /** Login Requests of one login. */
  readonly loginRequests: number;
  /** From the end of a conversation (logout, failed login) until the socket is destroyed. */
  readonly closingTimeoutMs: number;
  /** Silence after which a host is pinged, and silence after the ping that means it is dead. */
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
  /** Silence of a single command whose data-out was announced or asked for: others may have to wait for its blocks. */
  readonly dataTimeoutMs: number;
  /** Commands of one session in the target: the CmdSN window. */
  readonly queueDepth: number;
  /** Immediate commands of one session beside the window (RFC 7143 4.2.2.1), and task management requests. */
  readonly immediateCommands: number;
  /** Data of requests of one session that came before their turn. */
  readonly heldBytes: number;
  /** MaxRecvDataSegmentLength declared to initiators. */
  readonly maxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly maxOutstandingR2T: number;
  /** At most: what an initiator offers less of holds. */
  readonly errorRecoveryLevel: 0 | 1 | 2;
  readonly connectionsPerSession: number;
  /** Seconds that tasks of a lost connection wait to be taken up, at most (ErrorRecoveryLevel 2). */
  readonly time2Retain: number;
  /** Sessions of a port that have no connection and wait for one (ErrorRecoveryLevel 2); beyond them one of the host with most ends. */
  readonly desertedSessions: number;
  /** Of one connection, kept until acknowledged (ErrorRecoveryLevel 1 and 2): bytes of reads, PDUs with status. */
  readonly keptBytes: number;
  readonly keptStatuses: number;
  /** Bytes of both of all connections of a port, and of all that wait for theirs. */
  readonly portKeptBytes: number;
  /** Silence of a command whose data is due, after which it is asked for again (ErrorRecoveryLevel 1 and 2). */
  readonly askAgainMs: number;
  /** How often in a row without any of it coming. */
  readonly askAgainTimes: number;
  /** How long answers of task management wait for other connections of the session to acknowledge what was sent. */
  readonly fenceMs: number;
  /** Memory of one port for data asked for by R2T. */
  readonly solicitedBytes: number;
  /** Memory of one port for unsolicited data: new sessions get a smaller window when it is spoken for. */
  readonly unsolicitedBytes: number;
  /** Output of one connection not taken by the kernel, above which its commands wait. */
  readonly outputBytes: number;
  /** How long the event loop polls after activity, in microseconds; 0: never. Shared by all ports. */
  readonly pollingUs: number;
}

export const defaultLimits: IscsiLimits = {
  connections: 256,
  refusals: 32,
  loginTimeoutMs: 15_000,
  loginRequests: 64,
  closingTimeoutMs: 5_000,
  pingAfterMs: 15_000,
  pingTimeoutMs: 15_000,
  dataTimeoutMs: 120_000,
  queueDepth: 128,
  immediateCommands: 32,
  heldBytes: 1024 * 1024,
  maxRecvDataSegmentLength: 262_144,
  maxBurstLength: 1_048_576,
  firstBurstLength: 65_536,
  maxOutstandingR2T: 8,
  errorRecoveryLevel: 2,
  time2Retain: 20,
  connectionsPerSession: 4,
  desertedSessions: 64,
  keptBytes: 8 * 1024 * 1024,
  keptStatuses: 4096,
  portKeptBytes: 128 * 1024 * 1024,
  askAgainMs: 2_000,
  askAgainTimes: 8,
  fenceMs: 5_000,
  solicitedBytes: 256 * 1024 * 1024,
  unsolicitedBytes: 512 * 1024 * 1024,
  outputBytes: 4 * 1024 * 1024,
  pollingUs: 200,
};
