/** Drives that fail and are replaced, as administrator and host see it: commands, control endpoint, reads. */
import { randomInt } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import type { DriveReply, DriveSettingsReply, ScrubReply } from '../../target/svp/control/api.js';
import { lunarray } from '../support/run-lunarray.js';

t.setTimeout(180_000);

const MiB = 2 ** 20;
const DATA_BYTES = 64 * MiB;
const PIECE = MiB;
const seed = Number(process.env.LUNARRAY_SEED ?? randomInt(2 ** 31));
t.comment(`LUNARRAY_SEED=${seed}`);

const dataDir = t.testdir();
const capacity = '64M';
const drives = ['a', 'b', 'c', 'd', 'p', 'x', 'y'].map((id) => ({ id, capacity }));
const config = {
  cache: '16M',
  rebuildRate: '1M',
  drives,
  spares: [],
  parityGroups: [
    { id: '1-1', level: 'raid5' as const, drives: ['a', 'b', 'c', 'd'] },
    { id: '1-2', level: 'plain' as const, drives: ['p'] },
    { id: '1-3', level: 'raid1+0' as const, drives: ['x', 'y'] },
  ],
  pools: [
    { id: 'RAID', parityGroups: ['1-1'] },
    { id: 'REST', parityGroups: ['1-2', '1-3'] },
  ],
  ldevs: [{ id: '00:00', capacity: '128M', pool: 'RAID' }],
  ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
};
const array = await startArray({ dataDir, config, control: true, http: '127.0.0.1:0' });
t.teardown(() => array.stop());
const unit = await connect(array.luns[0]!.url, { initiatorName: 'iqn.2026-11.example.test:host' });
t.teardown(() => unit.close());
await unit.readCapacity();

const plain = (...args: string[]) => lunarray(['drive', ...args, '--data', dataDir]);
async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await plain(...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`);
  return JSON.parse(stdout) as T;
}
const drive = async (name: string) => (await json<DriveReply[]>('list')).find((each) => each.name === name)!;

/** What stands at a place, so that every MiB differs. */
function content(at: number): Buffer {
  const data = Buffer.alloc(PIECE);
  for (let i = 0; i < PIECE; i += 4) data.writeUInt32LE((seed + at + i) >>> 0, i);
  return data;
}

/** Reads everything; how many MiB were wrong. */
async function wrongPieces(): Promise<number> {
  let wrong = 0;
  for (let at = 0; at < DATA_BYTES; at += PIECE) {
    const data = await unit.read(at / 512, PIECE / 512);
    if (!data.equals(content(at))) wrong++;
  }
  return wrong;
}

t.test('the list', async (t) => {
  for (let at = 0; at < DATA_BYTES; at += PIECE) await unit.write(at / 512, content(at));
  await unit.synchronizeCache();
  const list = await json<DriveReply[]>('list');
  t.same(
    list.map(({ name, state, parityGroup }) => `${name} ${state} ${parityGroup}`),
    ['a good 1-1', 'b good 1-1', 'c good 1-1', 'd good 1-1', 'p good 1-2', 'x good 1-3', 'y good 1-3'],
  );
  t.match(list[0], { bytes: 64 * MiB, progress: null, readErrors: 0, failure: null });
  const { code, stdout } = await plain('list');
  t.equal(code, 0);
  t.match(stdout, /^DRIVE +CAPACITY +KIND +STATE +PARITY GROUP +READ ERRORS +WRITE ERRORS +CORRUPT +FAILURE$/m);
  t.match(stdout, /^a +64 MiB +ssd +good +1-1 +0 +0 +0 +-$/m);
});

t.test('what is refused, and why', async (t) => {
  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [['fail', 'z'], /^lunarray: there is no drive "z" in a parity group: list them to see which are\.\n$/],
    [['replace', 'z'], /^lunarray: there is no drive "z" /],
    [['fail', 'p'], /^lunarray: drive "p" cannot be taken out: parity group "1-2" would lose data\.\n$/],
    [['replace', 'p'], /^lunarray: drive "p" has not failed: take it out first with "drive fail"\.\n$/],
    [['replace', 'a'], /^lunarray: drive "a" has not failed: /],
    [['rebuild-rate', '1K'], /^lunarray: a rebuild rate of 1024 bytes a second is too low: give 1M or more\.\n$/],
  ];
  for (const [args, words] of refusals) t.match(await plain(...args), { code: 9, stdout: '', stderr: words });
  t.match(await plain('rebuild-rate', 'fast'), { code: 2, stderr: /"max" or a rate such as 50M/ });
  t.ok(
    (await json<DriveReply[]>('list')).every(({ state }) => state === 'good'),
    'nothing happened',
  );
});

t.test('a scrub finds what a drive holds wrong', async (t) => {
  t.match(await plain('scrub'), {
    code: 0,
    stdout: /^PARITY GROUP +SCRUB +PASSES +MENDED +CHECKS +LOST\n1-1 +idle +0 /,
  });
  t.match(await plain('scrub', '1-2'), { code: 9, stderr: /parity group "1-2" has no redundancy/ });
  t.match(await plain('scrub', '9-9'), { code: 9, stderr: /there is no parity group "9-9"/ });
  const file = openSync(join(dataDir, 'drives/d'), 'r+');
  writeSync(file, Buffer.alloc(4096, 'cosmic rays'), 0, 4096, MiB);
  closeSync(file);
  t.match(await json<ScrubReply>('scrub', '1-1'), { parityGroup: '1-1', mended: 0, lost: 0 });
  const scrub = async () => (await json<ScrubReply[]>('scrub')).find(({ parityGroup }) => parityGroup === '1-1')!;
  while ((await scrub()).running);
  t.match(await scrub(), { running: false, passes: 1, mended: 8, checks: 0, lost: 0 });
  t.match(await drive('d'), { state: 'good', failurePredicted: false });
  t.ok((await drive('d')).corrupt > 0);
  const metrics = await (await fetch(array.metricsUrl!)).text();
  t.match(metrics, /^lunarray_parity_group_mended_blocks_total\{parity_group="1-1"\} 8$/m);
  t.equal(await wrongPieces(), 0);
});

t.test('a drive fails, is replaced and rebuilt; the host reads what it wrote all through', async (t) => {
  t.match(await plain('fail', 'b'), { code: 0, stdout: 'taken out b: failed\n' });
  t.match(await drive('b'), { state: 'failed', failure: 'b: taken out', parityGroup: '1-1' });
  t.match((await plain('list')).stdout, /^b +64 MiB +ssd +failed +1-1 +0 +0 +0 +b: taken out$/m);
  t.match(await plain('fail', 'b'), { code: 0 }, 'again: it is out already');
  t.match(await plain('fail', 'c'), { code: 9, stderr: /"c" cannot be taken out: .* would lose data/ });
  t.equal(await wrongPieces(), 0, 'without the drive');

  t.match(await json<DriveReply>('replace', 'b'), { name: 'b', state: 'rebuilding', progress: 0 });
  t.match(await plain('replace', 'b'), { code: 9, stderr: /has not failed/ }, 'not twice');
  t.match(await plain('fail', 'c'), { code: 9, stderr: /would lose data/ }, 'not in the midst');
  t.equal(await wrongPieces(), 0, 'during the rebuild');
  const { state, progress } = await drive('b');
  t.equal(state, 'rebuilding', 'at 1 MiB a second it takes twenty');
  t.ok(progress! > 0 && progress! < 1, `${progress} done`);
  t.match((await plain('list')).stdout, /^b +64 MiB +ssd +rebuilding \d+ % +1-1 /m);

  t.match(await plain('rebuild-rate'), { stdout: 'rebuild rate 1 MiB/s\n' });
  t.match(await plain('rebuild-rate', 'max'), { code: 0, stdout: 'rebuild rate max\n' });
  t.match(await json<DriveSettingsReply>('rebuild-rate'), { rebuildRate: null, copyBack: true });
  t.match(await plain('copy-back', 'off'), { code: 0, stdout: 'copy-back off\n' });
  t.match(await plain('copy-back'), { code: 0, stdout: 'copy-back off\n' });
  t.match(await plain('copy-back', 'perhaps'), { code: 2, stderr: /on, off/ });
  let last = progress!;
  for (let now = await drive('b'); now.state !== 'good'; now = await drive('b')) {
    t.ok(now.progress! >= last, 'it goes on');
    last = now.progress!;
  }
  t.match(await drive('b'), { state: 'good', progress: null, failure: null });
  t.equal(await wrongPieces(), 0, 'whole again');

  t.match(await plain('fail', 'c'), { code: 0 }, 'others can be spared again');
  t.equal(await wrongPieces(), 0, 'out of what was rebuilt');
});

t.test('a predicted failure: list, metrics, REQUEST SENSE, log page, unit attention', async (t) => {
  const requested = async () => {
    const { data } = await unit.command(Buffer.from([0x03, 0, 0, 0, 252, 0]), { dataIn: 252 });
    return `${data[2]! & 0x0f}/${data.toString('hex', 12, 14)}`;
  };
  const logged = async () => {
    const { data } = await unit.command(Buffer.from([0x4d, 0, 0x6f, 0, 0, 0, 0, 0, 64, 0]), { dataIn: 64 });
    return data.toString('hex', 8, 10);
  };
  t.equal(await requested(), '0/0000');
  t.match(await plain('predict', 'a'), { code: 0, stdout: 'a: failure predicted\n' });
  t.match(await drive('a'), { state: 'good', failurePredicted: true });
  t.match((await plain('list')).stdout, /^a +64 MiB +ssd +good +1-1 +0 +0 +0 +predicted$/m);
  const metrics = await (await fetch(array.metricsUrl!)).text();
  t.match(metrics, /^lunarray_drive_predicted_failure\{drive="a"\} 1$/m);
  t.match(metrics, /^lunarray_drive_predicted_failure\{drive="d"\} 0$/m);
  t.match(metrics, /^lunarray_drive_state\{drive="c",state="failed"\} 1$/m);
  t.equal(await requested(), '0/5d00');
  t.equal(await logged(), '5d00');

  const page = Buffer.from([0, 0, 0, 0, 0x1c, 10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
  await unit.command(Buffer.from([0x15, 0x10, 0, 0, 16, 0]), { dataOut: page });
  const told = await unit.command(Buffer.alloc(6)).catch((error: unknown) => error);
  t.match(told, { sense: { key: 6, asc: 0x5d00 } }, 'MRIE 2h');
  await unit.testUnitReady();
  t.match(await plain('predict', 'a', '--clear'), { code: 0, stdout: 'a: failure not predicted\n' });
  t.equal(await logged(), '0000');
  t.match(await plain('predict', 'z'), { code: 9, stderr: /there is no drive "z"/ });
});
