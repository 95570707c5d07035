import t from 'tap';
import * as bhs from '../../../wire/iscsi/bhs.js';

const lun = Buffer.from('0001000000000000', 'hex');
const isid = Buffer.from('400001370000', 'hex');
const sn = { statSn: 0x01020304, expCmdSn: 0xfffffffe, maxCmdSn: 0x7d };
const req = { immediate: true, lun, initiatorTaskTag: 0x11223344, cmdSn: 5, expStatSn: 6 };

// biome-ignore lint/suspicious/noExplicitAny: each row pairs an encoder with its own decoder
const layouts: [string, number, (to: Buffer, at: number, f: any) => void, (from: Buffer) => any, any][] = [
  [
    'Login Request',
    0x43,
    bhs.encodeLoginRequest,
    bhs.decodeLoginRequest,
    {
      immediate: true,
      transit: true,
      continues: false,
      csg: 1,
      nsg: 3,
      versionMax: 0,
      versionMin: 0,
      isid,
      tsih: 7,
      initiatorTaskTag: 9,
      cid: 3,
      cmdSn: 4,
      expStatSn: 5,
    },
  ],
  [
    'Login Response',
    0x23,
    bhs.encodeLoginResponse,
    bhs.decodeLoginResponse,
    {
      transit: false,
      continues: true,
      csg: 0,
      nsg: 1,
      versionMax: 0,
      versionActive: 0,
      isid,
      tsih: 0xffff,
      initiatorTaskTag: 9,
      ...sn,
      status: bhs.LoginStatus.authenticationFailure,
    },
  ],
  [
    'Logout Request',
    0x46,
    bhs.encodeLogoutRequest,
    bhs.decodeLogoutRequest,
    {
      immediate: true,
      reason: 2,
      initiatorTaskTag: 9,
      cid: 3,
      cmdSn: 4,
      expStatSn: 5,
    },
  ],
  [
    'Logout Response',
    0x26,
    bhs.encodeLogoutResponse,
    bhs.decodeLogoutResponse,
    {
      response: 2,
      initiatorTaskTag: 9,
      ...sn,
      time2Wait: 2,
      time2Retain: 20,
    },
  ],
  [
    'SCSI Command',
    0x01,
    bhs.encodeScsiCommand,
    bhs.decodeScsiCommand,
    {
      ...req,
      immediate: false,
      final: true,
      read: false,
      write: true,
      attribute: 3,
      expectedDataTransferLength: 0xfffffe00,
      cdb: Buffer.from('2a000000000100000800000000000000', 'hex'),
    },
  ],
  [
    'SCSI Response',
    0x21,
    bhs.encodeScsiResponse,
    bhs.decodeScsiResponse,
    {
      response: 0,
      status: 2,
      residualFlags: bhs.Residual.underflow | bhs.Residual.readOverflow,
      residual: 512,
      readResidual: 7,
      initiatorTaskTag: 9,
      ...sn,
      expDataSn: 2,
    },
  ],
  [
    'Data-Out',
    0x05,
    bhs.encodeDataOut,
    bhs.decodeDataOut,
    {
      final: true,
      lun,
      initiatorTaskTag: 9,
      targetTransferTag: 0xffffffff,
      expStatSn: 6,
      dataSn: 2,
      bufferOffset: 8192,
    },
  ],
  [
    'Data-In',
    0x25,
    bhs.encodeDataIn,
    bhs.decodeDataIn,
    {
      final: true,
      acknowledge: false,
      status: 0,
      residualFlags: bhs.Residual.overflow,
      residual: 512,
      lun,
      initiatorTaskTag: 9,
      targetTransferTag: 0xffffffff,
      ...sn,
      dataSn: 2,
      bufferOffset: 8192,
    },
  ],
  [
    'R2T',
    0x31,
    bhs.encodeR2t,
    bhs.decodeR2t,
    {
      lun,
      initiatorTaskTag: 9,
      targetTransferTag: 0x99,
      ...sn,
      r2tSn: 3,
      bufferOffset: 65536,
      desiredLength: 262144,
    },
  ],
  [
    'Task Management Request',
    0x42,
    bhs.encodeTaskManagementRequest,
    bhs.decodeTaskManagementRequest,
    {
      ...req,
      fn: bhs.TaskFunction.abortTask,
      referencedTaskTag: 8,
      refCmdSn: 4,
      expDataSn: 1,
    },
  ],
  [
    'Task Management Response',
    0x22,
    bhs.encodeTaskManagementResponse,
    bhs.decodeTaskManagementResponse,
    { information: 0x162a09, response: 255, initiatorTaskTag: 9, ...sn },
  ],
  [
    'Text Request',
    0x44,
    bhs.encodeTextRequest,
    bhs.decodeTextRequest,
    {
      ...req,
      final: false,
      continues: true,
      targetTransferTag: 0xffffffff,
    },
  ],
  [
    'Text Response',
    0x24,
    bhs.encodeTextResponse,
    bhs.decodeTextResponse,
    {
      final: true,
      continues: false,
      lun,
      initiatorTaskTag: 9,
      targetTransferTag: 1,
      ...sn,
    },
  ],
  [
    'NOP-Out',
    0x40,
    bhs.encodeNopOut,
    bhs.decodeTextRequest,
    {
      ...req,
      final: true,
      continues: false,
      targetTransferTag: 4,
    },
  ],
  [
    'NOP-In',
    0x20,
    bhs.encodeNopIn,
    bhs.decodeTextResponse,
    {
      final: true,
      continues: false,
      lun,
      initiatorTaskTag: 0xffffffff,
      targetTransferTag: 4,
      ...sn,
    },
  ],
  [
    'Asynchronous Message',
    0x32,
    bhs.encodeAsyncMessage,
    bhs.decodeAsyncMessage,
    {
      lun,
      event: bhs.AsyncEvent.logoutRequested,
      vendorCode: 0,
      ...sn,
      parameter1: 1,
      parameter2: 2,
      parameter3: 3,
    },
  ],
  [
    'Reject',
    0x3f,
    bhs.encodeReject,
    bhs.decodeReject,
    {
      reason: bhs.RejectReason.invalidPduField,
      ...sn,
      dataSn: 1,
    },
  ],
];

for (const [name, first, encode, decode, fields] of layouts) {
  t.test(`${name}: 48 bytes at its offset, and every field back`, async (t) => {
    const to = Buffer.alloc(80, 0xee);
    encode(to, 16, fields);
    t.equal(to[16], first);
    t.same(to.subarray(0, 16), Buffer.alloc(16, 0xee), 'nothing before');
    t.same(to.subarray(64), Buffer.alloc(16, 0xee), 'nothing after');
    const header = to.subarray(16, 16 + bhs.BHS_BYTES);
    t.equal(header.length, 48);
    t.same(decode(header), fields);
  });
}

t.test('lengths', async (t) => {
  const to = Buffer.alloc(48);
  bhs.setDataSegmentLength(to, 0, 0x123456);
  bhs.setAhsLength(to, 0, 20);
  t.equal(bhs.dataSegmentLength(to), 0x123456);
  t.equal(bhs.ahsBytes(to), 20);
  t.same([0, 1, 2, 3, 4].map(bhs.paddingOf), [0, 3, 2, 1, 0]);
});

t.test('serial numbers wrap', async (t) => {
  t.ok(bhs.compareSerial(0, 0xffffffff) > 0);
  t.ok(bhs.compareSerial(0xffffffff, 0) < 0);
  t.equal(bhs.compareSerial(7, 7), 0);
  t.equal(bhs.nextSerial(0xffffffff), 0);
});

t.test('names come from the constants', async (t) => {
  t.equal(bhs.opcodeName(bhs.Opcode.scsiDataOut), 'SCSI data out');
  t.equal(bhs.opcodeName(0x1c), 'opcode 0x1c');
  t.equal(bhs.loginStatusName(bhs.LoginStatus.authenticationFailure), 'authentication failure');
  t.equal(bhs.rejectReasonName(bhs.RejectReason.invalidPduField), 'invalid PDU field');
  t.equal(bhs.taskFunctionName(99), 'function 0x63');
});

t.test('additional header segments', async (t) => {
  const extendedCdb = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex');
  for (const ahs of [
    { extendedCdb, bidirectionalReadLength: null },
    { extendedCdb: null, bidirectionalReadLength: 0x12345678 },
    { extendedCdb: extendedCdb.subarray(0, 5), bidirectionalReadLength: 4096 },
  ]) {
    const encoded = bhs.encodeCommandAhs(ahs);
    t.equal(encoded.length % 4, 0);
    t.same(bhs.decodeCommandAhs(encoded), ahs);
  }
  for (const [why, hex] of [
    ['longer than the segment', '00090200'],
    ['zero length', '00000100'],
    ['unknown type', '0005070000000000'],
    ['bidirectional of another length', '000402000000'.padEnd(16, '0')],
    ['the same twice', '00050200000000010005020000000001'],
    ['truncated', '0005'],
  ] as const) {
    t.equal(bhs.decodeCommandAhs(Buffer.from(hex, 'hex')), null, why);
  }
});
