/** Whoever runs the array sees which copies hosts had it make, and can prove by numbers that it made them. */
import t from 'tap';
import { offloadCopy } from '../../initiator/copy/offload.js';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import type { CopyReply } from '../../target/svp/control/api.js';
import { thirdPartyCopyOut } from '../../wire/scsi/cdb-build.js';
import { encodeBlockSegment } from '../../wire/scsi/copy-segments.js';
import { encodeCopyList, ListIdUsage, OWN_UNIT } from '../../wire/scsi/extended-copy.js';
import { CopyOut } from '../../wire/scsi/opcodes.js';
import { lunarray } from '../support/programs.js';

t.setTimeout(60_000);
const MiB = 2 ** 20;
const dataDir = t.testdir();
const array = await startArray({
  dataDir,
  control: true,
  http: '127.0.0.1:0',
  config: {
    cache: '64M',
    ldevs: [
      { id: '00:00', capacity: '64M' },
      { id: '00:01', capacity: '64M' },
    ],
  },
});
t.teardown(() => array.stop());
const units = await Promise.all(array.luns.map(({ url }) => connect(url)));
t.teardown(() => Promise.all(units.map((unit) => unit.close())));
await Promise.all(units.map((unit) => unit.readCapacity()));
const [source, destination] = units as [(typeof units)[0], (typeof units)[0]];

async function list(): Promise<CopyReply[]> {
  const { stdout, code } = await lunarray(['copy', 'list', '--data', dataDir, '--json']);
  t.equal(code, 0);
  return JSON.parse(stdout);
}

async function metric(line: string): Promise<number> {
  const text = await (await fetch(array.metricsUrl!)).text();
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`lunarray_${line} `))
      ?.split(' ')[1],
  );
}

/** A copy within the first logical unit, with a list identifier. */
async function own(listId: number, toLba: number): Promise<unknown> {
  const ends = { source: OWN_UNIT, destination: OWN_UNIT, sourceLba: 0, destinationLba: toLba, blocks: 2048 };
  const segments = [encodeBlockSegment({ ...ends, destinationCount: false, concatenate: false, hold: false })];
  const flags = { priority: 0, immediate: false, senseWithGood: false, listIdUsage: ListIdUsage.hold };
  const dataOut = encodeCopyList({ format: 'lid4', listId, cscds: [], segments, ...flags });
  return source.execute(thirdPartyCopyOut(CopyOut.extendedCopy4, dataOut.length), { dataOut }).catch((error) => error);
}

t.test('nothing yet', async (t) => {
  t.same(await list(), []);
  t.equal((await lunarray(['copy', 'list', '--data', dataDir])).code, 0);
});

t.test('bytes and holes that were copied are counted', async (t) => {
  await source.write(0, Buffer.alloc(MiB, 0x11));
  await offloadCopy(source, destination, { lba: 0, blocks: (8 * MiB) / 512 }, 0, () => {});
  t.equal(await metric('ldev_copied_bytes_total{ldev="00:00"}'), 8 * MiB);
  const holes = await metric('ldev_copied_hole_bytes_total{ldev="00:00"}');
  t.ok(holes > 0 && holes <= 7 * MiB, `${holes} bytes of holes`);
  t.equal(await metric('copies_ended_total{ldev="00:00",state="completed"}'), 1);
  t.equal(await metric('copies_running{ldev="00:00"}'), 0);
});

t.test('those with an identifier stay in the list', async (t) => {
  await own(0x1234, 4096);
  const [copy] = await list();
  t.match(copy, {
    ldev: '00:00',
    listId: 0x1234,
    command: 'EXTENDED COPY(LID4)',
    state: 'completed',
    segmentsBegun: 1,
    segments: 1,
    bytes: MiB,
    holeBytes: 0,
    error: null,
  });
  t.match(copy!.initiator, /^iqn\./);
  await own(0x1235, 2 ** 40);
  const failed = (await list()).find(({ listId }) => listId === 0x1235);
  t.match(failed, { state: 'failed', bytes: 0, error: /COPY|OUT OF RANGE|FAILURE/i });
  const { stdout } = await lunarray(['copy', 'list', '--data', dataDir]);
  t.match(stdout, /^LDEV +ID +COMMAND +STATE/);
  t.match(stdout, /00:00 +0x1234 +EXTENDED COPY\(LID4\) +completed +1\/1 +1 MiB/);
});
