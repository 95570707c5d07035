import t from 'tap';
import {
  answerOffer,
  concludeOffer,
  type KeyName,
  keyRule,
  keyRules,
  operationalParameters,
} from '../../../wire/iscsi/keys.js';

const REJECT = 'Reject';

/** key, offered, own, answer, value in force. */
const offers: [KeyName, string, string, string | null, string | null][] = [
  ['HeaderDigest', 'CRC32C,None', 'CRC32C,None', 'CRC32C', 'CRC32C'],
  ['HeaderDigest', 'None,CRC32C', 'CRC32C,None', 'None', 'None'],
  ['DataDigest', 'SHA,CRC32C', 'CRC32C,None', 'CRC32C', 'CRC32C'],
  ['DataDigest', 'SHA', 'CRC32C,None', REJECT, null],
  ['MaxConnections', '8', '1', '1', '1'],
  ['MaxConnections', '0', '1', REJECT, null],
  ['InitialR2T', 'No', 'No', 'No', 'No'],
  ['InitialR2T', 'Yes', 'No', 'Yes', 'Yes'],
  ['InitialR2T', 'No', 'Yes', 'Yes', 'Yes'],
  ['InitialR2T', 'yes', 'No', REJECT, null],
  ['ImmediateData', 'Yes', 'Yes', 'Yes', 'Yes'],
  ['ImmediateData', 'No', 'Yes', 'No', 'No'],
  ['ImmediateData', 'Yes', 'No', 'No', 'No'],
  ['MaxRecvDataSegmentLength', '262144', '8192', null, '262144'],
  ['MaxRecvDataSegmentLength', '511', '8192', REJECT, null],
  ['MaxRecvDataSegmentLength', '16777216', '8192', REJECT, null],
  ['MaxBurstLength', '0x1000', '262144', '4096', '4096'],
  ['MaxBurstLength', '1048576', '262144', '262144', '262144'],
  ['FirstBurstLength', '65536', '131072', '65536', '65536'],
  ['FirstBurstLength', '1', '131072', REJECT, null],
  ['DefaultTime2Wait', '0', '2', '2', '2'],
  ['DefaultTime2Wait', '3601', '2', REJECT, null],
  ['DefaultTime2Retain', '60', '0', '0', '0'],
  ['MaxOutstandingR2T', '16', '8', '8', '8'],
  ['DataPDUInOrder', 'No', 'Yes', 'Yes', 'Yes'],
  ['DataSequenceInOrder', 'No', 'Yes', 'Yes', 'Yes'],
  ['ErrorRecoveryLevel', '2', '0', '0', '0'],
  ['ErrorRecoveryLevel', '3', '0', REJECT, null],
  ['TaskReporting', 'FastAbort,RFC3720', 'RFC3720', 'RFC3720', 'RFC3720'],
  ['iSCSIProtocolLevel', '2', '1', '1', '1'],
  ['IFMarker', 'No', 'No', REJECT, null],
  ['OFMarkInt', '1~2048', '', REJECT, null],
  ['AuthMethod', 'KRB5,CHAP,None', 'CHAP', 'CHAP', 'CHAP'],
  ['TargetPortalGroupTag', '65536', '', REJECT, null],
];

for (const [key, offered, own, answer, result] of offers) {
  t.test(`${key}=${offered} against ${own}`, async (t) => {
    t.same(answerOffer(keyRule(key), offered, own), { answer, result });
  });
}

t.test('what an answer to the own offer makes of a key', async (t) => {
  const conclude = (key: KeyName, offered: string, answered: string) => concludeOffer(keyRule(key), offered, answered);
  t.equal(conclude('MaxBurstLength', '262144', '0x1000'), '4096');
  t.equal(conclude('MaxBurstLength', '4096', '8192'), undefined, 'more than offered');
  t.equal(conclude('DefaultTime2Wait', '5', '2'), undefined, 'less than offered');
  t.equal(conclude('InitialR2T', 'Yes', 'No'), undefined);
  t.equal(conclude('ImmediateData', 'No', 'Yes'), undefined);
  t.equal(conclude('ImmediateData', 'Yes', 'No'), 'No');
  t.equal(conclude('HeaderDigest', 'None', 'CRC32C'), undefined, 'never offered');
  t.equal(conclude('HeaderDigest', 'CRC32C,None', 'CRC32C'), 'CRC32C');
  for (const declined of ['Reject', 'Irrelevant', 'NotUnderstood']) {
    t.equal(conclude('iSCSIProtocolLevel', '2', declined), null);
  }
});

t.test('every key has a rule that hangs together', async (t) => {
  for (const rule of keyRules.values()) {
    if (rule.fn === 'minimum' || rule.fn === 'maximum') t.ok(rule.min! < rule.max! && rule.default, rule.name);
    if (rule.fn === 'list') t.ok(rule.values!.includes(rule.default!), rule.name);
  }
  t.equal(keyRules.size, 35);
});

t.test('defaults, and FirstBurstLength held to MaxBurstLength', async (t) => {
  t.same(operationalParameters(new Map()), {
    headerDigest: false,
    dataDigest: false,
    maxConnections: 1,
    initialR2T: true,
    immediateData: true,
    sendDataSegmentLength: 8192,
    maxBurstLength: 262144,
    firstBurstLength: 65536,
    defaultTime2Wait: 2,
    defaultTime2Retain: 20,
    maxOutstandingR2T: 1,
    dataPduInOrder: true,
    dataSequenceInOrder: true,
    errorRecoveryLevel: 0,
    protocolLevel: 1,
    taskReporting: 'RFC3720',
  });
  t.equal(operationalParameters(new Map([['MaxBurstLength', '4096']])).firstBurstLength, 4096);
});
