/**
 * One TCP connection: its socket, the parser on the way in, the gathered output on the way out, and its phase.
 */
import type { Socket } from 'node:net';
import {
  dataSegmentLength,
  expStatSnOf,
  type LoginRequest,
  nextSerial,
  opcodeOf,
  RejectReason,
} from '../../../wire/iscsi/bhs.js';
import type { OperationalParameters } from '../../../wire/iscsi/keys.js';
import { operationalParameters } from '../../../wire/iscsi/keys.js';
import { type Pdu, PduError, PduParser } from '../../../wire/iscsi/pdu-parser.js';
import { deviceTypeOf, ldevName } from '../../volumes/model.js';
import type { ConnectionTap } from './capture/connection-tap.js';
import type { AddressedUnit } from './capture/pdu-comments.js';
import type { Tappable } from './capture/port-taps.js';
import { InputChunk } from './input-memory.js';
import { Login } from './login.js';
import { sendPing } from './nop.js';
import { Polling } from './polling.js';
import type { IscsiPort } from './port.js';
import type { RateLimitedLog } from './rate-limited-log.js';
import { type Receiver, receiveInto } from './receive.js';
import { sendReject } from './reject.js';
import { formatAddress } from './send-targets.js';
import type { Session } from './session.js';
import type { PortCounters } from './stats.js';
import { TextExchange } from './text-requests.js';
import { Transmit } from './transmit.js';
import { Unacknowledged } from './unacknowledged.js';

/** `closing`: what was sent is on its way, input is ignored. */
type Phase = 'login' | 'full-feature' | 'closing' | 'closed';

/**
 * What ends with a connection: the connection alone, by a logout that says so, or its session. `lost`: it broke, or
 * was given up.
 */
export type Ending = 'lost' | 'connection' | 'session';

const NOTHING = Buffer.alloc(0);

export class Connection implements Receiver, Tappable {
  readonly transmit: Transmit;
  readonly counters: PortCounters;
  readonly log: RateLimitedLog;
  readonly input = new InputChunk();
  /** For the log: the address of the other side. */
  readonly name: string;
  readonly remoteAddress: string;
  readonly remoteHost: string;
  readonly localAddress: string;
  parameters: OperationalParameters = operationalParameters(new Map());
  session: Session | null = null;
  /** Of its session's connections, by the initiator's choice. */
  cid = 0;
  readonly text = new TextExchange();
  /** Null with ErrorRecoveryLevel 0. */
  unacknowledged: Unacknowledged | null = null;
  /** As the initiator gave it in its login. */
  initiatorName: string | null = null;
  /** The next StatSN. */
  statSn = 0;
  /** `clock.now()` when something was last received. */
  heardAt: number;
  /** `clock.now()` when data-out last came. */
  dataOutAt = 0;

  #phase: Phase = 'login';
  #phaseSince: number;
  #login: Login | null;
  #loginCmdSn = 0;
  #pingedAt = 0;
  #tap: ConnectionTap | null = null;
  /** Ends a stall that has an end. */
  #stall: { cancel(): void } | null = null;
  readonly #parser: PduParser;
  readonly #polling: Polling;
  /** What `next` answered last: of a data segment, or of the chunk. */
  #target: Buffer | null = null;
  #space: Buffer = NOTHING;

  constructor(
    readonly port: IscsiPort,
    readonly socket: Socket,
    /** Beyond the port's limit: its login is refused. */
    readonly excess: boolean,
  ) {
    const { parts, counters, log, limits } = port;
    this.counters = counters;
    this.log = log;
    this.heardAt = this.#phaseSince = parts.clock.now();
    this.remoteHost = socket.remoteAddress ?? '';
    this.remoteAddress = formatAddress({ host: this.remoteHost, port: socket.remotePort ?? 0 });
    this.localAddress = socket.localAddress ?? '';
    this.name = this.remoteAddress;
    this.#login = new Login(port, this);
    this.#polling = Polling.of(parts.clock);
    this.#parser = new PduParser((pdu) => this.#receive(pdu), undefined, port.segments);
    this.transmit = new Transmit(socket, parts.clock, counters, limits.outputBytes, () => this.#drained());
    this.tap = port.taps.open(this);
    socket.setNoDelay(true);
    if (!receiveInto(socket, this)) socket.on('data', (chunk: Buffer) => this.#input(chunk, chunk.length));
    socket.on('end', () => this.#lost('closed by the host', this.#phase !== 'closing'));
    socket.on('error', (error) => this.#lost(error.message));
    socket.on('close', () => {
      this.#lost('closed');
      this.transmit.close();
      this.port.closed(this);
    });
    socket.resume();
  }

  /** Where the next input is to be put. */
  next(): Buffer {
    this.#target = this.#parser.target;
    if (this.#target === null) this.#space = this.input.next();
    return this.#target ?? this.#space;
  }

  /** Input was put where `next` said. */
  received(bytes: number): void {
    if (this.#target !== null) this.#input(null, bytes);
    else {
      this.input.filled(bytes);
      this.#input(this.#space, bytes);
    }
  }

  get portName(): string {
    return this.port.port.name;
  }

  /** What the host sees under a LUN; null: nothing, or it is before login. */
  unitAt(lun: number): AddressedUnit | null {
    const id = this.session?.group?.luns.get(lun);
    const ldev = id === undefined ? undefined : this.port.parts.volumes.ldev(id);
    return ldev === undefined ? null : { ldev: ldevName(ldev.id), deviceType: deviceTypeOf(ldev) };
  }

  /** Is shown what comes and leaves; null while nothing is captured. */
  get tap(): ConnectionTap | null {
    return this.#tap;
  }

  set tap(tap: ConnectionTap | null) {
    this.#tap = tap;
    this.transmit.tap = tap;
  }

  /** The initiator has said its name. */
  named(initiator: string): void {
    this.initiatorName = initiator;
    this.#tap?.named(initiator);
  }

  get phase(): Phase {
    return this.#phase;
  }

  get congested(): boolean {
    return this.transmit.congested;
  }

  get expCmdSn(): number {
    return this.session === null ? this.#loginCmdSn : this.session.window.expCmdSn;
  }

  get maxCmdSn(): number {
    return this.session === null ? this.#loginCmdSn : this.session.window.maxCmdSn;
  }

  /** The StatSN for a PDU that carries status. */
  takeStatSn(): number {
    const statSn = this.statSn;
    this.statSn = nextSerial(statSn);
    return statSn;
  }

  /** Ends a PDU that carries status and was begun at `at`. */
  sendStatus(at: number, segment: Buffer = NOTHING): void {
    const { unacknowledged, transmit } = this;
    if (unacknowledged !== null) unacknowledged.addStatus(transmit.slab, at, segment);
    transmit.header(at, segment.length);
    transmit.segment(segment);
  }

  /** The first Login Request: sequence numbers begin with what it says. */
  beginLogin(request: LoginRequest): void {
    this.statSn = request.expStatSn;
    this.cid = request.cid;
    this.#loginCmdSn = request.cmdSn;
  }

  /** After the last Login Response was laid out. What was agreed holds from the next PDU on, both ways. */
  enterFullFeaturePhase(parameters: OperationalParameters, declared: boolean): void {
    this.parameters = parameters;
    if (parameters.errorRecoveryLevel > 0) {
      const { limits, kept, parts } = this.port;
      const giveUp = () => parts.clock.setImmediate(() => this.drop('too much that it does not acknowledge is kept'));
      this.unacknowledged = new Unacknowledged(this.transmit, limits, kept, this.initiatorName!, giveUp);
      this.#parser.skipsDamaged = (bhs) => this.#skipped(bhs);
    }
    this.#login = null;
    this.#enter('full-feature');
    if (declared) this.#parser.limits.maxDataSegment = this.port.limits.maxRecvDataSegmentLength;
    this.#parser.headerDigest = parameters.headerDigest;
    this.#parser.dataDigest = parameters.dataDigest;
    this.transmit.headerDigest = parameters.headerDigest;
    this.transmit.dataDigest = parameters.dataDigest;
  }

  /** Ends the conversation: what was said leaves, then the connection is closed. */
  finish(why: string, ending: Ending = 'lost'): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    this.#enter('closing');
    this.#leave(why, ending);
    this.transmit.flush();
    this.socket.resume();
    this.socket.end();
  }

  /** Gives the connection up at once. */
  drop(why: string): void {
    if (this.#phase === 'closed') return;
    this.counters.connectionsDropped++;
    this.log.warn('connection dropped', `${this.name}: ${why}`);
    this.#lost(why);
  }

  /** Neither receives nor sends for a time; null: until one of both sides gives the connection up. */
  stall(ms: number | null): void {
    if (this.#phase !== 'full-feature') return;
    const { clock } = this.port.parts;
    this.socket.pause();
    this.transmit.stalled = true;
    this.#stall?.cancel();
    this.#stall = ms === null ? null : clock.setTimeout(() => this.#unstall(), ms);
  }

  #unstall(): void {
    this.#stall = null;
    this.transmit.stalled = false;
    if (!this.transmit.congested) this.#drained();
  }

  /** Another connection has taken its place. */
  replaced(): void {
    this.session = null;
    this.#lost('reinstated');
  }

  /** Closes without ceremony: there is nobody to tell. */
  abandon(): void {
    this.#lost('port closed', false, 'session');
  }

  /** TARGET COLD RESET (RFC 7143 11.5.1): all sessions with this target end. */
  coldReset(): void {
    this.port.endSessions(this.session!.group!, 'target cold reset');
  }

  /** Called about once a second. */
  tick(now: number): void {
    const { limits } = this.port;
    const silent = (ms: number, since: number) => now - since > ms * 1e6;
    switch (this.#phase) {
      case 'login':
        if (silent(limits.loginTimeoutMs, this.#phaseSince)) this.drop('login not completed in time');
        return;
      case 'closing':
        if (silent(limits.closingTimeoutMs, this.#phaseSince)) this.#lost('not closed by the host');
        return;
      case 'full-feature':
        this.#watch(silent, now);
    }
  }

  #watch(silent: (ms: number, since: number) => boolean, now: number): void {
    const { pingAfterMs, pingTimeoutMs, dataTimeoutMs } = this.port.limits;
    const session = this.session!;
    if (this.unacknowledged !== null) session.askAgain(this, now);
    const dueSince = session.dataDueSince(this);
    const overdue = silent(dataTimeoutMs, dueSince) || silent(pingAfterMs + pingTimeoutMs, session.dataOutAt);
    if (dueSince < Infinity && overdue) {
      this.drop('data that was asked for did not come');
    } else if (this.transmit.waiting && silent(pingAfterMs + pingTimeoutMs, this.transmit.progressAt)) {
      this.drop('does not take its data');
    } else if (this.#pingedAt > this.heardAt) {
      if (silent(pingTimeoutMs, this.#pingedAt) && !this.congested) this.drop('does not answer');
    } else if (silent(pingAfterMs, this.heardAt) && !this.congested) {
      // A discovery session has no NOP: it is not meant to idle.
      if (session.nexus === null) this.drop('idle discovery session');
      else {
        this.#pingedAt = now;
        sendPing(this, session.takeTransferTag());
      }
    }
  }

  /** Works off the first `bytes` bytes of `chunk`, or what was put into a data segment. */
  #input(chunk: Buffer | null, bytes: number): void {
    if (this.#tap !== null) this.#tap.received((chunk ?? this.#target!).subarray(0, bytes), !this.#parser.midway);
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    const now = this.port.parts.clock.now();
    this.heardAt = now;
    this.#polling.touch(now, this.port.limits.pollingUs);
    this.counters.bytesIn += bytes;
    const { transmit } = this;
    transmit.gathering = true;
    try {
      if (chunk === null) this.#parser.filled(bytes);
      else this.#parser.push(chunk, bytes);
    } catch (error) {
      this.#failed(error);
    }
    transmit.gathering = false;
    transmit.flush();
    if (!this.#parser.midway) this.input.settle();
    if (transmit.congested) this.socket.pause();
  }

  #receive(pdu: Pdu): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    this.counters.pdusIn[opcodeOf(pdu.bhs)]!++;
    this.input.add();
    if (this.unacknowledged !== null) this.#acknowledge(this.unacknowledged, pdu);
    if (this.session !== null) this.session.receive(this, pdu);
    else this.#login!.receive(pdu);
  }

  /** Every PDU of an initiator tells what has arrived of what was sent. */
  #acknowledge(unacknowledged: Unacknowledged, pdu: Pdu): void {
    unacknowledged.acknowledge(expStatSnOf(pdu.bhs), this.statSn);
    if (unacknowledged.excessive) this.drop('does not acknowledge what was sent');
  }

  /** A PDU whose header digest did not match, and which was passed over (RFC 7143 7.8). */
  #skipped(bhs: Buffer): void {
    this.counters.headerDigestErrors++;
    this.log.warn('header digest', `${this.name}: a PDU of ${dataSegmentLength(bhs)} bytes of data was passed over`);
  }

  /** Runs something that does not come from a chunk of input. What it throws costs the connection, not the process. */
  carryOut(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The stream cannot be followed any further. */
  #failed(error: unknown): void {
    if (!(error instanceof PduError)) {
      this.log.error(`${this.name}: ${error instanceof Error ? error.stack : error}`);
      this.drop('internal error');
      return;
    }
    if (error.code === 'header-digest') {
      // RFC 7143 7.8: where the next PDU begins is not known; the connection is closed.
      this.counters.headerDigestErrors++;
      this.drop(error.message);
      return;
    }
    // A format error ends the session (RFC 7143 7.7); the host is told what it was.
    this.counters.connectionsDropped++;
    if (this.session !== null) sendReject(this, RejectReason.invalidPduField, error.bhs, error.message);
    else this.log.warn('connection dropped', `${this.name}: ${error.message}`);
    this.finish(error.message);
  }

  /** The output that waited is gone: go on with what was held back. */
  #drained(): void {
    if (this.#phase === 'closed') return;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.session === null) return;
    const { transmit } = this;
    transmit.gathering = true;
    this.session.deliverHeld();
    transmit.gathering = false;
    transmit.flush();
  }

  #lost(why: string, byHost = false, ending: Ending = 'lost'): void {
    if (this.#phase === 'closed') return;
    this.#enter('closed');
    this.#stall?.cancel();
    this.#leave(why, ending);
    this.#tap?.closed(byHost);
    this.tap = null;
    this.socket.destroy();
  }

  #leave(why: string, ending: Ending): void {
    if (this.session !== null) this.port.connectionEnded(this, this.session, why, ending);
    this.unacknowledged?.close();
  }

  #enter(phase: Phase): void {
    if (phase !== 'full-feature') this.#login?.stop();
    this.#phase = phase;
    this.#phaseSince = this.port.parts.clock.now();
  }
}
