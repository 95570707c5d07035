/**
 * What an initiator offers at login and what came of it (RFC 7143 13). The target selects; here its selection
 * is checked against the offer, and a key it left out keeps its default.
 */
import { LoginError } from './errors.js';
import type { ResolvedOptions } from './options.js';

/** The values a session runs with. Lengths in bytes. */
export interface SessionParameters {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  /** What this side takes in one data segment. */
  readonly maxRecvDataSegmentLength: number;
  /** What the target takes. */
  readonly maxSendDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly maxOutstandingR2T: number;
  readonly maxConnections: number;
  readonly errorRecoveryLevel: number;
  readonly time2Wait: number;
  readonly time2Retain: number;
  readonly targetPortalGroupTag: number | null;
  readonly targetAlias: string | null;
}

/** One negotiated key: default, what is offered, and what a selection may be. */
interface NegotiatedKey {
  readonly name: string;
  /** Value when the target does not answer (RFC 7143 13). */
  readonly fallback: string;
  readonly offer: (options: ResolvedOptions) => string;
  /** Also in discovery sessions. */
  readonly discovery: boolean;
  readonly rule: 'list' | 'minimum' | 'maximum' | 'or' | 'and';
}

const yesNo = (value: boolean) => (value ? 'Yes' : 'No');

const KEYS: readonly NegotiatedKey[] = [
  {
    name: 'HeaderDigest',
    fallback: 'None',
    offer: (options) => options.headerDigest,
    discovery: true,
    rule: 'list',
  },
  {
    name: 'DataDigest',
    fallback: 'None',
    offer: (options) => options.dataDigest,
    discovery: true,
    rule: 'list',
  },
  {
    name: 'InitialR2T',
    fallback: 'Yes',
    offer: (options) => yesNo(options.initialR2T),
    discovery: false,
    rule: 'or',
  },
  {
    name: 'ImmediateData',
    fallback: 'Yes',
    offer: (options) => yesNo(options.immediateData),
    discovery: false,
    rule: 'and',
  },
  {
    name: 'MaxBurstLength',
    fallback: '262144',
    offer: (options) => String(options.maxBurstLength),
    discovery: false,
    rule: 'minimum',
  },
  {
    name: 'FirstBurstLength',
    fallback: '65536',
    offer: (options) => String(options.firstBurstLength),
    discovery: false,
    rule: 'minimum',
  },
  {
    name: 'MaxOutstandingR2T',
    fallback: '1',
    // RFC 7143 13.19: with DataSequenceInOrder=Yes no more than one at the higher recovery levels.
    offer: (options) => String(options.errorRecoveryLevel > 0 ? 1 : options.maxOutstandingR2T),
    discovery: false,
    rule: 'minimum',
  },
  {
    name: 'MaxConnections',
    fallback: '1',
    offer: (options) => String(options.connections),
    discovery: false,
    rule: 'minimum',
  },
  { name: 'DefaultTime2Wait', fallback: '2', offer: () => '0', discovery: true, rule: 'maximum' },
  {
    name: 'DefaultTime2Retain',
    fallback: '20',
    offer: (options) => (options.errorRecoveryLevel === 2 ? '20' : '0'),
    discovery: true,
    rule: 'minimum',
  },
  { name: 'DataPDUInOrder', fallback: 'Yes', offer: () => 'Yes', discovery: false, rule: 'or' },
  { name: 'DataSequenceInOrder', fallback: 'Yes', offer: () => 'Yes', discovery: false, rule: 'or' },
  {
    name: 'ErrorRecoveryLevel',
    fallback: '0',
    offer: (options) => String(options.errorRecoveryLevel),
    discovery: true,
    rule: 'minimum',
  },
];

/** Values a target answers with in place of a selection (RFC 7143 6.2). */
const NO_SELECTION: ReadonlySet<string> = new Set(['Irrelevant', 'NotUnderstood']);

/** The operational keys to send, in order. */
export function operationalOffer(options: ResolvedOptions, discovery: boolean): [string, string][] {
  const offer: [string, string][] = KEYS.filter((key) => key.discovery || !discovery).map((key) => [
    key.name,
    key.offer(options),
  ]);
  offer.push(['MaxRecvDataSegmentLength', String(options.maxRecvDataSegmentLength)]);
  return offer;
}

/**
 * The result of the operational stage.
 * @param answers what the target answered or declared, by key
 * @throws LoginError for a selection outside the offer
 */
export function concludeNegotiation(options: ResolvedOptions, answers: ReadonlyMap<string, string>): SessionParameters {
  const results = new Map(KEYS.map((key) => [key.name, conclude(key, key.offer(options), answers.get(key.name))]));
  const text = (name: string) => results.get(name)!;
  const number = (name: string) => Number(text(name));
  const firstBurst = number('FirstBurstLength');
  const tag = answers.get('TargetPortalGroupTag');
  return {
    headerDigest: text('HeaderDigest') === 'CRC32C',
    dataDigest: text('DataDigest') === 'CRC32C',
    initialR2T: text('InitialR2T') === 'Yes',
    immediateData: text('ImmediateData') === 'Yes',
    maxRecvDataSegmentLength: options.maxRecvDataSegmentLength,
    maxSendDataSegmentLength: numberOf(
      'MaxRecvDataSegmentLength',
      answers.get('MaxRecvDataSegmentLength') ?? '8192',
      512,
      0xffffff,
    ),
    maxBurstLength: number('MaxBurstLength'),
    // A target that answers out of order must not make the first burst exceed the largest one (RFC 7143 13.14).
    firstBurstLength: Math.min(firstBurst, number('MaxBurstLength')),
    maxOutstandingR2T: number('MaxOutstandingR2T'),
    maxConnections: number('MaxConnections'),
    errorRecoveryLevel: number('ErrorRecoveryLevel'),
    time2Wait: number('DefaultTime2Wait'),
    time2Retain: number('DefaultTime2Retain'),
    targetPortalGroupTag: tag === undefined ? null : numberOf('TargetPortalGroupTag', tag, 0, 65535),
    targetAlias: answers.get('TargetAlias') ?? null,
  };
}

/** Of a connection that joins a session: only what each connection has for itself is negotiated. */
export function connectionOffer(options: ResolvedOptions): [string, string][] {
  return operationalOffer(options, true).filter(([name]) => CONNECTION_KEYS.has(name));
}

const CONNECTION_KEYS: ReadonlySet<string> = new Set(['HeaderDigest', 'DataDigest', 'MaxRecvDataSegmentLength']);

/** The result of a connection's login: the session's parameters with its own. */
export function concludeJoining(
  options: ResolvedOptions,
  session: SessionParameters,
  answers: ReadonlyMap<string, string>,
): SessionParameters {
  const { headerDigest, dataDigest, maxSendDataSegmentLength } = concludeNegotiation(options, answers);
  return { ...session, headerDigest, dataDigest, maxSendDataSegmentLength };
}

function conclude(key: NegotiatedKey, offer: string, answer: string | undefined): string {
  if (answer === 'Reject') throw new LoginError(`the target rejects ${key.name}=${offer}`);
  if (answer === undefined || NO_SELECTION.has(answer)) return unanswered(key, offer);
  const fits = FITS[key.rule](offer, answer, key.name);
  if (!fits) throw new LoginError(`the target answers ${key.name}=${answer} to the offer ${offer}`);
  return answer;
}

/** Without an answer the default holds, which a demand (a list without the default) does not accept. */
function unanswered(key: NegotiatedKey, offer: string): string {
  if (key.rule === 'list' && !offer.split(',').includes(key.fallback)) {
    throw new LoginError(`the target does not do ${key.name}=${offer}`);
  }
  return key.rule === 'minimum' ? String(Math.min(Number(key.fallback), Number(offer))) : key.fallback;
}

/** Whether a selection is one the rule allows (RFC 7143 6.2.2), by rule. */
const FITS: Readonly<Record<NegotiatedKey['rule'], (offer: string, answer: string, name: string) => boolean>> = {
  list: (offer, answer) => offer.split(',').includes(answer),
  minimum: (offer, answer, name) => numberOf(name, answer, 0, 0xffffff) <= Number(offer),
  maximum: (offer, answer, name) => numberOf(name, answer, 0, 3600) >= Number(offer),
  or: (offer, answer) => answer === 'Yes' || (answer === 'No' && offer === 'No'),
  and: (offer, answer) => answer === 'No' || (answer === 'Yes' && offer === 'Yes'),
};

/** A decimal or hexadecimal number within limits. */
function numberOf(name: string, text: string, low: number, high: number): number {
  const value = /^(\d+|0[xX][0-9a-fA-F]+)$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= low && value <= high))
    throw new LoginError(`the target answers ${name}=${text}, which is out of range`);
  return value;
}
