/** The least an initiator can be: a socket, a login, and PDUs as the caller shapes them. Answers are thrown away. */
import { connect, type Socket } from 'node:net';
import {
  BHS_BYTES,
  encodeLoginRequest,
  encodeScsiCommand,
  LoginStage,
  paddingOf,
  setDataSegmentLength,
} from '../../wire/iscsi/bhs.js';
import { PduParser } from '../../wire/iscsi/pdu-parser.js';
import { encodeText, type TextPair } from '../../wire/iscsi/text.js';

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

  private constructor(private readonly socket: Socket) {
    const parser = new PduParser(() => this.wake(), { maxDataSegment: 0xffffff, maxAhs: 1020 });
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

  /** Straight to full feature phase; without authentication. */
  async login(address: Address, keys: readonly TextPair[] = []): Promise<void> {
    const text: TextPair[] = [
      ['InitiatorName', 'iqn.2026-11.example.fuzz:host'],
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

  commandPdu(lun: number, cdb: Buffer, read: boolean, write: boolean, expected: number, final = true): Buffer {
    const bhs = Buffer.alloc(BHS_BYTES);
    encodeScsiCommand(bhs, 0, {
      immediate: false,
      final,
      read,
      write,
      attribute: 1,
      lun: Buffer.from([0, lun, 0, 0, 0, 0, 0, 0]),
      initiatorTaskTag: this.tag++ >>> 0,
      expectedDataTransferLength: expected,
      cmdSn: this.cmdSn,
      expStatSn: 0,
      cdb,
    });
    this.cmdSn = (this.cmdSn + 1) >>> 0;
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

  close(): void {
    this.socket.destroy();
  }

  private wake(): void {
    const answered = this.answered;
    this.answered = null;
    answered?.();
  }
}
