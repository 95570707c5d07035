/** The target's side of the operational negotiation (RFC 7143 6.2, 13). */
import {
  answerOffer,
  IRRELEVANT,
  type KeyName,
  type KeyRule,
  keyRules,
  NOT_UNDERSTOOD,
  REJECT,
} from '../../../wire/iscsi/keys.js';
import type { TextPair } from '../../../wire/iscsi/text.js';
import type { IscsiLimits } from './limits.js';

/** What this target brings to each negotiation. */
export function ownValues(limits: IscsiLimits): ReadonlyMap<string, string> {
  const values: Partial<Record<KeyName, string>> = {
    HeaderDigest: 'CRC32C,None',
    DataDigest: 'CRC32C,None',
    MaxConnections: String(limits.connectionsPerSession),
    InitialR2T: 'No',
    ImmediateData: 'Yes',
    MaxBurstLength: String(limits.maxBurstLength),
    FirstBurstLength: String(limits.firstBurstLength),
    DefaultTime2Wait: '0',
    DefaultTime2Retain: String(limits.time2Retain),
    MaxOutstandingR2T: String(limits.maxOutstandingR2T),
    DataPDUInOrder: 'Yes',
    DataSequenceInOrder: 'Yes',
    ErrorRecoveryLevel: String(limits.errorRecoveryLevel),
    TaskReporting: 'RFC3720',
    // RFC 7144: its task management functions.
    iSCSIProtocolLevel: '2',
  };
  return new Map(Object.entries(values));
}

export interface Negotiated {
  readonly answers: TextPair[];
  /** What was agreed, to be added to `results`. */
  readonly results: readonly TextPair[];
}

/** Of the login in which keys are negotiated. */
export interface NegotiationContext {
  readonly stage: 'security' | 'operational';
  readonly discovery: boolean;
  /** What is in force in the session that the connection is to join, by key; null for the leading connection. */
  readonly session: ReadonlyMap<string, string> | null;
}

/**
 * Answers operational keys.
 * @param agreed what earlier PDUs of this login agreed on
 */
export function negotiate(
  pairs: readonly TextPair[],
  own: ReadonlyMap<string, string>,
  agreed: ReadonlyMap<string, string>,
  { stage, discovery, session }: NegotiationContext,
): Negotiated {
  const answers: TextPair[] = [];
  const results: TextPair[] = [];
  for (const [key, value] of pairs) {
    const rule = keyRules.get(key);
    if (rule === undefined) {
      answers.push([key, NOT_UNDERSTOOD]);
      continue;
    }
    const wrongStage = rule.stage !== 'any' && rule.stage !== stage;
    if (wrongStage || rule.sender === 'target' || rule.use === 'FFPO') {
      answers.push([key, REJECT]);
      continue;
    }
    if (discovery && rule.irrelevantInDiscovery) {
      answers.push([key, IRRELEVANT]);
      continue;
    }
    if (session !== null && rule.use === 'LO' && rule.fn !== 'declarative') {
      answers.push([key, answerInForce(rule, value, session.get(key) ?? rule.default ?? '')]);
      continue;
    }
    const ours = dependent[key]?.(pairs, own, agreed) ?? own.get(key) ?? '';
    const { answer, result } = answerOffer(rule, value, ours);
    if (answer !== null) answers.push([key, answer]);
    if (result !== null) results.push([key, result]);
  }
  return { answers, results };
}

/**
 * A leading-only key on another connection. It should not be there (RFC 7143 13); what it offers is confirmed if that
 * comes to what is in force, and rejected otherwise.
 */
function answerInForce(rule: KeyRule, offered: string, inForce: string): string {
  return answerOffer(rule, offered, inForce).answer === inForce ? inForce : REJECT;
}

/** What this side would have, where that depends on another key. */
type Dependent = (
  pairs: readonly TextPair[],
  own: ReadonlyMap<string, string>,
  agreed: ReadonlyMap<string, string>,
) => string;

const dependent: Readonly<Record<string, Dependent>> = {
  // 13.14: it must not exceed MaxBurstLength, whichever of them comes first.
  FirstBurstLength: (pairs, own, agreed) =>
    String(Math.min(Number(own.get('FirstBurstLength')), Number(outcome('MaxBurstLength', pairs, own, agreed)))),
  // 13.19: with DataSequenceInOrder=Yes and ErrorRecoveryLevel above 0 it is 1.
  MaxOutstandingR2T: (pairs, own, agreed) =>
    outcome('ErrorRecoveryLevel', pairs, own, agreed) === '0' ? own.get('MaxOutstandingR2T')! : '1',
  ErrorRecoveryLevel: (_pairs, own, agreed) =>
    Number(agreed.get('MaxOutstandingR2T') ?? 1) > 1 ? '0' : own.get('ErrorRecoveryLevel')!,
  // Nothing is kept of a session whose last connection is gone, unless its tasks can be taken up again.
  DefaultTime2Retain: (pairs, own, agreed) =>
    outcome('ErrorRecoveryLevel', pairs, own, agreed) === '2' ? own.get('DefaultTime2Retain')! : '0',
};

/** What becomes of a number, by what was agreed, or is offered now, or stays. */
function outcome(
  name: KeyName,
  pairs: readonly TextPair[],
  own: ReadonlyMap<string, string>,
  agreed: ReadonlyMap<string, string>,
): string {
  const before = agreed.get(name);
  if (before !== undefined) return before;
  const rule = keyRules.get(name)!;
  const offered = pairs.find(([key]) => key === name)?.[1];
  const ours = name === 'ErrorRecoveryLevel' ? dependent.ErrorRecoveryLevel!(pairs, own, agreed) : own.get(name)!;
  return (offered === undefined ? null : answerOffer(rule, offered, ours).result) ?? rule.default!;
}
