/**
 * tshark reads our own captures: it follows each stream from its handshake to its end without anything to remark on,
 * finds as many PDUs as were sent, no digest or checksum wrong, and the comments.
 */
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { opcodeName } from '../../wire/iscsi/bhs.js';
import { portsAgain } from '../support/ports-again.js';
import { run } from '../support/run.js';
import { remarks } from '../support/tshark.js';

t.setTimeout(120_000);
const MIB = 2 ** 20;
const file = join(t.testdir(), 'run.pcapng');

const array = await startArray({ capture: { file }, http: '127.0.0.1:0' });
const { url } = array.luns.find((one) => one.kind === 'thin')!;
const port = Number(/:(\d+)\//.exec(url)![1]);

async function traffic(): Promise<void> {
  for (const digest of ['None', 'CRC32C'] as const) {
    const session = await connect(url, { headerDigest: digest, dataDigest: digest });
    const data = Buffer.alloc(MIB, 0x5a);
    await Promise.all([0, 1, 2, 3].map((index) => session.write((index * MIB) / 512, data)));
    await Promise.all([0, 1, 2, 3].map((index) => session.read((index * MIB) / 512, MIB / 512)));
    await session.write(8, Buffer.alloc(512, 1));
    await session.read(8, 1);
    await session.command(Buffer.from('ff0000000000', 'hex'), {}).catch(() => {});
    await session.close();
  }
}

const decode = async (...args: string[]) => {
  const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const { code, stdout, stderr } = await run('tshark', [
    '-r',
    file,
    '-d',
    `tcp.port==${port},iscsi`,
    ...checks,
    ...args,
  ]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
};

/** PDUs by name, as the port counted them. */
async function pdus(): Promise<Record<string, number>> {
  const text = await (await fetch(array.metricsUrl!)).text();
  const found = text.matchAll(/^lunarray_port_pdus_(?:in|out)_total\{port="CL1-A",pdu="(.*)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, name, count]) => [name, Number(count)]));
}

await traffic();
const counted = await pdus();
await array.stop();

t.test('ports that come again', async (t) => {
  const again = join(t.testdir(), 'again.pcapng');
  await portsAgain(again, 3);
  t.same(await remarks(again, [3260]), []);
});

t.test('nothing to remark on', async (t) => {
  const bad = '_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0';
  t.equal(await decode('-Y', bad), '');
  const expert = await decode('-q', '-z', 'expert,note');
  const remarks = expert.split('\n').filter((line) => /^ +\d/.test(line));
  t.same(
    remarks.filter((line) => !/ (connection closing)$/.test(line.trimEnd())),
    [],
    'no expert information but that connections end',
  );
  t.equal((await decode('-V', '-Y', 'iscsi')).match(/digest.*incorrect/gi), null);
});

t.test('streams begin and end', async (t) => {
  t.equal(lines(await decode('-Y', 'tcp.flags.syn == 1 && tcp.flags.ack == 0')).length, 2);
  t.equal(lines(await decode('-Y', 'tcp.flags.fin == 1')).length, 4);
});

t.test('every PDU that the port counted is there, and every byte of the data', async (t) => {
  const opcodes = (await decode('-Y', 'iscsi', '-T', 'fields', '-e', 'iscsi.opcode')).split(/[\s,]+/).filter(Boolean);
  const seen: Record<string, number> = {};
  for (const opcode of opcodes) {
    const name = opcodeName(Number(opcode));
    seen[name] = (seen[name] ?? 0) + 1;
  }
  t.same(seen, counted);
  const lengths = (filter: string) => decode('-Y', filter, '-T', 'fields', '-e', 'iscsi.datasegmentlength');
  t.ok(total(await lengths('iscsi.opcode == 0x25')) > 2 * (4 * MIB + 512));
  t.equal(total(await lengths('iscsi.opcode == 0x05 || iscsi.opcode == 0x01')), 2 * (4 * MIB + 512));
});

t.test('comments name the command and the LDEV', async (t) => {
  const comments = lines(await decode('-T', 'fields', '-e', 'frame.comment'));
  const matching = (pattern: RegExp) => comments.filter((one) => pattern.test(one)).length;
  t.equal(matching(/^SCSI command: WRITE\(10\) LUN 0 LDEV 00:00 LBA \d+ blocks 2048 ITT 0x[0-9a-f]{8}$/), 8);
  t.equal(matching(/^SCSI data in: READ\(10\) LUN 0 LDEV 00:00 LBA 8 blocks 1 ITT 0x[0-9a-f]{8}: GOOD$/), 2);
  t.equal(matching(/^SCSI response: opcode 0xff LUN 0 LDEV 00:00 ITT 0x[0-9a-f]{8}: CHECK CONDITION$/), 2);
});

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function total(text: string): number {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .reduce((sum, length) => sum + Number(length), 0);
}
