/** Random commands of hosts to the LDEVs of a simulated array, each held against what its ledger allows. */
import { SECTOR_BYTES } from '../../target/cache/types.js';
import { Ledger, type LedgerWrite, stamped } from './cache-ledger.js';
import { type Command, commandOf, type Reply, Status, send } from './scsi-host.js';
import type { SimulatedArray } from './simulated-array.js';

/** LBAs and lengths in blocks. */
interface Window {
  readonly lba: number;
  readonly blocks: number;
}

/** An LDEV, and the parts of it that are looked at: few, so that commands meet. */
export class TestedLdev {
  /** Sectors of the windows, one after the other. */
  readonly ledger: Ledger;
  readonly sectorsPerBlock: number;

  constructor(
    readonly id: number,
    readonly blockSize: 512 | 4096,
    readonly blocks: number,
    readonly thin: boolean,
    readonly windows: readonly Window[],
  ) {
    this.sectorsPerBlock = blockSize / SECTOR_BYTES;
    const blocksSeen = windows.reduce((sum, window) => sum + window.blocks, 0);
    this.ledger = new Ledger(blocksSeen * this.sectorsPerBlock);
  }

  /** What of a range is looked at, as [first sector in the ledger, sectors]. */
  seen(lba: number, blocks: number): [number, number][] {
    const found: [number, number][] = [];
    let base = 0;
    for (const window of this.windows) {
      const first = Math.max(lba, window.lba);
      const end = Math.min(lba + blocks, window.lba + window.blocks);
      if (first < end) {
        found.push([(base + first - window.lba) * this.sectorsPerBlock, (end - first) * this.sectorsPerBlock]);
      }
      base += window.blocks;
    }
    return found;
  }
}

/** A command's change, as the ledger has it. */
interface Change {
  readonly ranges: readonly [number, number][];
  readonly writes: readonly LedgerWrite[];
}

const SPACE_ALLOCATION_FAILED = 0x2707;

export class ArrayLoad {
  wrong: string | null = null;
  /** Commands not answered. */
  open = 0;
  /** Commands that ended in GOOD. */
  good = 0;
  #value = 0;
  /** Raised when the array dies: what is answered afterwards was not. */
  #life = 0;
  readonly #held: { readonly reply: Reply; readonly copy: Buffer }[] = [];

  constructor(
    private readonly array: SimulatedArray,
    readonly ldevs: readonly TestedLdev[],
  ) {}

  /** One random command. */
  command(): void {
    const ldev = this.ldevs[this.array.below(this.ldevs.length)]!;
    const [lba, blocks] = this.#range(ldev);
    const fua = this.array.below(12) === 0;
    const kind = this.array.below(100);
    if (kind < 35) this.#read(ldev, lba, blocks, fua);
    else if (kind < 72) this.#write(ldev, lba, blocks, fua);
    else if (kind < 78) this.#writeSame(ldev, lba, blocks);
    else if (kind < 84) this.#compareAndWrite(ldev, lba, Math.min(blocks, 16), fua);
    else if (kind < 89) this.synchronize(ldev, lba, blocks);
    else if (kind < 92) this.synchronize(ldev, 0, 0);
    else if (!ldev.thin) this.#writeSame(ldev, lba, blocks);
    else if (kind < 99) this.#unmap(ldev, lba, blocks);
    else this.#unmap(ldev, 0, ldev.blocks);
  }

  /** A host is done with what it has read. */
  releaseOne(): void {
    const [held] = this.#held.splice(this.array.below(Math.max(1, this.#held.length)), 1);
    if (held === undefined) return;
    if (!Buffer.concat(held.reply.data).equals(held.copy)) this.wrong ??= 'data changed while it was being sent';
    held.reply.release();
  }

  releaseAll(): void {
    while (this.#held.length > 0) this.releaseOne();
  }

  /** The array has died. */
  died(): void {
    this.#life++;
    this.open = 0;
    this.#held.length = 0;
  }

  /** Reads every window; `check` gets what is there, or what is wrong is noted. */
  readAll(what: string, check: (ldev: TestedLdev, data: Buffer) => string | null): void {
    for (const ldev of this.ldevs) {
      const data: Buffer[] = ldev.windows.map(({ blocks }) => Buffer.alloc(blocks * ldev.blockSize));
      for (const [index, { lba, blocks }] of ldev.windows.entries()) {
        const command = commandOf.read(lba, blocks, ldev.blockSize, false);
        this.#send(ldev, command, `${what}: READ`, (reply) => {
          Buffer.concat(reply.data).copy(data[index]!);
          reply.release();
        });
      }
      this.array.clock.settle(() => this.open === 0 || this.wrong !== null, 2_000_000);
      if (this.open > 0) this.wrong ??= `${what}: ${this.open} commands never ended`;
      if (this.wrong !== null) return;
      const wrong = check(ldev, Buffer.concat(data));
      if (wrong !== null) this.wrong = `${what}: LDEV ${ldev.id}: ${wrong}`;
    }
  }

  synchronize(ldev: TestedLdev, lba: number, blocks: number): void {
    const start = ldev.ledger.now;
    this.#send(ldev, commandOf.synchronizeCache(lba, blocks), 'SYNCHRONIZE CACHE', () => {
      for (const [sector, sectors] of ldev.seen(lba, blocks === 0 ? ldev.blocks : blocks)) {
        ldev.ledger.flushed(sector, sectors, start);
      }
    });
  }

  #range(ldev: TestedLdev): [number, number] {
    const window = ldev.windows[this.array.below(ldev.windows.length)]!;
    const most = this.array.below(5) === 0 ? window.blocks : Math.ceil(24 / ldev.sectorsPerBlock);
    const blocks = 1 + this.array.below(most);
    const at = this.array.below(window.blocks - blocks + 1);
    // Half of the commands go to one small area, so that they meet.
    return [window.lba + (this.array.below(2) === 0 ? at : Math.min(at, at % 40)), blocks];
  }

  #read(ldev: TestedLdev, lba: number, blocks: number, fua: boolean): void {
    const start = ldev.ledger.now;
    this.#send(ldev, commandOf.read(lba, blocks, ldev.blockSize, fua), 'READ', (reply) => {
      const copy = Buffer.concat(reply.data);
      const [[sector]] = ldev.seen(lba, blocks) as [[number, number]];
      if (copy.length !== blocks * ldev.blockSize) this.wrong ??= `READ of ${blocks} blocks gave ${copy.length} bytes`;
      else this.wrong ??= ldev.ledger.check(sector, copy, start);
      this.#held.push({ reply, copy });
    });
  }

  #write(ldev: TestedLdev, lba: number, blocks: number, fua: boolean): void {
    const change = this.#begin(ldev, lba, blocks, ++this.#value);
    const data = stamped(this.#value, blocks * ldev.sectorsPerBlock);
    this.#change(ldev, commandOf.write(lba, blocks, data, fua), 'WRITE', change, fua);
  }

  #writeSame(ldev: TestedLdev, lba: number, blocks: number): void {
    const zeros = this.array.below(2) === 0;
    const change = this.#begin(ldev, lba, blocks, zeros ? 0 : ++this.#value);
    const block = zeros && ldev.thin ? null : stamped(zeros ? 0 : this.#value, ldev.sectorsPerBlock);
    this.#change(ldev, commandOf.writeSame(lba, blocks, block), 'WRITE SAME', change, false);
  }

  #unmap(ldev: TestedLdev, lba: number, blocks: number): void {
    this.#change(ldev, commandOf.unmap(lba, blocks), 'UNMAP', this.#begin(ldev, lba, blocks, 0), false);
  }

  /** Of what is there, if that is known; now and then of something else, which must not be written. */
  #compareAndWrite(ldev: TestedLdev, lba: number, blocks: number, fua: boolean): void {
    const [[sector, sectors]] = ldev.seen(lba, blocks) as [[number, number]];
    const values = ldev.ledger.certain(sector, sectors);
    if (values === null) return;
    const right = this.array.below(4) > 0;
    const found = Buffer.concat(values.map((value) => stamped(value, 1)));
    const data = stamped(++this.#value, sectors);
    if (right) {
      const change = this.#begin(ldev, lba, blocks, this.#value);
      const command = commandOf.compareAndWrite(lba, blocks, found, data, fua);
      this.#change(ldev, command, 'COMPARE AND WRITE', change, fua);
    } else {
      found[this.array.below(found.length)]! ^= 1 + this.array.below(255);
      const command = commandOf.compareAndWrite(lba, blocks, found, data, fua);
      this.#send(ldev, command, 'COMPARE AND WRITE', () => {
        this.wrong ??= 'a comparison found what is not there';
      });
    }
  }

  #begin(ldev: TestedLdev, lba: number, blocks: number, value: number): Change {
    const ranges = ldev.seen(lba, blocks);
    return { ranges, writes: ranges.map(([sector, sectors]) => ldev.ledger.begin(sector, sectors, value)) };
  }

  #change(ldev: TestedLdev, command: Command, name: string, { ranges, writes }: Change, fua: boolean): void {
    const refused = (): void => {
      for (const write of writes) write.refused = true;
    };
    this.#send(
      ldev,
      command,
      name,
      () => {
        for (const [index, [sector, sectors]] of ranges.entries()) {
          ldev.ledger.acknowledge(writes[index]!);
          if (fua) ldev.ledger.forced(sector, sectors, writes[index]!);
        }
      },
      refused,
    );
  }

  #send(ldev: TestedLdev, command: Command, name: string, done: (reply: Reply) => void, refused = () => {}): void {
    const life = this.#life;
    let answers = 0;
    this.open++;
    send(this.array.channel, ldev.id, command, this.array.below(5) / 4, (reply) => {
      if (life !== this.#life) return;
      if (++answers > 1) this.wrong ??= `${name} was answered twice`;
      this.open--;
      if (reply.status === Status.good) {
        this.good++;
        done(reply);
        return;
      }
      reply.release();
      refused();
      const { key, asc } = reply.sense ?? { key: 0, asc: 0 };
      const expected = asc === SPACE_ALLOCATION_FAILED || (name === 'COMPARE AND WRITE' && asc === 0x1d00);
      if (!expected) this.wrong ??= `${name} ended in status ${reply.status}, sense ${key}/${asc.toString(16)}`;
    });
  }
}
