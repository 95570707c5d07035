/** What the answers to requests mean. */
import { TaskFunctionResponse } from '../wire/iscsi/bhs.js';
import { decodeText, type TextPair } from '../wire/iscsi/text.js';

/** The response of a task management function by its name. */
export function decodeFunctionResponse(value: Buffer | number): keyof typeof TaskFunctionResponse {
  const found = Object.entries(TaskFunctionResponse).find(([, code]) => code === value);
  return (found?.[0] ?? 'rejected') as keyof typeof TaskFunctionResponse;
}

/** A SendTargets answer lists every target and address: far more pairs than a login has. */
const MAX_ANSWER_PAIRS = 1 << 20;

export function decodeAnswer(value: Buffer | number): TextPair[] {
  return decodeText(value as Buffer, { pairs: MAX_ANSWER_PAIRS });
}
