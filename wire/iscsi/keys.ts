/**
 * Every key of RFC 7143 clause 13 (and iSCSIProtocolLevel, RFC 7144 7.1.1) with its own rule, as a table, and
 * the functions by which both sides answer, check and conclude a negotiation (RFC 7143 6.2).
 */

/**
 * How the two values become one result.
 * - `and`, `or`: Yes/No joined by that function
 * - `minimum`, `maximum`: numbers
 * - `list`: first of the offered values that the answering side supports
 * - `declarative`: the sender states it; no answer
 * - `obsolete`: RFC 7143 13.25: answered Reject, never NotUnderstood
 */
export type KeyFunction = 'and' | 'or' | 'minimum' | 'maximum' | 'list' | 'declarative' | 'obsolete';

/**
 * When a key may be sent.
 * - `IO`: initialize only: login, while the connection or session is set up
 * - `LO`: leading only: the login of the session's first connection
 * - `FFPO`: full feature phase only
 * - `ALL`: any of them
 */
export type KeyUse = 'IO' | 'LO' | 'FFPO' | 'ALL';

export interface KeyRule {
  readonly name: string;
  readonly fn: KeyFunction;
  readonly use: KeyUse;
  readonly sender: 'initiator' | 'target' | 'both';
  readonly scope: 'connection' | 'session';
  /** Login stage: security keys are confined to theirs; `any` are the keys marked Any-Stage; the rest operational. */
  readonly stage: 'security' | 'operational' | 'any';
  /** Range of a number. */
  readonly min?: number;
  readonly max?: number;
  /** Allowed values of a list; others in it are skipped by who answers. */
  readonly values?: readonly string[];
  /** Value in force if the key is not exchanged. */
  readonly default?: string;
  /** Not used in discovery sessions: answered Irrelevant there (RFC 7143 13, "Irrelevant when"). */
  readonly irrelevantInDiscovery?: boolean;
  /** May be given more than once in a login or text exchange. */
  readonly repeats?: boolean;
}

/** Reserved answers (RFC 7143 6.2). */
export const NOT_UNDERSTOOD = 'NotUnderstood';
export const IRRELEVANT = 'Irrelevant';
export const REJECT = 'Reject';

const MAX_24 = 0xffffff;

type RuleSpec = Omit<KeyRule, 'name' | 'sender' | 'scope' | 'stage'> &
  Partial<Pick<KeyRule, 'sender' | 'scope' | 'stage'>>;

/** `sender: both`, `scope: session`, `stage: operational` unless said otherwise. */
const specs = {
  // 13.1
  HeaderDigest: { fn: 'list', use: 'IO', scope: 'connection', values: ['CRC32C', 'None'], default: 'None' },
  DataDigest: { fn: 'list', use: 'IO', scope: 'connection', values: ['CRC32C', 'None'], default: 'None' },
  // 13.2
  MaxConnections: { fn: 'minimum', use: 'LO', min: 1, max: 65535, default: '1', irrelevantInDiscovery: true },
  // 13.3
  SendTargets: { fn: 'declarative', use: 'FFPO', sender: 'initiator' },
  // 13.4: by the target only in answer to SendTargets
  TargetName: { fn: 'declarative', use: 'ALL', stage: 'any', repeats: true },
  // 13.5
  InitiatorName: { fn: 'declarative', use: 'IO', sender: 'initiator', stage: 'any' },
  // 13.6, 13.7
  TargetAlias: { fn: 'declarative', use: 'ALL', sender: 'target', stage: 'any' },
  InitiatorAlias: { fn: 'declarative', use: 'ALL', sender: 'initiator', stage: 'any' },
  // 13.8
  TargetAddress: { fn: 'declarative', use: 'ALL', sender: 'target', stage: 'any', repeats: true },
  // 13.9
  TargetPortalGroupTag: { fn: 'declarative', use: 'IO', sender: 'target', stage: 'any', min: 0, max: 65535 },
  // 13.10, 13.11
  InitialR2T: { fn: 'or', use: 'LO', default: 'Yes', irrelevantInDiscovery: true },
  ImmediateData: { fn: 'and', use: 'LO', default: 'Yes', irrelevantInDiscovery: true },
  // 13.12: each side declares what it takes
  MaxRecvDataSegmentLength: {
    fn: 'declarative',
    use: 'ALL',
    scope: 'connection',
    min: 512,
    max: MAX_24,
    default: '8192',
  },
  // 13.13, 13.14: irrelevant too when InitialR2T=Yes and ImmediateData=No
  MaxBurstLength: { fn: 'minimum', use: 'LO', min: 512, max: MAX_24, default: '262144', irrelevantInDiscovery: true },
  FirstBurstLength: { fn: 'minimum', use: 'LO', min: 512, max: MAX_24, default: '65536', irrelevantInDiscovery: true },
  // 13.15, 13.16
  DefaultTime2Wait: { fn: 'maximum', use: 'LO', min: 0, max: 3600, default: '2' },
  DefaultTime2Retain: { fn: 'minimum', use: 'LO', min: 0, max: 3600, default: '20' },
  // 13.17
  MaxOutstandingR2T: { fn: 'minimum', use: 'LO', min: 1, max: 65535, default: '1', irrelevantInDiscovery: true },
  // 13.18, 13.19
  DataPDUInOrder: { fn: 'or', use: 'LO', default: 'Yes', irrelevantInDiscovery: true },
  DataSequenceInOrder: { fn: 'or', use: 'LO', default: 'Yes', irrelevantInDiscovery: true },
  // 13.20
  ErrorRecoveryLevel: { fn: 'minimum', use: 'LO', min: 0, max: 2, default: '0' },
  // 13.21
  SessionType: { fn: 'declarative', use: 'LO', sender: 'initiator', stage: 'any', default: 'Normal' },
  // 13.23
  TaskReporting: {
    fn: 'list',
    use: 'LO',
    values: ['FastAbort', 'ResponseFence', 'RFC3720'],
    default: 'RFC3720',
    irrelevantInDiscovery: true,
  },
  // 13.24
  'X#NodeArchitecture': { fn: 'declarative', use: 'LO', stage: 'any' },
  // 13.25
  IFMarker: { fn: 'obsolete', use: 'IO', scope: 'connection' },
  OFMarker: { fn: 'obsolete', use: 'IO', scope: 'connection' },
  IFMarkInt: { fn: 'obsolete', use: 'IO', scope: 'connection' },
  OFMarkInt: { fn: 'obsolete', use: 'IO', scope: 'connection' },
  // RFC 7144 7.1.1
  iSCSIProtocolLevel: { fn: 'minimum', use: 'LO', min: 0, max: 31, default: '1', irrelevantInDiscovery: true },
  // 12.1
  AuthMethod: {
    fn: 'list',
    use: 'LO',
    scope: 'connection',
    stage: 'security',
    values: ['CHAP', 'None'],
    default: 'None',
  },
  // 12.1.3
  CHAP_A: { fn: 'declarative', use: 'LO', scope: 'connection', stage: 'security' },
  CHAP_I: { fn: 'declarative', use: 'LO', scope: 'connection', stage: 'security' },
  CHAP_C: { fn: 'declarative', use: 'LO', scope: 'connection', stage: 'security' },
  CHAP_N: { fn: 'declarative', use: 'LO', scope: 'connection', stage: 'security' },
  CHAP_R: { fn: 'declarative', use: 'LO', scope: 'connection', stage: 'security' },
} as const satisfies Record<string, RuleSpec>;

export type KeyName = keyof typeof specs;

export const keyRules: ReadonlyMap<string, KeyRule> = new Map(
  Object.entries(specs as Record<string, RuleSpec>).map(([name, spec]) => [
    name,
    { name, sender: 'both', scope: 'session', stage: 'operational', ...spec },
  ]),
);

export function keyRule(name: KeyName): KeyRule {
  return keyRules.get(name)!;
}

/** RFC 7143 6.1: numbers in decimal, or hexadecimal after 0x. Null if it is none or out of the rule's range. */
export function decodeNumber(rule: KeyRule, text: string): number | null {
  if (!/^(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(text)) return null;
  const value = Number(text);
  return value >= rule.min! && value <= rule.max! ? value : null;
}

/** True if `text` is a value the rule allows to be sent. */
export function isLegalValue(rule: KeyRule, text: string): boolean {
  switch (rule.fn) {
    case 'and':
    case 'or':
      return text === 'Yes' || text === 'No';
    case 'minimum':
    case 'maximum':
      return decodeNumber(rule, text) !== null;
    case 'list':
      return text.length > 0;
    default:
      return rule.min === undefined || decodeNumber(rule, text) !== null;
  }
}

/** How an offer was concluded. */
export interface Conclusion {
  /** Value to send back; null for a declaration, which has no answer. */
  readonly answer: string | null;
  /** Value in force from now on; null if the offer changes nothing (rejected, irrelevant). */
  readonly result: string | null;
}

const rejected: Conclusion = { answer: REJECT, result: null };

/**
 * Answers an offer (RFC 7143 6.2.1, 6.2.2).
 * @param own what this side would have: `Yes`/`No`, a number, or for lists the supported values, comma-separated
 */
export function answerOffer(rule: KeyRule, offered: string, own: string): Conclusion {
  if (rule.fn === 'obsolete') return rejected;
  if (!isLegalValue(rule, offered)) return rejected;
  switch (rule.fn) {
    case 'declarative':
      return { answer: null, result: offered };
    case 'list': {
      const supported = own.split(',');
      const chosen = offered.split(',').find((value) => supported.includes(value));
      return chosen === undefined ? rejected : { answer: chosen, result: chosen };
    }
    default: {
      const result = combine(rule, offered, own);
      return { answer: result, result };
    }
  }
}

/**
 * What the answer to this side's own offer makes of the key.
 * @returns the value in force: the offer's outcome; null if the other side declined (then the default stays),
 *   or `undefined` if the answer is not one the rule allows: a negotiation failure
 */
export function concludeOffer(rule: KeyRule, offered: string, answered: string): string | null | undefined {
  if (answered === NOT_UNDERSTOOD || answered === IRRELEVANT || answered === REJECT) return null;
  if (!isLegalValue(rule, answered)) return undefined;
  if (rule.fn === 'list') return offered.split(',').includes(answered) ? answered : undefined;
  if (rule.fn === 'declarative') return answered;
  // The answer is already the result: joining it with the offer once more must change nothing.
  return combine(rule, offered, answered) === normalised(rule, answered) ? normalised(rule, answered) : undefined;
}

function combine(rule: KeyRule, a: string, b: string): string {
  switch (rule.fn) {
    case 'and':
      return a === 'Yes' && b === 'Yes' ? 'Yes' : 'No';
    case 'or':
      return a === 'Yes' || b === 'Yes' ? 'Yes' : 'No';
    case 'maximum':
      return String(Math.max(Number(a), Number(b)));
    default:
      return String(Math.min(Number(a), Number(b)));
  }
}

function normalised(rule: KeyRule, value: string): string {
  return rule.fn === 'minimum' || rule.fn === 'maximum' ? String(Number(value)) : value;
}

/** What a session and its connection agreed on, as numbers and booleans. */
export interface OperationalParameters {
  headerDigest: boolean;
  dataDigest: boolean;
  maxConnections: number;
  initialR2T: boolean;
  immediateData: boolean;
  /** What the other side declared: the longest data segment to send it. */
  sendDataSegmentLength: number;
  maxBurstLength: number;
  firstBurstLength: number;
  defaultTime2Wait: number;
  defaultTime2Retain: number;
  maxOutstandingR2T: number;
  dataPduInOrder: boolean;
  dataSequenceInOrder: boolean;
  errorRecoveryLevel: number;
  protocolLevel: number;
  taskReporting: string;
}

/**
 * @param results value in force by key name; what is missing has its default. `MaxRecvDataSegmentLength`
 *   here is what the other side declared.
 */
export function operationalParameters(results: ReadonlyMap<string, string>): OperationalParameters {
  const value = (name: KeyName) => results.get(name) ?? keyRule(name).default!;
  const yes = (name: KeyName) => value(name) === 'Yes';
  const number = (name: KeyName) => Number(value(name));
  const maxBurstLength = number('MaxBurstLength');
  return {
    headerDigest: value('HeaderDigest') === 'CRC32C',
    dataDigest: value('DataDigest') === 'CRC32C',
    maxConnections: number('MaxConnections'),
    initialR2T: yes('InitialR2T'),
    immediateData: yes('ImmediateData'),
    sendDataSegmentLength: number('MaxRecvDataSegmentLength'),
    maxBurstLength,
    // RFC 7143 13.14: FirstBurstLength must not exceed MaxBurstLength.
    firstBurstLength: Math.min(number('FirstBurstLength'), maxBurstLength),
    defaultTime2Wait: number('DefaultTime2Wait'),
    defaultTime2Retain: number('DefaultTime2Retain'),
    maxOutstandingR2T: number('MaxOutstandingR2T'),
    dataPduInOrder: yes('DataPDUInOrder'),
    dataSequenceInOrder: yes('DataSequenceInOrder'),
    errorRecoveryLevel: number('ErrorRecoveryLevel'),
    protocolLevel: number('iSCSIProtocolLevel'),
    taskReporting: value('TaskReporting'),
  };
}
