/** An iSCSI port of the array: the listener, its connections and sessions. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { AsyncEvent, LoginStatus } from '../../../wire/iscsi/bhs.js';
import { keyRules, operationalParameters } from '../../../wire/iscsi/keys.js';
import type { Nexus } from '../../scsi/nexus.js';
import { admits } from '../../volumes/host-groups.js';
import type { HostGroup, TargetPort } from '../../volumes/model.js';
import type { Capture } from '../capture/capture.js';
import { PortTaps } from './capture/port-taps.js';
import { CommandWindow } from './command-window.js';
import { Connection, type Ending } from './connection.js';
import { SolicitedBudget } from './data-out.js';
import { GuessDelays } from './guess-delays.js';
import { SegmentPool } from './input-memory.js';
import { KeptMemory } from './kept-memory.js';
import { defaultLimits, type IscsiLimits } from './limits.js';
import type { LoginResult } from './login.js';
import { sendAsyncMessage } from './logout.js';
import { ownValues } from './negotiation.js';
import type { PortParts } from './parts.js';
import { RateLimitedLog } from './rate-limited-log.js';
import type { Redirection } from './redirection.js';
import { isInitiator, LoginRefused, satisfies } from './security.js';
import { Session } from './session.js';
import { byName, PortCounters, type PortStats, type SessionInfo } from './stats.js';

const TICK_MS = 1000;
const TSIH_MAX = 0xffff;
/** How long hosts have to log out that have proved less than is asked for by now, or to be a user that was removed. */
const AUTHENTICATION_GRACE_S = 10;
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
  /** Of sessions of ErrorRecoveryLevel 1 and 2. */
  readonly kept: KeptMemory;
  /** Null: hosts log in here. Sessions there are, and discovery, go on either way. */
  redirection: Redirection | null = null;

  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #sessions = new Map<number, Session>();
  readonly #budget: SolicitedBudget;
  #unsolicitedBytes = 0;
  #lastTsih = 0;
  #ticker: { cancel(): void } | null = null;
  /** Of sessions that were asked to log out. */
  readonly #drops = new Set<{ cancel(): void }>();
  #onEmpty: (() => void) | null = null;
  readonly #onGroupChanged = (group: HostGroup) => this.#revoke(group);
  readonly #onUsersRemoved = () =>
    this.#askOut('its user was removed', ({ identity }) => !isInitiator(identity.user, this.parts.volumes.users()));
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
    this.kept = new KeptMemory(this.limits.portKeptBytes);
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
    this.parts.volumes.on('users-removed', this.#onUsersRemoved);
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
    this.parts.volumes.off('users-removed', this.#onUsersRemoved);
    if (this.#server.listening) this.#server.close();
    for (const connection of this.#connections) {
      if (graceMs > 0 && connection.session?.nexus) {
        sendAsyncMessage(connection, AsyncEvent.logoutRequested, [0, 0, Math.max(1, Math.floor(graceMs / 1000))]);
      } else connection.finish('port closes', 'session');
    }
    await this.#emptied(graceMs);
    for (const connection of this.#connections) connection.finish('port closes', 'session');
    await this.#emptied(Math.min(graceMs, TICK_MS));
    for (const connection of this.#connections) connection.abandon();
    // Sockets close a moment later, and cache slots are given back then.
    await this.#emptied(TICK_MS);
    for (const session of [...this.#sessions.values()]) this.endSession(session, 'port closes');
    for (const timer of this.#drops) timer.cancel();
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
      keptBytes: this.kept.used,
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
   * @throws LoginRefused
   */
  establish(connection: Connection, login: LoginResult): Session {
    const initiatorPort = `${login.initiatorName},i,0x${login.request.isid.toString('hex')}`;
    const session =
      login.request.tsih === 0
        ? this.#newSession(login, initiatorPort)
        : this.#joinSession(connection, login, initiatorPort);
    connection.session = session;
    session.connections.add(connection);
    this.counters.loginsOk++;
    const target = login.group === null ? 'discovery' : login.group.target;
    this.log.info('login', `${connection.name}: ${initiatorPort} to ${target}, authentication ${login.authentication}`);
    return session;
  }

  /** The session that a login names by its TSIH. */
  sessionOf(tsih: number): Session | undefined {
    return this.#sessions.get(tsih);
  }

  /** A connection is not one of its session any more. */
  connectionEnded(connection: Connection, session: Session, why: string, ending: Ending): void {
    if (!session.connections.remove(connection)) return;
    if (ending === 'lost' && this.#recovers(session)) {
      this.#strand(session, connection);
      this.#limitDeserted();
    } else if (ending !== 'connection' || session.connections.size === 0) this.endSession(session, why);
    else session.terminate(connection);
  }

  #recovers(session: Session): boolean {
    return session.parameters.errorRecoveryLevel === 2 && session.nexus !== null && !session.ended;
  }

  /** The tasks of a connection that is gone wait for another one to take them up. */
  #strand(session: Session, connection: Connection): void {
    session.strand(connection, () => {
      session.terminate(connection);
      // Another of its connections may be waited for longer.
      if (session.connections.size === 0 && !session.stranded!.waiting)
        this.endSession(session, 'nobody came to take up its tasks');
    });
  }

  /** Beyond the limit, that host loses one which has left most. */
  #limitDeserted(): void {
    const byHost = new Map<string, Session[]>();
    let count = 0;
    for (const session of this.#sessions.values()) {
      if (session.connections.size > 0) continue;
      count++;
      const { initiatorName } = session.identity;
      byHost.set(initiatorName, [...(byHost.get(initiatorName) ?? []), session]);
    }
    if (count <= this.limits.desertedSessions) return;
    const most = [...byHost.values()].reduce((a, b) => (b.length > a.length ? b : a));
    this.endSession(most[0]!, 'too many wait for their hosts');
  }

  /** @param close what becomes of its connections */
  endSession(
    session: Session,
    why: string,
    close: (connection: Connection) => void = (connection) => connection.finish(why),
  ): void {
    if (session.ended) return;
    this.#sessions.delete(session.identity.tsih);
    this.#unsolicitedBytes -= session.unsolicitedBytes;
    session.end();
    this.log.info('session ended', `${session.connections.leading.name}: ${session.identity.initiatorPort}: ${why}`);
    for (const connection of session.connections.removeAll()) close(connection);
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
   * @param still whether it is to end is asked again then
   * @returns false: there is no such session
   */
  dropSession(tsih: number, logoutSeconds: number | null, why: string, still: () => boolean = () => true): boolean {
    const session = this.#sessions.get(tsih);
    if (session === undefined) return false;
    // A discovery session knows no asynchronous messages.
    const told = session.nexus !== null;
    const drop = (): void => {
      if (session.ended || !still()) return;
      if (told) {
        for (const connection of session.connections)
          sendAsyncMessage(connection, AsyncEvent.connectionDropped, [connection.cid, 0, 0]);
      }
      this.endSession(session, why);
    };
    if (logoutSeconds === null || !told) drop();
    else {
      for (const connection of session.connections)
        sendAsyncMessage(connection, AsyncEvent.logoutRequested, [0, 0, logoutSeconds]);
      const timer = this.parts.clock.setTimeout(() => {
        this.#drops.delete(timer);
        drop();
      }, logoutSeconds * 1000);
      this.#drops.add(timer);
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

  #newSession(login: LoginResult, initiatorPort: string): Session {
    const { request, group, type } = login;
    if (type === 'normal') this.#reinstate(login, initiatorPort);
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
        initiatorName: login.initiatorName,
        initiatorPort,
        isid: request.isid,
        authentication: login.authentication,
        user: login.user,
      },
      this.parts,
      new CommandWindow(request.cmdSn, depth),
      this.#budget,
      this.kept,
      this.limits,
      (depth + this.limits.immediateCommands) * perCommand,
      nexus,
      group,
      sessionScope(login.results),
    );
    this.#unsolicitedBytes += session.unsolicitedBytes;
    this.#sessions.set(session.identity.tsih, session);
    if (nexus !== null) this.parts.adapter.attach(nexus);
    return session;
  }

  /**
   * Session reinstatement (RFC 7143 6.3.5): the same initiator port logs in to the same target anew, and its session ends.
   * Names and ISIDs are no secrets: whose session it is is told by CHAP, if it was opened so.
   */
  #reinstate({ group, user }: LoginResult, initiatorPort: string): void {
    for (const other of [...this.#sessions.values()]) {
      if (other.group !== group || other.identity.initiatorPort !== initiatorPort) continue;
      const owner = other.identity.user;
      const exists = this.parts.volumes.users().some(({ name, role }) => role === 'initiator' && name === owner);
      if (owner !== user && exists) {
        const why = `session ${other.identity.tsih} of the same ISID is of another CHAP user`;
        throw new LoginRefused(LoginStatus.authenticationFailure, why);
      }
      this.endSession(other, 'reinstated', (connection) => connection.abandon());
    }
  }

  /** One more connection for a session there is, or one in place of another (RFC 7143 6.3.4). */
  #joinSession(connection: Connection, login: LoginResult, initiatorPort: string): Session {
    const { request, group } = login;
    const session = this.#sessions.get(request.tsih);
    if (session === undefined || session.group !== group || session.identity.initiatorPort !== initiatorPort) {
      throw new LoginRefused(LoginStatus.sessionDoesNotExist, `no session with TSIH ${request.tsih}`);
    }
    if (session.identity.user !== login.user) {
      throw new LoginRefused(LoginStatus.authenticationFailure, `session ${request.tsih} is of another CHAP user`);
    }
    const old = session.connections.get(connection.cid);
    if (old !== undefined) {
      session.connections.remove(old);
      if (this.#recovers(session)) this.#strand(session, old);
      else session.terminate(old);
      old.replaced();
    } else if (session.connections.size >= session.parameters.maxConnections) {
      const why = `CID ${request.cid}: the session has ${session.connections.size} connections`;
      throw new LoginRefused(LoginStatus.tooManyConnections, why);
    }
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

  /**
   * Ends the sessions of initiators that a host group admits no longer, and asks those out that have proved less than is
   * asked for by now: whoever can prove it comes back.
   */
  #revoke(group: HostGroup): void {
    this.endSessions(group, 'no longer admitted', (session) => !admits(group, session.identity.initiatorName));
    this.#askOut('more authentication is required', (session) => {
      return session.group === group && !satisfies(session.identity.authentication, group.auth);
    });
  }

  /** Asks hosts to log out, and ends the sessions of which `concerned` still holds after the grace. */
  #askOut(why: string, concerned: (session: Session) => boolean): void {
    for (const session of [...this.#sessions.values()]) {
      if (!concerned(session)) continue;
      this.dropSession(session.identity.tsih, AUTHENTICATION_GRACE_S, why, () => concerned(session));
    }
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

/** Of what a login agreed on, that which holds for all connections of the session. */
function sessionScope(results: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...results].filter(([key]) => keyRules.get(key)!.scope === 'session'));
}

function describe({ identity, connections, window, group }: Session, port: string): SessionInfo {
  const { leading } = connections;
  const { parameters } = leading;
  return {
    type: identity.type,
    initiator: identity.initiatorName,
    initiatorPort: identity.initiatorPort,
    target: group === null ? '' : group.target,
    port,
    tsih: identity.tsih,
    localAddress: leading.localAddress,
    remoteAddress: leading.remoteAddress,
    authentication: identity.authentication,
    connections: connections.size,
    maxConnections: parameters.maxConnections,
    errorRecoveryLevel: parameters.errorRecoveryLevel,
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
