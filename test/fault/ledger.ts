/**
 * What a client knows of an LU whose array may die at any moment: for every block, which contents it may
 * hold. A block's contents are a stamp (sequence number and LBA, repeated), so that a torn or misplaced block
 * is told from a good one. Stamp 0 is a block of zeros.
 */
export class Ledger {
  /** Newest acknowledged stamp of each block; absent: never written. */
  private readonly acknowledged = new Map<number, number>();
  /** Stamps sent and not answered when the array died: each may be there or not. */
  private readonly open = new Map<number, Set<number>>();
  private readonly busy = new Set<number>();
  private sequence = 0;
  acknowledgedWrites = 0;

  constructor(readonly blockBytes: number) {}

  /** True if no command in flight touches the range: overlapping commands have no order to check. */
  free(lba: number, blocks: number): boolean {
    for (let at = lba; at < lba + blocks; at++) if (this.busy.has(at)) return false;
    return true;
  }

  /** What the range must hold now; null: of some block more than one thing is possible. */
  known(lba: number, blocks: number): Buffer | null {
    const parts: Buffer[] = [];
    for (let at = lba; at < lba + blocks; at++) {
      if (this.open.has(at)) return null;
      parts.push(this.fill(at, 1, this.acknowledged.get(at) ?? 0));
    }
    return Buffer.concat(parts);
  }

  /** A new stamp for a write about to be sent. `zeros`: UNMAP, or WRITE SAME of zeros. */
  begin(lba: number, blocks: number, zeros = false): number {
    const stamp = zeros ? 0 : ++this.sequence;
    for (let at = lba; at < lba + blocks; at++) {
      this.busy.add(at);
      const stamps = this.open.get(at) ?? new Set();
      this.open.set(at, stamps.add(stamp));
    }
    return stamp;
  }

  /** The target answered GOOD: from now on nothing older may be read. */
  acknowledge(lba: number, blocks: number, stamp: number): void {
    this.acknowledgedWrites++;
    for (let at = lba; at < lba + blocks; at++) {
      this.busy.delete(at);
      this.open.delete(at);
      this.acknowledged.set(at, stamp);
    }
  }

  /** The array died: commands in flight will never be answered. */
  died(): void {
    this.busy.clear();
  }

  touched(): number[] {
    return [...new Set([...this.acknowledged.keys(), ...this.open.keys()])].sort((a, b) => a - b);
  }

  fill(lba: number, blocks: number, stamp: number): Buffer {
    const data = Buffer.alloc(blocks * this.blockBytes);
    if (stamp === 0) return data;
    for (let at = 0; at < data.length; at += 8) {
      data.writeUInt32BE(stamp, at);
      data.writeUInt32BE(lba + Math.floor(at / this.blockBytes), at + 4);
    }
    return data;
  }

  /** Null when the block is right, else what is wrong. What was read becomes the block's known content. */
  check(lba: number, block: Buffer): string | null {
    const stamp = block.readUInt32BE(0);
    if (!block.equals(this.fill(lba, 1, stamp)))
      return `block ${lba} is torn or not its own: ${block.toString('hex', 0, 32)}`;
    const newest = this.acknowledged.get(lba) ?? 0;
    const right = stamp === newest || this.open.get(lba)?.has(stamp);
    if (!right) return `block ${lba} holds stamp ${stamp}, acknowledged was ${newest}`;
    this.acknowledged.set(lba, stamp);
    this.open.delete(lba);
    return null;
  }
}
