/** An initiator that says exactly what a test tells it to. */
import { connect, type Socket } from 'node:net';
import * as iscsi from '../../../wire/iscsi/bhs.js';
import { dataDigest, headerDigest, paddingBytes, writeDigest } from '../../../wire/iscsi/digest.js';
import { type Pdu, PduParser } from '../../../wire/iscsi/pdu-parser.js';
import { decodeText, encodeText } from '../../../wire/iscsi/text.js';

const { BHS_BYTES, DIGEST_BYTES, Opcode, RESERVED_TAG } = iscsi;

export const ISID = Buffer.from('400001370000', 'hex');
export const LUN0 = Buffer.alloc(8);

export interface Received {
  readonly opcode: number;
  readonly bhs: Buffer;
  readonly data: Buffer;
}

type Encode<F> = (to: Buffer, at: number, fields: F) => void;

export class Host {
  headerDigest = false;
  dataDigest = false;
  cmdSn = 1;
  expStatSn = 1;
  tag = 100;
  tsih = 0;
  /** Keys that the target answered or declared during login. */
  answers = new Map<string, string>();

  readonly #received: Received[] = [];
  readonly #waiting: ((received: Received | null) => void)[] = [];
  readonly #parser: PduParser;
  #ended = false;
  readonly closed: Promise<void>;

  private constructor(readonly socket: Socket) {
    this.#parser = new PduParser((pdu) => this.#take(pdu), { maxDataSegment: 1 << 24, maxAhs: 0 });
    socket.on('data', (chunk) => this.#parser.push(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#ended = true;
        for (const waiter of this.#waiting.splice(0)) waiter(null);
        resolve();
      });
    });
  }

  static async connect(port: number): Promise<Host> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Host(socket);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** The next PDU; null once the connection is closed. */
  next(): Promise<Received | null> {
    const received = this.#received.shift();
    if (received !== undefined) return Promise.resolve(received);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next PDU, which must have this opcode. */
  async expect(opcode: number): Promise<Received> {
    const received = await this.next();
    if (received === null) throw new Error(`connection closed, ${iscsi.opcodeName(opcode)} expected`);
    if (received.opcode !== opcode) {
      const reason = received.opcode === Opcode.reject ? `, ${iscsi.rejectReasonName(received.bhs[2]!)}` : '';
      throw new Error(`${iscsi.opcodeName(received.opcode)}${reason} came, ${iscsi.opcodeName(opcode)} expected`);
    }
    return received;
  }

  /** PDUs that have come and were not looked at. */
  get unread(): number {
    return this.#received.length;
  }

  frame<F>(encode: Encode<F>, fields: F, data: Buffer = Buffer.alloc(0), ahs: Buffer = Buffer.alloc(0)): Buffer {
    const header = Buffer.alloc(BHS_BYTES);
    encode(header, 0, fields);
    iscsi.setDataSegmentLength(header, 0, data.length);
    iscsi.setAhsLength(header, 0, ahs.length);
    const parts = [header, ahs];
    if (this.headerDigest) {
      const digest = Buffer.alloc(DIGEST_BYTES);
      writeDigest(digest, 0, headerDigest(header, ahs.length > 0 ? ahs : null));
      parts.push(digest);
    }
    parts.push(data, paddingBytes(data.length));
    if (this.dataDigest && data.length > 0) {
      const digest = Buffer.alloc(DIGEST_BYTES);
      writeDigest(digest, 0, dataDigest([data], data.length));
      parts.push(digest);
    }
    return Buffer.concat(parts);
  }

  send<F>(encode: Encode<F>, fields: F, data?: Buffer, ahs?: Buffer): void {
    this.socket.write(this.frame(encode, fields, data, ahs));
  }

  loginRequest(
    keys: Record<string, string> | Buffer,
    over: Partial<iscsi.LoginRequest> & { csg: number; nsg?: number },
  ): void {
    const text = Buffer.isBuffer(keys) ? keys : encodeText(Object.entries(keys));
    this.send(
      iscsi.encodeLoginRequest,
      {
        immediate: true,
        transit: over.nsg !== undefined,
        continues: false,
        nsg: 0,
        versionMax: 0,
        versionMin: 0,
        isid: ISID,
        tsih: this.tsih,
        initiatorTaskTag: 7,
        cid: 1,
        cmdSn: this.cmdSn,
        expStatSn: this.expStatSn,
        ...over,
      },
      text,
    );
  }

  async loginResponse(): Promise<iscsi.LoginResponse & { keys: Map<string, string> }> {
    const { bhs, data } = await this.expect(Opcode.loginResponse);
    const response = iscsi.decodeLoginResponse(bhs);
    const keys = new Map(decodeText(data));
    for (const [key, value] of keys) this.answers.set(key, value);
    if (response.status === 0) this.expStatSn = iscsi.nextSerial(response.statSn);
    return { ...response, keys };
  }

  /** One Login Request and its answer. */
  async exchange(
    keys: Record<string, string> | Buffer,
    over: Partial<iscsi.LoginRequest> & { csg: number; nsg?: number },
  ) {
    this.loginRequest(keys, over);
    return this.loginResponse();
  }

  /** Straight from the operational stage to full feature phase. */
  async login(keys: Record<string, string>, over: Partial<iscsi.LoginRequest> = {}): Promise<void> {
    const response = await this.exchange(keys, { csg: 1, nsg: 3, ...over });
    if (response.status !== 0) throw new Error(`login failed: ${iscsi.loginStatusName(response.status)}`);
    this.enter(response);
  }

  /** Takes up what the last Login Response said. */
  enter(response: iscsi.LoginResponse): void {
    this.tsih = response.tsih;
    this.headerDigest = this.answers.get('HeaderDigest') === 'CRC32C';
    this.dataDigest = this.answers.get('DataDigest') === 'CRC32C';
    this.#parser.headerDigest = this.headerDigest;
    this.#parser.dataDigest = this.dataDigest;
  }

  /** Fields of a SCSI Command with the next tag and CmdSN. */
  command(over: Partial<iscsi.ScsiCommand> = {}): iscsi.ScsiCommand {
    const immediate = over.immediate ?? false;
    return {
      immediate,
      final: true,
      read: false,
      write: false,
      attribute: 1,
      lun: LUN0,
      initiatorTaskTag: this.tag++,
      expectedDataTransferLength: 0,
      cmdSn: immediate ? this.cmdSn : this.cmdSn++,
      expStatSn: this.expStatSn,
      cdb: Buffer.alloc(16),
      ...over,
    };
  }

  /** Sends a command and returns its fields. */
  scsi(over: Partial<iscsi.ScsiCommand> = {}, data?: Buffer, ahs?: Buffer): iscsi.ScsiCommand {
    const fields = this.command(over);
    this.send(iscsi.encodeScsiCommand, fields, data, ahs);
    return fields;
  }

  async scsiResponse(): Promise<iscsi.ScsiResponse & { sense: Buffer }> {
    const { bhs, data } = await this.expect(Opcode.scsiResponse);
    const response = iscsi.decodeScsiResponse(bhs);
    this.expStatSn = iscsi.nextSerial(response.statSn);
    return { ...response, sense: data.length > 0 ? data.subarray(2, 2 + data.readUInt16BE(0)) : data };
  }

  dataOut(over: Partial<iscsi.DataOut> & { initiatorTaskTag: number }, data: Buffer): void {
    this.send(
      iscsi.encodeDataOut,
      {
        final: true,
        lun: LUN0,
        targetTransferTag: RESERVED_TAG,
        expStatSn: this.expStatSn,
        dataSn: 0,
        bufferOffset: 0,
        ...over,
      },
      data,
    );
  }

  async r2t(): Promise<iscsi.R2t> {
    return iscsi.decodeR2t((await this.expect(Opcode.r2t)).bhs);
  }

  async reject(): Promise<iscsi.Reject & { header: Buffer }> {
    const { bhs, data } = await this.expect(Opcode.reject);
    return { ...iscsi.decodeReject(bhs), header: data };
  }

  /** An immediate ping and its answer: everything sent before has been worked off. */
  async ping(data: Buffer = Buffer.alloc(0)): Promise<Received> {
    this.send(
      iscsi.encodeNopOut,
      {
        immediate: true,
        lun: LUN0,
        initiatorTaskTag: this.tag++,
        targetTransferTag: RESERVED_TAG,
        cmdSn: this.cmdSn,
        expStatSn: this.expStatSn,
      },
      data,
    );
    return this.expect(Opcode.nopIn);
  }

  async text(keys: Record<string, string>, over: Partial<iscsi.TextRequest> = {}): Promise<[string, string][]> {
    this.sendText(encodeText(Object.entries(keys)), over);
    const { data } = await this.expect(Opcode.textResponse);
    return decodeText(data, { pairs: 1e6 }) as [string, string][];
  }

  sendText(text: Buffer, over: Partial<iscsi.TextRequest> = {}): void {
    this.send(
      iscsi.encodeTextRequest,
      {
        immediate: false,
        final: true,
        continues: false,
        lun: LUN0,
        initiatorTaskTag: this.tag++,
        targetTransferTag: RESERVED_TAG,
        cmdSn: this.cmdSn++,
        expStatSn: this.expStatSn,
        ...over,
      },
      text,
    );
  }

  #take(pdu: Pdu): void {
    if (!pdu.dataIntact) throw new Error('data digest of the target does not match');
    const received = { opcode: iscsi.opcodeOf(pdu.bhs), bhs: pdu.bhs, data: Buffer.concat(pdu.data) };
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#received.push(received);
    else waiter(received);
  }
}
