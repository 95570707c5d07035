import fc from 'fast-check';
import t from 'tap';
import { additionalSenseText, describeSense, senseKeyName } from '../../../wire/scsi/additional-sense.js';
import * as conditions from '../../../wire/scsi/sense.js';
import { decodeSense, encodeSense } from '../../../wire/scsi/sense-codec.js';

const { invalidFieldInCdb, lbaOutOfRange, miscompareDuringVerify, SenseKey, selfTestInProgress } = conditions;

t.test('fixed format, byte by byte', async (t) => {
  t.equal(
    encodeSense(invalidFieldInCdb(1, 4), false).toString('hex'),
    '70000500000000' + '0a' + '0000000024000' + '0cc0001',
  );
  t.equal(encodeSense(invalidFieldInCdb(7), false).subarray(15).toString('hex'), 'c00007', 'no bit pointer');
  t.equal(
    encodeSense(conditions.invalidFieldInParameterList(0x1234, 7), false).subarray(15).toString('hex'),
    '8f1234',
    'in the parameter list',
  );
  t.equal(encodeSense(lbaOutOfRange(0x12345678), false).subarray(0, 8).toString('hex'), 'f00005123456780a');
});

t.test('descriptor format, byte by byte', async (t) => {
  t.equal(encodeSense(conditions.writeProtected(), true).toString('hex'), '7207270000000000');
  t.equal(
    encodeSense(lbaOutOfRange(0x123456789a), true).toString('hex'),
    '720521000000000c' + '000a8000000000123456789a',
  );
  t.equal(encodeSense(invalidFieldInCdb(2, 3), true).toString('hex'), '7205240000000008' + '02060000cb000200');
});

t.test('INFORMATION that needs more than 32 bits is not valid in fixed format', async (t) => {
  const bytes = encodeSense(lbaOutOfRange(2 ** 32), false);
  t.equal(bytes[0], 0x70);
  t.equal(decodeSense(bytes)?.information, null);
  t.equal(decodeSense(encodeSense(lbaOutOfRange(2 ** 32), true))?.information, 2 ** 32);
  t.equal(decodeSense(encodeSense(lbaOutOfRange(2 ** 32 - 1), false))?.information, 2 ** 32 - 1);
});

t.test('both formats survive the round trip', async (t) => {
  const seed = 4_404;
  t.comment(`seed ${seed}`);
  const sense = fc.record(
    {
      name: fc.constant('any'),
      key: fc.constantFrom(SenseKey.illegalRequest, SenseKey.notReady, SenseKey.mediumError),
      asc: fc.nat(0xffff),
      information: fc.nat(0xffffffff),
      ili: fc.boolean(),
      deferred: fc.boolean(),
      place: fc.record({ inCdb: fc.boolean(), byte: fc.nat(0xffff), bit: fc.option(fc.nat(7)) }),
      progress: fc.nat(0xffff),
    },
    { requiredKeys: ['name', 'key', 'asc', 'place', 'progress'] },
  );
  fc.assert(
    fc.property(sense, fc.boolean(), ({ place, progress, ...rest }, descriptor) => {
      const field = place.bit === null ? { inCdb: place.inCdb, byte: place.byte } : { ...place, bit: place.bit };
      const extra =
        rest.key === SenseKey.illegalRequest ? { field } : rest.key === SenseKey.notReady ? { progress } : {};
      const decoded = decodeSense(encodeSense({ ...rest, ...extra }, descriptor));
      t.match(decoded, {
        descriptor,
        deferred: rest.deferred ?? false,
        key: rest.key,
        asc: rest.asc,
        information: rest.information ?? null,
        field: 'field' in extra ? field : null,
        progress: 'progress' in extra ? progress : null,
        ili: rest.ili ?? false,
      });
    }),
    { seed },
  );
});

t.test('no bytes upset the decoder', async (t) => {
  const seed = 99;
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(fc.constantFrom(0x70, 0x71, 0x72, 0x73, 0x7f, 0), fc.uint8Array({ maxLength: 80 }), (code, rest) => {
      decodeSense(Buffer.from([code, ...rest]));
    }),
    { seed },
  );
  t.equal(decodeSense(Buffer.alloc(0)), null);
  t.match(decodeSense(Buffer.from('710003000000000a', 'hex')), { deferred: true, key: 3, asc: 0 });
});

t.test('every condition has a name of its own, a key and a code that has a text', async (t) => {
  const names = new Set<string>();
  const made = Object.values(conditions).filter((value) => typeof value === 'function') as ((
    ...args: number[]
  ) => conditions.Sense)[];
  t.ok(made.length > 40);
  for (const make of made) {
    const sense = make(0);
    t.notOk(names.has(sense.name), sense.name);
    names.add(sense.name);
    t.notMatch(additionalSenseText(sense.asc), /^ASC/, sense.name);
  }
});

t.test('sense in words', async (t) => {
  t.equal(senseKeyName(5), 'ILLEGAL REQUEST');
  t.equal(additionalSenseText(0x8001), 'ASC 80h ASCQ 01h');
  t.equal(describeSense(invalidFieldInCdb(1, 4)), 'ILLEGAL REQUEST: INVALID FIELD IN CDB, CDB byte 1 bit 4');
  t.equal(
    describeSense(miscompareDuringVerify(513)),
    'MISCOMPARE: MISCOMPARE DURING VERIFY OPERATION, information 513',
  );
  t.match(describeSense(selfTestInProgress(0x8000)), /SELF-TEST IN PROGRESS, 50 % done$/);
});

t.test('COPY ABORTED: segment number, pointer into the segment, what was forwarded', async (t) => {
  const sense = conditions.thirdPartyDeviceFailure({
    segment: 0x0102,
    field: { inCdb: false, byte: 16 },
    information: 9,
    forwarded: { from: 'destination', status: 0x02, sense: conditions.writeProtected() },
  });
  const inner = '700007000000000a00000000270000000000';
  t.equal(
    encodeSense(sense, false).toString('hex'),
    `f0000a000000091d001201020d0100800010${'02'}${inner}`,
    'fixed: the answer of the destination from byte 18 on',
  );
  t.equal(
    encodeSense(sense, true).toString('hex'),
    '720a0d010000002c' +
      '000a80000000000000000009' +
      '010a00000000010200000000' +
      '0206000080001000' +
      '0c0a02027207270000000000',
    'descriptor format',
  );
  for (const descriptor of [false, true]) {
    const decoded = decodeSense(encodeSense(sense, descriptor));
    t.match(decoded, { segment: 0x0102, information: 9, field: { inCdb: false, byte: 16 } });
    t.match(decoded?.forwarded, { from: 'destination', status: 2, sense: { key: 7, asc: 0x2700 } });
    t.match(
      describeSense(decoded!),
      /^COPY ABORTED: THIRD PARTY DEVICE FAILURE, .*segment 258, copy destination: DATA PROTECT: WRITE PROTECTED$/,
    );
  }
  const field = { inCdb: false, byte: 12, inSegment: true };
  for (const descriptor of [false, true]) {
    const decoded = decodeSense(encodeSense(conditions.copySegmentField({ segment: 3, field }), descriptor));
    t.same(decoded?.field, field);
    t.equal(decoded?.segment, 3);
    t.equal(decoded?.forwarded, null);
  }
  const busy = { from: 'source', status: 0x08, sense: null } as const;
  t.same(
    decodeSense(encodeSense(conditions.thirdPartyDeviceFailure({ segment: 0, forwarded: busy }), true))?.forwarded,
    busy,
  );
});

t.test('with GOOD: how many segments were processed', async (t) => {
  const sense = conditions.copyInformationAvailable(7);
  t.equal(encodeSense(sense, false).subarray(8, 12).readUInt32BE(0), 7);
  t.equal(encodeSense(sense, true).toString('hex'), '720f00200000000c' + '010a00000000000000000007');
});

t.test('any bytes: decoding ends, and describes itself', async (t) => {
  const seed = 4_405;
  t.comment(`seed ${seed}`);
  const start = fc.constantFrom('700a', '720a', '70000a', '720a0d01');
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 80 }), (head, rest) => {
      const decoded = decodeSense(Buffer.concat([Buffer.from(head, 'hex'), rest]));
      if (decoded !== null) describeSense(decoded);
    }),
    { seed },
  );
});
