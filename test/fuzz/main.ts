/**
 * `npm run fuzz -- [--seed N] [--minutes M] [--case N] [--lanes N]`
 *
 * Throws PDUs and CDBs at `lunarray serve` from several lanes while a well-behaved session writes and reads
 * back beside them. Fails when the array ends, that session is disturbed, or memory grows past its bound.
 * Case n of a run has the seed `seed + n`; `--case n` runs it alone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { CheckCondition, connect, type LogicalUnit, StatusError, TimeoutError } from '../../initiator/index.js';
import { seededRandom } from '../../target/base/random.js';
import { read, testUnitReady } from '../../wire/scsi/cdb-build.js';
import { serve } from '../support/serve.js';
import { cases } from './cases.js';
import type { Address } from './raw-initiator.js';
import { received } from './tokens.js';

const options = new Command('fuzz')
  .option('--seed <n>', 'first seed', Number, Math.floor(Math.random() * 2 ** 31))
  .option('--minutes <m>', 'how long', Number, 1)
  .option('--case <n>', 'only this case', Number)
  .option('--lanes <n>', 'cases at a time', Number, 4)
  .parse()
  .opts<{ seed: number; minutes: number; case?: number; lanes: number }>();

/** Beside the cache: what the process may use while hostile sessions come and go. */
const memoryLimitBytes = 700 * 1024 ** 2;
/** The well-behaved session must be answered within this, on a loaded machine too, or the next time. */
const patienceMs = 5_000;
/** Commands in a row without an answer. */
const UNANSWERED = 3;

const data = mkdtempSync(join(tmpdir(), 'lunarray-fuzz-'));
const config = join(data, 'array.json');
writeFileSync(
  config,
  JSON.stringify({
    ldevs: [
      { id: '00:00', capacity: '1G' },
      { id: '00:01', capacity: '1G', blockSize: 4096 },
      { id: '00:02', capacity: '100G' },
      { id: '00:03', capacity: '1G', removable: true },
      { id: '00:04', capacity: '64M', protection: 1 },
      { id: '00:05', capacity: '64M', protection: 2 },
      { id: '00:06', capacity: '256M', tape: true },
      { id: '00:07', capacity: '256M', tape: true },
    ],
    ports: ['CL1-A', 'CL2-A'].map((id) => ({ id, listen: '127.0.0.1:0' })),
  }),
);
const array = await serve(join(data, 'array'), ['--polling', '0', '--config', config]);
const [, host, port, iqn] = /^iscsi:\/\/([^:]+):(\d+)\/([^/]+)\//.exec(array.ready[0]!.url)!;
const address: Address = { host: host!, port: Number(port), iqn: iqn! };
// The well-behaved session uses the other port: the lanes may end every session of theirs by a target reset.
const canaryUrl = array.ready.find((line) => line.kind === 'thin' && !line.url.includes(`/${iqn}/`))!.url;
const names = Object.keys(cases);
const ran: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));

console.log(
  `seed ${options.seed}, ${options.case === undefined ? `${options.minutes} minutes` : `case ${options.case}`}`,
);

let problem: string | null = null;
const until = Date.now() + options.minutes * 60_000;
let next = options.case ?? 0;

async function lane(): Promise<void> {
  while (problem === null && (options.case === undefined ? Date.now() < until : next === options.case)) {
    const number = next++;
    const random = seededRandom(options.seed + number);
    const name = names[random.below(names.length)]!;
    try {
      await cases[name]!(address, random);
      ran[name]!++;
    } catch (error) {
      problem ??= `case ${number} (${name}): ${(error as Error).message}`;
    }
  }
}

/** Reads what it asks for and nothing else, for as long as the lanes run. */
async function canary(session: LogicalUnit, running: () => boolean): Promise<number> {
  let rounds = 0;
  let unanswered = 0;
  const { blockSize } = await session.readCapacity();
  while (problem === null && running()) {
    try {
      const { data } = await session.command(rounds % 2 === 0 ? read(0, 8) : testUnitReady(), {
        dataIn: 8 * blockSize,
      });
      if (data.length % (8 * blockSize) !== 0) problem ??= `the well-behaved session read ${data.length} bytes`;
      unanswered = 0;
    } catch (error) {
      // The lanes may reserve, stop or reset the LU: that is theirs to do. What counts is an answer.
      if (error instanceof CheckCondition || error instanceof StatusError) unanswered = 0;
      // What they abort is not answered (TAS is zero): but not one command after the other.
      else if (!(error instanceof TimeoutError) || ++unanswered === UNANSWERED) {
        problem ??= `the well-behaved session: ${(error as Error).name}: ${(error as Error).message}`;
      }
    }
    const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${array.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
    if (resident > memoryLimitBytes) problem ??= `the array uses ${Math.round(resident / 1024 ** 2)} MiB`;
    rounds++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return rounds;
}

let running = true;
const session = await connect(canaryUrl, { reconnect: false, commandTimeoutMs: patienceMs });
const watch = canary(session, () => running);
await Promise.all(Array.from({ length: options.case === undefined ? options.lanes : 1 }, lane));
running = false;
const rounds = await watch.catch((error: Error) => {
  problem ??= error.message;
  return 0;
});
await session.close().catch(() => {});
const code = await array.end('SIGTERM');
if (code !== 0) problem ??= `the array ended with ${code}: ${array.output().slice(-3000)}`;
rmSync(data, { recursive: true, force: true });

const summary = names.map((name) => `${ran[name]} ${name}`).join(', ');
const beside = `${received.tokens} ROD tokens received; ${rounds} rounds of the well-behaved session`;
console.log(`${next - (options.case ?? 0)} cases (${summary}); ${beside}`);
console.log(problem === null ? 'clean' : `FAILED: ${problem}\nreplay: npm run fuzz -- --seed ${options.seed}`);
process.exitCode = problem === null ? 0 : 1;
