/** sg3_utils reads what a virtual tape tells: attributes, and the log pages of tapes. It needs no device for that. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { run } from '../support/run.js';
import { record, TapeRig, writeRecord } from '../unit/scsi-stream/tape-rig.js';

/** 16 MiB with 3 MB on it, and a barcode. */
function tape() {
  const host = new TapeRig({ blocks: 32768 }).host('a');
  writeRecord(host, record(3_000_000, 1));
  const barcode = Buffer.concat([Buffer.from('000000250806010020', 'hex'), Buffer.from('LUN001L8'.padEnd(32))]);
  t.equal(host.run([0x8d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, barcode.length, 0, 0], barcode).status, 0);
  return host;
}

/** What a program says of an answer to `cdb`, which it gets in a file, in hexadecimal. */
async function told(t: Test, cdb: readonly number[], program: string, ...options: string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'lunarray-sg-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'answer');
  const { data } = tape().run(cdb);
  writeFileSync(
    file,
    data
      .toString('hex')
      .replace(/(.{2})/g, '$1 ')
      .replace(/(.{48})/g, '$1\n'),
  );
  const { code, stdout, stderr } = await run(program, [`--in=${file}`, ...options]);
  t.equal(code, 0, stderr);
  return stdout;
}

const readAttribute = (action: number) => [0x8c, action, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0];
const logSense = (page: number) => [0x4d, 0, 0x40 | page, 0, 0, 0, 0, 16, 0, 0];

t.test('sg_read_attr', async (t) => {
  const values = await told(t, readAttribute(0), 'sg_read_attr');
  for (const line of [
    /Remaining capacity.*: 13\n/,
    /Maximum capacity.*: 16\n/,
    /manufacturer: LUNARRAY/,
    /Barcode: LUN001L8/,
  ]) {
    t.match(values, line);
  }
  t.match(await told(t, readAttribute(5), 'sg_read_attr', '--sa=5'), /Volume coherency information/);
});

t.test('sg_logs', async (t) => {
  const transfers = await told(t, logSense(0x0c), 'sg_logs', '--pdt=1');
  for (const line of [
    /BOP to EOD: 3 MB/,
    /BOP to EW.*: 15 MB/,
    /BOP to current position: 3 MB/,
    /leaning action not required/,
  ]) {
    t.match(transfers, line);
  }
  const alerts = await told(t, logSense(0x2e), 'sg_logs', '--pdt=1');
  t.equal(alerts.match(/: 0$/gm)?.length, 64, 'flags');
});
