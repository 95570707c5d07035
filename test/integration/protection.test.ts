/**
 * Protection information on a whole array, over iSCSI: formats, commands of 32 bytes in an additional header segment,
 * copies, and kills in the midst of writes, after which every block has the information it was written with.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { offloadCopy } from '../../initiator/copy/offload.js';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import { PI_BYTES } from '../../wire/scsi/protection.js';
import { serve } from '../support/serve.js';
import { cdb } from '../unit/scsi-block/harness.js';
import { longCdb, MADE, protect, protectedBlocks } from '../unit/scsi-block/protection.js';

t.setTimeout(120_000);
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

const STRIDE = 512 + PI_BYTES;
const FORMAT = { none: 0x10, type1: 0x90, type2: 0xd0 };
/** Of FORMAT UNIT: PROTECTION FIELD USAGE 0, no options. */
const FORMAT_LIST = Buffer.alloc(4);
const directory = mkdtempSync(join(tmpdir(), 'lunarray-protection-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const config = join(directory, 'array.json');
const drives = [1, 2, 3].map((number) => ({ id: `d${number}`, capacity: '96M' }));
writeFileSync(
  config,
  JSON.stringify({
    cache: '16M',
    drives,
    parityGroups: [{ id: '1-1', level: 'raid5', drives: drives.map(({ id }) => id) }],
    pools: [{ id: 'POOL0', parityGroups: ['1-1'] }],
    ldevs: [
      { id: '00:00', capacity: '8M', protection: 1 },
      { id: '00:01', capacity: '8M' },
    ],
    ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
    hostGroups: [{ port: 'CL1-A', name: 'default', luns: { 0: '00:00', 1: '00:01' } }],
  }),
);
const start = () => serve(join(directory, 'data'), ['--config', config]);

const format = (flags: number) => Buffer.from([0x04, flags, 0, 0, 0, 0]);
const tagPage = (unit: LogicalUnit) =>
  unit.execute(Buffer.from([0x5a, 8, 0x0a, 0x02, 0, 0, 0, 2, 0, 0]), { dataIn: 512 });
const readBlocks = async (unit: LogicalUnit, lba: number, blocks: number, value = 1) =>
  (await unit.execute(cdb(0x88, lba, blocks, protect(value)), { dataIn: blocks * STRIDE })).data;

t.test('formats, 32 bytes, copies', async (t) => {
  const array = await start();
  const [first, second] = await Promise.all(array.ready.map(({ url }) => connect(url)));
  if (!first || !second) throw new Error('two logical units');
  t.match(await first.readCapacity(), { protectionType: 1, blocks: 16384 });
  t.match(await second.readCapacity(), { protectionEnabled: false });

  const data = Buffer.alloc(100 * 512, 'protected');
  await first.write(200, data);
  t.ok((await readBlocks(first, 200, 100)).equals(protectedBlocks(data, 200, MADE)));
  const tagged = protectedBlocks(data, 200, { applicationTag: 0x1234 });
  await first.write(200, tagged, { protect: 1 });
  t.ok((await first.read(200, 100, { protect: 5 })).equals(tagged), 'by the library');

  await second.execute(format(FORMAT.type2), { dataOut: FORMAT_LIST });
  t.match(await second.readCapacity(), { protectionType: 2, blocks: 16384 });
  t.equal((await tagPage(second)).data.length, 408, 'the Application Tag mode page has come');
  const fields = { lba: 5, length: 100, options: protect(1), referenceTag: 7000, applicationTag: 0xabcd, mask: 0xffff };
  const sent = protectedBlocks(data, 7000, { applicationTag: 0xabcd });
  await second.execute(longCdb(0x0b, fields), { dataOut: sent });
  const back = await second.execute(longCdb(0x09, fields), { dataIn: sent.length });
  t.ok(back.data.equals(sent));
  t.ok((await second.read(5, 100)).equals(data), 'READ(10) without');
  const wrong = second.execute(longCdb(0x09, { ...fields, applicationTag: 1 }), { dataIn: sent.length });
  t.match(await wrong.catch((error: unknown) => error), { sense: { key: 0x0b, asc: 0x1002, information: 5 } });
  const opcodes = await second.execute(Buffer.from([0xa3, 0x0c, 0x03, 0x7f, 0, 0x09, 0, 0, 0, 64, 0, 0]), {
    dataIn: 64,
  });
  t.same([opcodes.data[1], opcodes.data.readUInt16BE(2), opcodes.data[4]], [3, 32, 0x7f], 'READ(32) is reported');

  // By the array: user data, with information of the destination's own.
  await offloadCopy(first, second, { lba: 200, blocks: 100 }, 1000, () => {});
  const copied = await second.execute(longCdb(0x09, { lba: 1000, length: 100, options: protect(3) }), {
    dataIn: sent.length,
  });
  t.ok(copied.data.equals(protectedBlocks(data, 1000, { ...MADE, referenceTag: 0xffffffff })));

  await second.execute(format(FORMAT.none), { dataOut: FORMAT_LIST });
  t.match(await second.readCapacity(), { protectionType: 0 });
  t.match(await tagPage(second).catch((error: unknown) => error), { sense: { asc: 0x2400 } });
  t.ok((await second.read(0, 16384)).equals(Buffer.alloc(16384 * 512)));
  await second.execute(format(FORMAT.type1), { dataOut: FORMAT_LIST });
  await Promise.all([first.close(), second.close()]);
  t.equal(await array.end('SIGTERM'), 0);
});

t.test('kills: each block has the information it was written with, of the last or of a later write', async (t) => {
  const random = seededRandom(seed);
  const BLOCKS = 400;
  /** By block: the number of the last write that was acknowledged, and of those sent after. */
  const acknowledged = new Array<number>(BLOCKS).fill(0);
  const sentLater = Array.from({ length: BLOCKS }, () => new Set<number>());
  let number = 0;
  for (let round = 0; round < 3; round++) {
    const array = await start();
    const unit = await connect(array.ready[0]!.url, { reconnect: false });
    const bytes = await readBlocks(unit, 1000, BLOCKS, 1);
    const wrong: string[] = [];
    for (let block = 0; block < BLOCKS; block++) {
      const at = block * STRIDE;
      const tag = bytes.readUInt16BE(at + 514);
      const data = bytes.readUInt32BE(at);
      const written = tag !== 0xffff;
      if (data !== (written ? tag : 0)) wrong.push(`block ${block}: data of write ${data}, information of ${tag}`);
      else if (![acknowledged[block]!, ...sentLater[block]!].includes(data)) {
        wrong.push(`block ${block}: write ${data} after ${acknowledged[block]}`);
      }
      acknowledged[block] = data;
      sentLater[block]!.clear();
    }
    t.same(wrong, [], `round ${round}`);
    const end = 40 + random.below(120);
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < end; i++) {
      const lba = random.below(BLOCKS);
      const count = 1 + random.below(Math.min(70, BLOCKS - lba));
      const mine = ++number;
      const block = Buffer.alloc(512);
      for (let at = 0; at < 512; at += 4) block.writeUInt32BE(mine, at);
      const data = protectedBlocks(Buffer.concat(new Array(count).fill(block)), 1000 + lba, { applicationTag: mine });
      for (let at = lba; at < lba + count; at++) sentLater[at]!.add(mine);
      work.push(
        unit.command(cdb(0x8a, 1000 + lba, count, protect(1)), { dataOut: data }).then(
          () => {
            // Those before it in the same place have been written over, or will not show.
            for (let at = lba; at < lba + count; at++) {
              for (const other of sentLater[at]!) if (other <= mine) sentLater[at]!.delete(other);
              acknowledged[at] = Math.max(acknowledged[at]!, mine);
            }
          },
          () => {},
        ),
      );
      if (random.below(10) === 0) await work[random.below(work.length)];
    }
    await work[random.below(work.length)];
    await array.end('SIGKILL');
    await Promise.all(work);
    await unit.close().catch(() => {});
  }
});
