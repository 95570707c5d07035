/** Copies that fail on the way: which segment, whose answer, what is left; reservations and write protection hold. */
import t from 'tap';
import { encodeMoveSegment, encodeRegisterSegment, encodeVerifySegment } from '../../../wire/scsi/copy-segments.js';
import { fullStatus, keys, moveList, out, reservation, Type } from '../scsi-primary/persistent-rig.js';
import { blocks, bytes, CopyRig, copy, cscd, inCopyList, inSegment } from './copy-rig.js';

const FAILURE = 'third-party-device-failure';
const CONFLICT = 0x18;

t.test('ranges beyond the end: the field of the segment, before anything is done', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const cases = [
    [blocks(1, 1024, 0), 12],
    [blocks(2, 1023, 0), 12],
    [blocks(1, 0, 1024), 20],
    [blocks(1, Number.MAX_SAFE_INTEGER, 0), 12],
    [blocks(1, 0, Number.MAX_SAFE_INTEGER), 20],
  ] as const;
  for (const [segment, byte] of cases) {
    const { sense } = copy(host, { segments: [blocks(0, 0, 0), segment] });
    t.match(sense, { name: 'copy-segment-field', key: 0xa, asc: 0, segment: 1, field: inSegment(byte) });
  }
  t.same(
    rig.layers.map(({ calls }) => calls),
    [[], []],
  );
});

t.test('CSCD descriptors: IDs that are none, NUL, another device type, another block length', async (t) => {
  const host = new CopyRig().host('a');
  const sense = (segment: Buffer, cscds = [cscd(0), cscd(1)]) => copy(host, { cscds, segments: [segment] }).sense;
  t.match(sense(blocks(1, 0, 0, { destination: 2 })), { name: 'unreachable-copy-target', field: inSegment(6) });
  t.match(sense(blocks(1, 0, 0, { source: 0xc000 })), { name: 'unreachable-copy-target', field: inSegment(4) });
  const nul = cscd(1);
  nul[1] = 0x20;
  t.match(sense(blocks(1, 0, 0), [cscd(0), nul]), { name: 'unreachable-copy-target', field: inCopyList(48) });
  const tape = cscd(1);
  tape[1] = 0x01;
  t.match(sense(blocks(1, 0, 0), [cscd(0), tape]), { name: 'incorrect-copy-target-type', field: inCopyList(49) });
  const length = cscd(1, { blockLength: 4096 });
  t.match(sense(blocks(1, 0, 0), [cscd(0), length]), { name: 'incorrect-copy-target-type', field: inCopyList(77) });
  t.equal(sense(blocks(1, 0, 0), [cscd(0), cscd(1, { blockLength: 512 })]), null);
  const header = copy(host, { format: 'lid4', segments: [blocks(1, 0, 0)] }).sense;
  t.match(header, { name: 'copy-invalid-field', field: inSegment(4) }, 'ID 0 of LID4 is the header');
});

t.test('a source that cannot be read, a destination that cannot be written', async (t) => {
  for (const [failing, from] of [
    [0, 'source'],
    [1, 'destination'],
  ] as const) {
    const rig = new CopyRig([{ thin: false }, {}]);
    const cause = { kind: 'medium-error', lba: 7, write: failing === 1 } as const;
    rig.layers[failing]!.failNext = cause;
    const { sense } = copy(rig.host('a'), { segments: [blocks(8, 0, 0)] });
    t.match(sense, { name: FAILURE, key: 0xa, segment: 0, field: inCopyList(failing === 0 ? 16 : 48) });
    t.match(sense?.forwarded, { from, status: 2, sense: { key: 3, information: 7 } });
    t.equal(sense?.information, undefined, 'nothing was written');
    t.equal(rig.layers[0]!.pinned, 0);
  }
});

t.test('what is left: destination blocks from the first that was not written on', async (t) => {
  const rig = new CopyRig([{ blocks: 8192, thin: false }, { blocks: 8192 }]);
  const [source, destination] = rig.layers;
  const write = destination!.write.bind(destination);
  destination!.write = (io, lba, count, data, done) => {
    if (lba >= 4096) destination!.failNext = { kind: 'no-space', cause: 'pool is full' };
    write(io, lba, count, data, done);
  };
  const { sense } = copy(rig.host('a'), { segments: [blocks(1, 0, 0), blocks(5000, 0, 0)] });
  t.match(sense, { name: FAILURE, segment: 1, information: 5000 - 4096 });
  t.match(sense?.forwarded?.sense, { name: 'no-space' });
  t.equal(source!.pinned, 0);
});

t.test('write protection of the destination', async (t) => {
  const rig = new CopyRig([{}, { readOnly: true }]);
  rig.layers[0]!.fill(0, 8, 1);
  const host = rig.host('a');
  for (const segment of [blocks(8, 0, 0), blocks(8, 100, 0), bytes(5, [0, 0], [0, 9])]) {
    const { sense } = copy(host, { segments: [segment] });
    t.match(sense?.forwarded, { from: 'destination', status: 2, sense: { name: 'write-protected' } });
  }
  t.equal(copy(host, { segments: [blocks(8, 0, 0, { source: 1, destination: 0 })] }).status, 0, 'it can be read');
  t.same(
    rig.layers[1]!.calls.filter((call) => !call.startsWith('read')),
    [],
  );
});

t.test('reservations of others hold at both ends', async (t) => {
  for (const [type, reads, writes] of [
    [Type.we, true, false],
    [Type.ea, false, false],
  ] as const) {
    const rig = new CopyRig();
    rig.layers[0]!.fill(0, 16, 1);
    rig.layers[1]!.fill(0, 8, 2);
    const [host, other] = [rig.host('a'), rig.host('b')];
    const action = (name: 'register' | 'reserve', key: number) => other.run(...reserveOn(1, name, key, type));
    action('register', 0);
    t.equal(action('reserve', 5).status, 0);
    const into = copy(host, { segments: [blocks(8, 0, 0)] });
    t.equal(into.status, writes ? 0 : 2);
    t.match(into.sense?.forwarded, { from: 'destination', status: CONFLICT, sense: null });
    const hole = copy(host, { segments: [blocks(8, 100, 0)] });
    t.match(hole.sense?.forwarded, { from: 'destination', status: CONFLICT }, 'holes are writes');
    const from = copy(host, { segments: [blocks(8, 0, 0, { source: 1, destination: 0 })] });
    t.equal(from.status, reads ? 0 : 2);
    const none = copy(host, { segments: [blocks(8, 500, 0, { source: 1, destination: 0 })] });
    t.equal(none.status, reads ? 0 : 2, 'that there is nothing is not told either');
    t.equal(copy(other, { segments: [blocks(8, 0, 0)] }).status, 0, 'the holder may');
    const own = host.run(...reserveOn(1, 'register', 0, type));
    t.equal(own.status, 0);
  }
});

function reserveOn(lun: number, name: 'register' | 'reserve', key: number, type: number) {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(BigInt(key), 0);
  if (name === 'register') list.writeBigUInt64BE(5n, 8);
  const cdb = [0x5f, name === 'register' ? 0 : 1, name === 'register' ? 0 : type, 0, 0, 0, 0, 0, 24, 0];
  return [cdb, list, { lun }] as const;
}

t.test('RESERVE of another nexus holds too; EXTENDED COPY itself conflicts on its own logical unit', async (t) => {
  const rig = new CopyRig();
  const [host, other] = [rig.host('a'), rig.host('b')];
  t.equal(other.run([0x16, 0, 0, 0, 0, 0], null, { lun: 1 }).status, 0);
  t.match(copy(host, { segments: [blocks(1, 0, 0)] }).sense?.forwarded, { status: CONFLICT });
  t.equal(copy(host, { segments: [] }, { lun: 1 }).status, CONFLICT);
});

t.test('verify: reachable, or ready too; unit attentions stay', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const verify = (testUnitReady: boolean) =>
    copy(host, { segments: [encodeVerifySegment({ source: 1, destination: 0, testUnitReady })] });
  t.equal(verify(true).status, 0);
  rig.units.unit(rig.ldevs.get(1)!).stopped = true;
  t.equal(verify(false).status, 0);
  t.match(verify(true).sense, { name: FAILURE, forwarded: { from: 'source', sense: { key: 2 } } });
  const fresh = rig.host('c', { greeted: false });
  fresh.attentions(0);
  copy(fresh, { segments: [encodeVerifySegment({ source: 1, destination: 0, testUnitReady: true })] });
  t.same(fresh.attentions(1).length, 1, 'the copy manager took none');
});

t.test('register: the key of the sender, as PERSISTENT RESERVE OUT does', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const twoKeys = (key: bigint, action: bigint) => {
    const bytes = Buffer.alloc(16);
    bytes.writeBigUInt64BE(key, 0);
    bytes.writeBigUInt64BE(action, 8);
    return bytes;
  };
  const register = (key: bigint, action: bigint) =>
    copy(host, { segments: [encodeRegisterSegment({ source: 0, destination: 0, keys: twoKeys(key, action) })] });
  t.equal(register(0n, 9n).status, 0);
  t.same(keys(host).keys, [9]);
  t.match(register(8n, 7n).sense?.forwarded, { from: 'destination', status: CONFLICT });
  t.equal(out(host, 'register', { key: 9 }).status, 0, 'it is the registration of the nexus itself');
});

t.test('a reservation is moved to another nexus, as REGISTER AND MOVE of the sender does', async (t) => {
  const rig = new CopyRig();
  const [host, other] = [rig.host('a'), rig.host('b')];
  const moved = (key: number, more = Buffer.alloc(0)) => {
    const list = Buffer.concat([moveList({ key, action: 5, port: 1, to: other.nexus.initiatorPort }), more]);
    return copy(host, { segments: [encodeMoveSegment({ source: 0, destination: 0, list })] });
  };
  out(host, 'register', { action: 1 });
  out(host, 'reserve', { key: 1, type: Type.ea });
  t.match(moved(2).sense?.forwarded, { from: 'destination', status: CONFLICT }, 'another key');
  t.match(
    moved(1, Buffer.alloc(4)).sense?.forwarded,
    { from: 'destination', sense: { key: 5 } },
    'longer than it says',
  );
  t.equal(moved(1).status, 0);
  t.match(reservation(other), { key: 5, type: Type.ea });
  t.match(
    fullStatus(other).find(({ holder }) => holder),
    { key: 5, name: other.nexus.initiatorPort },
  );
});

t.test('a segment that moves a reservation and is too short or too long for it', async (t) => {
  const host = new CopyRig().host('a');
  for (const bytes of [0, 23, 273]) {
    const segment = encodeMoveSegment({ source: 0, destination: 0, list: Buffer.alloc(bytes) });
    t.match(copy(host, { segments: [segment] }).sense, { key: 5, field: { inCdb: false, byte: 16 + 2 * 32 + 2 } });
  }
});
