/** The target's side of the operational negotiation (RFC 7143 6.2, 13). */
import { answerOffer, IRRELEVANT, type KeyName, keyRules, NOT_UNDERSTOOD, REJECT } from '../../../wire/iscsi/keys.js';
import type { TextPair } from '../../../wire/iscsi/text.js';
import type { IscsiLimits } from './limits.js';

/** What this target brings to each negotiation. */
export function ownValues(limits: IscsiLimits): ReadonlyMap<string, string> {
  const values: Partial<Record<KeyName, string>> = {
    HeaderDigest: 'CRC32C,None',
    DataDigest: 'CRC32C,None',
    MaxConnections: '1',
    InitialR2T: 'No',
    ImmediateData: 'Yes',
    MaxBurstLength: String(limits.maxBurstLength),
    FirstBurstLength: String(limits.firstBurstLength),
    DefaultTime2Wait: '0',
    // ErrorRecoveryLevel 0: nothing is kept of a session whose connection is gone.
    DefaultTime2Retain: '0',
    MaxOutstandingR2T: String(limits.maxOutstandingR2T),
    DataPDUInOrder: 'Yes',
    DataSequenceInOrder: 'Yes',
    ErrorRecoveryLevel: '0',
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

/**
 * Answers operational keys.
 * @param agreed what earlier PDUs of this login agreed on
 * @param stage the present login stage
 */
export function negotiate(
  pairs: readonly TextPair[],
  own: ReadonlyMap<string, string>,
  agreed: ReadonlyMap<string, string>,
  stage: 'security' | 'operational',
  discovery: boolean,
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
    const ours = key === 'FirstBurstLength' ? firstBurst(pairs, own, agreed) : (own.get(key) ?? '');
    const { answer, result } = answerOffer(rule, value, ours);
    if (answer !== null) answers.push([key, answer]);
    if (result !== null) results.push([key, result]);
  }
  return { answers, results };
}

/** RFC 7143 13.14: FirstBurstLength must not exceed MaxBurstLength, whichever of them comes first. */
function firstBurst(
  pairs: readonly TextPair[],
  own: ReadonlyMap<string, string>,
  agreed: ReadonlyMap<string, string>,
): string {
  const offered = pairs.find(([key]) => key === 'MaxBurstLength')?.[1];
  const rule = keyRules.get('MaxBurstLength')!;
  const maxBurst =
    agreed.get('MaxBurstLength') ??
    (offered === undefined ? null : answerOffer(rule, offered, own.get('MaxBurstLength')!).result) ??
    rule.default!;
  return String(Math.min(Number(own.get('FirstBurstLength')), Number(maxBurst)));
}
