/** EXTENDED COPY sent to a tape: its copy manager does what that of a disk does, but for RODs. */
import t from 'tap';
import { inquiry, thirdPartyCopyIn, tokenCommand } from '../../../wire/scsi/cdb-build.js';
import { CopyIn, CopyOut } from '../../../wire/scsi/opcodes.js';
import { Status } from '../../../wire/scsi/status.js';
import { pattern } from '../scsi-block/harness.js';
import { blocks, copy, cscd, inCopyList, inSegment, OWN_UNIT, receive } from './copy-rig.js';
import { populateByOne, rod } from './rod-rig.js';
import { blocksAndStream, DISK_AND_TAPES, motion, recordsOf, rewind, StreamRig, tapeImage } from './stream-rig.js';

const LUN = { lun: 1 };

function rigged() {
  const rig = new StreamRig();
  const host = rig.host('a');
  const data = pattern(16 * 512);
  data.copy(rig.layers[0]!.data);
  rig.layers[0]!.mapped.fill(true, 0, 16);
  const run = (...segments: Buffer[]) => copy(host, { cscds: DISK_AND_TAPES, segments }, LUN);
  return { rig, host, data, run };
}

t.test('to and from itself (FFFFh), a disk, and another tape', async (t) => {
  const { rig, host, data, run } = rigged();
  const own = { destination: OWN_UNIT };
  t.equal(run(blocksAndStream(0x00, 2048, 16, 0, own), motion(0x10, 0, 1, OWN_UNIT)).sense, null);
  t.match(receive(host, CopyIn.status4, 1, 100, LUN).data[5], 1, 'results are those of the tape');
  t.match(receive(host, CopyIn.status4, 1, 100).sense, { name: 'invalid-field-in-cdb' }, 'and not of the disk');
  t.same(recordsOf(host, 1), [...[0, 1, 2, 3].map((i) => data.subarray(i * 2048, (i + 1) * 2048)), null]);
  rewind(host);
  t.equal(run(tapeImage(0, OWN_UNIT, 2)).sense, null);
  t.same(recordsOf(host, 2), recordsOf(host, 1));
  rewind(host);
  t.equal(run(blocksAndStream(0x01, 2048, 16, 100, { source: OWN_UNIT, destination: 0 })).sense, null);
  t.ok(rig.layers[0]!.view(100, 16).equals(data));
  t.equal(run(blocks(16, 0, 200, { source: 0, destination: 0 })).sense, null, 'between disks');
  t.ok(rig.layers[0]!.view(200, 16).equals(data));
});

t.test('what is refused', async (t) => {
  const { rig, host, run } = rigged();
  t.match(run(blocks(1, 0, 0, { source: 0, destination: OWN_UNIT })).sense, {
    name: 'incorrect-copy-target-type',
    field: inSegment(6),
  });
  t.match(run(tapeImage(0, 1, OWN_UNIT)).sense, { name: 'copy-invalid-field', field: inSegment(6) }, 'to itself');
  const descriptor = copy(host, { cscds: [cscd(0), rod()], segments: [] }, LUN).sense;
  t.match(descriptor, { name: 'unsupported-target-descriptor', field: inCopyList(48) });
  const segment = run(populateByOne([0, 1])).sense;
  t.match(segment, { name: 'unsupported-segment-descriptor', field: inCopyList(16 + 96) });
  for (const action of [CopyOut.populateToken, CopyOut.writeUsingToken]) {
    t.match(host.run(tokenCommand(action, 1, 0), null, LUN).sense, {
      name: 'invalid-field-in-cdb',
      field: { byte: 1 },
    });
  }
  for (const action of [CopyIn.rodTokenInformation, CopyIn.allRodTokens]) {
    const { sense } = host.run(thirdPartyCopyIn(action, 1, 100), null, LUN);
    t.match(sense, { name: 'invalid-field-in-cdb', field: { byte: 1 } });
  }
  rig.host('b').run([0x16, 0, 0, 0, 0, 0], null, LUN);
  t.equal(run().status, Status.reservationConflict);
});

t.test('what it says of itself', async (t) => {
  const { host } = rigged();
  t.equal(host.run(inquiry(null, 96), null, LUN).data[5]! & 0x08, 0x08, '3PC');
  const parameters = receive(host, CopyIn.parameters, 0, 200, LUN).data;
  const disk = receive(host, CopyIn.parameters, 0, 200).data;
  const types = (data: Buffer) => [...data.subarray(44)];
  t.same(
    types(disk).filter((type) => !types(parameters).includes(type)),
    [0xbe, 0xbf, 0xfe],
  );
  const page = host.run(inquiry(0x8f, 1024), null, LUN).data;
  t.equal(page[0], 0x01);
  const found = new Map<number, Buffer>();
  for (let at = 4; at < page.length; at += 4 + page.readUInt16BE(at + 2)) {
    found.set(page.readUInt16BE(at), page.subarray(at + 4, at + 4 + page.readUInt16BE(at + 2)));
  }
  t.same([...found.keys()], [0x0001, 0x0004, 0x0008, 0x000c, 0x8001, 0x9101, 0xc001]);
  t.same(
    [...found.get(0x0001)!],
    [13, 0x83, 3, 0, 1, 0x1c, 0x84, 6, 0, 1, 3, 4, 5, 6, 0, 0].slice(0, found.get(0x0001)!.length),
  );
  t.same([...found.get(0x0008)!].slice(0, parameters.length - 43), [...parameters.subarray(43)]);
  t.same([...found.get(0x000c)!], [0, 2, 0xff, 0xff]);
});
