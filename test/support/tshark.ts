/** tshark's opinion of a capture of ours. */
import { run } from './run.js';

/** Warnings of its dissectors and worse (`PI_WARN`). */
const WARN = 0x600000;

const REMARKS = [
  '_ws.malformed',
  // That a port comes again is true.
  '(tcp.analysis.flags && !tcp.analysis.reused_ports)',
  'tcp.checksum.status == 0',
  'ip.checksum.status == 0',
  `_ws.expert.severity >= ${WARN}`,
].join(' || ');

/** What tshark has to say against the frames of a capture: their numbers, messages and comments. Empty: nothing. */
export async function remarks(file: string, ports: readonly number[]): Promise<string[]> {
  const fields = ['frame.number', '_ws.expert.message', 'frame.comment'].flatMap((name) => ['-e', name]);
  return (await tshark(file, ports, '-Y', REMARKS, '-T', 'fields', ...fields))
    .split('\n')
    .filter((line) => line !== '');
}

/** Opcodes of the PDUs in a capture. */
export async function opcodesIn(file: string, ports: readonly number[]): Promise<ReadonlySet<number>> {
  const text = await tshark(file, ports, '-Y', 'iscsi', '-T', 'fields', '-e', 'iscsi.opcode');
  return new Set(text.split(/[\s,]+/).flatMap((each) => (each === '' ? [] : [Number(each)])));
}

async function tshark(file: string, ports: readonly number[], ...args: string[]): Promise<string> {
  const asIscsi = ports.flatMap((each) => ['-d', `tcp.port==${each},iscsi`]);
  const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const { code, stdout, stderr } = await run('tshark', ['-r', file, ...asIscsi, ...checks, ...args], 120_000);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

export function portOf(url: string): number {
  return Number(/:(\d+)\//.exec(url)![1]);
}
