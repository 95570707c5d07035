/** The least an initiator can be: a socket, a login, and PDUs as the caller shapes them. Few answers are looked at. */
import { connect, type Socket } from 'node:net';
import {
  BHS_BYTES,
  encodeCommandAhs,
  encodeLoginRequest,
  encodeScsiCommand,
  encodeTaskManagementRequest,
  LoginStage,
  paddingOf,
  setDataSegmentLength,
} from '../../wire/iscsi/bhs.js';
import { type Pdu, PduParser } from '../../wire/iscsi/pdu-parser.js';
import { encodeText, type TextPair } from '../../wire/iscsi/text.js';

const SCSI_RESPONSE = 0x21;
const DATA_IN = 0x25;
/** S bit of Data-In: it ends the command, with GOOD status here or with what it says. */
const WITH_STATUS = 0x01;
/** Bytes of a CDB in the header itself. */
const SHORT_CDB = 16;
const AHS_LENGTH_BYTE = 4;

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly iqn: string;
}

export class RawInitiator {
  cmdSn = 1;
  tag = 1;
  closed = false;
  private answered: (() => void) | null = null;
  /** The command whose answer is looked at. */
  private asked: { readonly tag: number; readonly data: Buffer[]; ended: boolean } | null = null;

  private constructor(private readonly socket: Socket) {
    const parser = new PduParser((pdu) => this.came(pdu), { maxDataSegment: 0xffffff, maxAhs: 1020 });
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      try {
        parser.push(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static open(address: Address): Promise<RawInitiator> {
    return new Promise((resolve, reject) => {
      const socket = connect(address.port, address.host, () => {
        socket.off('error', reject);
        resolve(new RawInitiator(socket));
      });
      socket.once('error', reject);
    });
  }

  send(bytes: Buffer): void {
    if (!this.closed) this.socket.write(bytes);
  }

  /** Sends a header with its data segment; the header's length field is set from the data. */
  sendPdu(bhs: Buffer, data: Buffer = Buffer.alloc(0)): void {
    setDataSegmentLength(bhs, 0, data.length);
    this.send(Buffer.concat([bhs, data, Buffer.alloc(paddingOf(data.length))]));
  }

  loginPdu(csg: number, nsg: number, transit: boolean): Buffer {
    const bhs = Buffer.alloc(BHS_BYTES);
    encodeLoginRequest(bhs, 0, {
      immediate: true,
      transit,
      continues: false,
      csg,
      nsg,
      versionMax: 0,
      versionMin: 0,
      isid: Buffer.from([0x80, 0xf0, 0x22, this.tag & 0xff, 0, 0]),
      tsih: 0,
      initiatorTaskTag: 0,
      cid: 0,
      cmdSn: this.cmdSn,
      expStatSn: 0,
    });
    return bhs;
  }

  /** Straight to full feature phase; without authentication. @param host end of the initiator's name */
  async login(address: Address, keys: readonly TextPair[] = [], host = 'host'): Promise<void> {
    const text: TextPair[] = [
      ['InitiatorName', `iqn.2026-11.example.fuzz:${host}`],
      ['TargetName', address.iqn],
      ['SessionType', 'Normal'],
      ['HeaderDigest', 'None'],
      ['DataDigest', 'None'],
      ...keys,
    ];
    const { operationalNegotiation, fullFeaturePhase } = LoginStage;
    this.sendPdu(this.loginPdu(operationalNegotiation, fullFeaturePhase, true), encodeText(text));
    await this.answer(2000);
  }

  /** With an additional header segment behind it if the CDB has more than 16 bytes. */
  commandPdu(
    lun: number,
    cdb: Buffer,
    read: boolean,
    write: boolean,
    expected: number,
    { final = true, attribute = 1 } = {},
  ): Buffer {
    const bhs = Buffer.alloc(BHS_BYTES);
    encodeScsiCommand(bhs, 0, {
      immediate: false,
      final,
      read,
      write,
      attribute,
      lun: Buffer.from([0, lun, 0, 0, 0, 0, 0, 0]),
      initiatorTaskTag: this.tag++ >>> 0,
      expectedDataTransferLength: expected,
      cmdSn: this.cmdSn,
      expStatSn: 0,
      cdb,
    });
    this.cmdSn = (this.cmdSn + 1) >>> 0;
    if (cdb.length <= SHORT_CDB) return bhs;
    const ahs = encodeCommandAhs({ extendedCdb: cdb.subarray(SHORT_CDB), bidirectionalReadLength: null });
    bhs[AHS_LENGTH_BYTE] = ahs.length / 4;
    return Buffer.concat([bhs, ahs]);
  }

  /** A task management function, perhaps on one of the last commands. @param back how many commands ago */
  functionPdu(fn: number, lun: number, back: number): Buffer {
    const bhs = Buffer.alloc(BHS_BYTES);
    encodeTaskManagementRequest(bhs, 0, {
      immediate: true,
      fn,
      lun: Buffer.from([0, lun, 0, 0, 0, 0, 0, 0]),
      initiatorTaskTag: this.tag++ >>> 0,
      referencedTaskTag: Math.max(0, this.tag - back) >>> 0,
      cmdSn: this.cmdSn,
      expStatSn: 0,
      refCmdSn: (this.cmdSn - back) >>> 0,
      expDataSn: 0,
    });
    return bhs;
  }

  /** Waits until something came back, the connection closed, or the time is over. */
  answer(limitMs: number): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.wake(), limitMs);
      this.answered = () => {
        clearTimeout(limit);
        resolve();
      };
    });
  }

  /** Sends a command and waits for its end. @returns its data-in; empty: it was refused, or did not end in time */
  async read(lun: number, cdb: Buffer, bytes: number, limitMs: number): Promise<Buffer> {
    const asked = { tag: this.tag, data: [] as Buffer[], ended: false };
    this.asked = asked;
    this.sendPdu(this.commandPdu(lun, cdb, true, false, bytes));
    const until = Date.now() + limitMs;
    while (!asked.ended && !this.closed && Date.now() < until) await this.answer(until - Date.now());
    this.asked = null;
    return Buffer.concat(asked.data);
  }

  close(): void {
    this.socket.destroy();
  }

  private came({ bhs, data }: Pdu): void {
    const opcode = bhs[0]! & 0x3f;
    if (this.asked !== null && bhs.readUInt32BE(16) === this.asked.tag) {
      if (opcode === DATA_IN) this.asked.data.push(...data.map((view) => Buffer.from(view)));
      this.asked.ended ||= opcode === SCSI_RESPONSE || (opcode === DATA_IN && (bhs[1]! & WITH_STATUS) !== 0);
    }
    this.wake();
  }

  private wake(): void {
    const answered = this.answered;
    this.answered = null;
    answered?.();
  }
}
