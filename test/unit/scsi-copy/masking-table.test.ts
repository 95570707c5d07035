/**
 * Masking, by table: every command with a parameter list, every type of segment, every end of it and every way of naming
 * a logical unit, from an initiator that may not reach it. A row that comes to one of the tables of the array without one
 * here fails a test (CVE-2020-28374).
 */
import t from 'tap';
import { blockCommands, removableCommands } from '../../../target/scsi/handlers/block/index.js';
import { longCommands, protectedCommands } from '../../../target/scsi/handlers/block/protected/index.js';
import { copyCommands } from '../../../target/scsi/handlers/copy/index.js';
import { primaryCommands } from '../../../target/scsi/handlers/primary/index.js';
import { streamCommands } from '../../../target/scsi/handlers/stream/index.js';
import type { HostGroup } from '../../../target/volumes/model.js';
import { encodeAliasList } from '../../../wire/scsi/aliases.js';
import {
  encodeMoveSegment,
  encodeRegisterSegment,
  encodeVerifySegment,
  segmentTypes,
} from '../../../wire/scsi/copy-segments.js';
import { CscdType, encodeAliasCscd, encodePortalCscd } from '../../../wire/scsi/cscd.js';
import { encodeLun } from '../../../wire/scsi/lun.js';
import { blocks, bytes, CopyRig, copy, cscd, image, naaOf } from './copy-rig.js';
import { populateBy, populateByOne } from './rod-rig.js';
import * as stream from './stream-rig.js';

/** Of the commands with a parameter list: whether it can name another logical unit, and which test tries it. */
const lists: Readonly<Record<string, 'here' | 'token-access' | 'itself'>> = {
  'EXTENDED COPY(LID1)': 'here',
  'EXTENDED COPY(LID4)': 'here',
  'CHANGE ALIASES': 'here',
  'WRITE USING TOKEN': 'token-access',
  'POPULATE TOKEN': 'itself',
  UNMAP: 'itself',
  'FORMAT UNIT': 'itself',
  'SANITIZE: OVERWRITE': 'itself',
  'MODE SELECT(6)': 'itself',
  'MODE SELECT(10)': 'itself',
  'SEND DIAGNOSTIC': 'itself',
  'WRITE BUFFER': 'itself',
  'SET TARGET PORT GROUPS': 'itself',
  'SET IDENTIFYING INFORMATION': 'itself',
  'SET TIMESTAMP': 'itself',
  'WRITE ATTRIBUTE': 'itself',
};

t.test('every command with a parameter list is judged', async (t) => {
  const all = [blockCommands, removableCommands, longCommands, protectedCommands, copyCommands, primaryCommands];
  const withLists = [...all, streamCommands]
    .flat()
    .filter(({ transfer, dataOutBytes }) => transfer === 'list' && dataOutBytes !== null)
    .map(({ name }) => name)
    // Names initiator ports and target ports, of one logical unit.
    .filter((name) => !name.startsWith('PERSISTENT RESERVE OUT'));
  t.same([...new Set(withLists)].sort(), Object.keys(lists).sort());
});

/** CSCD 0 is a disk of the host's own, 1 a tape of its own, 2 what is masked. */
const DISK = 0;
const TAPE = 1;
const OTHER = 2;
const MASKED_DISK = 2;
const MASKED_TAPE = 3;
const NOWHERE = 77;

type End = typeof DISK | typeof TAPE | null;
interface Ends {
  readonly source: number | null;
  readonly destination: number | null;
}
interface Row {
  readonly source: End;
  readonly destination: End;
  readonly segment: Buffer;
}
const row = (source: End, destination: End, segment: Buffer): Row => ({ source, destination, segment });
const ends = { source: 0, destination: 0 };
const sixteen = Buffer.alloc(16, 1);

/** By type code: what may stand at each end, null: nothing is done there. BEh and BFh take blocks into a ROD. */
const rows: ReadonlyMap<number, Row> = new Map([
  [0x00, row(DISK, TAPE, stream.blocksAndStream(0x00, 512, 1, 0))],
  [0x01, row(TAPE, DISK, stream.blocksAndStream(0x01, 512, 1, 0))],
  [0x02, row(DISK, DISK, blocks(1, 0, 0))],
  [0x03, row(TAPE, TAPE, stream.streams(512, 512, 512))],
  [0x04, row(null, TAPE, stream.inline(512, 0, 512))],
  [0x05, row(null, TAPE, stream.embedded(512, Buffer.alloc(512)))],
  [0x06, row(TAPE, null, stream.discard(512, 512))],
  [0x07, row(DISK, null, encodeVerifySegment({ ...ends, testUnitReady: true }))],
  [0x08, row(DISK, TAPE, stream.bytesAndStream(0x08, 512, 512, [0, 0]))],
  [0x09, row(TAPE, DISK, stream.bytesAndStream(0x09, 512, 512, [0, 0]))],
  [0x0a, row(DISK, DISK, bytes(1, [0, 0], [0, 0]))],
  [0x0b, row(DISK, TAPE, stream.blocksAndStream(0x00, 512, 1, 0, { hold: true }))],
  [0x0c, row(TAPE, DISK, stream.blocksAndStream(0x01, 512, 1, 0, { hold: true }))],
  [0x0d, row(DISK, DISK, blocks(1, 0, 0, { hold: true }))],
  [0x0e, row(TAPE, TAPE, stream.streams(512, 512, 512, { hold: true }))],
  [0x0f, row(TAPE, null, stream.discard(512, 512, { hold: true }))],
  [0x10, row(null, TAPE, stream.motion(0x10, 0, 1))],
  [0x11, row(null, TAPE, stream.motion(0x11, 0, 1))],
  [0x12, row(null, TAPE, stream.motion(0x12, 0, 1))],
  [0x13, row(TAPE, TAPE, stream.tapeImage(1))],
  [0x14, row(null, DISK, encodeRegisterSegment({ ...ends, keys: sixteen }))],
  [0x15, row(null, DISK, encodeMoveSegment({ ...ends, list: Buffer.alloc(48, 1) }))],
  [0x16, row(DISK, DISK, image(1, 0, 0))],
  [0xbe, row(DISK, DISK, populateBy([[0, 1]]))],
  [0xbf, row(DISK, DISK, populateByOne([0, 1]))],
]);

t.test('every type of segment has a row', async (t) => {
  t.same([...rows.keys()], segmentTypes);
});

const GUARDED = 'iqn.guarded';
const address = (lun: number, ip: Buffer) =>
  encodePortalCscd({ lun: encodeLun(lun), address: ip, port: 3260, protocol: 6, pad: false, blockLength: 0 });
const typed = (list: Buffer, deviceType: number) => {
  list[1] = (list[1]! & 0xe0) | deviceType;
  return list;
};

/** By type of CSCD descriptor: one that names an LDEV of a host group that does not admit the sender, or what is not there. */
const namings: Readonly<Record<number, (ldev: number) => Buffer>> = {
  [CscdType.identification]: (ldev) => cscd(0, { designator: naaOf(ldev) }),
  [CscdType.ipv4]: (ldev) => address(ldev, Buffer.from([127, 0, 0, 1])),
  [CscdType.ipv6]: (ldev) => address(ldev, Buffer.from([...Buffer.alloc(15), 1])),
  [CscdType.alias]: (ldev) =>
    encodeAliasCscd({ alias: Buffer.alloc(8, 1), lun: encodeLun(ldev), pad: false, blockLength: 0 }),
};

/** CHANGE ALIASES: the one alias of `namings` stands for a target. */
function naming(target: string): [number[], Buffer] {
  const designation = Buffer.concat([Buffer.from(target)], 64);
  const list = encodeAliasList([{ alias: Buffer.alloc(8, 1).toString('hex'), protocol: 5, format: 0, designation }], 0);
  return [[0xa4, 0x0b, 0, 0, 0, 0, 0, 0, 0, list.length, 0, 0], list];
}

function masked() {
  const rig = new CopyRig([{}, { tape: true, blocks: 8192 }, {}, { tape: true, blocks: 8192 }]);
  rig.portals = [
    { port: 'CL1-A', host: '127.0.0.1', tcpPort: 3260 },
    { port: 'CL1-A', host: '::1', tcpPort: 3260 },
  ];
  const guarded = new Map([MASKED_DISK, MASKED_TAPE].map((id) => [id, id]));
  for (const port of [0, 1]) for (const id of guarded.keys()) rig.group(port).luns.delete(id);
  const group = { ...rig.group(0), id: 77, name: 'guarded', target: GUARDED, initiators: ['iqn.b'], luns: guarded };
  (rig.groups as HostGroup[]).push(group);
  const host = rig.host('a');
  const change = host.run(...naming(GUARDED));
  return { rig, host, change };
}

const inline = Buffer.alloc(512);

/** The segment of a row between these CSCDs; LID4 counts them from 1, its header being the first. */
function joining({ segment, source, destination }: Ends & Pick<Row, 'segment'>, format: 'lid1' | 'lid4'): Buffer {
  const first = format === 'lid1' ? 0 : 1;
  const joined = Buffer.from(segment);
  joined.writeUInt16BE(first + (source ?? 0), 4);
  joined.writeUInt16BE(first + (destination ?? 0), 6);
  return joined;
}

t.test(
  'what is masked answers as what does not exist, at either end of every segment, however it is named',
  async (t) => {
    const { rig, host, change } = masked();
    t.equal(change.status, 0);
    let tried = 0;
    for (const [type, each] of rows) {
      for (const end of ['source', 'destination'] as const) {
        const kind = each[end];
        if (kind === null) continue;
        for (const [code, name] of Object.entries(namings)) {
          for (const format of ['lid1', 'lid4'] as const) {
            const segment = joining({ ...each, [end]: OTHER }, format);
            const [hidden, nowhere] = [kind === TAPE ? MASKED_TAPE : MASKED_DISK, NOWHERE].map((ldev) => {
              const cscds = [cscd(0), cscd(1, stream.TAPE), typed(name(ldev), kind)];
              const { status, sense, data } = copy(host, { format, cscds, segments: [segment], inline });
              return { status, sense, data };
            });
            const what = `${type.toString(16)}h, ${end}, CSCD ${Number(code).toString(16)}h, ${format}`;
            t.equal(hidden!.status, 2, what);
            if (type < 0xbe) t.equal(hidden!.sense?.name, 'unreachable-copy-target', what);
            t.same(hidden, nowhere, what);
            tried += 1;
          }
        }
      }
    }
    t.ok(tried > 250, `${tried} copies`);
    for (const id of [MASKED_DISK, MASKED_TAPE]) t.same(rig.layers[id]!.calls, [], 'nothing reached it');
  },
);

t.test('the same names work for who is let in', async (t) => {
  const { rig } = masked();
  const host = rig.host('b');
  rig.group(2).initiators.push(host.nexus.initiatorName);
  rig.group(0).luns.set(MASKED_DISK, MASKED_DISK);
  host.run(...naming(rig.group(0).target));
  for (const [type, name] of Object.entries(namings)) {
    const { sense } = copy(host, { cscds: [cscd(0), name(MASKED_DISK)], segments: [blocks(1, 0, 0)] });
    t.equal(sense, null, `CSCD ${Number(type).toString(16)}h`);
  }
});
