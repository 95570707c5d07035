/** An iSCSI port of the array: the listener, its connections and sessions. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { AsyncEvent, LoginStatus } from '../../../wire/iscsi/bhs.js';
import { operationalParameters } from '../../../wire/iscsi/keys.js';
import type { Nexus } from '../../scsi/nexus.js';
import { admits } from '../../volumes/host-groups.js';
import type { HostGroup, TargetPort } from '../../volumes/model.js';
import type { Capture } from '../capture/capture.js';
import { PortTaps } from './capture/port-taps.js';
import { CommandWindow } from './command-window.js';
import { Connection } from './connection.js';
import { SolicitedBudget } from './data-out.js';
import { GuessDelays } from './guess-delays.js';
import { SegmentPool } from './input-memory.js';
import { defaultLimits, type IscsiLimits } from './limits.js';
import type { LoginResult } from './login.js';
import { sendAsyncMessage } from './logout.js';
import { ownValues } from './negotiation.js';
import type { PortParts } from './parts.js';
import { RateLimitedLog } from './rate-limited-log.js';
import { LoginRefused } from './security.js';
import { Session } from './session.js';
import { byName, PortCounters, type PortStats, type SessionInfo } from './stats.js';

const TICK_MS = 1000;
const TSIH_MAX = 0xffff;
/** However little memory is left for unsolicited data, a session gets this many commands. */
const QUEUE_DEPTH_MIN = 4;

/** `Nexus.id` is unique over all ports of the process. */
let lastNexus = 0;

export class IscsiPort {
  readonly counters = new PortCounters();
  readonly log: RateLimitedLog;
  readonly limits: IscsiLimits;
  readonly ownValues: ReadonlyMap<string, string>;
  readonly segments = new SegmentPool();
  readonly taps = new PortTaps();
  readonly guessDelays: GuessDelays;

  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #sessions = new Map<number, Session>();
  readonly #budget: SolicitedBudget;
  #unsolicitedBytes = 0;
  #lastTsih = 0;
  #ticker: { cancel(): void } | null = null;
  #onEmpty: (() => void) | null = null;
  readonly #onGroupChanged = (group: HostGroup) => this.#revoke(group);
  readonly #onGroupRemoved = (group: HostGroup) => this.endSessions(group, 'host group removed');

  constructor(
    readonly port: TargetPort,
    readonly parts: PortParts,
  ) {
    this.limits = { ...defaultLimits, ...parts.limits };
    this.log = new RateLimitedLog(parts.log, parts.clock, port.name);
    this.ownValues = ownValues(this.limits);
    this.guessDelays = new GuessDelays(parts.clock);
    this.#budget = new SolicitedBudget(this.limits.solicitedBytes);
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /**
   * Opens the listener.
   * @returns the address, with the port number that the system chose if 0 was asked for
   * @throws the system's error (EADDRINUSE, EACCES …)
   */
  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.port.listen;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    // An accept that fails (too many open files) leaves the listener as it is.
    this.#server.on('error', (error) => this.log.warn('listener', error.message));
    this.parts.volumes.on('host-group-removed', this.#onGroupRemoved);
    this.parts.volumes.on('admission-changed', this.#onGroupChanged);
    this.#tick();
    const address = this.#server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  /**
   * Takes no more connections, asks the hosts to log out (RFC 7143 11.9.1, event 1), and after `graceMs`
   * milliseconds closes what is left.
   */
  async close(graceMs: number): Promise<void> {
    this.parts.volumes.off('host-group-removed', this.#onGroupRemoved);
    this.parts.volumes.off('admission-changed', this.#onGroupChanged);
    if (this.#server.listening) this.#server.close();
    for (const connection of this.#connections) {
      if (graceMs > 0 && connection.session?.nexus) {
        sendAsyncMessage(connection, AsyncEvent.logoutRequested, [0, 0, Math.max(1, Math.floor(graceMs / 1000))]);
      } else connection.finish('port closes');
    }
    await this.#emptied(graceMs);
    for (const connection of this.#connections) connection.finish('port closes');
    await this.#emptied(Math.min(graceMs, TICK_MS));
    for (const connection of this.#connections) connection.abandon();
    // Sockets close a moment later, and cache slots are given back then.
    await this.#emptied(TICK_MS);
    this.#ticker?.cancel();
    this.#ticker = null;
  }

  stats(): PortStats {
    const { pdusIn, pdusOut, ...counters } = this.counters;
    return {
      ...counters,
      connections: this.#connections.size,
      sessions: this.#sessions.size,
      pdusIn: byName(pdusIn),
      pdusOut: byName(pdusOut),
      solicitedBytes: this.#budget.used,
    };
  }

  sessions(): SessionInfo[] {
    return [...this.#sessions.values()].map((session) => describe(session, this.port.name));
  }

  /** Shows a capture what passes from now on. */
  startCapture(capture: Capture): void {
    this.taps.start(capture, this.#connections);
  }

  stopCapture(capture: Capture): void {
    this.taps.stop(capture, this.#connections);
  }

  /**
   * A login succeeded: makes the session, or gives an existing one the connection.
   * @returns its TSIH
   * @throws LoginRefused
   */
  establish(connection: Connection, login: LoginResult): number {
    const initiatorPort = `${login.initiatorName},i,0x${login.request.isid.toString('hex')}`;
    const session =
      login.request.tsih === 0
        ? this.#newSession(connection, login, initiatorPort)
        : this.#reinstateConnection(connection, login, initiatorPort);
    connection.session = session;
    this.counters.loginsOk++;
    const target = login.group === null ? 'discovery' : login.group.target;
    this.log.info('login', `${connection.name}: ${initiatorPort} to ${target}, authentication ${login.authentication}`);
    return session.identity.tsih;
  }

  endSession(session: Session, why: string): void {
    if (session.ended) return;
    this.#sessions.delete(session.identity.tsih);
    this.#unsolicitedBytes -= session.unsolicitedBytes;
    session.end();
    this.log.info('session ended', `${session.connection.name}: ${session.identity.initiatorPort}: ${why}`);
  }

  /** Ends all sessions with a target, after telling their hosts (RFC 7143 11.9.1, event 2). */
  endSessions(group: HostGroup, why: string, concerns: (session: Session) => boolean = () => true): void {
    for (const session of [...this.#sessions.values()]) {
      if (session.group === group && concerns(session)) this.dropSession(session.identity.tsih, null, why);
    }
  }

  /**
   * Ends a session after telling its host (RFC 7143 11.9.1, event 2); or asks the host to log out within
   * `logoutSeconds` (event 1), and ends what is left then.
   * @returns false: there is no such session
   */
  dropSession(tsih: number, logoutSeconds: number | null, why: string): boolean {
    const session = this.#sessions.get(tsih);
    if (session === undefined) return false;
    // A discovery session knows no asynchronous messages.
    const told = session.nexus !== null;
    const drop = (): void => {
      if (session.ended) return;
      if (told) sendAsyncMessage(session.connection, AsyncEvent.connectionDropped, [session.identity.cid, 0, 0]);
      session.connection.finish(why);
    };
    if (logoutSeconds === null || !told) drop();
    else {
      sendAsyncMessage(session.connection, AsyncEvent.logoutRequested, [0, 0, logoutSeconds]);
      this.parts.clock.setTimeout(drop, logoutSeconds * 1000);
    }
    return true;
  }

  /** A connection's socket is closed. */
  closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    this.#onEmpty?.();
  }

  #accept(socket: Socket): void {
    const { connections, refusals } = this.limits;
    const excess = this.#connections.size >= connections;
    if (excess) {
      this.counters.connectionsRefused++;
      this.log.warn('connection refused', `${socket.remoteAddress}: ${this.#connections.size} connections are open`);
    } else this.counters.connectionsAccepted++;
    if (this.#connections.size >= connections + refusals) {
      socket.destroy();
      return;
    }
    this.#connections.add(new Connection(this, socket, excess));
  }

  #newSession(connection: Connection, login: LoginResult, initiatorPort: string): Session {
    const { request, group, type } = login;
    for (const other of [...this.#sessions.values()]) {
      // Session reinstatement (RFC 7143 6.3.5): the same initiator port logs in to the same target anew.
      if (type === 'normal' && other.group === group && other.identity.initiatorPort === initiatorPort) {
        this.endSession(other, 'reinstated');
        other.connection.abandon();
      }
    }
    const { initialR2T, immediateData, firstBurstLength } = operationalParameters(login.results);
    const perCommand = type === 'normal' && (immediateData || !initialR2T) ? firstBurstLength : 0;
    const depth = this.#queueDepth(perCommand);
    const nexus: Nexus | null =
      group === null
        ? null
        : {
            id: ++lastNexus,
            transport: 'iscsi',
            initiatorName: login.initiatorName,
            initiatorPort,
            port: this.port,
            hostGroup: group,
          };
    const session = new Session(
      {
        type,
        tsih: this.#freeTsih(),
        cid: request.cid,
        initiatorName: login.initiatorName,
        initiatorPort,
        isid: request.isid,
        authentication: login.authentication,
      },
      this.parts,
      new CommandWindow(request.cmdSn, depth),
      this.#budget,
      this.limits,
      (depth + this.limits.immediateCommands) * perCommand,
      nexus,
      group,
      connection,
    );
    this.#unsolicitedBytes += session.unsolicitedBytes;
    this.#sessions.set(session.identity.tsih, session);
    if (nexus !== null) this.parts.adapter.attach(nexus);
    return session;
  }

  /** Another TCP connection for a session there is: only in place of its own (MaxConnections=1). */
  #reinstateConnection(connection: Connection, login: LoginResult, initiatorPort: string): Session {
    const { request, group } = login;
    const session = this.#sessions.get(request.tsih);
    if (session === undefined || session.group !== group || session.identity.initiatorPort !== initiatorPort) {
      throw new LoginRefused(LoginStatus.sessionDoesNotExist, `no session with TSIH ${request.tsih}`);
    }
    if (request.cid !== session.identity.cid) {
      throw new LoginRefused(LoginStatus.tooManyConnections, `CID ${request.cid}: one connection per session`);
    }
    session.connection.replaced();
    session.moveTo(connection);
    return session;
  }

  /** The window of a new session: smaller when memory for unsolicited data is spoken for. */
  #queueDepth(bytesPerCommand: number): number {
    const { queueDepth, immediateCommands, unsolicitedBytes } = this.limits;
    if (bytesPerCommand === 0) return queueDepth;
    const fits = Math.floor((unsolicitedBytes - this.#unsolicitedBytes) / bytesPerCommand) - immediateCommands;
    return Math.min(queueDepth, Math.max(QUEUE_DEPTH_MIN, fits));
  }

  #freeTsih(): number {
    if (this.#sessions.size >= TSIH_MAX) throw new LoginRefused(LoginStatus.outOfResources, 'all TSIHs are in use');
    do this.#lastTsih = (this.#lastTsih % TSIH_MAX) + 1;
    while (this.#sessions.has(this.#lastTsih));
    return this.#lastTsih;
  }

  /** Ends the sessions of initiators that a host group admits no longer. */
  #revoke(group: HostGroup): void {
    this.endSessions(group, 'no longer admitted', (session) => !admits(group, session.identity.initiatorName));
  }

  #tick(): void {
    const now = this.parts.clock.now();
    for (const connection of this.#connections) connection.tick(now);
    this.#ticker = this.parts.clock.setTimeout(() => this.#tick(), TICK_MS);
  }

  /** Resolves when no connection is left, or after `ms`. */
  #emptied(ms: number): Promise<void> {
    if (this.#connections.size === 0 || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.parts.clock.setTimeout(() => this.#onEmpty?.(), ms);
      this.#onEmpty = () => {
        this.#onEmpty = null;
        timer.cancel();
        resolve();
      };
    });
  }
}

function describe({ identity, connection, window, group }: Session, port: string): SessionInfo {
  const { parameters } = connection;
  return {
    type: identity.type,
    initiator: identity.initiatorName,
    initiatorPort: identity.initiatorPort,
    target: group === null ? '' : group.target,
    port,
    tsih: identity.tsih,
    localAddress: connection.localAddress,
    remoteAddress: connection.remoteAddress,
    authentication: identity.authentication,
    headerDigest: parameters.headerDigest,
    dataDigest: parameters.dataDigest,
    initialR2T: parameters.initialR2T,
    immediateData: parameters.immediateData,
    maxSendDataSegmentLength: parameters.sendDataSegmentLength,
    maxBurstLength: parameters.maxBurstLength,
    firstBurstLength: parameters.firstBurstLength,
    maxOutstandingR2T: parameters.maxOutstandingR2T,
    queueDepth: window.depth,
    commandsOutstanding: window.outstanding,
  };
}
