import { compareSerial, expCmdSnOf, maxCmdSnOf, nextSerial } from '../wire/iscsi/bhs.js';

/** The command numbers of a session, one sequence over all its connections (RFC 7143 4.2.2.1). */
export class CommandNumbers {
  /** What the target last said: everything before has been received by it, in order. */
  expCmdSn: number;

  constructor(
    /** Of the next command. */
    public cmdSn: number,
    public maxCmdSn: number,
  ) {
    this.expCmdSn = cmdSn;
  }

  /** Whether the target's command window takes another command. */
  get open(): boolean {
    return compareSerial(this.cmdSn, this.maxCmdSn) <= 0;
  }

  /** The number of a command that is being sent. */
  take(): number {
    const cmdSn = this.cmdSn;
    this.cmdSn = nextSerial(cmdSn);
    return cmdSn;
  }

  /** From a PDU of the target. Both only grow; an impossible pair is ignored (RFC 7143 4.2.2.1). */
  heard(bhs: Buffer): void {
    this.told(expCmdSnOf(bhs), maxCmdSnOf(bhs));
  }

  told(expected: number, max: number): void {
    if (compareSerial(max, expected) < -1) return;
    if (compareSerial(max, this.maxCmdSn) > 0) this.maxCmdSn = max;
    if (compareSerial(expected, this.expCmdSn) > 0) this.expCmdSn = expected;
  }
}
