/**
 * The login phase of one connection (RFC 7143 6.3, 11.12, 11.13): stages, identification, the exchange of keys.
 *
 *   SecurityNegotiation (0) ──▶ LoginOperationalNegotiation (1) ──▶ FullFeaturePhase (3)
 *   any stage may be left out by starting later or jumping ahead
 */
import {
  decodeLoginRequest,
  encodeLoginResponse,
  type LoginRequest,
  LoginStage,
  LoginStatus,
  loginStatusName,
  Opcode,
  opcodeName,
  opcodeOf,
} from '../../../wire/iscsi/bhs.js';
import { keyRules, operationalParameters } from '../../../wire/iscsi/keys.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import {
  decodeText,
  encodeText,
  splitText,
  TextAssembler,
  TextError,
  type TextPair,
} from '../../../wire/iscsi/text.js';
import { admits } from '../../volumes/host-groups.js';
import type { HostGroup } from '../../volumes/model.js';
import { foldIscsiName } from '../../volumes/naming.js';
import type { Connection } from './connection.js';
import { negotiate } from './negotiation.js';
import { portalGroupTag } from './parts.js';
import type { IscsiPort } from './port.js';
import { type Redirection, redirectionKey, redirectionStatus } from './redirection.js';
import { LoginRefused, Security } from './security.js';

/** The only version there is (RFC 7143 11.12.4). */
const VERSION = 0;
/** In force for Login PDUs, whatever is declared (RFC 7143 13.12). */
const LOGIN_SEGMENT_BYTES = 8192;
/** RFC 7143 4.2.7.1. */
const NAME_MAX_BYTES = 223;
const LOOSE_NAME = /^(?:iqn|eui|naa)\.[^\s,\p{Cc}]+$/u;

/** Everything that a login that succeeded came to. */
export interface LoginResult {
  readonly request: LoginRequest;
  readonly type: 'normal' | 'discovery';
  readonly initiatorName: string;
  readonly group: HostGroup | null;
  readonly authentication: 'none' | 'chap' | 'mutual-chap';
  readonly user: string | null;
  readonly results: ReadonlyMap<string, string>;
}

interface Identity {
  readonly initiatorName: string;
  readonly type: 'normal' | 'discovery';
  readonly group: HostGroup | null;
}

export class Login {
  readonly #assembler = new TextAssembler();
  readonly #seen = new Set<string>();
  readonly #results = new Map<string, string>();
  /** Answer text that did not fit into one response. */
  #segments: Buffer[] = [];
  #first: LoginRequest | null = null;
  #stage: number = LoginStage.securityNegotiation;
  #identity: Identity | null = null;
  #security: Security | null = null;
  #declared = false;
  /** The answer to the last request is held back. */
  #turn: { cancel(): void } | null = null;
  /** Number of requests, so that an endless negotiation ends (RFC 7143 6.2: a side may limit it). */
  #requests = 0;

  constructor(
    private readonly port: IscsiPort,
    private readonly connection: Connection,
  ) {}

  /** Works off one PDU of the login phase. */
  receive(pdu: Pdu): void {
    const opcode = opcodeOf(pdu.bhs);
    if (opcode !== Opcode.loginRequest) {
      this.#refuse(null, LoginStatus.invalidDuringLogin, `${opcodeName(opcode)} during login`);
      return;
    }
    const request = decodeLoginRequest(pdu.bhs);
    this.#attempt(request, () => this.#step(request, pdu));
  }

  /** The connection is closed. */
  stop(): void {
    this.#turn?.cancel();
  }

  #attempt(request: LoginRequest, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof LoginRefused) this.#refuse(request, error.status, error.message);
      else if (error instanceof TextError) this.#refuse(request, LoginStatus.initiatorError, error.message);
      else throw error;
    }
  }

  #step(request: LoginRequest, pdu: Pdu): void {
    this.#checkRequest(request);
    if (this.#turn !== null)
      throw new LoginRefused(LoginStatus.initiatorError, 'Login Request before the answer to the last');
    if (this.connection.excess) {
      throw new LoginRefused(LoginStatus.outOfResources, 'too many connections to this port');
    }
    if (this.#segments.length > 0) {
      if (pdu.dataLength > 0) throw new LoginRefused(LoginStatus.initiatorError, 'keys before the answer was fetched');
      this.#respond(request, LoginStatus.success, false);
      return;
    }
    const text = this.#assembler.add(pdu.data, request.continues);
    if (text === null) {
      this.#respond(request, LoginStatus.success, false);
      return;
    }
    const pairs = decodeText(text);
    if (!pairs.some(([key]) => key === 'CHAP_R')) {
      this.#carryOn(request, pairs);
      return;
    }
    const wait = this.port.guessDelays.turn(this.connection.remoteHost);
    if (wait === null) throw new LoginRefused(LoginStatus.outOfResources, 'too many CHAP responses of this host wait');
    if (wait === 0) {
      this.#judge(request, pairs);
      return;
    }
    // What it was received into is used again meanwhile.
    const kept = { ...request, isid: Buffer.from(request.isid) };
    this.#turn = this.port.parts.clock.setTimeout(() => {
      this.#turn = null;
      this.connection.carryOut(() => this.#attempt(kept, () => this.#judge(kept, pairs)));
    }, wait);
  }

  /** A request with a CHAP response. */
  #judge(request: LoginRequest, pairs: readonly TextPair[]): void {
    try {
      this.#carryOn(request, pairs);
    } catch (error) {
      const wrong = error instanceof LoginRefused && error.status === LoginStatus.authenticationFailure;
      if (wrong) this.port.guessDelays.wrong(this.connection.remoteHost);
      throw error;
    }
  }

  #carryOn(request: LoginRequest, pairs: readonly TextPair[]): void {
    const answers = this.#answer(pairs, request);
    const redirection = this.#movedTo();
    if (redirection !== null) {
      this.#redirect(request, redirection);
      return;
    }
    this.#segments = splitText(encodeText(answers), LOGIN_SEGMENT_BYTES);
    const transit = request.transit && this.#mayLeaveTo(request.nsg) && this.#segments.length === 1;
    if (transit && request.nsg === LoginStage.fullFeaturePhase) this.#establish(request);
    else {
      this.#respond(request, LoginStatus.success, transit);
      if (transit) this.#stage = request.nsg;
    }
  }

  /** RFC 7143 11.12: what the header says, and that it goes on from the request before. */
  #checkRequest(request: LoginRequest): void {
    const refuse = (message: string, status: LoginStatus = LoginStatus.initiatorError) => {
      throw new LoginRefused(status, message);
    };
    if (request.versionMin > VERSION) refuse(`version ${request.versionMin} asked for`, LoginStatus.unsupportedVersion);
    if (request.transit && request.continues) refuse('both T and C');
    if (!request.immediate) refuse('Login Request that is not immediate');
    if (request.csg > LoginStage.operationalNegotiation) refuse(`CSG ${request.csg}`);
    if (request.transit && (request.nsg <= request.csg || request.nsg === 2))
      refuse(`CSG ${request.csg}, NSG ${request.nsg}`);
    if (++this.#requests > this.port.limits.loginRequests) refuse('too many Login Requests');
    const first = this.#first;
    if (first === null) {
      this.#first = { ...request, isid: Buffer.from(request.isid) };
      this.#stage = request.csg;
      this.connection.beginLogin(request);
      return;
    }
    if (request.csg !== this.#stage) refuse(`CSG ${request.csg} in stage ${this.#stage}`);
    if (!request.isid.equals(first.isid) || request.tsih !== first.tsih || request.cid !== first.cid) {
      refuse('ISID, TSIH or CID changed during login');
    }
    if (request.initiatorTaskTag !== first.initiatorTaskTag) refuse('Initiator Task Tag changed during login');
  }

  #answer(pairs: readonly TextPair[], request: LoginRequest): TextPair[] {
    this.#checkRepetition(pairs);
    const answers: TextPair[] = [];
    if (this.#identity === null) {
      this.#identity = this.#identify(new Map(pairs));
      const { volumes, random, discoveryAuth } = this.port.parts;
      this.#security = new Security(this.#identity.group, discoveryAuth?.() ?? 'none', () => volumes.users(), random);
      // RFC 7143 13.9: with the first response to a login that names a target.
      if (this.#identity.group !== null) answers.push(['TargetPortalGroupTag', String(portalGroupTag(this.port.port))]);
    }
    const security = this.#security!;
    const own = pairs.filter(([key]) => keyRules.get(key)?.stage !== 'security');
    if (this.#stage === LoginStage.securityNegotiation) answers.push(...security.receive(new Map(pairs)));
    else if (own.length < pairs.length)
      throw new LoginRefused(LoginStatus.initiatorError, 'security keys in the operational stage');
    else if (!security.satisfied) {
      throw new LoginRefused(LoginStatus.authenticationFailure, 'CHAP is required, the initiator left it out');
    }
    answers.push(...this.#negotiate(own));
    if (this.#stage === LoginStage.operationalNegotiation && !this.#declared && !request.continues) {
      this.#declared = true;
      answers.push(['MaxRecvDataSegmentLength', String(this.port.limits.maxRecvDataSegmentLength)]);
    }
    return answers;
  }

  #negotiate(pairs: readonly TextPair[]): TextPair[] {
    const stage = this.#stage === LoginStage.securityNegotiation ? 'security' : 'operational';
    const discovery = this.#identity!.type === 'discovery';
    const { tsih } = this.#first!;
    const session = tsih === 0 ? null : (this.port.sessionOf(tsih)?.agreed ?? new Map());
    const { answers, results } = negotiate(pairs, this.port.ownValues, this.#results, { stage, discovery, session });
    for (const [key, value] of results) this.#results.set(key, value);
    return answers;
  }

  /** RFC 7143 6.2: a key may be given once in a login. */
  #checkRepetition(pairs: readonly TextPair[]): void {
    for (const [key] of pairs) {
      if (this.#seen.has(key)) throw new LoginRefused(LoginStatus.initiatorError, `${key} given twice`);
      this.#seen.add(key);
    }
  }

  /** Who logs in, and to what (RFC 7143 6.3.1). */
  #identify(keys: ReadonlyMap<string, string>): Identity {
    const given = keys.get('InitiatorName');
    if (given === undefined) throw new LoginRefused(LoginStatus.missingParameter, 'no InitiatorName');
    const initiatorName = foldedName(given);
    this.connection.named(initiatorName);
    const type = keys.get('SessionType') ?? 'Normal';
    if (type === 'Discovery') return { initiatorName, type: 'discovery', group: null };
    if (type !== 'Normal') throw new LoginRefused(LoginStatus.sessionTypeNotSupported, `SessionType ${type}`);
    const target = keys.get('TargetName');
    if (target === undefined) throw new LoginRefused(LoginStatus.missingParameter, 'no TargetName');
    return { initiatorName, type: 'normal', group: this.#admitted(foldedName(target), initiatorName) };
  }

  /** The host group of a target, if it is on this port and admits the initiator. */
  #admitted(target: string, initiatorName: string): HostGroup {
    const group = this.port.parts.volumes.hostGroupByTarget(this.port.port.name, target);
    if (group === undefined)
      throw new LoginRefused(LoginStatus.notFound, `no target ${JSON.stringify(target)} on this port`);
    if (admits(group, initiatorName)) return group;
    throw new LoginRefused(
      LoginStatus.authorizationFailure,
      `host group ${group.name} does not admit ${initiatorName}`,
    );
  }

  /** What was found at the beginning of the login may have been changed by an administrator since. */
  #checkStill({ group, initiatorName }: Identity): void {
    if (group !== null && this.#admitted(group.target, initiatorName) !== group)
      throw new LoginRefused(LoginStatus.notFound, `target ${group.target} is not the same any more`);
    if (!this.#security!.sufficient)
      throw new LoginRefused(LoginStatus.authenticationFailure, 'more authentication is required by now');
  }

  #mayLeaveTo(nsg: number): boolean {
    if (this.#security!.satisfied) return true;
    // CHAP begun and not finished: the target stays in the stage (T=0) until it is.
    if (this.#security!.begun) return false;
    throw new LoginRefused(LoginStatus.authenticationFailure, `stage ${nsg} asked for without authentication`);
  }

  #establish(request: LoginRequest): void {
    const identity = this.#identity!;
    this.#checkStill(identity);
    const session = this.port.establish(this.connection, {
      request: this.#first!,
      type: identity.type,
      initiatorName: identity.initiatorName,
      group: identity.group,
      authentication: this.#security!.authentication,
      user: this.#security!.user,
      results: this.#results,
    });
    this.#respond(request, LoginStatus.success, true, session.identity.tsih);
    const parameters = operationalParameters(new Map([...session.agreed, ...this.#results]));
    this.connection.enterFullFeaturePhase(parameters, this.#declared);
  }

  /**
   * RFC 7143 11.13.5: before or after security negotiation. A connection that joins a session stays with it, and
   * discovery tells where the target is.
   */
  #movedTo(): Redirection | null {
    return this.#identity!.type === 'normal' && this.#first!.tsih === 0 ? this.port.redirection : null;
  }

  #redirect(request: LoginRequest, redirection: Redirection): void {
    const { connection } = this;
    const key = redirectionKey(redirection);
    connection.log.info('login redirected', `${connection.name}: to ${key[1]}`);
    this.#segments = [encodeText([key])];
    this.#respond(request, redirectionStatus(redirection), false);
    connection.finish('login redirected');
  }

  #refuse(request: LoginRequest | null, status: LoginStatus, why: string): void {
    const { connection, port } = this;
    port.counters.loginsFailed++;
    connection.log.warn('login refused', `${connection.name}: ${loginStatusName(status)}: ${why}`);
    this.#segments = [];
    // Without a Login Request before it there is nothing a Login Response could answer.
    const answerable = request ?? this.#first;
    if (answerable !== null) this.#respond(answerable, status, false);
    connection.finish('login refused');
  }

  #respond(request: LoginRequest, status: LoginStatus, transit: boolean, tsih = request.tsih): void {
    const { connection } = this;
    const text = this.#segments.shift() ?? Buffer.alloc(0);
    const { transmit } = connection;
    const at = transmit.begin();
    encodeLoginResponse(transmit.slab, at, {
      transit,
      continues: this.#segments.length > 0,
      csg: request.csg,
      nsg: transit ? request.nsg : 0,
      versionMax: VERSION,
      versionActive: VERSION,
      isid: request.isid,
      tsih,
      initiatorTaskTag: request.initiatorTaskTag,
      // RFC 7143 11.13.4: valid only with success.
      statSn: status === LoginStatus.success ? connection.takeStatSn() : 0,
      expCmdSn: connection.expCmdSn,
      maxCmdSn: connection.maxCmdSn,
      status,
    });
    transmit.header(at, text.length);
    transmit.segment(text);
  }
}

/**
 * Folds a name for comparison. Hosts in test benches bear names like `iqn.test:a`, without the date and domain that
 * RFC 7143 4.2.7.3 asks for; what is held to is what the name must not break: the forms it is put into elsewhere.
 */
function foldedName(name: string): string {
  const folded = foldIscsiName(name);
  if (LOOSE_NAME.test(folded) && Buffer.byteLength(folded) <= NAME_MAX_BYTES) return folded;
  throw new LoginRefused(LoginStatus.initiatorError, `not an iSCSI name: ${JSON.stringify(name.slice(0, 256))}`);
}
