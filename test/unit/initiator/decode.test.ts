/** What the initiator makes of answers: built by the encoders of wire/scsi, cut short at every byte. */
import t from 'tap';
import { decodeLbaStatus, decodeLuns } from '../../../initiator/decode/block.js';
import { describeAnswer, describeVpd } from '../../../initiator/decode/describe.js';
import { decodeInquiry } from '../../../initiator/decode/inquiry.js';
import { decodeFullStatus, decodeKeys, decodeReservation } from '../../../initiator/decode/persistent.js';
import { decodeBlockLimits, decodeIdentification, decodeProvisioning } from '../../../initiator/decode/vpd.js';
import * as build from '../../../wire/scsi/cdb-build.js';
import { encodeStandardInquiry } from '../../../wire/scsi/inquiry.js';
import { encodeFullStatus, encodeKeys, encodeReservation } from '../../../wire/scsi/persistent-reservations.js';
import {
  blockLimitsPage,
  deviceIdentificationPage,
  logicalBlockProvisioningPage,
  numberValue,
  unitSerialNumberPage,
} from '../../../wire/scsi/vpd.js';

const limits = {
  writeSameNonZero: true,
  compareAndWrite: 255,
  transferGranularity: 8,
  transfer: 16384,
  optimalTransfer: 2048,
  prefetch: 0,
  unmap: 1 << 20,
  unmapDescriptors: 256,
  unmapGranularity: 8,
  unmapAlignment: 4,
  writeSame: 65535,
};

t.test('block limits and provisioning come back as they were encoded', async (t) => {
  t.match(decodeBlockLimits(blockLimitsPage(0, limits)), {
    maxCompareAndWrite: 255,
    maxTransfer: 16384,
    maxUnmap: 1 << 20,
    maxUnmapDescriptors: 256,
    optimalUnmapGranularity: 8,
    unmapAlignment: 4,
    maxWriteSame: 65535,
  });
  const provisioning = {
    thresholdExponent: 0,
    unmap: true,
    writeSame16Unmap: true,
    writeSame10Unmap: false,
    readsZeros: true,
    type: 2,
  };
  t.match(decodeProvisioning(logicalBlockProvisioningPage(0, provisioning)), {
    unmap: true,
    writeSame16Unmap: true,
    writeSame10Unmap: false,
    readsZeros: true,
    type: 'thin provisioned',
  });
});

t.test('designators', async (t) => {
  const page = deviceIdentificationPage(0, [
    { association: 0, codeSet: 1, type: 3, value: Buffer.from('6024c55004a78474', 'hex') },
    { association: 1, codeSet: 1, type: 4, protocol: 5, value: numberValue(7) },
    { association: 2, codeSet: 3, type: 8, protocol: 5, value: Buffer.from('iqn.a\0\0\0') },
  ]);
  t.same(decodeIdentification(page), [
    { association: 'logical unit', type: 'NAA', value: '6024c55004a78474' },
    { association: 'target port', type: 'relative target port', value: '7' },
    { association: 'target device', type: 'SCSI name', value: 'iqn.a' },
  ]);
});

t.test('reservations', async (t) => {
  t.same(decodeKeys(encodeKeys(9, [1n, 0xffffffffffffffffn])), { generation: 9, keys: [1n, 0xffffffffffffffffn] });
  t.same(decodeReservation(encodeReservation(3, null)), { generation: 3, reservation: null });
  t.same(decodeReservation(encodeReservation(3, { key: 5n, type: 6 })).reservation, { key: 5n, type: 6 });
  const one = { key: 5n, holder: true, type: 1, relativePort: 2, allTargetPorts: false };
  const status = encodeFullStatus(4, [
    { ...one, initiatorPort: 'iqn.a:b,i,0x800000000001' },
    { ...one, holder: false, initiatorPort: 'iqn.c:d,i,0x800000000002' },
  ]);
  const { registrations } = decodeFullStatus(status);
  t.match(registrations, [
    { key: 5n, holder: true, relativePort: 2, initiator: /^iqn\.a:b/ },
    { key: 5n, holder: false, initiator: /^iqn\.c:d/ },
  ]);
});

t.test('answers cut short at any byte, or lying about their length, are read as far as they go', async (t) => {
  const inquiry = encodeStandardInquiry({
    qualifier: 0,
    deviceType: 0,
    removable: false,
    version: 7,
    vendor: 'LUNARRAY',
    product: 'THIN LDEV',
    revision: '0.1',
    normalAca: true,
    hierarchical: true,
    targetPortGroups: 1,
    thirdPartyCopy: false,
    protect: false,
    multiPort: true,
    commandQueuing: true,
    standards: [0x05c0],
  });
  t.match(decodeInquiry(inquiry), {
    vendor: 'LUNARRAY',
    product: 'THIN LDEV',
    standards: [0x05c0],
    commandQueuing: true,
  });
  const answers: [Buffer, Buffer][] = [
    [build.inquiry(null, 255), inquiry],
    [build.inquiry(0x80, 255), unitSerialNumberPage(0, 'ABC')],
    [
      build.inquiry(0x83, 255),
      deviceIdentificationPage(0, [{ association: 0, codeSet: 2, type: 1, value: Buffer.from('V') }]),
    ],
    [build.inquiry(0xb0, 255), blockLimitsPage(0, limits)],
    [build.reportLuns(0, 255), Buffer.from('00000010000000000001000000000000400a000000000000', 'hex')],
    [build.readCapacity16(32), Buffer.alloc(32, 1)],
    [build.readCapacity10(), Buffer.alloc(8, 1)],
    [build.getLbaStatus(0, 255), Buffer.from('0000001400000000000000000000000000000008010000ff', 'hex')],
    [build.modeSense10(0x3f, 0, 255), Buffer.from('001a0010000000000a0a0000000000000000000000000000', 'hex')],
    [build.persistentReserveIn(3, 255), encodeFullStatus(1, [])],
    [build.requestSense(252), Buffer.from('700005000000000a000000002400000000', 'hex')],
  ];
  for (const [cdb, answer] of answers) {
    for (let bytes = 0; bytes <= answer.length; bytes += 1) describeAnswer(cdb, answer.subarray(0, bytes));
    for (let at = 0; at < Math.min(answer.length, 16); at += 1) {
      const lying = Buffer.from(answer);
      lying[at] = 0xff;
      describeAnswer(cdb, lying);
    }
  }
  for (const page of [0x86, 0x87, 0x88])
    for (let bytes = 0; bytes < 40; bytes += 1) describeVpd(page, Buffer.alloc(bytes, 0xff));
  t.same(decodeLuns(answers[4]![1]), [1, 10]);
  t.same(decodeLbaStatus(answers[7]![1]), [{ lba: 0, blocks: 8, state: 'deallocated' }]);
  t.equal(describeAnswer(Buffer.from([0xc1]), Buffer.alloc(4)), null, 'unknown commands are left to the dump');
});
