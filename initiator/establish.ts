/** From a portal to a session in full feature phase: connect, log in, follow redirections. */
import {
  BHS_BYTES,
  decodeLoginResponse,
  encodeLoginRequest,
  initiatorTaskTag,
  LoginStatus,
  loginStatusName,
  nextSerial,
  Opcode,
  opcodeName,
  opcodeOf,
} from '../wire/iscsi/bhs.js';
import type { Pdu } from '../wire/iscsi/pdu-parser.js';
import { decodeText, encodeText, TextAssembler, type TextPair } from '../wire/iscsi/text.js';
import { Connection } from './connection.js';
import type { Environment } from './environment.js';
import { ConnectError, LoginError } from './errors.js';
import { isConcluded, Login, type LoginStep } from './login.js';
import type { SessionParameters } from './login-negotiation.js';
import type { ResolvedOptions } from './options.js';
import { formatPortal, type Portal, parsePortal } from './url.js';

/** A connection in full feature phase and the numbers it goes on with. */
export interface Established {
  readonly connection: Connection;
  readonly parameters: SessionParameters;
  readonly portal: Portal;
  readonly tsih: number;
  readonly cid: number;
  readonly cmdSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly expStatSn: number;
}

/** The session that a connection is to join. */
export interface Joining {
  readonly tsih: number;
  readonly cmdSn: number;
  /** What the leading connection agreed on. */
  readonly parameters: SessionParameters;
}

const MAX_REDIRECTIONS = 4;
const LOGIN_TAG = 0;

/** Whom to log in to, and as whom. */
export interface LoginRoute {
  readonly portal: Portal;
  /** Null for a discovery session. */
  readonly target: string | null;
  readonly options: ResolvedOptions;
  /** Six bytes. */
  readonly isid: Buffer;
  readonly environment: Environment;
  readonly cid: number;
  /** Null: a new session. */
  readonly joining: Joining | null;
}

/**
 * Connects and logs in.
 * @param adopt called in the same turn as the last login response, so that no PDU that follows it is missed;
 *   it must set the connection's owner
 * @throws ConnectError, LoginError
 */
export async function establish(route: LoginRoute, adopt: (established: Established) => void): Promise<void> {
  let { portal } = route;
  for (let redirections = 0; redirections <= MAX_REDIRECTIONS; redirections += 1) {
    const movedTo = await new LoginExchange({ ...route, portal }, adopt).run();
    if (movedTo === null) return;
    portal = movedTo;
  }
  throw new LoginError(`redirected more than ${MAX_REDIRECTIONS} times, at last to ${formatPortal(portal)}`);
}

type Outcome = Established | { readonly movedTo: Portal };

/** One login on one connection. */
class LoginExchange {
  private readonly login: Login;
  private readonly text = new TextAssembler();
  private connection: Connection | null = null;
  private expStatSn = 0;
  /** The step whose response is being received. */
  private step: LoginStep | null = null;

  constructor(
    private readonly route: LoginRoute,
    private readonly adopt: (established: Established) => void,
  ) {
    this.login = new Login(
      route.options,
      route.target,
      route.environment.randomBytes,
      route.joining?.parameters ?? null,
    );
  }

  /** Resolves to where the target has moved, or to null when logged in. */
  run(): Promise<Portal | null> {
    const { portal, options, environment } = this.route;
    const where = formatPortal(portal);
    return new Promise((resolve, reject) => {
      const stream = environment.connect(portal.host, portal.port);
      const fail = (error: Error) => {
        timer.cancel();
        stream.off('error', refused);
        // Errors that a dying socket still reports are of no interest.
        stream.on('error', () => {});
        if (this.connection) this.connection.destroy();
        else stream.destroy();
        reject(error);
      };
      const refused = (error: NodeJS.ErrnoException) =>
        fail(new ConnectError(`cannot connect to ${where}: ${reasonOf(error)}`));
      let timer = environment.setTimeout(
        () => fail(new ConnectError(`cannot connect to ${where}: no answer in ${options.connectTimeoutMs} ms`)),
        options.connectTimeoutMs,
      );
      stream.once('error', refused);
      stream.once('connect', () => {
        timer.cancel();
        timer = environment.setTimeout(
          () => fail(new LoginError(`login to ${where} took longer than ${options.loginTimeoutMs} ms`)),
          options.loginTimeoutMs,
        );
        stream.off('error', refused);
        const connection = new Connection(stream, options.maxRecvDataSegmentLength);
        this.connection = connection;
        connection.owner = {
          received: (pdu) => {
            const outcome = this.receive(pdu);
            if (outcome === null) return;
            timer.cancel();
            if ('movedTo' in outcome) {
              connection.destroy();
              resolve(outcome.movedTo);
            } else {
              this.adopt(outcome);
              resolve(null);
            }
          },
          chunkEnd() {},
          closed: (error) =>
            fail(
              error instanceof LoginError
                ? error
                : new ConnectError(`${where} closed the connection during login${error ? `: ${error.message}` : ''}`),
            ),
        };
        this.send(this.login.start());
      });
    });
  }

  private get firstCmdSn(): number {
    return this.route.joining?.cmdSn ?? 1;
  }

  private send(step: LoginStep): void {
    this.step = step;
    this.sendRequest(step, encodeText(step.keys));
  }

  private sendRequest(step: LoginStep, text: Buffer): void {
    const connection = this.connection!;
    const at = connection.begin();
    encodeLoginRequest(connection.stage, at, {
      immediate: true,
      transit: step.transit,
      continues: false,
      csg: step.stage,
      nsg: step.transit ? step.nextStage : 0,
      versionMax: 0,
      versionMin: 0,
      isid: this.route.isid,
      tsih: this.route.joining?.tsih ?? 0,
      initiatorTaskTag: LOGIN_TAG,
      cid: this.route.cid,
      cmdSn: this.firstCmdSn,
      expStatSn: this.expStatSn,
    });
    connection.finish(at, [text], text.length);
  }

  /** Null until the login is over. Errors thrown here close the connection. */
  private receive(pdu: Pdu): Outcome | null {
    const opcode = opcodeOf(pdu.bhs);
    if (opcode !== Opcode.loginResponse || pdu.bhs.length !== BHS_BYTES || initiatorTaskTag(pdu.bhs) !== LOGIN_TAG) {
      throw new LoginError(`the target answers a login request with ${opcodeName(opcode)}`);
    }
    const response = decodeLoginResponse(pdu.bhs);
    const text = this.text.add(pdu.data, response.continues);
    const statusClass = response.status >>> 8;
    if (statusClass > 1) throw refusal(response.status);
    this.expStatSn = nextSerial(response.statSn);
    if (text === null) {
      this.sendRequest({ ...this.step!, transit: false, keys: [] }, Buffer.alloc(0));
      return null;
    }
    const keys = decodeText(text);
    if (statusClass === 1) return { movedTo: newAddress(response.status, keys) };
    const next = this.login.next({ stage: response.csg, nextStage: response.nsg, transit: response.transit, keys });
    if (!isConcluded(next)) {
      this.send(next);
      return null;
    }
    this.connection!.useDigests(next.headerDigest, next.dataDigest);
    return {
      connection: this.connection!,
      parameters: next,
      portal: this.route.portal,
      tsih: response.tsih,
      // Login requests are immediate, so the number they carry is the first command's (RFC 7143 4.2.2.1).
      cid: this.route.cid,
      cmdSn: this.firstCmdSn,
      expCmdSn: response.expCmdSn,
      maxCmdSn: response.maxCmdSn,
      expStatSn: this.expStatSn,
    };
  }
}

/** What the user can do about it, by status. */
const ADVICE: Readonly<Record<number, string>> = {
  [LoginStatus.authenticationFailure]: 'check user and secret',
  [LoginStatus.authorizationFailure]: 'the host group does not admit this initiator name',
  [LoginStatus.notFound]: 'no such target at this portal; discover lists them',
};

function refusal(status: number): LoginError {
  const advice = ADVICE[status];
  return new LoginError(
    `login refused: ${loginStatusName(status)} (0x${status.toString(16).padStart(4, '0')})${advice ? `; ${advice}` : ''}`,
    status >>> 8,
    status & 0xff,
  );
}

/** TargetAddress of a redirection: host[:port][,tag] (RFC 7143 13.8). */
function newAddress(status: number, keys: readonly TextPair[]): Portal {
  const address = keys.find(([key]) => key === 'TargetAddress')?.[1];
  if (address === undefined) throw refusal(status);
  return parsePortal(address.split(',')[0]!);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'no such host',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no answer',
};

function reasonOf(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? (error.message || error.code || 'unknown error');
}
