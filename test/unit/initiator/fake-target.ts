/**
 * A small iSCSI target on a real socket, for tests of the initiator: one memory disk at LUN 0, and hooks to
 * misbehave. It checks what the initiator sends as far as the disk needs it, and keeps the rest for the test.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import {
  BHS_BYTES,
  dataBufferOffset,
  decodeLoginRequest,
  decodeScsiCommand,
  decodeTaskManagementRequest,
  decodeTextRequest,
  encodeDataIn,
  encodeLoginResponse,
  encodeLogoutResponse,
  encodeNopIn,
  encodeR2t,
  encodeScsiResponse,
  encodeTaskManagementResponse,
  encodeTextResponse,
  initiatorTaskTag,
  type LoginRequest,
  Opcode,
  opcodeOf,
  paddingOf,
  RESERVED_TAG,
  Residual,
  type ScsiCommand,
  setDataSegmentLength,
} from '../../../wire/iscsi/bhs.js';
import { dataDigest, headerDigest } from '../../../wire/iscsi/digest.js';
import { type Pdu, PduParser } from '../../../wire/iscsi/pdu-parser.js';
import { decodeText, encodeText, type TextPair } from '../../../wire/iscsi/text.js';
import { invalidOperationCode, lbaOutOfRange, type Sense } from '../../../wire/scsi/sense.js';
import { encodeSense } from '../../../wire/scsi/sense-codec.js';

export const BLOCK = 512;
const SOLICITED_TAG = 0x1234;

/** What a test may change. Hooks that return true have dealt with the request. */
export interface Behaviour {
  blocks: number;
  /** Answers to login keys, by key; the others are answered as offered, or not at all. */
  loginKeys: Readonly<Record<string, string>>;
  /** Replaces the whole login answer. */
  onLogin?: (request: LoginRequest, keys: Map<string, string>, host: HostConnection) => boolean;
  onCommand?: (command: ScsiCommand, host: HostConnection) => boolean;
  onPdu?: (pdu: Pdu, host: HostConnection) => boolean;
  /** Commands the window admits beyond those answered. */
  window: number;
  /** Whether a read's status comes in a SCSI Response of its own. */
  separateStatus: boolean;
  /** Bytes per Data-In. */
  dataInBytes: number;
  sendTargets: readonly TextPair[];
  attentions: Sense[];
}

/** Keys whose offer is accepted as it is. */
const ECHOED = [
  'InitialR2T',
  'ImmediateData',
  'MaxBurstLength',
  'FirstBurstLength',
  'MaxOutstandingR2T',
  'ErrorRecoveryLevel',
];

export class FakeTarget {
  readonly disk: Buffer;
  readonly hosts: HostConnection[] = [];
  /** CDBs in the order they came, over all connections. */
  readonly commands: ScsiCommand[] = [];
  private readonly server: Server;

  private constructor(readonly behaviour: Behaviour) {
    this.disk = Buffer.alloc(behaviour.blocks * BLOCK);
    this.server = createServer((socket) => {
      socket.setNoDelay(true);
      this.hosts.push(new HostConnection(this, socket));
    });
  }

  static start(behaviour: Partial<Behaviour> = {}): Promise<FakeTarget> {
    const target = new FakeTarget({
      blocks: 2048,
      loginKeys: {},
      window: 32,
      separateStatus: false,
      dataInBytes: 65536,
      sendTargets: [['TargetName', 'iqn.2025-01.test:fake']],
      attentions: [],
      ...behaviour,
    });
    return new Promise((resolve) => target.server.listen(0, '127.0.0.1', () => resolve(target)));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get portal(): string {
    return `iscsi://127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `${this.portal}/iqn.2025-01.test:fake/0`;
  }

  /** Resets every connection. */
  dropAll(): void {
    for (const host of this.hosts) host.socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropAll();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** One connection, seen from the target. */
export class HostConnection {
  /** Keys of all login requests. */
  readonly keys = new Map<string, string>();
  readonly pdus: Pdu[] = [];
  statSn = 1;
  /** CmdSN expected next. */
  expCmdSn = 1;
  digests = { header: false, data: false };
  private readonly parser: PduParser;
  private readonly writes = new Map<number, { command: ScsiCommand; data: Buffer; have: number }>();

  constructor(
    readonly target: FakeTarget,
    readonly socket: Socket,
  ) {
    this.parser = new PduParser((pdu) => this.take(pdu), { maxDataSegment: 1 << 20, maxAhs: 1020 });
    socket.on('data', (chunk: Buffer) => this.parser.push(chunk));
    socket.on('error', () => {});
  }

  /** Sends a PDU whose header `encode` writes. */
  send(encode: (to: Buffer) => void, data: Buffer = Buffer.alloc(0)): void {
    const bhs = Buffer.alloc(BHS_BYTES);
    encode(bhs);
    setDataSegmentLength(bhs, 0, data.length);
    const parts: Buffer[] = [bhs];
    if (this.digests.header) parts.push(digest(headerDigest(bhs, null)));
    if (data.length > 0) {
      parts.push(data, Buffer.alloc(paddingOf(data.length)));
      if (this.digests.data) parts.push(digest(dataDigest([data], data.length)));
    }
    this.socket.write(Buffer.concat(parts));
  }

  /** StatSN of the next response, and the window. */
  numbers(): { statSn: number; expCmdSn: number; maxCmdSn: number } {
    const statSn = this.statSn;
    this.statSn += 1;
    return { statSn, expCmdSn: this.expCmdSn, maxCmdSn: this.expCmdSn + this.target.behaviour.window - 1 };
  }

  check(command: ScsiCommand, sense: Sense): void {
    const bytes = encodeSense(sense, false);
    const data = Buffer.alloc(2 + bytes.length);
    data.writeUInt16BE(bytes.length, 0);
    bytes.copy(data, 2);
    this.respond(command, 0x02, data, command.expectedDataTransferLength);
  }

  respond(command: ScsiCommand, status: number, data: Buffer = Buffer.alloc(0), residual = 0): void {
    this.send(
      (to) =>
        encodeScsiResponse(to, 0, {
          response: 0,
          status,
          residualFlags: residual > 0 ? Residual.underflow : 0,
          residual,
          readResidual: 0,
          initiatorTaskTag: command.initiatorTaskTag,
          ...this.numbers(),
          expDataSn: 0,
        }),
      data,
    );
  }

  /** Data-In with GOOD in the last one, cut as the behaviour says. */
  answer(command: ScsiCommand, data: Buffer): void {
    const { separateStatus, dataInBytes } = this.target.behaviour;
    const expected = command.expectedDataTransferLength;
    const sent = data.subarray(0, expected);
    let dataSn = 0;
    for (let at = 0; at < sent.length; at += dataInBytes) {
      const part = sent.subarray(at, at + dataInBytes);
      const last = at + part.length === sent.length;
      const withStatus = last && !separateStatus;
      const numbers = withStatus
        ? this.numbers()
        : { statSn: 0, expCmdSn: this.expCmdSn, maxCmdSn: this.expCmdSn + 31 };
      this.send(
        (to) =>
          encodeDataIn(to, 0, {
            final: last,
            acknowledge: false,
            status: withStatus ? 0 : null,
            residualFlags: sent.length < expected ? Residual.underflow : 0,
            residual: expected - sent.length,
            lun: null,
            initiatorTaskTag: command.initiatorTaskTag,
            targetTransferTag: RESERVED_TAG,
            ...numbers,
            dataSn,
            bufferOffset: at,
          }),
        part,
      );
      dataSn += 1;
    }
    if (separateStatus || sent.length === 0) this.respond(command, 0, undefined, expected - sent.length);
  }

  private take(pdu: Pdu): void {
    this.pdus.push(pdu);
    if (this.target.behaviour.onPdu?.(pdu, this)) return;
    switch (opcodeOf(pdu.bhs)) {
      case Opcode.loginRequest:
        this.takeLogin(pdu);
        return;
      case Opcode.scsiCommand:
        this.takeCommand(pdu);
        return;
      case Opcode.scsiDataOut:
        this.takeDataOut(pdu);
        return;
      case Opcode.textRequest:
        this.takeText(pdu);
        return;
      case Opcode.nopOut:
        this.takeNop(pdu);
        return;
      case Opcode.taskManagementRequest: {
        const { initiatorTaskTag } = decodeTaskManagementRequest(pdu.bhs);
        this.send((to) => encodeTaskManagementResponse(to, 0, { response: 0, initiatorTaskTag, ...this.numbers() }));
        return;
      }
      case Opcode.logoutRequest: {
        const tag = initiatorTaskTag(pdu.bhs);
        const fields = { response: 0, initiatorTaskTag: tag, time2Wait: 0, time2Retain: 0 };
        this.send((to) => encodeLogoutResponse(to, 0, { ...fields, ...this.numbers() }));
      }
    }
  }

  private takeLogin(pdu: Pdu): void {
    const request = decodeLoginRequest(pdu.bhs);
    this.expCmdSn = request.cmdSn;
    const offered = new Map(decodeText(Buffer.concat(pdu.data)));
    for (const [key, value] of offered) this.keys.set(key, value);
    if (this.target.behaviour.onLogin?.(request, offered, this)) return;
    this.answerLogin(request, this.loginAnswer(request, offered));
  }

  loginAnswer(request: LoginRequest, offered: ReadonlyMap<string, string>): TextPair[] {
    if (request.csg === 0) return offered.has('AuthMethod') ? [['AuthMethod', 'None']] : [];
    const { loginKeys } = this.target.behaviour;
    const pairs: TextPair[] = [];
    for (const [key, value] of offered) {
      if (loginKeys[key] !== undefined) pairs.push([key, loginKeys[key]]);
      else if (ECHOED.includes(key)) pairs.push([key, value]);
      else if (key.endsWith('Digest')) pairs.push([key, value.split(',')[0]!]);
    }
    if (offered.size > 0) pairs.push(['MaxRecvDataSegmentLength', loginKeys.MaxRecvDataSegmentLength ?? '65536']);
    return pairs;
  }

  answerLogin(
    request: LoginRequest,
    pairs: readonly TextPair[],
    more: { status?: number; transit?: boolean } = {},
  ): void {
    const full = request.transit && request.nsg === 3 && (more.transit ?? true) && (more.status ?? 0) === 0;
    this.send(
      (to) =>
        encodeLoginResponse(to, 0, {
          transit: more.transit ?? request.transit,
          continues: false,
          csg: request.csg,
          nsg: request.nsg,
          versionMax: 0,
          versionActive: 0,
          isid: request.isid,
          tsih: full ? 1 : 0,
          initiatorTaskTag: request.initiatorTaskTag,
          ...this.numbers(),
          status: more.status ?? 0,
        }),
      encodeText(pairs),
    );
    if (!full) return;
    this.digests = {
      header: pairs.some(([key, value]) => key === 'HeaderDigest' && value === 'CRC32C'),
      data: pairs.some(([key, value]) => key === 'DataDigest' && value === 'CRC32C'),
    };
    this.parser.headerDigest = this.digests.header;
    this.parser.dataDigest = this.digests.data;
  }

  private takeCommand(pdu: Pdu): void {
    const command = decodeScsiCommand(pdu.bhs);
    if (!command.immediate) this.expCmdSn = command.cmdSn + 1;
    this.target.commands.push(command);
    if (this.target.behaviour.onCommand?.(command, this)) return;
    const attention = this.target.behaviour.attentions.shift();
    if (attention) {
      this.check(command, attention);
      return;
    }
    if (!command.write) {
      this.execute(command, Buffer.alloc(0));
      return;
    }
    const write = { command, data: Buffer.alloc(command.expectedDataTransferLength), have: 0 };
    this.writes.set(command.initiatorTaskTag, write);
    for (const part of pdu.data) write.have += part.copy(write.data, write.have);
    if (command.final) this.continueWrite(command.initiatorTaskTag);
  }

  private takeDataOut(pdu: Pdu): void {
    const tag = initiatorTaskTag(pdu.bhs);
    const write = this.writes.get(tag)!;
    let at = dataBufferOffset(pdu.bhs);
    for (const part of pdu.data) at += part.copy(write.data, at);
    write.have += pdu.dataLength;
    if ((pdu.bhs[1]! & 0x80) !== 0) this.continueWrite(tag);
  }

  /** Asks for what is missing, one burst of 128 KiB at a time, or carries the command out. */
  private continueWrite(tag: number): void {
    const { command, data, have } = this.writes.get(tag)!;
    if (have >= data.length) {
      this.writes.delete(tag);
      this.execute(command, data);
      return;
    }
    this.send((to) =>
      encodeR2t(to, 0, {
        lun: command.lun,
        initiatorTaskTag: tag,
        targetTransferTag: SOLICITED_TAG,
        statSn: this.statSn,
        expCmdSn: this.expCmdSn,
        maxCmdSn: this.expCmdSn + 31,
        r2tSn: 0,
        bufferOffset: have,
        desiredLength: Math.min(131072, data.length - have),
      }),
    );
  }

  private execute(command: ScsiCommand, data: Buffer): void {
    const { disk, behaviour } = this.target;
    const { cdb } = command;
    const lba = cdb[0]! >= 0x80 ? Number(cdb.readBigUInt64BE(2)) : cdb.readUInt32BE(2);
    const blocks = cdb[0]! >= 0x80 ? cdb.readUInt32BE(10) : cdb.readUInt16BE(7);
    switch (cdb[0]) {
      case 0x00:
      case 0x91:
        this.respond(command, 0);
        return;
      case 0x12:
        this.answer(command, Buffer.from('00000512210000024c554e41525241590000'.padEnd(72, '20'), 'hex'));
        return;
      case 0x9e: {
        const capacity = Buffer.alloc(32);
        capacity.writeUInt32BE(behaviour.blocks - 1, 4);
        capacity.writeUInt32BE(BLOCK, 8);
        this.answer(command, capacity);
        return;
      }
      case 0x28:
      case 0x88:
        if (lba + blocks > behaviour.blocks) this.check(command, lbaOutOfRange(lba));
        else this.answer(command, disk.subarray(lba * BLOCK, (lba + blocks) * BLOCK));
        return;
      case 0x2a:
      case 0x8a:
        if (lba + blocks > behaviour.blocks) {
          this.check(command, lbaOutOfRange(lba));
          return;
        }
        data.copy(disk, lba * BLOCK);
        this.respond(command, 0);
        return;
      case 0xa0: {
        const luns = Buffer.alloc(16);
        luns.writeUInt32BE(8, 0);
        this.answer(command, luns);
        return;
      }
      default:
        this.check(command, invalidOperationCode());
    }
  }

  private takeText(pdu: Pdu): void {
    const { initiatorTaskTag } = decodeTextRequest(pdu.bhs);
    const fields = { final: true, continues: false, lun: null, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
    this.send(
      (to) => encodeTextResponse(to, 0, { ...fields, ...this.numbers() }),
      encodeText(this.target.behaviour.sendTargets),
    );
  }

  private takeNop(pdu: Pdu): void {
    const { initiatorTaskTag } = decodeTextRequest(pdu.bhs);
    if (initiatorTaskTag === RESERVED_TAG) return;
    const fields = { lun: null, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
    this.send((to) => encodeNopIn(to, 0, { ...fields, ...this.numbers() }));
  }
}

function digest(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
