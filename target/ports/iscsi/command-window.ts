import { compareSerial, nextSerial } from '../../../wire/iscsi/bhs.js';

/**
 * The CmdSN window of a session (RFC 7143 4.2.2.1) as flow control: it is as wide as the queue. MaxCmdSN moves
 * when a command is completed, not when it arrives, so at most `depth` commands are in the target, and it never
 * moves back.
 */
export class CommandWindow {
  /** The next CmdSN to be delivered. */
  expCmdSn: number;
  /** The last CmdSN the initiator may use. */
  maxCmdSn: number;

  constructor(
    firstCmdSn: number,
    readonly depth: number,
  ) {
    this.expCmdSn = firstCmdSn;
    this.maxCmdSn = (firstCmdSn + depth - 1) >>> 0;
  }

  includes(cmdSn: number): boolean {
    return compareSerial(cmdSn, this.expCmdSn) >= 0 && compareSerial(cmdSn, this.maxCmdSn) <= 0;
  }

  /** The expected command was delivered. */
  advance(): void {
    this.expCmdSn = nextSerial(this.expCmdSn);
  }

  /** A delivered command is over: there is room for one more. */
  complete(): void {
    this.maxCmdSn = nextSerial(this.maxCmdSn);
  }

  /** Delivered and not complete. */
  get outstanding(): number {
    return (this.depth - 1 - compareSerial(this.maxCmdSn, this.expCmdSn)) | 0;
  }
}
