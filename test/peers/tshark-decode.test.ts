/**
 * tshark decodes a captured session (discovery, login, CHAP, digests, reads, writes, errors, task management)
 * without one malformed frame, and finds in it what was sent.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { run } from '../support/run.js';

t.setTimeout(120_000);
const work = mkdtempSync(join(tmpdir(), 'lunarray-tshark-'));
const array = await startArray();
t.teardown(async () => {
  await array.stop();
  rmSync(work, { recursive: true, force: true });
});
const { url } = array.luns.find((one) => one.kind === 'thin')!;
const port = Number(/:(\d+)\//.exec(url)![1]);

/** Captures loopback traffic of the port into a file until stopped. */
async function capture(file: string): Promise<ChildProcess> {
  const child = spawn('tshark', ['-q', '-i', 'lo', '-B', '64', '-f', `tcp port ${port}`, '-w', file]);
  await new Promise<void>((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.includes('Capture started')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`tshark ended with ${code}: ${text}`)));
  });
  return child;
}

const decode = (file: string, ...args: string[]) =>
  run('tshark', ['-r', file, '-d', `tcp.port==${port},iscsi`, ...args], 60_000);

async function traffic(): Promise<void> {
  await run('iscsi-ls', ['-s', `iscsi://127.0.0.1:${port}/`]);
  await run('iscsi-inq', [url]);
  for (const name of [
    'Read10.Simple',
    'Write16.Simple',
    'Unmap.Simple',
    'Read16.BeyondEol',
    'iSCSITMF.AbortTaskSimpleAsync',
  ]) {
    await run('iscsi-test-cu', ['-n', '-d', `--test=ALL.${name}`, url]);
  }
  for (const digest of ['None', 'CRC32C'] as const) {
    const session = await connect(url, { headerDigest: digest, dataDigest: digest });
    await session.write(0, Buffer.alloc(256 * 1024, 0x5a));
    await session.read(0, 512);
    await session.command(Buffer.from('ff0000000000', 'hex'), {}).catch(() => {});
    await session.close();
  }
}

t.test('no malformed frame, and everything that was sent is there', async (t) => {
  const file = join(work, 'session.pcapng');
  const tshark = await capture(file);
  await traffic();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await new Promise((resolve) => {
    tshark.once('exit', resolve);
    tshark.kill('SIGINT');
  });
  const malformed = await decode(file, '-Y', '_ws.malformed');
  t.equal(malformed.code, 0, malformed.stderr);
  t.equal(malformed.stdout, '', 'nothing malformed');
  const fields = await decode(file, '-Y', 'iscsi', '-T', 'fields', '-e', 'iscsi.opcode');
  const seen = new Set(
    fields.stdout
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(Number),
  );
  const wanted = { 'SCSI command': 0x01, 'task management': 0x02, login: 0x03, text: 0x04, 'data-out': 0x05 };
  const answers = {
    'SCSI response': 0x21,
    'task management': 0x22,
    login: 0x23,
    text: 0x24,
    'data-in': 0x25,
    R2T: 0x31,
  };
  for (const [name, opcode] of Object.entries(wanted)) t.ok(seen.has(opcode), `${name} seen`);
  for (const [name, opcode] of Object.entries(answers)) t.ok(seen.has(opcode), `${name} response seen`);
});
