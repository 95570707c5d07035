/**
 * SIGKILL in the middle of a load of WRITE, UNMAP, WRITE SAME, COMPARE AND WRITE and SYNCHRONIZE CACHE to an LDEV without
 * redundancy and one on RAID 5; every other kill costs a drive of that, which is replaced after the next; 8 rounds on one
 * data directory: nothing acknowledged is missing, no block is torn within itself. `LUNARRAY_SEED` replays the loads, `LUNARRAY_KILL_ROUNDS` makes
 * it longer.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CheckCondition, connect, type LogicalUnit } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import type { DriveReply } from '../../target/svp/control/api.js';
import { lunarray } from '../support/programs.js';
import { type ServedArray, serve } from '../support/serve.js';
import { Ledger } from './ledger.js';

const rounds = Number(process.env.LUNARRAY_KILL_ROUNDS ?? 8);
const seed = Number(process.env.LUNARRAY_SEED ?? 20261120);
/** Commands in flight to each LDEV. */
const depth = 8;
/** Most writes fall here, so that slots are rewritten while dirty, being destaged, and being sent. */
const hotBlocks = 4096;

t.setTimeout(0);
t.comment(`seed ${seed}, ${rounds} rounds`);
const random = seededRandom(seed);
const data = mkdtempSync(join(tmpdir(), 'lunarray-kill-'));
t.teardown(() => rmSync(data, { recursive: true, force: true }));
const config = {
  cache: '64M',
  drives: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, capacity: '1G' })),
  parityGroups: [
    { id: '1-1', level: 'plain', drives: ['a'] },
    { id: '1-2', level: 'raid5', drives: ['b', 'c', 'd', 'e'] },
  ],
  pools: [
    { id: 'plain', parityGroups: ['1-1'] },
    { id: 'raid5', parityGroups: ['1-2'] },
  ],
  ldevs: [
    { id: '00:00', pool: 'plain', capacity: '512M' },
    { id: '00:01', pool: 'raid5', capacity: '1G' },
  ],
};
const file = join(data, 'config.json');
writeFileSync(file, JSON.stringify(config));
/** By LDEV. */
const ledgers = config.ldevs.map(() => new Ledger(512));
/** What was not carried out though the array was alive: a COMPARE AND WRITE that found what was not acknowledged. */
const refused: string[] = [];

interface Lun {
  /** Of its LDEV. */
  readonly name: string;
  readonly session: LogicalUnit;
  readonly ledger: Ledger;
  readonly blocks: number;
}

type Kind = 'write' | 'unmap' | 'write-same' | 'compare-and-write';

/** Of what a command is to be, out of twelve. */
function kindOf(dice: number): Kind {
  if (dice === 0) return 'unmap';
  if (dice === 1) return 'write-same';
  return dice <= 3 ? 'compare-and-write' : 'write';
}

const zero = Buffer.alloc(512);

/** Sends one command and waits for its GOOD. */
async function carryOut({ session, ledger }: Lun, kind: Kind, lba: number, blocks: number, stamp: number) {
  if (kind === 'unmap') await session.unmap([{ lba, blocks }]);
  else if (kind === 'write-same') await session.writeSame(lba, blocks, zero, { unmap: random.below(2) === 0 });
  else if (kind === 'write') await session.write(lba, ledger.fill(lba, blocks, stamp));
  else await session.compareAndWrite(lba, ledger.known(lba, blocks)!, ledger.fill(lba, blocks, stamp));
}

/** Keeps `depth` commands in flight until the session breaks. */
async function load(lun: Lun): Promise<void> {
  const { session, ledger, blocks: totalBlocks } = lun;
  const one = async (): Promise<void> => {
    for (;;) {
      const kind = kindOf(random.below(12));
      const most = kind === 'compare-and-write' ? 8 : random.below(8) === 0 ? 300 : 24;
      const blocks = 1 + random.below(most);
      const lba = random.below(10) === 0 ? random.below(totalBlocks - blocks) : random.below(hotBlocks - 300);
      if (!ledger.free(lba, blocks) || (kind === 'compare-and-write' && ledger.known(lba, blocks) === null)) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const stamp = ledger.begin(lba, blocks, kind === 'unmap' || kind === 'write-same');
      try {
        await carryOut(lun, kind, lba, blocks, stamp);
      } catch (error) {
        if (error instanceof CheckCondition) refused.push(`${kind} of ${blocks} blocks at ${lba}: ${error.message}`);
        return;
      }
      ledger.acknowledge(lba, blocks, stamp);
      if (random.below(200) === 0) await session.synchronizeCache().catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: depth }, one));
}

async function verify({ name, session, ledger }: Lun): Promise<string[]> {
  const wrong: string[] = [];
  const touched = ledger.touched();
  for (let at = 0; at < touched.length; ) {
    const first = touched[at]!;
    let blocks = 1;
    while (at + blocks < touched.length && touched[at + blocks] === first + blocks && blocks < 512) blocks++;
    const read = await session.read(first, blocks);
    for (let i = 0; i < blocks; i++) {
      const problem = ledger.check(first + i, read.subarray(i * 512, (i + 1) * 512));
      if (problem) wrong.push(`${name}: ${problem}`);
    }
    at += blocks;
  }
  return wrong;
}

async function open(array: ServedArray): Promise<Lun[]> {
  const luns: Lun[] = [];
  for (const [index, ledger] of ledgers.entries()) {
    const name = config.ldevs[index]!.id;
    const { url } = array.ready.find(({ ldev }) => ldev === name)!;
    const session = await connect(url, { reconnect: false });
    const { blocks } = await session.readCapacity();
    luns.push({ name, session, ledger, blocks });
  }
  return luns;
}

async function close(luns: readonly Lun[]): Promise<void> {
  for (const { session } of luns) await session.close().catch(() => {});
}

const raidDrives = config.parityGroups[1]!.drives;
/** Of the RAID 5 group, the drive that is gone. */
let gone: string | null = null;

/** Takes a drive of the RAID 5 group away, of an array that was killed. */
function loseDrive(): void {
  gone = raidDrives[random.below(raidDrives.length)]!;
  rmSync(join(data, 'drives', gone));
}

async function replaceDrive(drive: string): Promise<void> {
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await lunarray(['drive', ...args, '--json', '--data', data]);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  await json('replace', drive);
  while (((await json('list')) as DriveReply[]).some(({ state }) => state === 'rebuilding')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  gone = null;
}

for (let round = 1; round <= rounds; round++) {
  await t.test(`round ${round}`, async (t) => {
    const replaced = gone;
    if (round > 1 && replaced === null) loseDrive();
    const array = await serve(data, round === 1 ? ['--config', file] : []);
    const luns = await open(array);
    for (const lun of luns) {
      t.same((await verify(lun)).slice(0, 5), [], `${lun.ledger.touched().length} blocks of ${lun.name} are right`);
    }
    if (replaced !== null) await replaceDrive(replaced);
    const before = ledgers.map(({ acknowledgedWrites }) => acknowledgedWrites);
    const dead = Promise.all(luns.map(load));
    const acknowledged = () => ledgers.every((ledger, index) => ledger.acknowledgedWrites > before[index]!);
    let ended = false;
    void dead.then(() => {
      ended = true;
    });
    while (!acknowledged() && !ended) await new Promise((resolve) => setTimeout(resolve, 1));
    t.notOk(ended, 'both LDEVs take commands');
    await new Promise((resolve) => setTimeout(resolve, 100 + random.below(500)));
    await array.end('SIGKILL');
    await dead;
    await close(luns);
    t.same(refused, []);
    for (const [index, { name, ledger }] of luns.entries()) {
      ledger.died();
      t.comment(`${ledger.acknowledgedWrites - before[index]!} writes to ${name} were acknowledged before the kill`);
    }
  });
}

await t.test('after the last kill', async (t) => {
  const array = await serve(data);
  const luns = await open(array);
  for (const lun of luns) t.same((await verify(lun)).slice(0, 5), []);
  await close(luns);
  t.equal(await array.end('SIGTERM'), 0, 'a stop in good order ends with 0');
});
