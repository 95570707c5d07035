import t from 'tap';
import { INITIATOR, openBench, TARGET } from './fixture.js';

/** key, offered, answer; undefined: none. */
const keys: [string, string, string | undefined][] = [
  ['HeaderDigest', 'CRC32C,None', 'CRC32C'],
  ['HeaderDigest', 'None,CRC32C', 'None'],
  ['HeaderDigest', 'Other', 'Reject'],
  ['DataDigest', 'CRC32C', 'CRC32C'],
  ['MaxConnections', '4', '4'],
  ['MaxConnections', '9', '4'],
  ['InitialR2T', 'No', 'No'],
  ['InitialR2T', 'Yes', 'Yes'],
  ['InitialR2T', 'Maybe', 'Reject'],
  ['ImmediateData', 'Yes', 'Yes'],
  ['ImmediateData', 'No', 'No'],
  ['MaxRecvDataSegmentLength', '65536', '262144'],
  ['MaxBurstLength', '16776192', '1048576'],
  ['MaxBurstLength', '511', 'Reject'],
  ['FirstBurstLength', '262144', '65536'],
  ['FirstBurstLength', '4096', '4096'],
  ['DefaultTime2Wait', '2', '2'],
  ['DefaultTime2Retain', '20', '0'],
  ['MaxOutstandingR2T', '1', '1'],
  ['MaxOutstandingR2T', '64', '8'],
  ['DataPDUInOrder', 'No', 'Yes'],
  ['DataSequenceInOrder', 'No', 'Yes'],
  ['ErrorRecoveryLevel', '2', '2'],
  ['IFMarker', 'Yes', 'Reject'],
  ['OFMarker', 'No', 'Reject'],
  ['IFMarkInt', '1~4', 'Reject'],
  ['OFMarkInt', '1~4', 'Reject'],
  ['iSCSIProtocolLevel', '1', '1'],
  ['iSCSIProtocolLevel', '2', '2'],
  ['iSCSIProtocolLevel', '31', '2'],
  ['TaskReporting', 'FastAbort,RFC3720', 'RFC3720'],
  ['TaskReporting', 'FastAbort', 'Reject'],
  ['InitiatorAlias', 'my host', undefined],
  ['X#NodeArchitecture', 'x86', undefined],
  ['SessionType', 'Normal', undefined],
  ['X-com.example.Thing', '1', 'NotUnderstood'],
  ['RDMAExtensions', 'Yes', 'NotUnderstood'],
  ['SendTargets', 'All', 'Reject'],
  ['TargetAddress', '127.0.0.1', 'Reject'],
  ['TargetPortalGroupTag', '1', 'Reject'],
  ['TargetAlias', 'mine', 'Reject'],
];

for (const [key, offered, answer] of keys) {
  t.test(`${key}=${offered}`, async (t) => {
    const { connect } = await openBench(t);
    const host = await connect();
    const response = await host.exchange(
      { InitiatorName: INITIATOR, TargetName: TARGET, [key]: offered },
      { csg: 1, nsg: 3 },
    );
    t.equal(response.status, 0);
    // The target's own declarations are there besides.
    t.equal(response.keys.get(key), key === 'TargetPortalGroupTag' ? response.keys.get(key) : answer);
  });
}

t.test('FirstBurstLength stays within MaxBurstLength, whatever comes first', async (t) => {
  for (const offer of [
    { FirstBurstLength: '65536', MaxBurstLength: '8192' },
    { MaxBurstLength: '8192', FirstBurstLength: '65536' },
  ]) {
    const { connect, port } = await openBench(t);
    const host = await connect();
    await host.login({ InitiatorName: INITIATOR, TargetName: TARGET, ...offer });
    t.equal(host.answers.get('FirstBurstLength'), '8192');
    t.match(port.sessions(), [{ firstBurstLength: 8192, maxBurstLength: 8192 }]);
  }
});

t.test('session keys are irrelevant to discovery', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  const response = await host.exchange(
    {
      InitiatorName: INITIATOR,
      SessionType: 'Discovery',
      InitialR2T: 'No',
      MaxBurstLength: '4096',
      MaxConnections: '2',
      HeaderDigest: 'None',
      ErrorRecoveryLevel: '0',
    },
    { csg: 1, nsg: 3 },
  );
  t.same(Object.fromEntries(response.keys), {
    InitialR2T: 'Irrelevant',
    MaxBurstLength: 'Irrelevant',
    MaxConnections: 'Irrelevant',
    HeaderDigest: 'None',
    ErrorRecoveryLevel: '0',
    MaxRecvDataSegmentLength: '262144',
  });
});

t.test('an operational key in the security stage', async (t) => {
  const { connect } = await openBench(t);
  const host = await connect();
  const response = await host.exchange(
    { InitiatorName: INITIATOR, TargetName: TARGET, MaxBurstLength: '4096' },
    { csg: 0, nsg: 1 },
  );
  t.equal(response.keys.get('MaxBurstLength'), 'Reject');
});

t.test('what was negotiated is what administrators see', async (t) => {
  const { login, port } = await openBench(t);
  await login({
    HeaderDigest: 'CRC32C',
    InitialR2T: 'No',
    ImmediateData: 'No',
    MaxRecvDataSegmentLength: '65536',
    MaxOutstandingR2T: '4',
  });
  t.match(port.sessions(), [
    {
      type: 'normal',
      headerDigest: true,
      dataDigest: false,
      initialR2T: false,
      immediateData: false,
      maxSendDataSegmentLength: 65536,
      maxOutstandingR2T: 4,
    },
  ]);
});
