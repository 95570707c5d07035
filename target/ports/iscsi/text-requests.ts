/** Text Requests in full feature phase (RFC 7143 11.10, 11.11): SendTargets and the keys that may change there. */
import {
  decodeTextRequest,
  encodeTextResponse,
  RESERVED_TAG,
  RejectReason,
  type TextRequest,
} from '../../../wire/iscsi/bhs.js';
import { answerOffer, keyRules, NOT_UNDERSTOOD, REJECT } from '../../../wire/iscsi/keys.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import {
  decodeText,
  encodeText,
  splitText,
  TextAssembler,
  TextError,
  type TextPair,
} from '../../../wire/iscsi/text.js';
import type { Connection } from './connection.js';
import { sendReject } from './reject.js';
import { sendTargets } from './send-targets.js';
import type { Session } from './session.js';

/** A text exchange over several PDUs; a connection has one at a time (RFC 7143 11.10.4). */
export class TextExchange {
  readonly assembler = new TextAssembler();
  /** Of the answer, not sent yet. */
  segments: Buffer[] = [];
  /** F bit of the request that the segments answer. */
  final = true;
  initiatorTaskTag = RESERVED_TAG;
  /** What the initiator must send to go on; RESERVED_TAG: no exchange is open. */
  targetTransferTag = RESERVED_TAG;

  begin(initiatorTaskTag: number): void {
    this.assembler.reset();
    this.segments = [];
    this.initiatorTaskTag = initiatorTaskTag;
    this.targetTransferTag = RESERVED_TAG;
  }
}

export function receiveTextRequest(session: Session, connection: Connection, pdu: Pdu): void {
  const request = decodeTextRequest(pdu.bhs);
  const exchange = connection.text;
  try {
    const problem = disorder(exchange, request, pdu);
    if (problem !== null) throw problem;
    if (request.targetTransferTag === RESERVED_TAG) exchange.begin(request.initiatorTaskTag);
    if (exchange.segments.length === 0) {
      const text = exchange.assembler.add(pdu.data, request.continues);
      if (text === null) {
        sendText(session, connection, request, Buffer.alloc(0), { final: false, continues: false });
        return;
      }
      const answer = encodeText(answerPairs(session, connection, decodeText(text)));
      exchange.segments = splitText(answer, connection.parameters.sendDataSegmentLength);
      exchange.final = request.final;
    }
    sendSegment(session, connection, request);
  } catch (error) {
    if (!(error instanceof Disorder || error instanceof TextError)) throw error;
    exchange.begin(RESERVED_TAG);
    const reason = error instanceof Disorder ? error.reason : RejectReason.protocolError;
    sendReject(connection, reason, pdu.bhs, error.message);
  }
}

class Disorder extends Error {
  constructor(
    readonly reason: RejectReason,
    message: string,
  ) {
    super(message);
  }
}

/** Whether a request fits the exchange; if not, the exchange is given up. */
function disorder(exchange: TextExchange, request: TextRequest, pdu: Pdu): Disorder | null {
  if (request.initiatorTaskTag === RESERVED_TAG) return new Disorder(RejectReason.invalidPduField, 'reserved tag');
  // RFC 7143 11.10.2: C=1 and F=1 exclude each other.
  if (request.final && request.continues) return new Disorder(RejectReason.protocolError, 'both F and C');
  if (request.targetTransferTag === RESERVED_TAG) return null;
  const known =
    request.targetTransferTag === exchange.targetTransferTag && request.initiatorTaskTag === exchange.initiatorTaskTag;
  if (!known) return new Disorder(RejectReason.invalidPduField, 'no such text exchange');
  if (exchange.segments.length === 0 || pdu.dataLength === 0) return null;
  return new Disorder(RejectReason.protocolError, 'keys before the answer was fetched');
}

function sendSegment(session: Session, connection: Connection, request: TextRequest): void {
  const exchange = connection.text;
  const segment = exchange.segments.shift()!;
  const more = exchange.segments.length > 0;
  sendText(session, connection, request, segment, { final: !more && exchange.final, continues: more });
}

function answerPairs(session: Session, connection: Connection, pairs: readonly TextPair[]): TextPair[] {
  const answers: TextPair[] = [];
  const seen = new Set<string>();
  for (const [key, value] of pairs) {
    // RFC 7143 6.2; and a short request must not ask for a long answer many times.
    if (seen.has(key)) throw new Disorder(RejectReason.protocolError, `${key} given twice`);
    seen.add(key);
    const rule = keyRules.get(key);
    if (rule === undefined) answers.push([key, NOT_UNDERSTOOD]);
    else if (key === 'SendTargets') answers.push(...answerSendTargets(session, connection, value));
    else if (rule.use !== 'ALL' || rule.sender === 'target') answers.push([key, REJECT]);
    else {
      const { answer, result } = answerOffer(rule, value, '');
      if (answer !== null) answers.push([key, answer]);
      if (key === 'MaxRecvDataSegmentLength' && result !== null) {
        connection.parameters.sendDataSegmentLength = Number(result);
      }
    }
  }
  return answers;
}

function answerSendTargets(session: Session, connection: Connection, value: string): TextPair[] {
  const targets = sendTargets(session.parts, {
    value,
    initiatorName: session.identity.initiatorName,
    ownTarget: session.group === null ? null : session.group.target,
    localAddress: connection.localAddress,
  });
  return targets ?? [['SendTargets', REJECT]];
}

function sendText(
  session: Session,
  connection: Connection,
  request: TextRequest,
  text: Buffer,
  flags: { readonly final: boolean; readonly continues: boolean },
): void {
  connection.text.targetTransferTag = flags.final ? RESERVED_TAG : session.takeTransferTag();
  const { transmit } = connection;
  const at = transmit.begin();
  encodeTextResponse(transmit.slab, at, {
    final: flags.final,
    continues: flags.continues,
    lun: request.lun,
    initiatorTaskTag: request.initiatorTaskTag,
    targetTransferTag: connection.text.targetTransferTag,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
  });
  connection.sendStatus(at, text);
}
