/**
 * The floor under every number: a process that answers iSCSI READs with canned bytes. It follows the length of each
 * PDU and copies the tag; it knows no SCSI, no cache, no sessions. What it reaches is what this machine's loopback,
 * Node's sockets and the client let any target in this runtime reach.
 *
 * Logins and the few commands of a client's start are answered from tables of the same kind. Data-out is counted off.
 *
 * `node bare-responder.js BLOCK_BYTES`: prints `listening PORT`.
 */
import { createServer, type Socket } from 'node:net';

const BHS = 48;
const luBlocks = 1024 ** 3 / 512;
const dataBytes = Number(process.argv[2] ?? 4096);

/** A Data-In PDU with status and `data`; tag and sequence numbers are filled in at each use. */
function reply(data: Buffer): Buffer {
  const pdu = Buffer.alloc(BHS + data.length + (-data.length & 3));
  pdu[0] = 0x25;
  pdu[1] = 0x81;
  pdu.writeUIntBE(data.length, 5, 3);
  pdu.writeUInt32BE(0xffffffff, 20);
  data.copy(pdu, BHS);
  return pdu;
}

function status(opcode: number): Buffer {
  const pdu = Buffer.alloc(BHS);
  pdu[0] = opcode;
  pdu[1] = 0x80;
  return pdu;
}

const capacity10 = Buffer.alloc(8);
capacity10.writeUInt32BE(luBlocks - 1, 0);
capacity10.writeUInt32BE(512, 4);
const capacity16 = Buffer.alloc(32);
capacity16.writeUInt32BE(luBlocks - 1, 4);
capacity16.writeUInt32BE(512, 8);
const inquiry = Buffer.concat([
  Buffer.from([0, 0, 5, 2, 31, 0, 0, 0]),
  Buffer.from('BARE    RESPONDER       0001', 'latin1'),
]);

/** By operation code. */
const replies = new Map<number, Buffer>([
  [0x12, reply(inquiry)],
  [0x25, reply(capacity10)],
  [0x9e, reply(capacity16)],
  [0x1a, reply(Buffer.from([3, 0, 0, 0]))],
  [0x28, reply(Buffer.alloc(dataBytes, 0xa5))],
  [0x88, reply(Buffer.alloc(dataBytes, 0xa5))],
]);
const good = status(0x21);
const operational = Buffer.from(
  'MaxRecvDataSegmentLength=262144\0InitialR2T=No\0ImmediateData=Yes\0HeaderDigest=None\0DataDigest=None\0' +
    'MaxBurstLength=16776192\0FirstBurstLength=262144\0MaxConnections=1\0ErrorRecoveryLevel=0\0' +
    'MaxOutstandingR2T=1\0DefaultTime2Wait=2\0DefaultTime2Retain=20\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0',
);

class Conversation {
  #rest = Buffer.alloc(0);
  #statSn = 1;

  constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#input(chunk));
    socket.on('error', () => socket.destroy());
  }

  #input(chunk: Buffer): void {
    const input = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const out: Buffer[] = [];
    let at = 0;
    while (input.length - at >= BHS) {
      const data = input.readUIntBE(at + 5, 3);
      const bytes = BHS + data + (-data & 3);
      if (input.length - at < bytes) break;
      this.#answer(input.subarray(at, at + bytes), out);
      at += bytes;
    }
    this.#rest = at === input.length ? Buffer.alloc(0) : Buffer.from(input.subarray(at));
    this.socket.cork();
    for (const each of out) this.socket.write(each);
    this.socket.uncork();
  }

  #answer(pdu: Buffer, out: Buffer[]): void {
    const opcode = pdu[0]! & 0x3f;
    const header = Buffer.allocUnsafe(BHS);
    let body: Buffer | null = null;
    if (opcode === 0x01) {
      const canned = replies.get(pdu[32]!) ?? good;
      canned.copy(header, 0, 0, BHS);
      if (canned.length > BHS) body = canned.subarray(BHS);
    } else if (opcode === 0x03) {
      const stage = pdu[1]! & 0x0c;
      const text = stage === 0x04 ? operational : Buffer.from('TargetPortalGroupTag=1\0AuthMethod=None\0');
      header.fill(0);
      header[0] = 0x23;
      header[1] = pdu[1]!;
      pdu.copy(header, 8, 8, 14);
      header[15] = 1;
      header.writeUIntBE(text.length, 5, 3);
      body = Buffer.concat([text, Buffer.alloc(-text.length & 3)]);
    } else if (opcode === 0x06) {
      status(0x26).copy(header);
    } else return;
    pdu.copy(header, 16, 16, 20);
    header.writeUInt32BE(this.#statSn++, 24);
    const cmdSn = pdu.readUInt32BE(24);
    header.writeUInt32BE(opcode === 0x01 ? cmdSn + 1 : cmdSn, 28);
    header.writeUInt32BE(cmdSn + 256, 32);
    out.push(header);
    if (body !== null) out.push(body);
  }
}

const server = createServer((socket) => new Conversation(socket));
server.listen(0, '127.0.0.1', () => {
  console.log(`listening ${(server.address() as { port: number }).port}`);
});
