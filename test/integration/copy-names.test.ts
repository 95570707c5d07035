/** Copy sources and destinations by alias, and by the address that a port of a whole array listens on. */
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { encodeAliasList } from '../../wire/scsi/aliases.js';
import { thirdPartyCopyOut } from '../../wire/scsi/cdb-build.js';
import { encodeBlockSegment } from '../../wire/scsi/copy-segments.js';
import { encodeAliasCscd, encodePortalCscd } from '../../wire/scsi/cscd.js';
import { encodeCopyList, ListIdUsage, OWN_UNIT } from '../../wire/scsi/extended-copy.js';
import { encodeLun } from '../../wire/scsi/lun.js';
import { CopyOut } from '../../wire/scsi/opcodes.js';

const BLOCK = { pad: false, blockLength: 0 };
const ALIAS = '0102030405060708';

const ldevs = [
  { id: '00:00', capacity: '64M' },
  { id: '00:01', capacity: '64M' },
];
// The first listens on one address, the second on all.
const ports = [
  { id: 'CL1-A', listen: '127.0.0.1:0' },
  { id: 'CL2-A', listen: '0.0.0.0:0' },
];
const array = await startArray({ dataDir: t.testdir(), config: { cache: '64M', ldevs, ports } });
t.teardown(() => array.stop());
const urls = array.luns.map(({ url }) => url.replace('0.0.0.0', '127.0.0.1'));

t.test('on a port of one address, and on one of all addresses', async (t) => {
  for (const portal of ['CL1-A', 'CL2-A']) {
    const index = array.luns.findIndex(({ port }) => port === portal);
    const [, port, target] = /:(\d+)\/([^/]+)\//.exec(urls[index]!)!;
    const first = await connect(urls[index]!);
    const second = await connect(urls[index + 1]!);
    for (const unit of [first, second]) await unit.readCapacity();
    const data = Buffer.alloc(512, portal);
    await first.write(7, data);
    const designation = Buffer.concat([Buffer.from(target!)], Math.ceil((target!.length + 1) / 4) * 4);
    const aliases = encodeAliasList([{ alias: ALIAS, protocol: 5, format: 0, designation }], 0);
    const change = Buffer.from([0xa4, 0x0b, 0, 0, 0, 0, 0, 0, 0, aliases.length, 0, 0]);
    await first.execute(change, { dataOut: aliases });
    const place = { lun: encodeLun(1), address: Buffer.from([127, 0, 0, 1]), port: Number(port), protocol: 6 };
    const cscds = [
      encodePortalCscd({ ...BLOCK, ...place }),
      encodeAliasCscd({ ...BLOCK, alias: Buffer.from(ALIAS, 'hex'), lun: encodeLun(1) }),
    ];
    const segments = [20, 30].map((destinationLba, destination) =>
      encodeBlockSegment({
        ...{ source: OWN_UNIT, destination, sourceLba: 7, destinationLba, blocks: 1 },
        ...{ destinationCount: false, concatenate: false, hold: false },
      }),
    );
    const flags = { priority: 0, immediate: false, senseWithGood: false, listIdUsage: ListIdUsage.hold };
    const list = encodeCopyList({ format: 'lid1', listId: 1, cscds, segments, ...flags });
    await first.execute(thirdPartyCopyOut(CopyOut.extendedCopy1, list.length), { dataOut: list });
    for (const lba of [20, 30]) t.same(await second.read(lba, 1), data, `${portal}, LBA ${lba}`);
    for (const unit of [first, second]) await unit.close();
  }
});
